# SPDX-License-Identifier: Apache-2.0
"""?explain=1: reasons that stand where they say and sum up, found in time, whatever else is asked."""
import threading
import time
import unittest

from batch_test import imported, some_cases
from service import INCIDENT, Client, Service, request, wait_until

PATH = "/classifier/sbr?explain=1"
CASES = (INCIDENT,
         {"subject": "Disk full", "description": "the volume /dev/sda1 is full; lvextend fails, lvextend fails"},
         {"subject": "ディスクがいっぱい disk", "product": "  Größe  "},
         {"description": "\u0000 a " + "registration " * 400})


class Explain(unittest.TestCase):
    def check(self, case, answer):
        reasons = answer["reasons"]
        for reason in reasons:
            self.assertEqual(set(reason), {"field", "start", "end", "text", "weight"})
            span = case.get(reason["field"], "").encode()[reason["start"]:reason["end"]].decode()
            self.assertTrue(span.startswith(reason["text"]))
            if " " not in reason["text"]:
                self.assertEqual(span, reason["text"])
        self.assertEqual(len({(r["field"], r["start"], r["end"]) for r in reasons}), len(reasons))
        self.assertEqual(reasons[-1]["text"], "")
        weights = [abs(reason["weight"]) for reason in reasons[:-1]]
        self.assertEqual(weights, sorted(weights, reverse=True))
        self.assertAlmostEqual(sum(reason["weight"] for reason in reasons),
                               answer["runner_up"]["difference"], places=5)

    def look(self, service, cases):
        with Client(service.address) as client:
            for case in cases:
                plain = client.ask(body=case).json()
                reply = client.ask(path=PATH, body=case)
                self.assertEqual((reply.status, reply.body[-2:]), (200, b"}\n"), reply.body)
                answer = reply.json()
                self.assertEqual(set(answer), {"predicted_sbr", "runner_up", "reasons"})
                self.assertEqual(answer["predicted_sbr"], plain["predicted_sbr"])
                self.check(case, answer)
                both = client.ask(path=PATH + "&detail=1", body=case).json()
                detail = client.ask(path="/classifier/sbr?detail=1", body=case).json()
                self.assertEqual({key: both[key] for key in detail}, detail)
                self.assertEqual(both["runner_up"]["sbr"], detail["alternatives"][0]["sbr"])
                self.check(case, both)

    def test_linear(self):
        with Service() as service:
            self.look(service, CASES)
            with Client(service.address) as client:
                word = client.ask(path=PATH, body=CASES[1]).json()["reasons"][0]
                self.assertNotEqual(word["text"], "")
                self.assertEqual(client.ask(path=PATH, body=b"{").status, 400)
                refused = client.ask(path="/classifier/sbr/batch?explain=1", body=[INCIDENT])
                self.assertEqual((refused.status, refused.json()["type"]),
                                 (400, "/problems/invalid-parameter"))
            self.assertEqual(service.stop(), 0)

    def test_ulmfit(self):
        cases = some_cases(12, 60) + [CASES[2]]
        with Service("--deadline", "60", file=imported()) as service:
            self.look(service, cases)
            with Client(service.address) as client:
                told = client.ask(path=PATH, body=cases[0]).json()
                self.assertGreater(len(told["reasons"]), 5)
                counted = client.ask("GET", "/metrics").body.decode()
            # Texts with words left out are not answers.
            predictions = sum(float(line.split()[-1]) for line in counted.splitlines()
                              if line.startswith("air_classifier_predictions_total{"))
            self.assertEqual(predictions, 4 * len(cases) + 1)
            self.assertEqual(service.stop(), 0)

    def test_a_long_text_within_the_deadline(self):
        case = some_cases(1, 4)[0]
        case["description"] = (case["description"] + " disk ") * 20000
        with Service("--deadline", "1", file=imported()) as service:
            with Client(service.address) as client:
                client.ask(body=case)
                begun = time.monotonic()
                reply = client.ask(path=PATH, body=case)
                self.assertIn(reply.status, (200, 504))
                self.assertLess(time.monotonic() - begun, 30)
                if reply.status == 200:
                    self.check(case, reply.json())
            self.assertEqual(service.stop(), 0)

    def test_many_at_once_and_a_queue_that_is_full(self):
        cases = some_cases(16, 60)
        with Service("--queue", "20", "--deadline", "60", file=imported()) as service:
            told = [None] * len(cases)

            def one(number):
                with Client(service.address) as client:
                    told[number] = client.ask(path=PATH, body=cases[number])

            threads = [threading.Thread(target=one, args=(i,)) for i in range(len(cases))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            for case, reply in zip(cases, told):
                self.assertIn(reply.status, (200, 429))
                if reply.status == 200:
                    self.check(case, reply.json())
            with Client(service.address) as client:  # and all places are free again
                self.assertTrue(wait_until(
                    lambda: b"\nair_classifier_queue_depth 0\n" in client.ask("GET", "/metrics").body))
                self.check(cases[0], client.ask(path=PATH, body=cases[0]).json())
            self.assertEqual(service.stop(), 0)

    def test_stopped_meanwhile(self):
        cases = some_cases(8, 200)
        with Service("--deadline", "60", file=imported()) as service:
            clients = [Client(service.address) for _ in cases]
            for client, case in zip(clients, cases):
                client.ask(body=case)
                client.send(request(path=PATH, body=case))
            self.assertEqual(service.stop(), 0)
            for client, case in zip(clients, cases):
                try:
                    reply = client.reply()
                except (EOFError, ConnectionResetError):
                    continue  # it came too late
                self.assertIn(reply.status, (200, 503))
                if reply.status == 200:
                    self.check(case, reply.json())
                client.close()


if __name__ == "__main__":
    unittest.main()
