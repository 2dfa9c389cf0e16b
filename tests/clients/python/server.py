"""The binary as a user starts it, on a port that the system chose, and a proxy that does what networks do."""

import http.client
import http.server
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
# A development server compiles its app first: a debug build on a busy machine takes its time.
LONGEST_S = 30 * 60


class Server:
    """A running server, for development or, with an admin key, one that asks for keys; `stop` ends it. `more` are variables for it."""

    def __init__(self, admin_key=None, more=None):
        binary = os.environ["ABIDE_BIN"]
        self.data = tempfile.mkdtemp(prefix="abide-clients-")
        self.key = admin_key
        variables = {**os.environ, **(more or {})}
        if admin_key is None:
            app = REPOSITORY / "tests" / "guests" / "ledger"
            command = [binary, "dev", str(app), "--port", "0", "--data", self.data]
        else:
            command = [binary, "serve", "--listen", "127.0.0.1:0", "--data", self.data]
            variables["ABIDE_ADMIN_KEY"] = admin_key
        self.child = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = []
        listening = threading.Event()
        self.url = None

        def read():
            for line in self.child.stdout:
                self.output.append(line)
                told = re.search(r"listening (?:at|on) (http://[0-9.]+:\d+)", line)
                if told and self.url is None:
                    self.url = told[1]
                    listening.set()
            listening.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        listening.wait(LONGEST_S)
        if self.url is None:
            raise RuntimeError("the server does not listen:\n" + "".join(self.output))
        if admin_key is None:
            self.until("the app is served", lambda: self.call("GET", "/api/v1/apps/ledger")[0] == 200)

    def call(self, method, route, body=None, more=None):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {} if self.key is None else {"authorization": f"Bearer {self.key}"}
        headers.update(more or {})
        request = urllib.request.Request(self.url + route, data=data, method=method, headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def get(self, route):
        status, answer = self.call("GET", route)
        if status != 200:
            raise RuntimeError(f"{route}: {status} {answer}")
        return answer["data"]

    def until(self, what, ask):
        """Asks until the answer is what is waited for."""
        deadline = time.monotonic() + LONGEST_S
        while True:
            answer = ask()
            if answer:
                return answer
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"it never came that {what}:\n" + "".join(self.output))
            time.sleep(0.02)

    def runs_of(self, event):
        """The loop of Inngest's documentation: asks for the runs of an event until they have ended."""

        def ended():
            runs = self.get(f"/v1/events/{event}/runs")
            over = all(run["status"] in ("Completed", "Failed", "Cancelled") for run in runs)
            return runs if runs and over else None

        return self.until(f"the runs of {event} end", ended)

    def stop(self):
        self.child.terminate()
        self.child.wait()
        self.reader.join()
        self.child.stdout.close()
        shutil.rmtree(self.data, ignore_errors=True)


class Proxy:
    """Between a client and the server. It answers the first requests as `faults` says, one each: with a status of its own, or
    not at all after the server had the request (`"lost"`). All others are handed on."""

    def __init__(self, target, faults=()):
        self.faults = list(faults)
        self.requests = []
        proxy = self
        where = urllib.parse.urlsplit(target)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                proxy.requests.append((self.path, self.headers))
                fault = proxy.faults.pop(0) if proxy.faults else None
                if isinstance(fault, int):
                    self.answer(fault, json.dumps({"ids": [], "status": fault, "error": "the proxy says so"}).encode())
                    return
                # A request to a proxy names the whole URL; only its path goes on.
                path = urllib.parse.urlsplit(self.path).path
                onward = http.client.HTTPConnection(where.hostname, where.port)
                onward.request("POST", path, body, dict(self.headers))
                answer = onward.getresponse()
                text = answer.read()
                onward.close()
                if fault == "lost":
                    self.close_connection = True
                    return
                self.answer(answer.status, text)

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
