"""The build script, as far as it goes without making a component."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path(__file__).parent.parent / "build"
sys.path.insert(0, str(BUILD))

import main  # noqa: E402
import packages  # noqa: E402
import scan  # noqa: E402
from report import Problem  # noqa: E402


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.app = Path(folder.name).resolve()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.app / name.replace("__", "/").replace("_dot_", ".")
            path = path if "." in path.name else path.with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


class Entry(Folder):
    def test_the_app_is_in_app_py_or_in_src(self) -> None:
        self.write(src__app="")
        self.assertEqual(scan.find_entry(self.app, None), ("app", self.app / "src"))
        self.write(app="")
        self.assertEqual(scan.find_entry(self.app, None), ("app", self.app))

    def test_an_entry_in_a_package_is_imported_through_it(self) -> None:
        self.write(shop__main="")
        (self.app / "shop" / "__init__.py").write_text("")
        self.assertEqual(scan.find_entry(self.app, "shop/main.py"), ("shop.main", self.app))
        self.assertEqual(scan.find_entry(self.app, "shop.main"), ("shop.main", self.app))

    def test_no_entry_is_an_error_that_says_what_to_write(self) -> None:
        with self.assertRaises(Problem) as missing:
            scan.find_entry(self.app, None)
        self.assertIn('app = abide.App("…")', missing.exception.help or "")
        with self.assertRaisesRegex(Problem, "no file `other.py`"):
            scan.find_entry(self.app, "other.py")


class Imports(Folder):
    def test_modules_are_found_wherever_they_are_imported(self) -> None:
        self.write(
            app="import orders\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import subprocess\n",
            orders="def late():\n    import decimal\n    from shop import prices\n",
            shop__prices="from . import taxes\n",
            shop__taxes="",
            unused="import ctypes\n",
        )
        (self.app / "shop" / "__init__.py").write_text("")
        source = scan.read(self.app, None)
        names = {str(file.relative_to(self.app)) for file in source.files}
        self.assertEqual(names, {"app.py", "orders.py", "shop/__init__.py", "shop/prices.py", "shop/taxes.py"})
        self.assertLess({"decimal", "shop.prices", "shop.taxes"}, set(source.modules))
        self.assertEqual(source.problems, [])

    def test_what_cannot_work_is_an_error_with_the_line_and_the_remedy(self) -> None:
        self.write(app="import json\n\nimport subprocess\nfrom http import server\n")
        first, second = scan.read(self.app, None).problems
        self.assertEqual((first.file, first.line, first.column), ("app.py", 3, 1))
        self.assertIn("`subprocess` cannot work in the sandbox", first.message)
        self.assertIn("call a service over HTTP", first.help or "")
        self.assertIn("`http.server`", second.message)

    def test_an_import_that_may_fail_is_the_authors_to_judge(self) -> None:
        self.write(app="try:\n    import ssl\nexcept ImportError:\n    ssl = None\n")
        self.assertEqual(scan.read(self.app, None).problems, [])

    def test_a_module_that_would_be_hidden_is_an_error(self) -> None:
        self.write(app="import json\nimport queue\nimport abide\n", queue="", abide="")
        first, second = scan.read(self.app, None).problems
        self.assertEqual((first.message, first.line), ("`queue.py` would never be imported: `queue` is the standard library's", 2))
        self.assertEqual(second.message, "`abide.py` would never be imported: `abide` is the SDK's")

    def test_a_module_of_the_apps_own_may_have_any_other_name(self) -> None:
        self.write(app="import requests\n", requests="")
        self.assertEqual(scan.read(self.app, None).problems, [])

    def test_a_file_that_this_python_cannot_read_is_left_to_the_one_in_the_component(self) -> None:
        self.write(app="import other\n", other="def (:\n")
        self.assertEqual(len(scan.read(self.app, None).files), 2)


class Dependencies(Folder):
    def test_they_are_the_projects_without_the_sdk(self) -> None:
        self.write(pyproject_dot_toml='[project]\nname = "a"\ndependencies = ["abide", "six==1.16.0", "x[y] >= 2"]\n')
        self.assertEqual(packages.dependencies(self.app), ["six==1.16.0", "x[y] >= 2"])

    def test_a_broken_file_is_an_error(self) -> None:
        self.write(pyproject_dot_toml="[project\n")
        with self.assertRaisesRegex(Problem, "it is not TOML"):
            packages.dependencies(self.app)

    def test_no_file_is_no_dependency(self) -> None:
        self.assertEqual(packages.dependencies(self.app), [])


class Reports(Folder):
    def test_what_the_interpreter_inside_says_is_the_problem(self) -> None:
        told = {"file": "src/app.py", "line": 3, "column": None, "message": "no", "help": "do"}
        said = f"noise\nAssertionError: {main.MARK}{json.dumps(told)}\nTraceback…\n"
        self.assertEqual(main._problem(said, "src/").as_json(), told)

    def test_without_its_word_pythons_own_last_line_is(self) -> None:
        said = 'Traceback:\n  File "/1/shop/x.py", line 7, in <module>\n  File "/python/json.py", line 2, in f\nMemoryError\n'
        problem = main._problem(said, "src/")
        self.assertEqual((problem.file, problem.line), ("src/shop/x.py", 7))
        self.assertIn("MemoryError", problem.message)

    def test_it_speaks_json_and_fails_with_1(self) -> None:
        self.write(app="import socket\n")
        where = {"--app": self.app, "--sdk": BUILD.parent, "--tools": self.app / "none", "--out": self.app / "out.wasm"}
        command = [sys.executable, str(BUILD / "main.py"), *(str(part) for pair in where.items() for part in pair)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in ran.stdout.splitlines()]
        self.assertEqual((ran.returncode, lines[0]), (1, {"phase": "check"}))
        self.assertEqual((lines[1]["error"]["file"], lines[1]["error"]["line"]), ("app.py", 1))
