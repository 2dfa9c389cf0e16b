"""What an export says of a user."""

from dataclasses import dataclass


@dataclass
class Row:
    """One line of the export."""

    user: str
    email: str
    orders: int
    cents: int
    largest: int


def summarise(user: str, email: str, totals: list[int]) -> Row:
    """The line of a user with these orders."""
    return Row(user, email, len(totals), sum(totals), max(totals, default=0))
