"""Checks everything of the SDK that can be checked without a host: `python3 tests/run.py --tools TOOLSDIR`, in the SDK's folder.

TOOLSDIR is the virtual environment that build/requirements.txt makes. Writes to a temporary folder only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SDK = Path(__file__).resolve().parent.parent
# All but the component's side, which needs the generated bindings: that is compiled with every app.
PARTS = ["duration.c", "error.c", "event.c", "json.c", "memory.c", "operation.c"]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tools", type=Path, required=True)
    tools = parser.parse_args().tools.absolute()
    with tempfile.TemporaryDirectory(prefix="abide-c-tests-") as scratch:
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tools / "cache"), "ZIG_LOCAL_CACHE_DIR": scratch}
        zig = [str(tools / "bin" / "python"), "-m", "ziglang", "cc", "-std=gnu23", "-Wall", "-Wextra", "-Werror"]
        zig += ["-Wno-missing-field-initializers", "-Wno-unused-parameter", "-g", "-fsanitize=undefined", "-fno-sanitize-trap=undefined"]
        program = Path(scratch) / "tests"
        sources = [str(SDK / "src" / part) for part in PARTS] + [str(SDK / "tests" / "tests.c")]
        includes = ["-I", str(SDK / "include"), "-I", str(SDK / "src")]
        compiled = subprocess.run([*zig, *includes, *sources, "-o", str(program)], env=environment, cwd=SDK)
        if compiled.returncode:
            print("0 passed, 1 failed, 0 skipped")
            return 1
        ran = subprocess.run([str(program)], stdout=subprocess.PIPE, text=True)
        print(ran.stdout, end="", flush=True)
        template = [*zig, "-I", str(SDK / "include"), "-c", str(SDK / "template" / "src" / "app.c"), "-o", str(Path(scratch) / "app.o")]
        checked = subprocess.run(template, env=environment, cwd=SDK)
        print(f"{int(checked.returncode == 0)} passed, {int(checked.returncode != 0)} failed, 0 skipped", flush=True)
    return int(ran.returncode != 0 or checked.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
