"""The packages that an app depends on: pure Python wheels, installed once for every list of dependencies.

The list is `dependencies` under `[project]` of pyproject.toml. What has no pure wheel cannot run in the sandbox, and is an error that says so.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from report import Problem

GUEST_PYTHON = "3.14"
"""The version of Python inside components; componentize-py's pin decides it."""


def dependencies(app: Path) -> list[str]:
    """What pyproject.toml asks for."""
    file = app / "pyproject.toml"
    if not file.is_file():
        return []
    try:
        project = _parse(file.read_text(encoding="utf-8")).get("project", {})
    except ValueError as error:
        raise Problem(f"it is not TOML: {error}", "pyproject.toml") from None
    listed = project.get("dependencies", []) if isinstance(project, dict) else []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise Problem("`dependencies` under [project] must be a list of texts", "pyproject.toml")
    # The SDK comes with the platform.
    return [one for one in listed if _name(one) != "abide"]


def install(wanted: list[str], cache: Path, python: str) -> Path | None:
    """The folder that holds the packages, from the cache if it is there."""
    if not wanted:
        return None
    key = hashlib.sha256("\n".join([GUEST_PYTHON, *sorted(wanted)]).encode()).hexdigest()[:16]
    folder = cache / f"python-{key}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    # Installed under a name of its own and then renamed: a build beside this one sees all of it or nothing.
    temporary = Path(tempfile.mkdtemp(dir=cache, prefix="installing-"))
    try:
        _pip(python, wanted, ["--target", str(temporary), "--platform", "any"])
        try:
            os.rename(temporary, folder)
        except OSError:
            if not folder.is_dir():
                raise
        return folder
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _pip(python: str, wanted: list[str], where: list[str]) -> None:
    ran = _run_pip(python, [*where, "--implementation", "py", "--abi", "none", "--python-version", GUEST_PYTHON, *wanted])
    if ran.returncode == 0:
        return
    said = [line.strip() for line in ran.stderr.splitlines() if line.strip().startswith("ERROR:")]
    missing = re.search(r"(?:No matching distribution found for|satisfies the requirement) ([^\s(;]+)", ran.stderr)
    if missing is None:
        detail = " ".join(line.removeprefix("ERROR: ") for line in said) or ran.stderr.strip()[-500:]
        raise Problem(f"pip could not install the dependencies: {detail}", "pyproject.toml", help="run `pip install` by hand to see more")
    package = missing[1]
    with tempfile.TemporaryDirectory() as nowhere:
        native = _run_pip(python, ["--dry-run", "--no-deps", "--ignore-installed", "--target", nowhere, package]).returncode == 0
    if native:
        raise Problem(
            f"`{package}` has no pure Python wheel: it holds native code, which the sandbox cannot run",
            "pyproject.toml",
            help="use a pure Python package in its place, or call a service over HTTP from a step's body",
        )
    raise Problem(
        f"pip finds no wheel of `{package}` for Python {GUEST_PYTHON}", "pyproject.toml", help="check the name and the version"
    )


def _run_pip(python: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _name(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;@(]", requirement.strip(), maxsplit=1)[0].lower()


def _parse(text: str) -> dict[str, object]:
    try:
        import tomllib
    except ModuleNotFoundError:
        # Python 3.10 has none; pip brings one.
        from pip._vendor import tomli as tomllib  # type: ignore[no-redef]
    return tomllib.loads(text)
