# SPDX-License-Identifier: Apache-2.0
"""The service on the wire: framing, pipelining, old versions, nonsense, and slow clients."""
import json
import re
import socket
import threading
import time
import unittest

from service import INCIDENT, SLOW, Client, Service, chunked, request, wait_until

BODY = json.dumps(INCIDENT).encode()
HEAD = b"POST /classifier/sbr HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CODED = b"Transfer-Encoding: chunked\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"

# What a smuggler hides behind, or in the body of, a request that somebody else ends elsewhere.
SMUGGLED = LIVE + b"\r\n"
HIDDEN = b"Content-Length: %d\r\n" % len(SMUGGLED)
# Refused, and the connection closed, because it, or its end, can be read in two ways.
AMBIGUOUS = (
    ("lengths that differ", HEAD + LENGTH + b"Content-Length: 3\r\n\r\n" + BODY),
    ("a length and a coding", HEAD + LENGTH + CODED + b"\r\n" + chunked(BODY)),
    ("a coding and a length", HEAD + CODED + LENGTH + b"\r\n" + chunked(BODY)),
    ("an unknown coding", HEAD + b"Transfer-Encoding: gzip\r\n\r\n" + BODY),
    ("two codings in one", HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(BODY)),
    ("two codings", HEAD + b"Transfer-Encoding: gzip\r\n" + CODED + b"\r\n" + chunked(BODY)),
    ("chunked twice", HEAD + CODED + CODED + b"\r\n" + chunked(BODY)),
    ("a space before the colon", HEAD + b"Content-Length : 2\r\n\r\n{}"),
    ("the same length twice", HEAD + LENGTH + LENGTH + b"\r\n" + BODY),
    ("chunks of HTTP/1.0", HEAD.replace(b"1.1", b"1.0") + CODED + b"\r\n" + chunked(BODY)),
    ("a length of a folded line", HEAD + b"Content-Length:\r\n %d\r\n\r\n" % len(SMUGGLED)),
    ("the same, behind a tab", HEAD + b"Content-Length:\r\n\t%d\r\n\r\n" % len(SMUGGLED)),
    ("a coding of a folded line", HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n"),
    ("the same, in a chunk", HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n%x\r\n" % len(SMUGGLED)),
    ("a value of two lines", LIVE + b"X: a\r\n b\r\n" + HIDDEN + b"\r\n"),
    ("a second line of white space", LIVE + b"X: a\r\n \t\r\n" + HIDDEN + b"\r\n"),
    ("a first header that is folded", LIVE[:LIVE.find(b"Host")] + b" X: a\r\nHost: x\r\n\r\n"),
    ("a first header without a name", LIVE[:LIVE.find(b"Host")] + b": a\r\nHost: x\r\n\r\n"),
    ("a header without a name", HEAD + b": a\r\n" + HIDDEN + b"\r\n"),
    ("a last header without a name", LIVE + HIDDEN + b": a\r\n\r\n"),
    ("a name that is none", LIVE + b"X(a): b\r\n\r\n"),
    ("a name in quotes", LIVE + b'"X": b\r\n\r\n'),
    ("a name with a carriage return", LIVE + b"X\r: b\r\n\r\n"),
    ("a header that begins with NUL", HEAD + b"\0Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + BODY),
    ("NUL behind a length", HEAD + b"Content-Length: %d\0 9\r\n\r\n" % len(BODY) + BODY),
    ("NUL behind a coding", HEAD + b"Transfer-Encoding: chunked\0x\r\n" + HIDDEN + b"\r\n"),
    ("NUL at the end of a value", LIVE + b"X: a\0\r\n" + HIDDEN + b"\r\n"),
    ("NUL in a value", LIVE + b"X: a\0b\r\n\r\n"),
    ("a carriage return in a value", LIVE + b"X: a\r" + HIDDEN + b"\r\n"),
    ("lines of carriage returns", LIVE + b"X: a\r\r" + HIDDEN + b"\r\n"),
    ("two hosts", LIVE + b"Host: x\r\n\r\n"),
    ("two hosts in one", LIVE.replace(b": x", b": x, y") + b"\r\n"),
    ("a host of colons", LIVE.replace(b": x", b": a:b:c") + b"\r\n"),
    ("an address that is not closed", LIVE.replace(b": x", b": [::1") + b"\r\n"),
    ("a port beyond all", LIVE.replace(b": x", b": x:99999") + b"\r\n"),
    ("a port that is none", LIVE.replace(b": x", b": x:8a") + b"\r\n"),
    ("a port alone", LIVE.replace(b": x", b": :80") + b"\r\n"),
    ("a host with a path", LIVE.replace(b": x", b": x/y") + b"\r\n"),
    ("two types", HEAD + b"content-type: text/plain\r\n" + LENGTH + b"\r\n" + BODY),
    ("two tokens", LIVE + b"Authorization: Bearer a\r\n" * 2 + b"\r\n"),
    ("neither a length nor a coding", HEAD + b"\r\n"),
    ("no host", LIVE[:LIVE.find(b"Host")] + b"\r\n"),
    ("a space in the target", LIVE.replace(b"live", b"live x") + b"\r\n"),
    ("two spaces before the target", LIVE.replace(b"GET ", b"GET  ") + b"\r\n"),
    ("two spaces before the version", LIVE.replace(b" HTTP", b"  HTTP") + b"\r\n"),
    ("NUL in the method", LIVE.replace(b"GET", b"GET\0x") + b"\r\n"),
    ("NUL behind the method", LIVE.replace(b"GET", b"GET\0") + b"\r\n"),
    ("a second version", LIVE.replace(b"1.1", b"1.1 HTTP/1.1") + b"\r\n"),
    ("NUL in the target", LIVE.replace(b"live", b"live\0x") + b"\r\n"),
    ("NUL before a second version", LIVE.replace(b"live", b"live\0HTTP/1.1") + b"\r\n"),
    ("NUL before a query", LIVE.replace(b"live", b"live\0?x") + b"\r\n"),
    ("NUL in a query", LIVE.replace(b"live", b"live?x\0y") + b"\r\n"),
    ("a carriage return in the target", LIVE.replace(b"live", b"live?\r") + b"\r\n"),
    ("a length that is no number", HEAD + b"Content-Length: 1x\r\n\r\n"),
    ("a length with a sign", HEAD + b"Content-Length: +%d\r\n\r\n" % len(SMUGGLED)),
    ("a negative length", HEAD + b"Content-Length: -1\r\n\r\n"),
    ("two lengths in one", HEAD + b"Content-Length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY),
    ("an empty length", HEAD + b"Content-Length: \r\n\r\n"),
    ("an empty length of a page", LIVE + b"Content-Length:\r\n\r\n"),
    ("a hexadecimal length", HEAD + b"Content-Length: 0x20\r\n\r\n"),
    ("a length with a fraction", HEAD + b"Content-Length: 32.0\r\n\r\n"),
)
# The library's own answers: the status is right, the form is its own; None: it only closes.
REFUSED = (
    ("a length without bound", HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 413),
    ("cookies of 9 KB", LIVE + b"Cookie: " + b"a=b; " * 1800 + b"\r\n\r\n", 431),
    ("a chunk size that is no number", HEAD + CODED + b"\r\nzz\r\n" + BODY, 400),
    ("a chunk size without bound", HEAD + CODED + b"\r\n" + b"f" * 30 + b"\r\n", 413),
    ("300 parameters", LIVE.replace(b"live", b"live?" + b"&" * 300) + b"\r\n", 431),
    ("100 parameters", HEAD.replace(b"sbr", b"sbr?" + b"a=b&" * 100) + LENGTH + b"\r\n" + BODY, 431),
    ("a header of 40 KB", LIVE + b"X: " + b"a" * 40000 + b"\r\n\r\n", 431),
    ("5,000 headers", LIVE + b"X: a\r\n" * 5000 + b"\r\n", 431),
    ("a path of 40 KB", b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ("a header without a colon", LIVE + b"abc\r\n\r\n", 400),
    ("a line of bytes", bytes(range(128, 256)) + b"\r\n\r\n", None),
    ("HTTP/0.9", b"GET /health/live\r\n\r\n", 400),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/9.9", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", 505),
    ("no HTTP", b"HELO localhost abc\r\n\r\n", 400),
)


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service("--threads", "3")

    @classmethod
    def tearDownClass(cls):
        begun = time.monotonic()
        status = cls.service.stop()
        assert time.monotonic() - begun < 9, "it waited for clients that had left"
        assert status == 0, f"exit status {status}: " + "".join(cls.service.log)

    def assert_still_serving(self):
        with Client(self.service.address) as client:
            self.assertEqual(client.ask(body=INCIDENT).status, 200)

    def test_ambiguous_requests(self):
        for name, data in AMBIGUOUS:
            with self.subTest(name), Client(self.service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)  # so that there was one before
                client.send(data + SMUGGLED)
                reply = client.reply()
                self.assertEqual(reply.status, 400)
                self.assertEqual(reply.headers["content-type"], "application/problem+json")
                self.assertTrue(reply.json()["type"].endswith("bad-request"))
                self.assertTrue(client.at_end(), "a smuggled request was answered")
            self.assert_still_serving()

    def counted(self, status):
        """How often a request without a path was answered so."""
        with Client(self.service.address) as client:
            found = re.search(rb'requests_total{route="other",code="%d"} (\d+)' % status,
                              client.ask("GET", "/metrics").body)
        return int(found[1]) if found else 0

    def test_requests_the_library_refuses(self):
        for name, data, status in REFUSED:
            before = status and self.counted(status)
            with self.subTest(name), Client(self.service.address) as client:
                try:
                    client.send(data)
                except ConnectionError:
                    pass  # it answered before it had read all
                if status is not None:
                    reply = client.reply()
                    self.assertEqual((reply.status, reply.headers["connection"]), (status, "close"))
                    self.assertEqual(self.counted(status), before + 1)
                try:
                    self.assertEqual(client.stream.read(), b"", "more than one answer")
                except ConnectionError:
                    pass
            self.assert_still_serving()

    def test_the_right_one_of_many_is_refused(self):
        # Their headers end in another order than they began, between those of others.
        start, end = HEAD + b"Content-Length: +1", b"8\r\n\r\n"
        clients = [Client(self.service.address) for _ in range(12)]
        for i, client in enumerate(clients):
            client.send(start if i % 3 else LIVE)
            self.assert_still_serving()
        for i, client in sorted(enumerate(clients), key=lambda pair: pair[0] * 7 % 12):
            client.send(end if i % 3 else b"\r\n")
            reply = client.reply()
            self.assertEqual(reply.status, 400 if i % 3 else 200)
            if i % 3:
                self.assertTrue(client.at_end(), "more than one answer")
            self.assert_still_serving()
        for client in clients:
            client.close()

    def test_what_follows_trailers_is_not_read(self):
        start = HEAD + CODED + b"\r\n%x\r\n%s\r\n0\r\n" % (len(BODY), BODY)
        for end in (b"X: y\r\n\r\n", b"X: y\r\n: z\r\n", b": z\r\n\r\n", b"\0X: y\r\n", b"X: y\r\n\0\r\n\r\n",
                    b"Host: y\r\n\r\n", b"X: y\r\n z\r\n\r\n"):
            with self.subTest(end), Client(self.service.address) as client:
                client.send(start + end + SMUGGLED)
                reply = client.reply()
                self.assertEqual((reply.status, reply.headers["connection"]), (200, "close"))
                self.assertTrue(client.at_end(), "a smuggled request was answered")
            self.assert_still_serving()

    def test_chunks_without_end_are_answered(self):
        rows = (("a case", HEAD, 413, "too-large"),
                ("a page", LIVE.replace(b"live", b"none"), 404, "not-found"),
                ("a batch", HEAD.replace(b"/sbr ", b"/sbr/batch "), 413, "too-large"),
                ("no JSON", HEAD.replace(b"json", b"xml"), 415, "unsupported-media-type"))
        for name, head, status, kind in rows:
            # As much as a body may have, and as much again, comes at once; then a byte now and then.
            for piece, wait in ((chunked(b" " * 65536)[:-5], 0), (b"1\r\na\r\n", 0.1)):
                with self.subTest(name, wait=wait), Client(self.service.address) as client:
                    ended = threading.Event()
                    sent = [0]

                    def send(client=client, piece=piece, wait=wait, ended=ended, sent=sent):
                        try:
                            if wait:
                                client.send(chunked(b" " * (1 << 20 | 1))[:-5])
                            while not ended.wait(wait):
                                client.send(piece)
                                sent[0] += len(piece)
                        except OSError:
                            pass

                    client.send(head + CODED + b"\r\n")
                    sender = threading.Thread(target=send)
                    sender.start()
                    reply = client.reply()
                    self.assertEqual((reply.status, reply.headers["connection"]), (status, "close"))
                    self.assertTrue(reply.json()["type"].endswith(kind))
                    self.assertIn("date", reply.headers)
                    self.assertTrue(client.at_end())
                    self.assert_still_serving()
                    ended.set()
                    sender.join()
                    self.assertLess(sent[0], 200 << 20, "it is read on and on")

    def test_keep_alive_is_kept(self):
        with Client(self.service.address) as client:
            for _ in range(50):
                for reply, status in ((client.ask(body=INCIDENT), 200),
                                      (client.ask("GET", "/health/live"), 200),
                                      (client.ask(body=b"["), 400),
                                      (client.ask("GET", "/nowhere"), 404),
                                      (client.ask("DELETE", "/health/live"), 405)):
                    self.assertEqual(reply.status, status)
                    self.assertNotEqual(reply.headers.get("connection"), "close")
            reply = client.ask(body=INCIDENT, headers=["Connection: close"])
            self.assertEqual((reply.status, reply.headers["connection"]), (200, "close"))
            self.assertTrue(client.at_end())

    def test_pipelined_requests_are_answered_in_order(self):
        with Client(self.service.address) as client:
            parts = [(request(body=INCIDENT), 200), (request("GET", "/nowhere"), 404),
                     (request(body=b'{"subject":1}'), 400), (LIVE + b"\r\n", 200),
                     (HEAD + CODED + b"\r\n" + chunked(BODY, 7), 200),
                     (request(body=BODY, content_type="text/plain"), 415),
                     (request("HEAD", "/health/live"), 200)] * 20
            client.send(b"".join(data for data, _ in parts))
            for data, status in parts:
                self.assertEqual(client.reply(data.split(b" ", 1)[0].decode()).status, status)

    def test_a_request_in_single_bytes(self):
        for data in (request(body=INCIDENT), HEAD + CODED + b"\r\n" + chunked(BODY, 9)):
            with Client(self.service.address) as client:
                for i in range(len(data)):
                    client.send(data[i:i + 1])
                self.assertEqual(client.reply().status, 200)

    def test_http_1_0(self):
        with Client(self.service.address) as client:
            client.send(b"POST /classifier/sbr HTTP/1.0\r\nContent-Type: application/json\r\n" +
                        LENGTH + b"\r\n" + BODY)
            self.assertEqual(client.reply().status, 200)
            self.assertTrue(client.at_end())
        with Client(self.service.address) as client:
            for _ in range(2):
                client.send(b"GET /health/live HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                self.assertEqual(client.reply().status, 200)

    def test_odd_but_right(self):
        for data in (b"\r\n\r\n" + LIVE + b"\r\n", LIVE.replace(b"\r", b"") + b"\n",
                     LIVE + b"x:" + b"\xff" * 99 + b"\r\n\r\n", LIVE + b"X:\r\nY: \t \r\nZ:a: b \r\n\r\n",
                     LIVE.replace(b": x", b":[::1]:80 ") + b"\r\n", LIVE.replace(b" x", b"") + b"\r\n",
                     LIVE + b"!#$%&'*+-.^_`|~09azAZ: a\r\n\r\n",
                     HEAD + CODED + b"\r\n" + b"%x;a=b\r\n%s\r\n" % (len(BODY), BODY) +
                     b"0\r\nTrailer: x\r\n\r\n"):
            with self.subTest(data[:60]), Client(self.service.address) as client:
                client.send(data)
                self.assertEqual(client.reply().status, 200)

    def test_a_target_may_name_the_host(self):
        for target, status in ((b"http://x/health/live", 200), (b"HTTPS://x:1/health/ready?", 200), (b"http://x", 404), (b"http://x/nowhere", 404)):
            with Client(self.service.address) as client:
                client.send(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(client.reply().status, status, target)

    def test_who_is_refused_early_and_leaves_takes_no_answer_away(self):
        with Service("--threads", "1") as service, Client(service.address) as odd:
            odd.send(LIVE + b"Content-Length: abc\r\n")
            with Client(service.address) as many:
                many.send(b"GET /x?" + b"a&" * 70 + b" HTTP/1.1\r\n")
                self.assertEqual(many.reply().status, 431)
            odd.send(b"\r\n")
            self.assertEqual(odd.reply().status, 400)
            self.assertTrue(odd.at_end())  # and no second head
            with Client(service.address) as client:
                text = client.ask("GET", "/metrics").body.decode()
            for status in 400, 431:
                self.assertRegex(text, r'requests_total\{route="other",code="%d"\} 1\n' % status)

    def test_lists_in_several_headers(self):
        with Client(self.service.address) as client:
            page = "/apidocs/swagger-ui.css"
            encodings = ["br", "gzip"], ["gzip;Q=0", "br"], ["identity, gzip;q=0.5"]
            statuses = [client.ask("GET", page, headers=["Accept-Encoding: " + text for text in texts]).status for texts in encodings]
            if statuses[2] != 404:  # built without the page
                self.assertEqual(statuses, [200, 406, 200])
            tag = client.ask("GET", "/openapi.json").headers["etag"]
            reply = client.ask("GET", "/openapi.json", headers=['If-None-Match: "x"', "If-None-Match: " + tag])
            self.assertEqual(reply.status, 304)
            whole = client.ask("GET", "/openapi.json")
            self.assertEqual(reply.headers["content-length"], whole.headers["content-length"])

    def test_a_problem_quotes_what_is_no_utf8(self):
        with Client(self.service.address) as client:
            reply = client.ask(path="/classifier/sbr?detail=\xe9", body=INCIDENT)
            self.assertEqual(reply.status, 400)
            self.assertIn("detail", reply.json()["detail"])
            self.assertIn("?", reply.json()["detail"])

    def test_what_a_route_does_not_list_is_counted_alike(self):
        def sums(text):
            found = {}
            for name in "requests_total", "request_duration_seconds_count":
                for match in re.finditer(r"air_classifier_%s\{route=\"([^\"]*)\"[^}]*\} (\d+)" % name, text):
                    found.setdefault(match[1], {}).setdefault(name, 0)
                    found[match[1]][name] += int(match[2])
            return found
        with Client(self.service.address) as client:
            client.send(LIVE + b"Content-Length: 1100000\r\n\r\n" + b" " * 1100000)
            self.assertIn(client.reply().status, (200, 413))
        with Client(self.service.address) as client:
            for route, counts in sums(client.ask("GET", "/metrics").body.decode()).items():
                self.assertEqual(len(set(counts.values())), 1, (route, counts))

    def test_a_long_header_in_pieces(self):
        head = HEAD + b"Cookie: a=b; c=d\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"a" * i) for i in range(100))
        for data in (head + LENGTH + b"\r\n" + BODY, head + CODED + b"\r\n" + chunked(BODY, 9)):
            with Client(self.service.address) as client:
                for size in (len(data), 1000, 61):
                    for i in range(0, len(data), size):
                        client.send(data[i:i + size])
                    self.assertEqual(client.reply().status, 200)

    def test_clients_that_leave(self):
        for cut in (1, 20, len(HEAD), len(HEAD + LENGTH) + 2, len(HEAD + LENGTH + BODY)):
            for _ in range(20):
                with Client(self.service.address) as client:
                    client.send((HEAD + LENGTH + b"\r\n" + BODY)[:cut])
        self.assert_still_serving()


class Narrow(Client):
    """Little is on the way between it and the service, which sends on only when it reads."""

    def __init__(self, address):
        self.socket = socket.socket()
        self.socket.settimeout(SLOW)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(address)
        self.stream = self.socket.makefile("rb")


class Slow(unittest.TestCase):
    """One thread, so that a client that could hold it would hold everybody."""

    @staticmethod
    def is_served(service):
        """Whether a client that comes anew is; on a busy machine it may take longer to ask than a stranger has."""
        try:
            with Client(service.address) as client:
                return client.ask(body=INCIDENT).status == 200
        except (OSError, EOFError):
            return False

    def test_time_between_requests_is_none_of_the_next_one(self):
        with Service("--threads", "1", "--read-timeout", "2") as service, Client(service.address) as client:
            self.assertEqual(client.ask("GET", "/health/live").status, 200)
            time.sleep(1.6)
            client.send(LIVE)
            time.sleep(1.2)
            client.send(b"\r\n")
            self.assertEqual(client.reply().status, 200)
            self.assertTrue(client.at_end())  # who idles is closed, and took no time to send anything
            self.assertFalse(any("to arrive" in line for line in service.log), service.log)

    def test_a_byte_now_and_then_is_cut_and_others_are_served(self):
        data = request(body=INCIDENT)
        trickles = {"silence": b"", "the request line": data[:5], "the header": data[:60],
                    "the body": data[:-20],
                    "chunks": HEAD + CODED + b"\r\nfffff\r\n",
                    "a refused body": request(body=INCIDENT, path="/nowhere")[:-20]}
        with Service("--threads", "1", "--read-timeout", "1") as service:
            clients = {name: Client(service.address) for name in trickles}
            for name, start in trickles.items():
                clients[name].send(start)
            begun = time.monotonic()
            closed = {}
            served = 0
            while len(closed) < len(trickles) and time.monotonic() < begun + 60:
                for name, client in clients.items():
                    if name in closed:
                        continue
                    try:
                        client.socket.settimeout(0.01)
                        if client.socket.recv(1) == b"":
                            closed[name] = time.monotonic() - begun
                        else:
                            self.fail(name + " was answered")
                    except TimeoutError:
                        pass
                    except ConnectionError:
                        closed[name] = time.monotonic() - begun
                    try:
                        if name not in closed and name != "silence":
                            client.send(b"a")
                    except ConnectionError:
                        closed[name] = time.monotonic() - begun
                with Client(service.address) as honest:
                    self.assertEqual(honest.ask(body=INCIDENT).status, 200)
                    served += 1
                time.sleep(0.2)
            for client in clients.values():
                client.close()
            self.assertEqual(set(closed), set(trickles))
            self.assertGreaterEqual(min(closed.values()), 0.9)
            self.assertGreater(served, 2)
            self.assertTrue(any("took over 1 s" in line for line in service.log))
            self.assertEqual(service.stop(), 0)

    def test_who_takes_an_answer_has_the_time_it_needs(self):
        """Little of it fits into the buffers between, so that taking it lasts longer than a request may take."""
        data = request(path="/classifier/sbr/batch", body=[INCIDENT] * 4000)
        with Service("--threads", "1", "--read-timeout", "1", "--deadline", "600", "--queue", "8000", "--queue-bytes", "100000000",
                     "--batch-max", "4000") as service, Narrow(service.address) as idle, Narrow(service.address) as slow:
            for client in (idle, slow):
                client.send(data)
            taken = slow.socket.recv(8192)
            begun = time.monotonic()
            while not taken.endswith(b"}]\n"):
                part = slow.socket.recv(8192)
                self.assertNotEqual(part, b"", f"cut after {len(taken)} bytes, {time.monotonic() - begun} s: {taken[-200:]}")
                taken += part
                time.sleep(0.05 if time.monotonic() < begun + 4 else 0)
            self.assertGreater(time.monotonic() - begun, 4, "all of it fits")
            head, _, body = taken.partition(b"\r\n\r\n")
            self.assertIn(b"Content-Length: %d" % len(body), head)
            self.assertEqual(len(json.loads(body)), 4000)
            slow.send(LIVE + b"\r\n")
            self.assertEqual(slow.reply().status, 200)
            self.assertTrue(wait_until(lambda: any("closed 1 connections: of an answer less" in line
                                                   for line in service.log)))
            self.assertFalse(any("to arrive" in line for line in service.log), service.log)

    def test_connections_beyond_the_limit_wait_or_are_closed(self):
        with Service("--threads", "1", "--connections", "4", "--read-timeout", "1") as service:
            clients = [Client(service.address) for _ in range(12)]
            answered = [None] * len(clients)

            def ask(i):
                try:
                    answered[i] = clients[i].ask(body=INCIDENT).status
                except (OSError, EOFError):
                    answered[i] = 0

            threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(clients))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.assertNotIn(None, answered)
            self.assertGreaterEqual(answered.count(200), 4)
            for client in clients:
                client.close()

            self.assertTrue(wait_until(lambda: self.is_served(service)), "it stays full")

    def test_who_says_nothing_makes_room(self):
        with Service("--threads", "1", "--connections", "8", "--read-timeout", "600") as service:
            begun = time.monotonic()
            with Client(service.address) as known:
                self.assertEqual(known.ask(body=INCIDENT).status, 200)
                silent = [Client(service.address) for _ in range(32)]
                for client in silent[::2]:
                    client.send(b"POST /")
                for _ in range(3):  # behind all of them, and long before 600 s
                    self.assertTrue(wait_until(lambda: self.is_served(service)))
                self.assertEqual(known.ask(body=INCIDENT).status, 200, "it was answered before: it keeps its place")
                found = re.search(rb'connections_shed_total{reason="stranger"} (\d+)', known.ask("GET", "/metrics").body)
            self.assertTrue(wait_until(lambda: any("others waited for their place" in line for line in service.log)))
            for client in silent:
                client.close()
            self.assertEqual(service.stop(), 0)
            told = [int(line[1]) for line in re.finditer(r"closed (\d+) connections that sent no request", "".join(service.log))]
            self.assertGreaterEqual(sum(told), int(found[1]))
            self.assertLess(len(told), 3 + (time.monotonic() - begun) / 10, "a line for each moment of a crowd")

    def test_who_idles_after_an_answer_makes_room(self):
        with Service("--threads", "1", "--connections", "4", "--read-timeout", "600") as service:
            idle = [Client(service.address) for _ in range(3)]
            for client in idle:
                self.assertEqual(client.ask("GET", "/health/live").status, 200)
            ended, answered = threading.Event(), []

            def work(busy):
                while not ended.wait(0.05):
                    answered.append(busy.ask(body=INCIDENT).status)

            with Client(service.address) as busy:
                self.assertEqual(busy.ask(body=INCIDENT).status, 200)
                busy_one = threading.Thread(target=work, args=(busy,))
                busy_one.start()
                honest = []
                for _ in idle:  # all stay, so that each needs a place of its own, long before 600 s
                    honest.append(Client(service.address))
                    honest[-1].send(request(body=INCIDENT))
                self.assertEqual([client.reply("POST").status for client in honest], [200] * 3)
                ended.set()
                busy_one.join()
                self.assertEqual(set(answered), {200}, "who is busy keeps its place")
                for client in idle:
                    self.assertTrue(client.at_end())
                reply = busy.ask("GET", "/metrics")
                self.assertIn(b'connections_shed_total{reason="idle"} 3\n', reply.body)
            self.assertTrue(wait_until(lambda: any("had no request under way" in line for line in service.log)))
            for client in idle + honest:
                client.close()
            self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    unittest.main()
