"""The scheduler: runs all workflow code that can go on, then asks the host once for news.

It is single-threaded and deterministic: callbacks run in the order in which they were asked for, and the only thing that makes new ones ready,
besides each other, is a completion that the host delivered. It knows no clock, and no workflow code runs while a body executes: that runs
between two calls of `next`, from `Runtime.handle`.

Invariant: a body runs at most once.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, NoReturn

from . import _body
from ._failure import Failure, from_exception
from ._loop import Loop
from ._operations import Done, Empty, Execute, Execution, Failed, Host, News, Operation
from .errors import NonRetriableError

__all__ = ["Body", "Outcome", "Runtime", "WorkflowLoop"]

Outcome = Done | Failed | Empty
Body = Callable[[Execution], "Coroutine[Any, Any, str] | str"]
"""What `execute` calls: gives the result as JSON text, or a coroutine of it."""

_ADVICE = {
    "sleep": "`asyncio.sleep` in workflow code: no time passes there. Use `await ctx.step.sleep(\"id\", \"5s\")`",
    "wait_for": "`asyncio.wait_for` with a timeout in workflow code: no time passes there. Use the `timeout` of the step or wait",
    "reschedule": "`asyncio.timeout` in workflow code: no time passes there. Use the `timeout` of the step or wait, or"
    " `abide.race` with a `ctx.step.sleep`",
    "_wait": "`asyncio.wait` with a timeout in workflow code: no time passes there. Put a `ctx.step.sleep` among the tasks",
}
_ANY_TIMER = "a timer of asyncio in workflow code: no time passes there. Use `await ctx.step.sleep(\"id\", \"5s\")`, or the `timeout` of the step"


class WorkflowLoop(Loop):
    """The loop of one attempt at a workflow. It has no time."""

    def time(self) -> float:
        return 0.0

    def call_later(self, *args: Any, **options: Any) -> NoReturn:  # type: ignore[override]
        self._refuse_timer()

    def call_at(self, *args: Any, **options: Any) -> NoReturn:  # type: ignore[override]
        self._refuse_timer()

    def _refuse_timer(self) -> NoReturn:
        # Who asked: asyncio's own function is two frames up.
        caller = sys._getframe(2).f_code.co_name
        raise NonRetriableError(_ADVICE.get(caller, _ANY_TIMER), name="WorkflowTimer")

    def _no(self, what: str) -> NoReturn:
        raise NonRetriableError(f"{what} cannot be used in workflow code: move it into a step", name="WorkflowSandbox")


@dataclass
class _Slot:
    """A started operation that is neither complete nor given up."""

    body: Body | None
    future: asyncio.Future[Outcome]


class Runtime:
    """One attempt at a workflow."""

    def __init__(self, host: Host) -> None:
        self.host = host
        # What asyncio declares and a sandbox has not (readers, pipes…) raises NotImplementedError.
        self.loop = WorkflowLoop()  # type: ignore[abstract]
        self._slots: dict[int, _Slot] = {}
        self._main: asyncio.Task[str] | None = None

    def drive(self, workflow: Coroutine[Any, Any, str]) -> str | Failure:
        """Runs a workflow to its end."""
        self.begin(workflow)
        while (output := self.run_ready()) is None:
            ticket, news = self.host.next()
            self.handle(ticket, news)
        return output

    def begin(self, workflow: Coroutine[Any, Any, str]) -> None:
        """Makes `workflow` the main task, without running it yet."""
        self._main = self.loop.create_task(workflow)

    def run_ready(self) -> str | Failure | None:
        """Runs what can go on until nothing is left, or until the main task has ended, whose output it then returns. What the workflow left
        unfinished is given up."""
        main = self._main
        assert main is not None, "begin comes first"
        self.loop._enter()
        try:
            self.loop.run_ready(main.done)
            exit = None
        except (SystemExit, KeyboardInterrupt) as error:
            exit = error
        finally:
            self.loop._leave()
        if exit is None and not main.done():
            return None
        self.clear()
        try:
            # Asked for in any case: else asyncio complains that nobody did.
            output = main.result() if main.done() else ""
            if exit is None:
                return output
            return from_exception(exit)
        except BaseException as error:
            return from_exception(error)

    def handle(self, ticket: int, news: News) -> None:
        """Hands one piece of news to the operation that it concerns."""
        if isinstance(news, Execute):
            self.host.finish(ticket, self.execute(ticket, news.execution))
            return
        # A cancelled operation has no slot: nobody waits for its news.
        slot = self._slots.pop(ticket, None)
        if slot is not None and not slot.future.done():
            slot.future.set_result(news)

    def execute(self, ticket: int, execution: Execution) -> str | Failure:
        """Runs the body of an operation to its end."""
        slot = self._slots.get(ticket)
        if slot is None or slot.body is None:
            message = f"the host asked to execute operation {ticket}, which has no body, or whose body ran already"
            return Failure("NoBody", message)
        body, slot.body = slot.body, None
        return _body.run(body, execution)

    async def perform(self, id: str, operation: Operation, body: Body | None = None) -> Outcome:
        """Starts an operation and waits for its outcome. Being cancelled meanwhile gives the operation up, at once."""
        ticket = self.host.start(id, operation)
        future = self.loop.create_future()
        future.on_cancel = lambda: self._give_up(ticket)
        self._slots[ticket] = _Slot(body, future)
        outcome: Outcome = await future
        return outcome

    def _give_up(self, ticket: int) -> None:
        if self._slots.pop(ticket, None) is not None:
            self.host.cancel(ticket)

    def clear(self) -> None:
        """Gives up all operations that are not complete."""
        slots, self._slots = self._slots, {}
        for ticket in slots:
            self.host.cancel(ticket)
        for task in asyncio.all_tasks(self.loop):
            coroutine = task.get_coro()
            if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                coroutine.close()
        self.loop.close()
