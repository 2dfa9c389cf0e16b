"""Tries the whole API out: schemathesis makes requests from the OpenAPI document, right and wrong ones, and checks the answers against it.

A server with an app, runs, events and a job is asked, always with the same seed. No answer may be a 5xx, have a status, a
content type or a shape that the document does not have. Streams do not end, so they are left out. The last line is a summary.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients" / "python"))

from server import Server  # noqa: E402

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "allow_header_conformance",
    "unsupported_method",
]
SEED = 7
# Fuzzing ends then, the other phases go through what the document has.
LONGEST_S = 60


def post(server, route, body):
    status, answer = server.call("POST", route, body)
    if status != 200:
        raise RuntimeError(f"{route}: {status} {answer}")
    return answer


def prepare(server):
    """Something of everything, so that answers have content."""
    events = [{"name": name, "data": {"n": 1}} for name in ("ledger/ping", "ledger/sequence", "ledger/wait", "ledger/sleep", "other")]
    ids = post(server, "/e/key", events)["ids"]
    runs = [server.until("a run begins", lambda event=event: server.get(f"/v1/events/{event}/runs")) for event in ids[:2]]
    server.runs_of(ids[0])
    job = post(server, "/api/v1/jobs", {"action": "replay", "filter": {"app": "none"}})
    return {
        "EVENT_ID": ids[0],
        "RUN_ID": runs[0][0]["run_id"],
        "OTHER_RUN_ID": runs[1][0]["run_id"],
        "JOB_ID": job["job_id"],
    }


def main():
    server = Server()
    try:
        known = prepare(server)
        command = [
            str(Path(sys.executable).parent / "schemathesis"),
            "--config-file",
            str(HERE / "schemathesis.toml"),
            "run",
            f"{server.url}/api/openapi.json",
            "--exclude-path-regex",
            "/stream$",
            "--checks",
            ",".join(CHECKS),
            "--phases",
            "examples,coverage,fuzzing",
            "--seed",
            str(SEED),
            "--max-time",
            str(LONGEST_S),
            "--warnings",
            "off",
            "--request-timeout",
            "120",
            "--continue-on-failure",
            "--no-color",
        ]
        environment = {**os.environ, **known, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "127.0.0.1"}
        # What it learns of a server it would write into the current folder.
        done = subprocess.run(command, cwd=server.data, env=environment, check=False)
    finally:
        server.stop()
    passed = done.returncode == 0
    print(f"{int(passed)} passed, {int(not passed)} failed, 0 skipped", flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
