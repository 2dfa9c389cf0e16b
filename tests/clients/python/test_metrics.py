"""What Prometheus reads: its own parsers take every line, and dashboards, alerts and documentation name what is there."""

import json
import re
import unittest
import urllib.request

import prometheus_client.parser
from prometheus_client.openmetrics import parser as openmetrics
from server import REPOSITORY, Server

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
NAME = re.compile(r"\b((?:abide|process)_[a-z_]*[a-z])\b")


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def page(self, accept):
        request = urllib.request.Request(self.server.url + "/metrics", headers={"accept": accept})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request) as answer:
            return answer.headers["content-type"], answer.read().decode()

    def families(self):
        _, text = self.page(OPENMETRICS)
        return list(openmetrics.text_string_to_metric_families(text))

    def samples(self):
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families()
            for sample in family.samples
        }

    def send(self, name, data):
        status, answer = self.server.call("POST", "/e/key", {"name": name, "data": data})
        self.assertEqual(status, 200, answer)
        return answer["ids"][0]

    def test_both_formats_are_read_by_prometheus_own_parsers_and_say_the_same(self):
        self.server.runs_of(self.send("ledger/sequence", {"key": "formats", "count": 1, "seed": 3}))
        kind, text = self.page("text/plain")
        self.assertEqual(kind, "text/plain; version=0.0.4; charset=utf-8")
        plain = list(prometheus_client.parser.text_string_to_metric_families(text))
        kind, text = self.page(OPENMETRICS)
        self.assertEqual(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(text.endswith("# EOF\n"))
        opened = list(openmetrics.text_string_to_metric_families(text))
        shape = [[(family.name, family.type, bool(family.documentation)) for family in families] for families in (plain, opened)]
        self.assertEqual(shape[0], shape[1])
        self.assertTrue(all(documented for _, _, documented in shape[0]))
        for family in opened:
            if family.name.endswith(("_seconds", "_bytes")):
                self.assertEqual(family.unit, family.name.rsplit("_", 1)[1], family.name)
            for sample in family.samples:
                own = sample.name.startswith(("process_", "abide_http_", "abide_build_", "abide_connections", "abide_parked_", "abide_disk_", "abide_telemetry_"))
                self.assertEqual("environment" in sample.labels, not own, sample)

    def test_events_runs_and_steps_are_counted(self):
        before = self.samples()
        for n in range(3):
            event = self.send("ledger/sequence", {"key": f"counted-{n}", "count": 4, "seed": n})
            [run] = self.server.runs_of(event)
            self.assertEqual(run["status"], "Completed")
        function = run["function_id"]

        def more(name, **labels):
            key = (name, tuple(sorted({"environment": "default", **labels}.items())))
            return self.samples().get(key, 0) - before.get(key, 0)

        # Some is counted a moment after an answer.
        for expected, name, labels in (
            (3, "abide_events_total", {"source": "api"}),
            (3, "abide_ingestion_seconds_count", {}),
            (3, "abide_runs_started_total", {"function": function}),
            (3, "abide_runs_ended_total", {"function": function, "status": "completed"}),
            (3, "abide_run_duration_seconds_count", {"function": function}),
            (12, "abide_steps_total", {"kind": "run", "outcome": "completed"}),
        ):
            self.server.until(f"{name} has grown by {expected}", lambda: more(name, **labels) >= expected)
            self.assertEqual(more(name, **labels), expected, name)
        self.assertGreater(more("abide_commit_duration_seconds_count"), 0)
        after = self.samples()
        status, _ = self.server.call("POST", "/e/key", {"data": {}})
        self.assertEqual(status, 400)
        told = ("abide_http_problems_total", (("code", "invalid_event"),))
        self.server.until("the refusal is counted", lambda: self.samples().get(told, 0) - after.get(told, 0) == 1)

    def test_what_is_documented_drawn_and_watched_is_there_and_the_other_way_round(self):
        families = self.families()
        there = set()
        for family in families:
            there.add(family.name + "_total" if family.type == "counter" else family.name)
        documented = set(NAME.findall((REPOSITORY / "docs/metrics.md").read_text()))
        self.assertEqual(documented, there)
        series = there | {name + suffix for name in there for suffix in ("_bucket", "_sum", "_count")}
        dashboard = (REPOSITORY / "deploy/grafana/abide.json").read_text()
        json.loads(dashboard)
        rules = (REPOSITORY / "deploy/prometheus/abide.rules.yml").read_text()
        for name, text in (("dashboard", dashboard), ("rules", rules)):
            used = set(NAME.findall(text))
            self.assertGreater(len(used), 5, name)
            self.assertEqual(used - series, set(), name)

    def test_every_histogram_has_data_and_every_query_names_labels_that_are_there(self):
        # A run that is paused while it waits executes again from its journal.
        event = self.send("ledger/wait", {"key": "queried"})
        [run] = self.server.until("the run is there", lambda: self.server.get(f"/v1/events/{event}/runs"))
        waits = lambda: self.server.call("GET", f"/api/v1/runs/{run['run_id']}")[1]["status"] == "Waiting"
        self.server.until("it waits", waits)
        for action in ("pause", "resume"):
            status, answer = self.server.call("POST", f"/api/v1/runs/{run['run_id']}/{action}")
            self.assertEqual(status, 200, answer)
        self.send("ledger/go", {"key": "queried", "value": 1})
        self.server.runs_of(event)

        def measured():
            # What the store takes is looked up now and then.
            families = self.families()
            sizes = [family for family in families if family.name == "abide_store_bytes" and family.samples]
            histograms = [family for family in families if family.type == "histogram"]
            counts = ((sample.value for sample in family.samples if sample.name.endswith("_count")) for family in histograms)
            return families if sizes and all(sum(each) > 0 for each in counts) else None

        labels, values = {}, {}
        for family in self.server.until("everything was looked up once", measured):
            name = family.name + "_total" if family.type == "counter" else family.name
            for sample in family.samples:
                labels.setdefault(name, set()).update(sample.labels)
                for label, value in sample.labels.items():
                    values.setdefault(label, set()).add(value)
        # What Prometheus itself adds.
        added = {"instance", "job", "le"}
        values["code"] = {path.stem for path in (REPOSITORY / "docs/errors").glob("*.md")}
        dashboard = json.loads((REPOSITORY / "deploy/grafana/abide.json").read_text())
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        rules = (REPOSITORY / "deploy/prometheus/abide.rules.yml").read_text()
        queries += re.findall(r"expr: (.*?)\n +(?:for|labels):", rules, re.DOTALL)
        self.assertGreater(len(queries), 30)
        for query in queries:
            there = set(added)
            for name, matchers in re.findall(NAME.pattern + r"(?:\{([^}]*)\})?", query):
                of = labels[re.sub("_(bucket|sum|count)$", "", name)]
                there |= of
                for label, wanted in re.findall(r'(\w+)[=!]~?"([^"]*)"', matchers):
                    self.assertIn(label, of | added, query)
                    if label not in added and not wanted.startswith("$"):
                        self.assertLessEqual(set(wanted.split("|")), values[label], query)
            for grouped in re.findall(r"by \(([^)]*)\)", query):
                self.assertLessEqual({label.strip() for label in grouped.split(",")}, there, query)


if __name__ == "__main__":
    unittest.main()
