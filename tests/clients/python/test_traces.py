"""What a collector gets of runs, decoded by OpenTelemetry's own messages for Python, and what of it the outside is told in `traceparent`."""

import http.server
import os
import threading
import unittest
import urllib.parse
from collections import Counter
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from server import Server

CALLER = "b7ad6b7169203331"


class Collector:
    """Takes what a collector takes, and stands for whatever bodies of steps call."""

    def __init__(self):
        self.spans, self.records, self.calls = [], [], []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.path == "/v1/traces":
                    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                        assert any(it.key == "service.name" for it in resource.resource.attributes)
                        for scope in resource.scope_spans:
                            collector.spans.extend(scope.spans)
                elif self.path == "/v1/logs":
                    for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
                        for scope in resource.scope_logs:
                            collector.records.extend(scope.log_records)
                else:
                    collector.calls.append((self.headers.get("traceparent"), self.headers.get("tracestate")))
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def attribute(span, key):
    for it in span.attributes:
        if it.key == key:
            return getattr(it.value, it.value.WhichOneof("value"))
    return None


class Traces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.collector = Collector()
        cls.addClassCleanup(cls.collector.stop)
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": cls.collector.url, "OTEL_BSP_SCHEDULE_DELAY": "10"}
        cls.server = Server(more=variables)
        cls.addClassCleanup(cls.server.stop)
        # The same app once more, now with somebody outside whom its bodies tell what they do.
        component = (Path(os.environ["ABIDE_TEST_GUESTS"]) / "ledger.wasm").read_bytes()
        where = urllib.parse.urlencode({"var": f"WITNESS_URL={cls.collector.url}", "allow_net": cls.collector.url.removeprefix("http://")})
        status, answer = cls.server.call("PUT", f"/api/v1/apps/ledger?{where}", component)
        assert status == 200, answer
        cls.count = 0

    def send(self, name, **data):
        """Sends an event with a trace of its own; its trace's and its run's ids."""
        type(self).count += 1
        trace = f"{self.count:032x}"
        headers = {"traceparent": f"00-{trace}-{CALLER}-01", "tracestate": "vendor=value"}
        event = {"name": name, "data": {"key": f"traced-{self.count}", **data}}
        status, answer = self.server.call("POST", "/e/key", event, headers)
        self.assertEqual(status, 200, answer)
        runs = self.server.until("a run is there", lambda: self.server.get(f"/v1/events/{answer['ids'][0]}/runs"))
        return trace, runs[0]["run_id"]

    def trace(self, trace, root, *more):
        """The spans of a trace by their names, once those of the run, of the request and `more` are there, each as often as it is named, and what
        they hang below: spans are told when they end, in as many messages as there is time for. They are one tree."""
        wanted = Counter([root, "POST /e/{key}", *more])

        def told():
            spans = [span for span in self.collector.spans if span.trace_id.hex() == trace]
            there = {bytes.fromhex(CALLER), *(span.span_id for span in spans)}
            whole = all(span.parent_span_id in there for span in spans)
            return spans if whole and wanted <= Counter(span.name for span in spans) else None

        spans = self.server.until(f"the trace of {root} is told", told)
        ids = [span.span_id for span in spans]
        self.assertEqual(len(ids), len(set(ids)))
        for span in spans:
            self.assertIn(span.parent_span_id, [*ids, bytes.fromhex(CALLER)], span)
            self.assertLessEqual(span.start_time_unix_nano, span.end_time_unix_nano)
            self.assertEqual(span.trace_state, "vendor=value")
        by_name = {}
        for span in spans:
            by_name.setdefault(span.name, []).append(span)
        return by_name

    def test_each_attempt_is_a_span_with_its_error_and_the_one_that_what_it_calls_is_told(self):
        trace, _ = self.send("ledger/retry", failures=2)
        attempts = [f"flaky (attempt {n})" for n in (1, 2, 3)]
        spans = self.trace(trace, "ledger/retry", "flaky", *attempts, "doomed")
        [step] = spans["flaky"]
        self.assertEqual((attribute(step, "abide.step.attempts"), step.status.code), (3, Status.STATUS_CODE_OK))
        attempts = [spans[name][0] for name in attempts]
        for attempt in attempts:
            self.assertEqual(attempt.parent_span_id, step.span_id)
        for failed in attempts[:2]:
            self.assertEqual(failed.status.code, Status.STATUS_CODE_ERROR)
            [event] = failed.events
            self.assertEqual(event.name, "exception")
            self.assertTrue({"exception.type", "exception.message"} <= {it.key for it in event.attributes})
        self.assertEqual(attempts[2].status.code, Status.STATUS_CODE_OK)
        [doomed] = spans["doomed"]
        self.assertEqual(doomed.status.code, Status.STATUS_CODE_ERROR)
        # The run caught it.
        [run] = spans["ledger/retry"]
        self.assertEqual((run.status.code, run.kind), (Status.STATUS_CODE_OK, Span.SPAN_KIND_CONSUMER))
        called = {parent.split("-")[2] for parent, _ in self.collector.calls if parent and trace in parent}
        told = {span.span_id.hex() for spans in spans.values() for span in spans}
        self.assertTrue({attempt.span_id.hex() for attempt in attempts} <= called <= told)

    def test_a_run_that_sleeps_is_a_trace_of_stretches_linked_to_what_woke_it(self):
        trace, _ = self.send("ledger/sleep", count=2, sleep_ms=50)
        spans = self.trace(trace, "ledger/sleeper", "nap", "nap:1", "execute", "execute", "execute")
        naps = [*spans["nap"], *spans["nap:1"]]
        stretches = sorted(spans["execute"], key=lambda span: span.start_time_unix_nano)
        self.assertEqual(len(stretches), 3)
        for before, nap, after in zip(stretches, naps, stretches[1:]):
            self.assertEqual([link.span_id for link in after.links], [before.span_id, nap.span_id])
            self.assertLessEqual(before.end_time_unix_nano, nap.end_time_unix_nano)
            self.assertGreaterEqual(nap.end_time_unix_nano - nap.start_time_unix_nano, 50_000_000)

    def test_a_cancelled_run_tells_what_it_waited_for_as_cancelled(self):
        trace, run = self.send("ledger/sleep", count=1, sleep_ms=86_400_000)
        sleeping = lambda: self.server.call("GET", f"/api/v1/runs/{run}")[1]["status"] == "Sleeping"
        self.server.until("it sleeps", sleeping)
        status, answer = self.server.call("POST", f"/api/v1/runs/{run}/cancel")
        self.assertEqual(status, 200, answer)
        spans = self.trace(trace, "ledger/sleeper", "nap")
        [nap], [whole] = spans["nap"], spans["ledger/sleeper"]
        self.assertEqual(attribute(nap, "abide.step.status"), "cancelled")
        self.assertEqual(attribute(whole, "abide.run.status"), "Cancelled")
        self.assertEqual(nap.parent_span_id, whole.span_id)
        self.assertEqual(whole.status.code, Status.STATUS_CODE_UNSET)

    def test_invoked_runs_and_runs_of_sent_events_are_in_the_trace_of_what_started_them(self):
        trace, _ = self.send("ledger/parent", count=1)
        spans = self.trace(trace, "ledger/parent", "child-0", "ledger/child")
        [invoked], [child] = spans["child-0"], spans["ledger/child"]
        self.assertEqual(child.parent_span_id, invoked.span_id)
        self.assertEqual(invoked.kind, Span.SPAN_KIND_PRODUCER)

    def test_nothing_of_what_events_hold_is_in_a_trace(self):
        trace, _ = self.send("ledger/sequence", count=1, seed=987_654_321)
        spans = self.trace(trace, "ledger/sequence")
        for span in [span for spans in spans.values() for span in spans]:
            self.assertNotIn("987654321", str(span))
            self.assertNotIn(f"traced-{self.count}", str(span))


if __name__ == "__main__":
    unittest.main()
