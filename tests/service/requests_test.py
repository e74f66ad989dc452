# SPDX-License-Identifier: Apache-2.0
"""What each request is answered with: the routes, the incident's case, every bad body."""
import csv
import json
import os
import unittest

from service import INCIDENT, ROOT, Client, Service, chunked, predict, request

BODY_MAX = 1048576
METHODS = ("DELETE", "PUT", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "G" * 100)

# Name, body, status, the end of the problem's type, words of the sentence.
BAD_BODIES = (
    ("no byte", b"", 400, "invalid-json", ""),
    ("white space", b" \n\t ", 400, "invalid-json", ""),
    ("an array", b"[]", 400, "invalid-field", "an array"),
    ("a string", b'"Test"', 400, "invalid-field", "a string"),
    ("a number", b"17", 400, "invalid-field", "a number"),
    ("null", b"null", 400, "invalid-field", "null"),
    ("true", b"true", 400, "invalid-field", "a boolean"),
    ("an empty object", b"{}", 400, "empty-case", "subject and description"),
    ("an empty case", json.dumps(dict.fromkeys(INCIDENT, "")).encode(), 400, "empty-case", ""),
    ("a case of nulls", json.dumps(dict.fromkeys(INCIDENT)).encode(), 400, "empty-case", ""),
    ("only a product", b'{"product":"Satellite"}', 400, "empty-case", ""),
    ("10,000 arrays", b'{"subject":' + b"[" * 10000 + b"]" * 10000 + b"}", 400, "invalid-json",
     "nested deeper"),
    ("10,000 objects", b'{"a":' * 10000 + b"1" + b"}" * 10000, 400, "invalid-json",
     "nested deeper"),
    ("10,000 never closed", b"[" * 10000, 400, "invalid-json", "nested deeper"),
    ("a repeated key", b'{"subject":"a","subject":"b"}', 400, "invalid-json", "line 1"),
    ("a repeated unknown key", b'{"subject":"a","x":1,"x":2}', 400, "invalid-json", "line 1"),
    ("a number for a string", b'{"subject":"a","version":6.8}', 400, "invalid-field", "version"),
    ("a boolean for a string", b'{"subject":true}', 400, "invalid-field", "subject"),
    ("an array for a string", b'{"subject":"a","origin":["Web"]}', 400, "invalid-field",
     "origin"),
    ("an object for a string", b'{"description":{}}', 400, "invalid-field", "description"),
    ("a broken UTF-8 sequence", b'{"subject":"a\xc3("}', 400, "invalid-utf8", ""),
    ("an overlong sequence", b'{"subject":"\xc0\xaf"}', 400, "invalid-utf8", ""),
    ("a surrogate in UTF-8", b'{"subject":"\xed\xa0\x80"}', 400, "invalid-utf8", ""),
    ("beyond the last character", b'{"subject":"\xf4\x90\x80\x80"}', 400, "invalid-utf8", ""),
    ("Latin-1", '{"subject":"Größe"}'.encode("latin-1"), 400, "invalid-utf8", ""),
    ("UTF-16", '{"subject":"Test"}'.encode("utf-16"), 400, "", ""),
    ("a raw NUL in a string", b'{"subject":"a\0b"}', 400, "invalid-json", ""),
    ("a raw NUL behind", b'{"subject":"a"}\0', 400, "invalid-json", ""),
    ("a raw NUL alone", b"\0", 400, "invalid-json", ""),
    ("a raw newline in a string", b'{"subject":"a\nb"}', 400, "invalid-json", ""),
    ("a lone high surrogate", b'{"subject":"\\ud800"}', 400, "invalid-json", ""),
    ("a lone low surrogate", b'{"subject":"\\udc00 x"}', 400, "invalid-json", ""),
    ("two high surrogates", b'{"subject":"\\ud800\\ud800"}', 400, "invalid-json", ""),
    ("an unknown escape", b'{"subject":"\\x41"}', 400, "invalid-json", ""),
    ("a truncated object", b'{"subject":"Test"', 400, "invalid-json", ""),
    ("a truncated string", b'{"subject":"Te', 400, "invalid-json", ""),
    ("a truncated escape", b'{"subject":"\\u00', 400, "invalid-json", ""),
    ("two objects", b'{"subject":"a"}{"subject":"b"}', 400, "invalid-json", ""),
    ("a comma too many", b'{"subject":"a",}', 400, "invalid-json", ""),
    ("single quotes", b"{'subject':'a'}", 400, "invalid-json", ""),
    ("NaN", b'{"subject":"a","x":NaN}', 400, "invalid-json", ""),
    ("2 MB", b'{"subject":"' + b"a" * 2000000 + b'"}', 413, "too-large", str(BODY_MAX)),
    ("a byte too many", b'{"subject":"a"}'.ljust(BODY_MAX + 1), 413, "too-large", str(BODY_MAX)),
    ("too many characters", b'{"subject":"' + b"a" * 1000001 + b'"}', 413, "too-large",
     "1000000 code points"),
)

FINE_BODIES = (
    ("the escape for NUL", b'{"subject":"a\\u0000b"}'),
    ("an escaped key", b'{"sub\\u006aect":"Test"}'),
    ("null fields", b'{"subject":"Test","description":null,"version":null}'),
    ("unknown members", b'{"subject":"Test","x":{"y":[1,2.5,null,true]},"sbr":"Shift"}'),
    ("numbers of many digits", b'{"subject":"Test","x":[-292697011516987408384,' + b"9" * 300 + b"]}"),
    ("absent fields", b'{"description":"Test"}'),
    ("a pair of surrogates", b'{"subject":"\\ud83d\\ude00"}'),
    ("every plane", '{"subject":"aä€😀"}'.encode()),
    ("white space around", b' \r\n\t{ "subject" : "Test" }\n'),
    ("exactly the largest body", b'{"subject":"a"}'.ljust(BODY_MAX)),
    ("the deepest nesting", b'{"subject":"a","x":' + b"[" * 15 + b"]" * 15 + b"}"),
    ("a key of 100,000 bytes", b'{"subject":"a","' + b"k" * 100000 + b'":1}'),
    ("20,000 unknown members",
     ('{"subject":"a",' + ",".join(f'"k{i}":{i}' for i in range(20000)) + "}").encode()),
)


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service()
        cls.address = cls.service.address

    @classmethod
    def tearDownClass(cls):
        status = cls.service.stop()
        assert status == 0, f"exit status {status}: " + "".join(cls.service.log)

    def ask(self, *args, **kwargs):
        with Client(self.address) as client:
            return client.ask(*args, **kwargs)

    def assert_fine(self, reply):
        self.assertEqual(reply.status, 200, reply.body)
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertRegex(reply.body, rb'\A\{"predicted_sbr":"[A-Za-z]+"\}\n\Z')

    def assert_problem(self, reply, status, kind="", words=""):
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.headers["content-type"], "application/problem+json")
        problem = reply.json()
        self.assertEqual(problem["status"], status)
        for member in ("type", "title", "detail"):
            self.assertIsInstance(problem[member], str)
            self.assertNotEqual(problem[member], "")
        self.assertTrue(problem["type"].endswith(kind), problem)
        self.assertIn(words, problem["detail"])

    def assert_still_serving(self):
        self.assert_fine(self.ask(body=INCIDENT))

    def test_the_incident_is_answered(self):
        self.assertEqual(len(INCIDENT), 8)
        expected = predict([INCIDENT])[0]["predicted_sbr"]
        reply = self.ask(body=INCIDENT)
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.headers["content-type"], "application/json")
        self.assertEqual(reply.body, b'{"predicted_sbr":"%s"}\n' % expected.encode())

    def test_real_cases_are_answered_as_by_the_command(self):
        with open(os.path.join(ROOT, "tests", "cases", "heldout.csv"), encoding="utf-8",
                  newline="") as file:
            cases = [{k: v for k, v in row.items() if k != "sbr"} for row in csv.DictReader(file)]
        cases = cases[::6]
        self.assertGreaterEqual(len(cases), 25)
        answers = set()
        with Client(self.address) as client:
            for case, expected in zip(cases, predict(cases)):
                reply = client.ask(body=case)
                self.assert_fine(reply)
                self.assertEqual(reply.json()["predicted_sbr"], expected["predicted_sbr"])
                self.assertEqual(expected["case_number"], case["case_number"])
                answers.add(expected["predicted_sbr"])
        self.assertGreater(len(answers), 2, "the cases tell nothing apart")

    def test_details_are_those_of_the_command(self):
        cases = [INCIDENT, dict(INCIDENT, subject='Größe "x"\t\x01', case_number="")]
        for case, expected in zip(cases, predict(cases, "--detail")):
            self.assertEqual(expected.pop("case_number"), case["case_number"])
            reply = self.ask(path="/classifier/sbr?detail=1", body=case)
            self.assertEqual((reply.status, reply.json()), (200, expected))
            self.assertTrue(reply.body.endswith(b"}\n"))
            self.assertEqual({"confidence", "abstained", "alternatives", "members", "truncated",
                              "decision_id", "model", "predicted_sbr"}, set(expected))
        self.assert_fine(self.ask(path="/classifier/sbr?detail=0", body=INCIDENT))
        self.assert_fine(self.ask(path="/classifier/sbr?", body=INCIDENT))

    def test_parameters_that_are_not_known_are_named(self):
        for query, name in (("details=1", "details"), ("detail=2", "detail"), ("detail", "detail"),
                            ("detail=", "detail"), ("detail=1&detail=1", "twice"), ("=1", "''"),
                            ("detail=1&x", "'x'"), ("DETAIL=1", "DETAIL"), ("%64etails", "details"),
                            ("a" * 5000 + "=1", "aaa"), ("detail=true", "true")):
            with self.subTest(query[:40]):
                reply = self.ask(path="/classifier/sbr?" + query, body=INCIDENT)
                self.assert_problem(reply, 400, "invalid-parameter", name)
        for query in ("%ff=1", "x%00=1", "detail=%c3"):
            reply = self.ask(path="/classifier/sbr?" + query, body=INCIDENT)
            self.assert_problem(reply, 400, "invalid-parameter")
        self.assert_fine(self.ask(path="/classifier/sbr?d%65tail=0", body=INCIDENT))

    def test_bad_bodies_are_refused(self):
        for name, body, status, kind, words in BAD_BODIES:
            with self.subTest(name):
                self.assert_problem(self.ask(body=body), status, kind, words)
                self.assert_still_serving()

    def test_bad_bodies_in_chunks_are_refused_alike(self):
        for name, body, status, kind, words in BAD_BODIES:
            with self.subTest(name), Client(self.address) as client:
                client.send(request(body=b"", length=False,
                                    headers=["Transfer-Encoding: chunked"]) + chunked(body))
                self.assert_problem(client.reply(), status, kind, words)
                self.assert_fine(client.ask(body=INCIDENT))

    def test_fine_bodies_are_answered(self):
        for name, body in FINE_BODIES:
            with self.subTest(name):
                self.assert_fine(self.ask(body=body))
            with self.subTest(name + " in chunks"), Client(self.address) as client:
                client.send(request(body=b"", length=False,
                                    headers=["Transfer-Encoding: chunked"]) + chunked(body, 777))
                self.assert_fine(client.reply())

    def test_json_is_asked_for(self):
        body = json.dumps(INCIDENT).encode()
        for kind in (None, "text/plain", "application/x-www-form-urlencoded", "application/xml",
                     "application/jsonlines", "application/json-patch", "x" * 3000, "gr\xf6\xdfe",
                     "", "multipart/form-data; boundary=x"):
            with self.subTest(kind):
                self.assert_problem(self.ask(body=body, content_type=kind), 415,
                                    "unsupported-media-type")
                self.assert_still_serving()
        for kind in ("application/json", "Application/JSON", "application/json; charset=utf-8",
                     "application/json;charset=UTF-8", "application/json ; x=y"):
            with self.subTest(kind):
                self.assert_fine(self.ask(body=body, content_type=kind))

    def test_a_refused_body_is_read_so_that_the_answer_arrives(self):
        # A client that writes all before it reads would find its connection reset instead.
        body = b'{"subject":"' + b"a" * 900000 + b'"}'
        for _ in range(5):
            with Client(self.address) as client:
                self.assert_problem(client.ask(body=body, content_type="text/plain"), 415)
                self.assert_problem(client.ask(body=body, path="/nowhere"), 404)
                self.assert_problem(client.ask("PUT", body=body), 405)
                self.assert_problem(client.ask(body=body * 4), 413)
                self.assert_fine(client.ask(body=INCIDENT))

    def test_a_body_far_too_long_is_refused_by_its_length_alone(self):
        for length in ("999999999999", "18446744073709551615", "99999999999999999999999999"):
            with self.subTest(length), Client(self.address) as client:
                client.send(request(headers=["Content-Type: application/json",
                                             "Content-Length: " + length]))
                self.assertEqual(client.reply().status, 413)
                client.stream.read()  # to its end: the connection is closed
            self.assert_still_serving()

    def test_expect_is_answered_before_the_body(self):
        body = json.dumps(INCIDENT).encode()
        with Client(self.address) as client:
            head = request(body=body, headers=["Expect: 100-continue"])[:-len(body)]
            client.send(head)
            self.assertEqual(client.reply().status, 100)
            client.send(body)
            self.assert_fine(client.reply())
        for kind, length, status in (("application/json", 2000000, 413), ("text/plain", 9, 415)):
            with Client(self.address) as client:
                client.send(request(headers=["Expect: 100-continue", "Content-Type: " + kind,
                                             f"Content-Length: {length}"]))
                self.assert_problem(client.reply(), status)

    def test_health(self):
        for path, member in (("/health/live", "live"), ("/health/ready", "ready")):
            for query in ("", "?", "?x=1&y=%00"):
                reply = self.ask("GET", path + query)
                self.assertEqual(reply.status, 200)
                self.assertEqual(reply.json(), {member: True})
                self.assertTrue(reply.body.endswith(b"\n"))

    def test_head_is_get_without_a_body(self):
        for path in ("/health/live", "/health/ready", "/openapi.json"):
            with Client(self.address) as client:
                got = client.ask("GET", path)
                head = client.ask("HEAD", path)
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertEqual(head.headers["content-length"], str(len(got.body)))
                self.assertEqual(head.headers["content-type"], got.headers["content-type"])
                self.assertEqual(client.ask("GET", path).body, got.body)
        self.assertEqual(self.ask("HEAD", "/nowhere").status, 404)
        self.assertEqual(self.ask("HEAD", "/classifier/sbr").status, 405)

    def test_options_and_other_methods(self):
        for path, allowed in (("/classifier/sbr", {"OPTIONS", "POST"}),
                              ("/health/live", {"GET", "HEAD", "OPTIONS"}),
                              ("/openapi.json", {"GET", "HEAD", "OPTIONS"})):
            reply = self.ask("OPTIONS", path)
            self.assertEqual((reply.status, reply.body), (200, b""))
            self.assertEqual(set(reply.headers["allow"].split(", ")), allowed)
            for method in METHODS + (("GET",) if "POST" in allowed else ("POST",)):
                with self.subTest(method + " " + path):
                    reply = self.ask(method, path)
                    self.assert_problem(reply, 405, "method")
                    self.assertEqual(set(reply.headers["allow"].split(", ")), allowed)
        self.assert_still_serving()

    def test_unknown_paths(self):
        for path in ("/", "/classifier", "/classifier/sbr/", "/classifier//sbr",
                     "/classifier/sbr%00", "/health/live%00x", "/health/live%2500", "/Health/Live",
                     "/health/../health/live", "//health/live", "/%", "/%zz", "/%ff%fe", "*",
                     "/" + "a" * 7000, "/classifier/sbr;x=1", "/health/live/", "/health/live%20"):
            for method in ("GET", "POST"):
                with self.subTest(method + " " + path[:40]):
                    self.assert_problem(self.ask(method, path), 404, "not-found")
        self.assert_still_serving()
        self.assertEqual(self.ask("GET", "/health/%6Cive").status, 200)

    def test_every_route_described_is_served(self):
        description = self.ask("GET", "/openapi.json").json()
        self.assertTrue(description["openapi"].startswith("3."))
        schemas = description["components"]["schemas"]
        self.assertEqual(set(schemas["Case"]["properties"]), set(INCIDENT))
        # Each route has a request here; a new route needs a line, and its own tests above.
        tried = {
            ("/classifier/sbr", "post"): ({"body": INCIDENT}, {"body": b"["},
                                          {"body": b" " * (BODY_MAX + 1)},
                                          {"body": INCIDENT, "content_type": "text/plain"}),
            ("/classifier/sbr/batch", "post"): ({"body": [INCIDENT]}, {"body": b"["},
                                                {"body": [INCIDENT] * 65},
                                                {"body": INCIDENT, "content_type": "text/plain"}),
            ("/health/live", "get"): ({},),
            ("/health/ready", "get"): ({},),
            ("/admin/reload", "post"): ({}, {"path": "/admin/reload?any_labels=2"}),
            ("/metrics", "get"): ({},),
            ("/openapi.json", "get"): ({}, {"headers": ["If-None-Match: *"]}),
            ("/apispec_1.json", "get"): ({}, {"headers": ["If-None-Match: *"]}),
            ("/apidocs/", "get"): ({}, {"headers": ["If-None-Match: *"]}),
        }
        described = {(path, method) for path, item in description["paths"].items()
                     for method in item}
        self.assertEqual(described, set(tried))
        for (path, method), requests in tried.items():
            responses = description["paths"][path][method]["responses"]
            seen = set()
            for parameters in requests:
                reply = self.ask(method.upper(), **{"path": path, **parameters})
                self.assertIn(str(reply.status), responses)
                kind = reply.headers["content-type"]
                self.assertIn(kind, responses[str(reply.status)].get("content", kind))
                seen.add(str(reply.status))
            # 429 and 504 need a queue: batch_test.py; 503 a service that stops: stop_test.py;
            # the admin a token: reload_test.py; 406 npm when this was built: pages_test.py
            elsewhere = {"/admin/reload": {"200", "401", "409", "413"}, "/apidocs/": {"406"}}.get(path, set())
            self.assertEqual(seen, set(responses) - {"429", "503", "504"} - elsewhere, path)
        example = schemas["Case"]["example"]
        self.assertEqual(set(example), set(INCIDENT))
        self.assert_fine(self.ask(body=example))


if __name__ == "__main__":
    unittest.main()
