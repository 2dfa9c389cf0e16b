"""What all scenarios share."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import abide

O = TypeVar("O")

app = abide.App(
    "conformance",
    schemas=[
        abide.EventSchema(
            "conformance/shaped", {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
        ),
        abide.EventSchema("conformance/shaped", {"type": "object"}, v="2"),
    ],
)

Handler = Callable[[abide.Context[Any]], Coroutine[Any, Any, O]]

EVERY_SECOND = abide.Backoff("constant", base="1s")


def scenario(id: str, **options: Any) -> Callable[[Handler[O]], abide.Function[O]]:
    """A function as the conventions have it: one trigger, no retries."""
    return app.function(id=id, trigger=f"conformance/{id}", **{"retries": 0, **options})


@dataclass
class Number:
    """The data of an event that brings a number."""

    n: int


@dataclass
class Service:
    """The data of an event that says where the service is."""

    url: str


async def error_of(operation: Awaitable[Any]) -> abide.StepError:
    """The error of an operation that must fail."""
    try:
        await operation
    except abide.StepError as error:
        return error
    raise abide.NonRetriableError("the operation should have failed")


def caught(error: abide.StepError) -> dict[str, Any]:
    """What an error looks like to the workflow that caught it."""
    return {"name": error.name, "message": error.message, "data": error.data}
