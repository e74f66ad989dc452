# SPDX-License-Identifier: Apache-2.0
"""The batch route: each case answered as it would be alone, errors in their place, order kept."""
import contextlib
import json
import os
import signal
import time
import unittest

from batch_test import imported, some_cases
from service import INCIDENT, Client, Service, chunked, model, predict, request

PATH = "/classifier/sbr/batch"
LINES = "application/x-ndjson"


def lines_of(cases):
    return "".join(json.dumps(case) + "\n" for case in cases).encode()


class Many(unittest.TestCase):
    """Both kinds of service: the linear member answers at once, ULMFiT through the queue."""

    @classmethod
    def setUpClass(cls):
        cls.files = {"linear": model(), "ulmfit": imported()}
        cls.services = {name: Service("--threads", "2", "--deadline", "600", file=file)
                        for name, file in cls.files.items()}

    @classmethod
    def tearDownClass(cls):
        for service in cls.services.values():
            status = service.stop()
            assert status == 0, f"exit status {status}: " + "".join(service.log)

    def each(self):
        for name, service in self.services.items():
            with self.subTest(name), Client(service.address) as client:
                yield name, client

    def test_a_full_batch_is_answered_as_each_alone(self):
        cases = [dict(case, case_number=f"0{i}") for i, case in enumerate(some_cases(64, 60))]
        for name, client in self.each():
            expected = predict(cases, "--detail", file=self.files[name])
            reply = client.ask(path=PATH, body=cases)
            self.assertEqual((reply.status, reply.headers["content-type"]),
                             (200, "application/json"))
            self.assertEqual(reply.json(), expected)
            reply = client.ask(path=PATH, body=lines_of(cases), content_type=LINES + "; charset=utf-8")
            self.assertEqual((reply.status, reply.headers["content-type"]), (200, LINES))
            self.assertEqual([json.loads(line) for line in reply.body.splitlines()], expected)
            self.assertTrue(reply.body.endswith(b"}\n"))
            alone = client.ask(path="/classifier/sbr?detail=1", body=cases[7]).json()
            self.assertEqual(dict(alone, case_number="07"), expected[7])

    def test_bad_cases_are_told_in_their_place(self):
        body = b'{"subject":"disk"}\n\n{"subject":\n{"case_number":"4","subject":[]}\n' \
               b'{"case_number":"5","description":"Test"}'
        for _, client in self.each():
            reply = client.ask(path=PATH, body=body, content_type=LINES)
            self.assertEqual(reply.status, 200)
            items = [json.loads(line) for line in reply.body.splitlines()]
            self.assertEqual([item["case_number"] for item in items], ["", "", "4", "5"])
            self.assertEqual([item.get("error", {}).get("code") for item in items],
                             [None, "invalid-json", "invalid-field", None])
            self.assertEqual([item["error"]["line"] for item in items if "error" in item], [3, 4])
            reply = client.ask(path=PATH, body=[INCIDENT, {}, INCIDENT, "x"])
            self.assertEqual(reply.status, 200)
            self.assertEqual([item.get("error", {}).get("line") for item in reply.json()],
                             [None, 2, None, 4])
            only_bad = client.ask(path=PATH, body=[{}, 7])
            self.assertEqual((only_bad.status, len(only_bad.json())), (200, 2))

    def test_details_can_be_left_out(self):
        for _, client in self.each():
            items = client.ask(path=PATH + "?detail=0", body=[INCIDENT, {}]).json()
            self.assertEqual(set(items[0]), {"case_number", "predicted_sbr"})
            self.assertEqual(set(items[1]), {"case_number", "error"})
            self.assertEqual(client.ask(path=PATH + "?details=0", body=[INCIDENT]).status, 400)

    def test_what_is_no_batch_is_refused(self):
        rows = (("no array", INCIDENT, "application/json", 400, "invalid-field"),
                ("no JSON", b"[{]", "application/json", 400, "invalid-json"),
                ("no byte", b"", "application/json", 400, "invalid-json"),
                ("65 cases", [INCIDENT] * 65, "application/json", 413, "too-large"),
                ("65 lines", lines_of([INCIDENT] * 65), LINES, 413, "too-large"),
                ("500,000 lines", b"1\n" * 500000, LINES, 413, "too-large"),
                ("another type", lines_of([INCIDENT]), "text/plain", 415,
                 "unsupported-media-type"),
                ("2 MB", b'["' + b"a" * 2000000 + b'"]', "application/json", 413, "too-large"))
        for name, body, kind, status, problem in rows:
            for _, client in self.each():
                reply = client.ask(path=PATH, body=body, content_type=kind)
                self.assertEqual((name, reply.status), (name, status))
                self.assertEqual(reply.json()["type"], "/problems/" + problem)
                self.assertEqual(client.ask(path=PATH, body=[INCIDENT]).status, 200)
        for _, client in self.each():  # lines are for batches
            reply = client.ask(body=lines_of([INCIDENT]), content_type=LINES)
            self.assertEqual(reply.status, 415)

    def test_nothing_is_answered_with_nothing(self):
        for _, client in self.each():
            reply = client.ask(path=PATH, body=[])
            self.assertEqual((reply.status, reply.body), (200, b"[]\n"))
            reply = client.ask(path=PATH, body=b"\n\n", content_type=LINES)
            self.assertEqual((reply.status, reply.body), (200, b""))

    def test_chunks_cut_anywhere(self):
        cases = [INCIDENT, {}, dict(INCIDENT, subject="Größe\u0000\n")]
        for _, client in self.each():
            expected = client.ask(path=PATH, body=lines_of(cases), content_type=LINES).body
            for size in (1, 7, 50000):
                client.send(request(path=PATH, body=b"", length=False, content_type=LINES,
                                    headers=["Transfer-Encoding: chunked"]) +
                            chunked(lines_of(cases), size))
                self.assertEqual(client.reply().body, expected)

    def test_the_longest_body_of_cases(self):
        case = {"case_number": "n" * 8000, "subject": "s", "description": "disk " * 1600}
        body = json.dumps([case] * 64).encode()
        self.assertLess(len(body), 1048576)
        service = self.services["linear"]
        with Client(service.address) as client:
            reply = client.ask(path=PATH, body=body.ljust(1048576))
            self.assertEqual(reply.status, 200)
            self.assertEqual({item["case_number"] for item in reply.json()}, {"n" * 8000})


class Admission(unittest.TestCase):
    """A batch is so many cases, by the rule that holds for single ones."""

    def test_a_batch_is_never_longer_than_the_queue(self):
        with Service("--queue", "4", "--deadline", "600", file=imported()) as service:
            with Client(service.address) as client:
                self.assertEqual(client.ask(path=PATH, body=[INCIDENT] * 4).status, 200)
                self.assertEqual(client.ask(path=PATH, body=[INCIDENT] * 5).status, 413)
        with Service("--batch-max", "2") as service, Client(service.address) as client:
            self.assertEqual(client.ask(path=PATH, body=[INCIDENT] * 2).status, 200)
            self.assertEqual(client.ask(path=PATH, body=[INCIDENT] * 3).status, 413)

    LONG = {"subject": "disk", "description": "the printer fails again . " * 1500}

    def test_all_late_is_a_deadline_missed(self):
        with Service("--threads", "1", "--deadline", "2", file=imported(),
                     env=dict(os.environ, AIR_CLASSIFIER_BEND="queue")) as service, Client(service.address) as client:
            self.assertEqual(client.ask(path=PATH, body=[self.LONG] * 8).status, 200)
            service.process.send_signal(signal.SIGUSR1)  # who answers hangs, as if it were at others for long
            for _ in range(20):
                reply = client.ask(path=PATH, body=[self.LONG] * 8)
                if reply.status == 504:
                    break
                self.assertEqual(reply.status, 200)  # it had not looked yet
            self.assertEqual((reply.status, reply.json()["type"]), (504, "/problems/deadline"))
            service.process.send_signal(signal.SIGUSR1)

    def test_behind_huge_cases_a_batch_is_answered_refused_or_late(self):
        for deadline in ("0.01", "0.003", "0.001"):
            with contextlib.ExitStack() as stack:
                service = stack.enter_context(
                    Service("--threads", "1", "--deadline", deadline, file=imported()))
                clients = [stack.enter_context(Client(service.address)) for _ in range(17)]
                for client in clients[1:]:
                    client.send(request(body=self.LONG))
                time.sleep(0.002)
                reply = clients[0].ask(path=PATH, body=[self.LONG] * 8)
                for client in clients[1:]:
                    self.assertIn(client.reply().status, (200, 429, 504))
                self.assertIn(reply.status, (200, 429, 504))
                if reply.status == 504:
                    self.assertEqual(reply.json()["type"], "/problems/deadline")


if __name__ == "__main__":
    unittest.main()
