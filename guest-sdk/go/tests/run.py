"""Checks everything of the SDK that can be checked without a host: `python3 tests/run.py --tools TOOLSDIR`, in the SDK's folder.

TOOLSDIR is the virtual environment that build/requirements.txt makes. Writes to a temporary folder only.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", type=Path, required=True)
    tools = parser.parse_args().tools.absolute()
    roots = list(tools.glob("lib/python*/site-packages/go"))
    if not roots:
        print(f"there is no Go in {tools}")
        return 1
    with tempfile.TemporaryDirectory(prefix="abide-go-tests-") as scratch:
        environment = {
            **os.environ,
            "GOCACHE": str(tools / "cache"),
            "GOPATH": scratch,
            "GOTOOLCHAIN": "local",
            "GOPROXY": "off",
            "GOFLAGS": "",
            "GOWORK": "off",
        }
        go = str(tools / "bin" / "go")
        unformatted = subprocess.run([roots[0] / "bin" / "gofmt", "-l", "."], cwd=SDK, capture_output=True, text=True)
        passed = check("gofmt", unformatted.returncode == 0 and not unformatted.stdout, unformatted.stdout + unformatted.stderr)
        vetted = subprocess.run([go, "vet", ".", "./abidehttp"], cwd=SDK, env=environment, capture_output=True, text=True)
        passed &= check("vet", vetted.returncode == 0, vetted.stderr)
        passed &= unit_tests(go, environment)
        passed &= template(go, environment, Path(scratch))
    return 0 if passed else 1


def check(name: str, passed: bool, said: str) -> bool:
    if not passed:
        print(f"{name} says:\n{said}")
    print(f"{int(passed)} passed, {int(not passed)} failed, 0 skipped", flush=True)
    return passed


def unit_tests(go: str, environment: dict[str, str]) -> bool:
    """The scheduler against a host in the test."""
    tests = subprocess.run([go, "test", "-json", "-count=1", "."], cwd=SDK, env=environment, capture_output=True, text=True)
    ended = {"pass": 0, "fail": 0, "skip": 0}
    for line in tests.stdout.splitlines():
        if line.startswith("{"):
            event = json.loads(line)
            if event["Action"] in ended and "Test" in event:
                ended[event["Action"]] += 1
            if event["Action"] == "output" and tests.returncode:
                sys.stdout.write(event["Output"])
    if tests.returncode:
        print(tests.stderr)
    failed = max(ended["fail"], int(tests.returncode != 0))
    print(f"{ended['pass']} passed, {failed} failed, {ended['skip']} skipped", flush=True)
    return not failed


def template(go: str, environment: dict[str, str], scratch: Path) -> bool:
    """A new app, as an editor sees it."""
    app = scratch / "app"
    shutil.copytree(SDK / "template", app)
    module = (app / "go.mod.template").read_text().replace("{{name}}", "app").replace("./{{sdk_path}}", str(SDK))
    (app / "go.mod").write_text(module)
    vetted = subprocess.run([go, "vet", "."], cwd=app, env=environment, capture_output=True, text=True)
    return check("the template", vetted.returncode == 0, vetted.stderr)


if __name__ == "__main__":
    sys.exit(main())
