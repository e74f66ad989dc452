# SPDX-License-Identifier: Apache-2.0
"""/metrics: valid in both formats, and counting what really happened."""
import json
import math
import os
import re
import threading
import unittest

from batch_test import LONG, imported, some_cases
from service import INCIDENT, ROOT, SANITIZED, Client, Service, model, request, resident, wait_until

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (NaN|[+-]Inf|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def labels_of(text):
    labels, at = {}, 0
    while text and at < len(text):
        found = LABEL.match(text, at)
        assert found, "labels: " + text
        assert found[1] not in labels, "label twice: " + text
        labels[found[1]] = found[2]
        at = found.end()
    return labels


def parse(text, open_metrics, quiet=True):
    """The samples, {(name, labels): value}; asserts all that the formats ask for."""
    assert text.endswith("\n"), "the last line does not end"
    lines = text[:-1].split("\n")
    if open_metrics:
        assert lines.pop() == "# EOF", "no end is told"
    samples, helped, family, kind, seen = {}, set(), None, None, set()
    for line in lines:
        assert line and line == line.strip(), repr(line)
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped and line.split(" ", 3)[3], line
            helped.add(name)
            continue
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family in helped and family not in seen, "twice, or without help: " + line
            assert kind in SUFFIXES, line
            seen.add(family)
            continue
        found = SAMPLE.fullmatch(line)
        assert found, "no sample: " + line
        name, labels = found[1], labels_of(found[2])
        stem = family if open_metrics or kind != "counter" else family[:-len("_total")]
        assert name in [stem + suffix for suffix in SUFFIXES[kind]], f"{line} in {family}"
        key = (name, tuple(sorted(labels.items())))
        assert key not in samples, "twice: " + line
        samples[key] = float(found[3])
    check_histograms(samples, quiet)
    return samples


def check_histograms(samples, quiet):
    """Who scrapes while cases are answered may find a value in a sum that is not counted yet, never one counted that is not in the sum."""
    rows = {}
    for (name, labels), value in samples.items():
        if name.endswith("_bucket"):
            rest = tuple(label for label in labels if label[0] != "le")
            rows.setdefault((name[:-7], rest), []).append((float(dict(labels)["le"]), value))
    assert rows
    for (name, rest), buckets in rows.items():
        bounds = [bound for bound, _ in buckets]
        counts = [count for _, count in buckets]
        assert bounds == sorted(set(bounds)) and bounds[-1] == math.inf, name
        assert counts == sorted(counts), "not cumulative: " + name
        assert counts[-1] == samples[name + "_count", rest], name
        if quiet or counts[-1] > 0:
            assert (counts[-1] > 0) == (samples[name + "_sum", rest] > 0), name


def scrape(address, open_metrics=False, quiet=True):
    with Client(address) as client:
        reply = client.ask("GET", "/metrics", headers=["Accept: " + OPEN] if open_metrics else [])
        assert reply.status == 200, reply.body
        kind = OPEN if open_metrics else "text/plain; version=0.0.4; charset=utf-8"
        assert reply.headers["content-type"] == kind, reply.headers
        return parse(reply.body.decode(), open_metrics, quiet)


def value(samples, name, **labels):
    return samples["air_classifier_" + name, tuple(sorted(labels.items()))]


class Metrics(unittest.TestCase):
    def test_both_formats_say_the_same(self):
        for file in (model(), imported()):
            with Service(file=file) as service, Client(service.address) as client:
                for _ in range(3):
                    self.assertEqual(client.ask(body=INCIDENT).status, 200)
                plain, opened = scrape(service.address), scrape(service.address, True)
                self.assertEqual(set(plain), set(opened))
                for name in ("predictions_total", "confidence_count"):
                    self.assertEqual(sum(v for (n, _), v in plain.items()
                                         if n == "air_classifier_" + name), 3)
                self.assertEqual(client.ask("HEAD", "/metrics").status, 200)

    def test_requests_are_counted_by_path_and_status(self):
        with Service() as service, Client(service.address) as client:
            for parameters in ({"body": INCIDENT}, {"body": INCIDENT}, {"body": b"["},
                               {"body": {"subject": ""}},
                               {"body": INCIDENT, "content_type": "text/plain"},
                               {"body": INCIDENT, "path": "/classifier/sbr?x=1"},
                               {"body": [INCIDENT, {}, INCIDENT], "path": "/classifier/sbr/batch"},
                               {"path": "/nowhere"}, {"path": "/health/live"}):
                client.ask(**parameters)
            client.ask("GET", "/health/live")
            found = scrape(service.address)
            for labels, count in ((("/classifier/sbr", "200"), 2), (("/classifier/sbr", "400"), 3),
                                  (("/classifier/sbr", "415"), 1), (("/classifier/sbr", "429"), 0),
                                  (("/classifier/sbr/batch", "200"), 1),
                                  (("/health/live", "200"), 1), (("other", "404"), 1),
                                  (("other", "405"), 1)):
                self.assertEqual(value(found, "requests_total", route=labels[0], code=labels[1]),
                                 count, labels)
            self.assertEqual(value(found, "request_duration_seconds_count",
                                   route="/classifier/sbr"), 6)
            for reason, count in (("invalid-json", 1), ("empty-case", 2), ("not-found", 1),
                                  ("unsupported-media-type", 1), ("invalid-parameter", 1),
                                  ("method", 1), ("queue-full", 0)):
                self.assertEqual(value(found, "rejected_total", reason=reason), count, reason)
            self.assertEqual(sum(v for (n, _), v in found.items()
                                 if n == "air_classifier_predictions_total"), 4)
            self.assertEqual(value(found, "stage_duration_seconds_count", stage="linear"), 4)
            self.assertNotIn(("air_classifier_tokens_count", ()), found)
            self.assertEqual(value(found, "drift_window_cases"), 4)

    def test_ulmfit_and_its_queue(self):
        with Service("--threads", "1", "--deadline", "600", "--queue", "3",
                     file=imported()) as service:
            with Client(service.address) as client:
                client.ask(body={"subject": "disk qqqqzz"})
                client.ask(path="/classifier/sbr/batch", body=some_cases(3, 20))
            found = scrape(service.address)
            for stage in ("queue", "tokenize", "ulmfit", "combine"):
                self.assertEqual(value(found, "stage_duration_seconds_count", stage=stage), 4)
            self.assertNotIn(("air_classifier_stage_duration_seconds_count",
                              (("stage", "linear"),)), found)
            self.assertEqual(value(found, "tokens_count"), 4)
            self.assertGreater(value(found, "unknown_tokens_total"), 0)
            self.assertAlmostEqual(value(found, "unknown_token_ratio"),
                                   value(found, "unknown_tokens_total") /
                                   value(found, "tokens_sum"), 6)
            self.assertEqual(value(found, "queue_limit"), 3)
            self.assertEqual(value(found, "queue_depth"), 0)

    def test_it_is_answered_while_everything_is_full(self):
        with Service("--threads", "1", "--deadline", "600", "--queue", "4", "--queue-bytes", "65536",
                     "--body-max", "65536", file=imported()) as service:
            clients = [Client(service.address) for _ in range(24)]
            body = json.dumps(LONG).encode()
            for client in clients:
                client.send(request(body=body))
            for _ in range(5):
                found = scrape(service.address, quiet=False)
                self.assertEqual(value(found, "canary_success"), 1)
            self.assertTrue(wait_until(lambda: value(scrape(service.address, quiet=False),
                                                     "requests_in_flight") == 1))
            refused = sum(client.reply().status == 429 for client in clients)
            self.assertEqual(value(scrape(service.address), "rejected_total",
                                   reason="queue-full"), refused)
            for client in clients:
                client.close()

    def test_many_scrapes_at_once(self):
        with Service("--threads", "2") as service:
            statuses = []

            def one():
                with Client(service.address) as client:
                    for _ in range(50):
                        reply = client.ask("GET", "/metrics")
                        parse(reply.body.decode(), False)
                        statuses.append(reply.status)

            threads = [threading.Thread(target=one) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(statuses, [200] * 400)

    def test_what_the_handbook_lists_is_there(self):
        with open(os.path.join(ROOT, "docs/HTTP.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|[^|]*\| ", file.read().split("## Metrics")[1], flags=re.M)
        listed = {"air_classifier_" + name for row in rows for name in re.findall(r"[a-z_]+", row)}
        self.assertGreater(len(listed), 30)
        found = set()
        for options in {}, {"file": imported()}:
            with Service(**options) as service, Client(service.address) as client:
                client.ask(body=INCIDENT)
                found |= {re.sub("_(count|sum|bucket)$", "", name) for name, _ in scrape(service.address)}
        self.assertEqual({name for name in listed - found if "_cgroup_" not in name}, set())
        self.assertEqual({name for name in found - listed if not name.startswith("process_")}, set())

    def test_process_and_plan(self):
        with Service("--connections", "64") as service:
            found = scrape(service.address)
            own = found["process_resident_memory_bytes", ()]
            self.assertLess(abs(own - resident(service.process.pid)), 2e6)
            self.assertGreaterEqual(value(found, "memory_budget_bytes"), own)
            self.assertGreaterEqual(value(found, "memory_reload_budget_bytes"),
                                    value(found, "memory_budget_bytes"))
            self.assertGreaterEqual(value(found, "memory_peak_bytes"), own)
            if not SANITIZED:  # they reserve address space of their own
                self.assertGreaterEqual(value(found, "address_space_budget_bytes"),
                                        found["process_virtual_memory_bytes", ()])
            self.assertEqual(value(found, "connections_limit"), 64)
            self.assertEqual(value(found, "connections"), 1)
            self.assertGreater(found["process_open_fds", ()], 4)
            info = [labels for (name, labels) in found if name == "air_classifier_model_info"]
            self.assertEqual(set(dict(info[0])), {"version", "checksum", "trained"})


if __name__ == "__main__":
    unittest.main()
