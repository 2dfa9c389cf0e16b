"""Makes a component of a Python app.

    python main.py --app DIR --sdk SDKDIR --tools TOOLSDIR --out FILE.wasm [--entry FILE]

`--tools` is a virtual environment made from requirements.txt. What happens is told on standard output, a JSON object a line: `phase`, `warning`, `error`, and
`done` at the end, with the files that were read. Exit code 1 after errors. Runs on Python 3.10 and later, with the standard library alone.

The app is imported inside the component's own interpreter (`abide/_build.py` of the SDK), whose memory becomes the component.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import packages
import report
import scan
from report import Problem

MARK = "ABIDE-BUILD "
"""What the line begins with in which the interpreter inside says what is wrong."""


def main() -> int:
    """Builds; the exit code."""
    parser = argparse.ArgumentParser(description="Makes a component of a Python app.")
    parser.add_argument("--app", type=Path, required=True)
    parser.add_argument("--sdk", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--entry")
    arguments = parser.parse_args()
    try:
        return build(arguments.app.resolve(), arguments.sdk.resolve(), arguments.tools.absolute(), arguments.out.absolute(), arguments.entry)
    except Problem as problem:
        report.error(problem)
        return 1


def build(app: Path, sdk: Path, tools: Path, out: Path, entry: str | None) -> int:
    """Builds the app in the folder `app` into the file `out`."""
    for part in ("abide/_build.py", "abide/world", "wit"):
        if not (sdk / part).exists():
            message = f"{sdk} is not the SDK of this abide: there is no {part} in it"
            raise Problem(message, help="if it is the app's copy, replace it by the `abide-sdk` folder that `abide new` writes")
    report.phase("check")
    source = scan.read(app, entry)
    for problem in source.problems:
        report.error(problem)
    if source.problems:
        return 1
    python = _python(tools)
    wanted = packages.dependencies(app)
    if wanted:
        report.phase("install")
    installed = packages.install(wanted, tools.parent.parent / "packages", python)
    report.phase("componentize")
    with tempfile.TemporaryDirectory(prefix="abide-python-") as staging:
        opened = _componentize(app, sdk, source, installed, python, out, Path(staging))
    inputs = {str(file) for file in source.files} | {str(file) for file in opened}
    if (app / "pyproject.toml").is_file():
        inputs.add(str(app / "pyproject.toml"))
    if sdk.is_relative_to(app):
        inputs.update(str(sdk / part) for part in ("wit", "abide", "abide/world", "abide/world/deps"))
        inputs.update(str(file) for folder in ("abide", "abide/world", "wit") for file in (sdk / folder).rglob("*.*") if "__pycache__" not in file.parts)
    report.done(out.stat().st_size, sorted(inputs))
    return 0


def _componentize(
    app: Path, sdk: Path, source: scan.Source, installed: Path | None, python: str, out: Path, staging: Path
) -> list[Path]:
    """Makes the component; gives the files that the app read while it was imported."""
    stage = staging / "entry"
    stage.mkdir()
    (stage / "opened.json").write_text("[]")
    # Only the package: what else is in the SDK's folder is nothing that an app could import.
    shutil.copytree(sdk / "abide", staging / "sdk" / "abide", ignore=shutil.ignore_patterns("__pycache__", "world"))
    # The contract, and beside it the world of Python's components, which is of the same package.
    shutil.copytree(sdk / "wit", staging / "wit")
    shutil.copytree(sdk / "abide" / "world", staging / "wit", dirs_exist_ok=True)
    # Otherwise the tools' own packages would be found.
    nothing = staging / "environment" / "lib" / "site-packages"
    nothing.mkdir(parents=True)
    paths = [stage, source.root, staging / "sdk", *([installed] if installed is not None else [])]
    folder = "" if source.root == app else f"{source.root.relative_to(app).as_posix()}/"
    # Folders are mounted under their numbers, in the order in which they are given.
    roots = {"/1/": folder, "/python/": "python/", "/3/": ""}
    late = sorted({*source.modules, *(scan.late_imports(installed) if installed is not None else ())})
    (stage / "abide_entry.py").write_text(
        "from abide._build import prepare\n"
        "from abide._component import Functions\n"
        f"prepare({source.entry!r}, {late!r}, {roots!r}, '/0/opened.json')\n",
        encoding="utf-8",
    )
    command = [python, "-c", "import sys, componentize_py; sys.exit(componentize_py.script())"]
    command += ["--wit-path", str(staging / "wit"), "--world", "python-app", "componentize", "abide_entry"]
    for path in paths:
        command += ["--python-path", str(path)]
    out.parent.mkdir(parents=True, exist_ok=True)
    made = staging / "made.wasm"
    environment = {**os.environ, "VIRTUAL_ENV": str(staging / "environment"), "RUST_BACKTRACE": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run([*command, "--output", str(made)], capture_output=True, text=True, env=environment, check=False)
    if ran.returncode != 0:
        raise _problem(ran.stderr, folder)
    shutil.move(made, out)
    opened = json.loads((stage / "opened.json").read_text(encoding="utf-8"))
    inside = [source.root / name.removeprefix("/1/") for name in opened if name.startswith("/1/")]
    return [file for file in inside if file.is_file() and file.suffix != ".pyc"]


def _problem(said: str, folder: str) -> Problem:
    """What is wrong, from what componentize-py wrote."""
    for line in said.splitlines():
        at = line.find(MARK)
        if at >= 0:
            return Problem(**json.loads(line[at + len(MARK) :]))
    # A fault that the SDK itself does not survive is Python's own words.
    last = [line.strip() for line in said.splitlines() if line.strip()]
    place = re.findall(r'File "/1/([^"]+)", line (\d+)', said)
    problem = Problem(f"the component could not be made: {last[-1] if last else 'componentize-py said nothing'}")
    return replace(problem, file=folder + place[-1][0], line=int(place[-1][1])) if place else problem


def _python(tools: Path) -> str:
    for candidate in (tools / "bin" / "python", tools / "Scripts" / "python.exe"):
        if candidate.exists():
            return str(candidate)
    raise Problem(f"there is no Python in {tools}", help="make it anew: `python -m venv`, then `pip install --require-hashes -r requirements.txt`")


if __name__ == "__main__":
    sys.exit(main())
