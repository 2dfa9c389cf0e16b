"""What a service that uses Inngest's Python client does, in development: it has no keys, and an environment variable points it here."""

import asyncio
import logging
import os
import re
import secrets
import time
import unittest
import urllib.parse
from unittest import mock

import inngest
from server import Proxy, Server

# What the client reads to find out where it is: a test must not inherit it from the machine that it runs on.
READ = re.compile(r"^(INNGEST_|VERCEL|NETLIFY|CF_PAGES|RENDER|RAILWAY_)|^(BRANCH|BRANCH_NAME|[a-zA-Z]+_(proxy|PROXY))$")


def environment(**variables):
    """Exactly these of the variables that the client reads."""
    kept = {name: value for name, value in os.environ.items() if not READ.match(name)}
    return mock.patch.dict(os.environ, {**kept, **variables}, clear=True)


def client(**options):
    return inngest.Inngest(app_id="shop", logger=logging.getLogger("quiet"), **options)


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        logging.getLogger("quiet").setLevel(logging.CRITICAL)
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.count = 0

    def fresh(self, what):
        """A name that no other test uses."""
        type(self).count += 1
        return f"{what}-{os.getpid()}-{self.count}"

    def events_called(self, name):
        return self.server.get("/v1/events?name=" + urllib.parse.quote(name, safe=""))

    def test_an_event_is_sent_and_its_runs_output_found_by_the_documented_loop(self):
        key = self.fresh("one")
        with environment(INNGEST_DEV=self.server.url):
            [event] = client().send_sync(inngest.Event(name="ledger/sequence", data={"key": key, "count": 1, "seed": 3}))
        [run] = self.server.runs_of(event)
        self.assertEqual(run["status"], "Completed")
        self.assertEqual(run["output"], {"key": key, "values": [3 * 31 + 7]})
        self.assertEqual(self.server.get(f"/v1/runs/{run['run_id']}"), run)

    def test_many_events_sent_asynchronously_have_ids_in_their_order(self):
        name = self.fresh("nobody/listens")
        ts = int(time.time() * 1000) - 60_000
        events = [
            inngest.Event(name=name, data={"n": 0}, user={"external_id": "u-1"}, v="2026-01-01.1"),
            inngest.Event(name=name, data={"n": 1}, ts=ts),
            inngest.Event(name=name),
        ]
        with environment(INNGEST_DEV="1", INNGEST_BASE_URL=self.server.url):
            ids = asyncio.run(client().send(events))
        stored = [self.server.get(f"/v1/events/{event}") for event in ids]
        self.assertEqual([event["data"] for event in stored], [{"n": 0}, {"n": 1}, {}])
        self.assertEqual(stored[1]["ts"], ts)

    def test_the_second_event_of_the_same_id_starts_nothing(self):
        key = self.fresh("order")
        event = inngest.Event(id=key, name="ledger/sequence", data={"key": key, "count": 1})
        with environment(INNGEST_DEV=self.server.url):
            [first] = client().send_sync(event)
            [second] = client().send_sync(event)
        self.assertEqual(len(self.server.runs_of(first)), 1)
        self.assertEqual(self.server.get(f"/v1/events/{second}/runs"), [])

    def test_the_client_repeats_itself_after_answers_of_5xx_and_a_lost_one_and_there_is_one_event(self):
        name = self.fresh("nobody/listens")
        with Proxy(self.server.url, [503, "lost", 500]) as proxy, environment():
            sender = client(is_production=False, event_api_base_url=proxy.url)
            [event] = sender.send_sync(inngest.Event(name=name))
        seeds = {headers["x-inngest-event-id-seed"] for _, headers in proxy.requests}
        self.assertEqual((len(proxy.requests), len(seeds)), (4, 1))
        self.assertEqual([stored["internal_id"] for stored in self.events_called(name)], [event])

    def test_a_429_is_told_at_once_with_the_servers_words(self):
        with Proxy(self.server.url, [429]) as proxy, environment():
            sender = client(is_production=False, event_api_base_url=proxy.url)
            with self.assertRaisesRegex(Exception, "the proxy says so"):
                sender.send_sync(inngest.Event(name="nobody/listens"))
        self.assertEqual(len(proxy.requests), 1)

    def test_what_is_wrong_with_an_event_is_told_in_the_clients_error(self):
        large = {"text": "x" * (3 << 20)}
        larger = {"text": "x" * (10 << 20)}
        with environment(INNGEST_DEV=self.server.url):
            for event, problem in [
                (inngest.Event(name="inngest/function.failed"), r"event 0: name: the prefix `inngest/` is reserved"),
                (inngest.Event(name="good", ts=5), r"event 0: ts: 5 is not a time in milliseconds"),
                (inngest.Event(name="large", data=large), r"event 0: data: the event has \d+ bytes, more than"),
                (inngest.Event(name="larger", data=larger), r"the body is larger than the limit of 10485760 bytes"),
            ]:
                with self.subTest(event.name), self.assertRaisesRegex(Exception, problem):
                    client().send_sync(event)

    def test_a_development_server_is_found_on_port_8288(self):
        # The client's own way to reach a proxy maps the usual port to the server of this test.
        name = self.fresh("nobody/listens")
        with Proxy(self.server.url) as proxy, environment(INNGEST_DEV="1", http_proxy=proxy.url):
            [event] = client().send_sync(inngest.Event(name=name))
        [(asked, _)] = proxy.requests
        self.assertEqual(asked, "http://127.0.0.1:8288/e/NO_EVENT_KEY_SET")
        self.assertEqual([stored["internal_id"] for stored in self.events_called(name)], [event])


class ClientsWithKeys(unittest.TestCase):
    """In production: the server asks for the event key."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(admin_key=secrets.token_hex(32))
        cls.addClassCleanup(cls.server.stop)

    def made(self, role):
        status, key = self.server.call("POST", "/api/v1/keys", {"name": f"clients-{role}", "role": role})
        self.assertEqual(status, 201, key)
        return key

    def test_an_event_key_sends_and_anything_else_is_refused_with_the_servers_words(self):
        key = self.made("send")["key"]
        signing = self.made("operate")["inngest_signing_key"]
        with environment(INNGEST_BASE_URL=self.server.url, INNGEST_SIGNING_KEY=signing, INNGEST_EVENT_KEY=key):
            [event] = client().send_sync(inngest.Event(name="nobody/listens"))
        self.assertEqual(self.server.get(f"/v1/events/{event}")["name"], "nobody/listens")
        with environment(INNGEST_BASE_URL=self.server.url, INNGEST_SIGNING_KEY=signing, INNGEST_EVENT_KEY="wrong"):
            with self.assertRaisesRegex(Exception, "Event key not found"):
                client().send_sync(inngest.Event(name="nobody/hears"))
        self.assertEqual(self.server.get("/v1/events?name=nobody/hears"), [])


if __name__ == "__main__":
    unittest.main()
