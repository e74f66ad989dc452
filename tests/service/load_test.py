# SPDX-License-Identifier: Apache-2.0
"""What `make soak` measures as `rate` and `overload`, in short and without a clock: every answer is right, or a refusal of the contract, and
what is counted is what happened."""
import collections
import threading
import unittest

from batch_test import LONG, imported, some_cases
from metrics_test import parse
from service import INCIDENT, SLOW, Client, Service, predict, request, wait_until

CONNECTIONS, REQUESTS, TOGETHER = 6, 500, 50  # requests of each connection, and of them on their way at once
CROWD, QUEUE, ROUNDS = 48, 4, 6
REFUSALS = {429: "/problems/queue-full", 504: "/problems/deadline"}


def counted(service):
    with Client(service.address) as client:
        return parse(client.ask("GET", "/metrics").body.decode(), False)


def of_code(samples, path="/classifier/sbr"):
    """Requests by status, those that came."""
    wanted = {int(dict(labels)["code"]): value for (name, labels), value in samples.items()
              if name == "air_classifier_requests_total" and dict(labels)["route"] == path}
    return {status: value for status, value in wanted.items() if value > 0}


def value(samples, name, **labels):
    return samples["air_classifier_" + name, tuple(sorted(labels.items()))]


class Crowd:
    """Threads that begin together; what goes wrong in one of them is raised at the end."""

    def __init__(self, count, run):
        self.wrong, self.barrier, self.run = [], threading.Barrier(count), run
        threads = [threading.Thread(target=self._one, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SLOW)
        assert not self.wrong, self.wrong[:3]

    def _one(self, number):
        try:
            self.barrier.wait(SLOW)
            self.run(number)
        except Exception as error:  # pylint: disable=broad-except
            self.wrong.append(error)


class Rate(unittest.TestCase):
    def test_all_are_right_and_counted(self):
        cases = [dict(INCIDENT, subject=f"{what} {number}") for number in range(5) for what in
                 ("pods restart", "disk full", "login fails with ipa", "yum update")]
        expected = [answer["predicted_sbr"] for answer in predict(cases)]
        self.assertGreater(len(set(expected)), 1, "a weak test: all answers are the same")

        def run(number):
            together = TOGETHER if number % 2 else 1
            with Client(service.address) as client:
                for first in range(0, REQUESTS, together):
                    which = [(number + i) % len(cases) for i in range(first, first + together)]
                    client.send(b"".join(request(body=cases[i]) for i in which))
                    for i in which:
                        reply = client.reply()
                        assert (reply.status, reply.json()) == (200, {"predicted_sbr": expected[i]}), reply.body

        with Service("--threads", "2") as service:
            Crowd(CONNECTIONS, run)
            samples, total = counted(service), CONNECTIONS * REQUESTS
            self.assertEqual(of_code(samples), {200: total})
            self.assertEqual(value(samples, "request_duration_seconds_count", route="/classifier/sbr"), total)
            self.assertEqual(value(samples, "confidence_count"), total)
            told = collections.Counter()
            for number in range(CONNECTIONS):
                told.update(expected[(number + i) % len(cases)] for i in range(REQUESTS))
            for sbr, count in told.items():
                self.assertEqual(value(samples, "predictions_total", sbr=sbr), count)
            self.assertEqual(value(samples, "requests_in_flight"), 1)  # that which asks
            self.assertEqual(service.stop(), 0)


class Overload(unittest.TestCase):
    def test_a_crowd_twelve_times_the_queue(self):
        cases = [*some_cases(12, 60), LONG]
        expected = [answer["predicted_sbr"] for answer in predict(cases, file=imported())]
        seen, lock = collections.Counter(), threading.Lock()

        def run(number):
            with Client(service.address) as client:
                for i in range(number, number + ROUNDS):
                    reply = client.ask(body=cases[i % len(cases)])
                    with lock:
                        seen[reply.status] += 1
                    if reply.status == 200:
                        assert reply.json() == {"predicted_sbr": expected[i % len(cases)]}, reply.body
                        continue
                    assert reply.json()["type"] == REFUSALS[reply.status], reply.body
                    assert reply.status != 429 or int(reply.headers["retry-after"]) > 0

        with Service("--threads", "1", "--queue", str(QUEUE), file=imported()) as service:
            crowds = 0
            while not (seen[200] and seen[429]) and crowds < 20:
                Crowd(CROWD, run)
                crowds += 1
            self.assertTrue(seen[200] and seen[429], seen)
            self.assertEqual(sum(seen.values()), crowds * CROWD * ROUNDS)
            with Client(service.address) as client:  # each of them alone, once the crowd has gone
                self.assertTrue(wait_until(lambda: value(counted(service), "queue_depth") == 0))
                for case, sbr in zip(cases[:3], expected):
                    reply = client.ask(body=case)
                    self.assertEqual((reply.status, reply.json()), (200, {"predicted_sbr": sbr}))
                    seen[200] += 1
                self.assertEqual(client.ask("GET", "/health/ready").status, 200)
            samples = counted(service)
            self.assertEqual(of_code(samples), {status: count for status, count in seen.items() if count})
            self.assertEqual(value(samples, "rejected_total", reason="queue-full"), seen[429])
            self.assertEqual(value(samples, "rejected_total", reason="deadline"), seen[504])
            self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    unittest.main()
