"""The Python guest of the conformance suite: each function is a scenario of `SCENARIOS.md`, which says what it does."""

import branches
import cheats
import errors
import options
import outside
import started
import values
import waiting
from base import app

__all__ = ["app", "branches", "cheats", "errors", "options", "outside", "started", "values", "waiting"]
