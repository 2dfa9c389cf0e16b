"""`python -m unittest` runs the workflow here, with the test in the part of the host."""

import unittest

from app import hello

from abide.testing import Run, event


class Hello(unittest.TestCase):
    def test_a_visitor_is_greeted_and_parted_from_a_day_later(self) -> None:
        run = Run(hello, event("visitor/arrived", {"name": "Ada"}))
        self.assertEqual(run.execute("greet"), "Hello, Ada!")
        self.assertEqual(run.asked("stay"), {"kind": "sleep", "ms": 86_400_000})
        run.complete("stay")
        run.execute("part")
        self.assertEqual(run.output(), {"greeting": "Hello, Ada!", "farewell": "Goodbye, Ada!"})


if __name__ == "__main__":
    unittest.main()
