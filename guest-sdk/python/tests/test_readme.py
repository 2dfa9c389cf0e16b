"""The tutorial's code: all of it is Python, and what it tells as a story happens."""

from __future__ import annotations

import ast
import re
import unittest
from pathlib import Path
from typing import Any

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


class Readme(unittest.TestCase):
    def test_every_block_is_python(self) -> None:
        self.assertGreater(len(BLOCKS), 5)
        for block in BLOCKS:
            ast.parse(block, "README.md")

    def test_the_first_example_does_what_the_chapter_on_tests_says(self) -> None:
        names: dict[str, Any] = {"__name__": "readme"}
        exec(compile(BLOCKS[0], "README.md", "exec"), names)
        (story,) = (block for block in BLOCKS if "abide.testing" in block)
        exec(compile(story, "README.md", "exec"), names)
        names["run"].complete("send-reminder")
        self.assertIs(names["run"].output(), False)

    def test_every_option_that_it_shows_is_one(self) -> None:
        (block,) = (block for block in BLOCKS if "debounce=" in block)

        async def handler(ctx: Any) -> None: ...

        import abide

        names: dict[str, Any] = {"abide": abide, "app": abide.App("readme"), "tell_shop": handler}
        exec(compile(block, "README.md", "exec"), names)
        self.assertEqual(names["sync_product"].id, "sync-product")
