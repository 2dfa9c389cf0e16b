"""Tries the whole API out: schemathesis makes requests from the OpenAPI document, right and wrong ones, and checks the answers against it.

A server with an app, runs, events and a job is asked, always with the same seed. No answer may be a 5xx, have a status, a
content type or a shape that the document does not have. Streams do not end, so they are left out. Then a server that asks for keys is
asked with a key of each role. The last line is a summary.
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
# The same for each role: what is asked of all routes is who may.
SHORT_S = 15
ROLES = ["send", "read", "operate", "deploy"]
ADMIN_KEY = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"


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


def ask(server, known, key, seconds, more=()):
    """Lets schemathesis ask the server, with a key if there is one; whether nothing was wrong."""
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
        "--seed",
        str(SEED),
        "--max-time",
        str(seconds),
        "--warnings",
        "off",
        "--request-timeout",
        "120",
        "--continue-on-failure",
        "--no-color",
        *more,
    ]
    environment = {**os.environ, **known, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "NO_PROXY": "127.0.0.1"}
    if key is not None:
        # Not an argument: everybody on the machine sees those.
        environment["TRIED_KEY"] = key
    # What it learns of a server it would write into the current folder.
    return subprocess.run(command, cwd=server.data, env=environment, check=False).returncode == 0


def open_to_all():
    """A server that asks nobody, with something of everything in it."""
    server = Server()
    try:
        return ask(server, prepare(server), None, LONGEST_S, ["--phases", "examples,coverage,fuzzing"])
    finally:
        server.stop()


def guarded():
    """A server that asks for keys, with a key of each role and with a wrong one: what a role may not is 403, without a key 401, as declared."""
    server = Server(ADMIN_KEY)
    none = dict.fromkeys(("EVENT_ID", "RUN_ID", "OTHER_RUN_ID", "JOB_ID"), "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    try:
        right = True
        keys = {role: make_key(server, role) for role in ROLES}
        for role, key in [*keys.items(), ("nobody", "abide_sk_wrong")]:
            print(f"with the key of {role}", flush=True)
            right = ask(server, none, key, SHORT_S, ["--phases", "coverage", "--max-examples", "2"]) and right
        return right
    finally:
        server.stop()


def make_key(server, role):
    status, answer = server.call("POST", "/api/v1/keys", {"name": role, "role": role})
    if status != 201:
        raise RuntimeError(f"a key for {role}: {status} {answer}")
    return answer["key"]


def main():
    results = [open_to_all(), guarded()]
    print(f"{results.count(True)} passed, {results.count(False)} failed, 0 skipped", flush=True)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
