"""Exceptions as failures."""

import unittest
from datetime import datetime, timezone

import abide
from abide import _failure
from abide._failure import Failure, Retry, from_exception


class OutOfStock(Exception): ...


class CardDeclined(abide.NonRetriableError): ...


def failure_of(error: BaseException) -> Failure:
    try:
        raise error
    except BaseException as raised:
        return from_exception(raised)


class Failures(unittest.TestCase):
    def test_a_failure_is_named_after_the_class(self) -> None:
        self.assertEqual(failure_of(OutOfStock("none left")).name, "OutOfStock")
        for unnamed in (Exception("x"), abide.Error("x"), abide.NonRetriableError("x"), abide.RetryAfterError("x", "1s")):
            self.assertEqual(failure_of(unnamed).name, "Error")
        self.assertEqual(failure_of(abide.Error("x", name="Busy")).name, "Busy")

    def test_the_class_says_whether_trying_again_may_help(self) -> None:
        at = datetime(2026, 1, 1, tzinfo=timezone.utc)
        for error, retry in (
            (OutOfStock("x"), Retry("retriable")),
            (CardDeclined("x"), Retry("non-retriable")),
            (abide.RetryAfterError("x", "90s"), Retry("after", 90_000)),
            (abide.RetryAfterError("x", at), Retry("at", 1_767_225_600_000)),
            (abide.RetryAfterError("x", "2026-01-01T00:00:00Z"), Retry("at", 1_767_225_600_000)),
        ):
            self.assertEqual(failure_of(error).retry, retry)

    def test_a_delay_that_is_none_leaves_the_policy_in_place_and_says_so(self) -> None:
        failure = failure_of(abide.RetryAfterError("busy", "soon"))
        self.assertEqual(failure.retry, Retry("retriable"))
        self.assertIn("busy (`soon` is not a length of time", failure.message)

    def test_the_stack_begins_with_the_innermost_frame_and_goes_on_to_the_cause(self) -> None:
        def inner() -> None:
            raise KeyError("a")

        def outer() -> None:
            try:
                inner()
            except KeyError as error:
                raise OutOfStock("none left") from error

        try:
            outer()
        except OutOfStock as error:
            stack = (from_exception(error).stack or "").splitlines()
        self.assertRegex(stack[0], r"^at .*outer \(.*test_failure.py:\d+\)$")
        cause = stack.index("caused by KeyError: 'a'")
        self.assertRegex(stack[cause + 1], r"^at .*inner \(.*test_failure.py:\d+\)$")

    def test_paths_in_a_stack_are_the_authors(self) -> None:
        _failure.set_source_roots({"/1/": "src/"})
        self.addCleanup(_failure._roots.clear)
        self.assertEqual(_failure.source_path("/1/shop/orders.py"), "src/shop/orders.py")
        self.assertEqual(_failure.source_path("/elsewhere.py"), "/elsewhere.py")

    def test_an_uncaught_step_error_is_final_and_keeps_name_and_data(self) -> None:
        caught = _failure.to_step_error("charge", Failure("CardDeclined", "declined", data="7"))
        failure = failure_of(caught)
        self.assertEqual((failure.name, failure.message, failure.data), ("CardDeclined", "step `charge`: declined", "7"))
        self.assertEqual(failure.retry, Retry("non-retriable"))

    def test_a_group_with_one_error_is_that_error_and_with_several_all_of_them(self) -> None:
        one = failure_of(BaseExceptionGroup("g", [ExceptionGroup("h", [CardDeclined("no funds")])]))
        self.assertEqual((one.name, one.message), ("CardDeclined", "no funds"))
        two = failure_of(ExceptionGroup("g", [CardDeclined("no funds"), OutOfStock("none left")]))
        self.assertEqual((two.name, two.message), ("ExceptionGroup", "2 errors: no funds; none left"))
        self.assertEqual(two.retry, Retry("retriable"))

    def test_data_that_json_cannot_express_are_left_out(self) -> None:
        self.assertIsNone(failure_of(abide.Error("x", data=object())).data)
        self.assertEqual(failure_of(abide.Error("x", data={"sku": 1})).data, '{"sku":1}')
