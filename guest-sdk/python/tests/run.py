"""Checks everything of the SDK that can be checked without a host: `python tests/run.py --tools TOOLSDIR`, in the SDK's folder.

TOOLSDIR is the virtual environment that build/requirements.txt makes. The type checker gets one of its own, kept in $ABIDE_CACHE. Writes to temporary folders only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent


def main() -> int:
    """Runs all checks; 0 if they pass."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", type=Path, required=True)
    tools = parser.parse_args().tools.absolute()
    if sys.version_info < (3, 11):
        print("the tests need Python 3.11 or later\n0 passed, 1 failed, 0 skipped")
        return 1
    with tempfile.TemporaryDirectory(prefix="abide-python-tests-") as scratch:
        passed = [unit_tests(), template_tests(Path(scratch)), type_check(tools, Path(scratch))]
    return 0 if all(passed) else 1


def unit_tests() -> bool:
    """The SDK's own tests."""
    return run([sys.executable, "-W", "error::RuntimeWarning", "-m", "unittest", "discover", "-s", "tests", "-t", "."], SDK)


def template_tests(scratch: Path) -> bool:
    """The tests that a new app comes with."""
    app = scratch / "app"
    shutil.copytree(SDK / "template", app)
    fill_in(app)
    return run([sys.executable, "-m", "unittest"], app, PYTHONPATH=str(SDK))


def type_check(tools: Path, scratch: Path) -> bool:
    """mypy --strict over the SDK, its tests, and a new app, with the bindings that componentize-py makes."""
    bindings = scratch / "bindings"
    wit = scratch / "wit"
    shutil.copytree(SDK / "wit", wit)
    shutil.copytree(SDK / "abide" / "world", wit, dirs_exist_ok=True)
    tool = [str(python_of(tools)), "-c", "import sys, componentize_py; sys.exit(componentize_py.script())"]
    made = run([*tool, "--wit-path", str(wit), "--world", "python-app", "bindings", str(bindings)], scratch)
    mypy = [str(python_of(checker())), "-m", "mypy", "--cache-dir", str(scratch / "mypy")]
    checked = made and run([*mypy, "--config-file", str(SDK / "pyproject.toml")], SDK, MYPYPATH=str(bindings))
    template = run([*mypy, "--config-file", "pyproject.toml", "."], scratch / "app", MYPYPATH=str(SDK))
    passed = checked and template
    print(f"{int(passed)} passed, {int(not passed)} failed, 0 skipped", flush=True)
    return passed


def checker() -> Path:
    """The environment with the type checker, made at the first time."""
    pins = SDK / "tests" / "requirements.txt"
    key = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "abide"
    cache = Path(os.environ.get("ABIDE_CACHE") or home) / "test-python"
    folder = cache / key
    if not (folder / "complete").is_file():
        venv.create(folder, with_pip=True, clear=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
        subprocess.run([str(python_of(folder)), *install, "-r", str(pins)], check=True)
        (folder / "complete").touch()
    return folder


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    unix = environment / "bin" / "python"
    return unix if unix.exists() else environment / "Scripts" / "python.exe"


def fill_in(app: Path) -> None:
    """What `abide new` does with the template."""
    for file in app.iterdir():
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace("{{name}}", "app").replace("{{sdk_path}}", "abide-sdk"), encoding="utf-8")


def run(command: list[str], folder: Path, **variables: str) -> bool:
    """Runs a command and shows what it says; whether it succeeded."""
    ran = subprocess.run(
        command, cwd=folder, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    print(ran.stdout, end="", flush=True)
    return ran.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
