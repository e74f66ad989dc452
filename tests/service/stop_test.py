# SPDX-License-Identifier: Apache-2.0
"""How the service starts, refuses to start, and ends: nobody loses an answer by a signal."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from service import FOLDER, INCIDENT, PROGRAM, SLOW, Client, Service, model, request, wait_until

CLIENTS = 6


def refused(*arguments):
    """Exit status and standard error of a service that must not start."""
    done = subprocess.run([PROGRAM, "serve", *arguments], stdin=subprocess.DEVNULL, timeout=SLOW,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stderr.decode()


class Load:
    """Clients in a loop; every request is noted with the moment it was sent, and its end."""

    def __init__(self, address, keep_alive):
        self.address, self.keep_alive = address, keep_alive
        self.lost, self.wrong, self.answered = [], [], 0
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.over.is_set():
            try:
                client = Client(self.address)
            except OSError:
                return  # it listens no longer
            with client:
                while self._ask(client) and self.keep_alive:
                    pass

    def _ask(self, client):
        sent = None
        try:
            client.send(request(body=INCIDENT))
            sent = time.monotonic()
            reply = client.reply()
        except (OSError, EOFError, ValueError) as error:
            with self.lock:
                self.lost.append((sent, repr(error)))
            return False
        with self.lock:
            self.answered += 1
            if reply.status != 200:
                self.wrong.append(reply.body)
        return reply.headers.get("connection") != "close"

    def join(self):
        self.over.set()
        for thread in self.threads:
            thread.join(SLOW)


class Stop(unittest.TestCase):
    def stop_under_load(self, number, keep_alive):
        with Service("--threads", "2") as service:
            load = Load(service.address, keep_alive)
            self.assertTrue(wait_until(lambda: load.answered > 200))
            signalled = time.monotonic()
            service.process.send_signal(number)
            status = service.process.wait(SLOW)
            ended = time.monotonic()
            load.join()
            self.assertEqual(status, 0, service.log)
            self.assertLess(ended - signalled, 20, "longer than the drain time")
            self.assertEqual(load.wrong, [])
            lost = [entry for entry in load.lost if entry[0] is not None and entry[0] < signalled]
            self.assertEqual(lost, [], f"of {load.answered} answered")

    def test_sigterm_under_load(self):
        for _ in range(3):
            self.stop_under_load(signal.SIGTERM, False)

    def test_sigterm_under_load_on_kept_connections(self):
        for _ in range(3):
            self.stop_under_load(signal.SIGTERM, True)

    def test_sigint_under_load(self):
        self.stop_under_load(signal.SIGINT, True)

    def test_an_idle_service_stops_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            service = Service()
            idle = Client(service.address)
            self.assertEqual(idle.ask("GET", "/health/live").status, 200)
            begun = time.monotonic()
            self.assertEqual(service.stop(number), 0)
            self.assertLess(time.monotonic() - begun, 9, "it waited for an idle connection")
            self.assertTrue(idle.at_end())
            idle.close()
            with self.assertRaises(OSError):
                Client(service.address)

    def test_a_request_half_sent_is_waited_for(self):
        with Service() as service:
            data = request(body=INCIDENT)
            with Client(service.address) as late, Client(service.address) as ready:
                late.send(data[:-10])
                ready.send(data)  # behind it, so that both are in
                self.assertEqual(ready.reply().status, 200)
                service.process.send_signal(signal.SIGTERM)
                self.assertTrue(wait_until(lambda: any("signal" in line for line in service.log)))
                # Whoever stays connected hears that it stops, and is answered all the same.
                reply = ready.ask("GET", "/health/ready")
                self.assertEqual((reply.status, reply.headers["connection"]), (503, "close"))
                self.assertEqual(reply.json()["status"], 503)
                self.assertIn("retry-after", reply.headers)
                late.send(data[-10:])
                self.assertEqual(late.reply().status, 200)
            self.assertEqual(service.process.wait(SLOW), 0)

    def test_who_waits_for_a_place_is_let_in_before_the_end(self):
        with Service("--connections", "4", "--drain-time", "60", "--read-timeout", "600") as service:
            idle = [Client(service.address) for _ in range(4)]
            for client in idle:
                self.assertEqual(client.ask("GET", "/health/live").status, 200)
            waiting = [Client(service.address) for _ in range(2)]
            for client in waiting:
                client.send(request(body=INCIDENT))
            begun = time.monotonic()
            self.assertEqual(service.stop(), 0)
            self.assertLess(time.monotonic() - begun, 30, "idle clients kept them out")
            self.assertEqual([client.reply().status for client in waiting], [200, 200])
            for client in idle + waiting:
                client.close()

    def test_the_delay_lets_clients_in_and_answers_but_is_not_ready(self):
        with Service("--drain-delay", "3600", "--canary-period", "0.05") as service:
            with Client(service.address) as kept:
                self.assertEqual(kept.ask("GET", "/health/ready").status, 200)
                service.process.send_signal(signal.SIGTERM)
                self.assertTrue(wait_until(lambda: any("not ready" in line for line in service.log)))
                reply = kept.ask("GET", "/health/ready")
                self.assertEqual((reply.status, reply.headers["connection"]), (503, "close"))
                self.assertTrue(reply.json()["type"].endswith("/draining"))
            for _ in range(3):
                with Client(service.address) as late:
                    reply = late.ask(body=INCIDENT)
                    self.assertEqual((reply.status, reply.headers["connection"]), (200, "close"))
            with Client(service.address) as late:
                self.assertEqual(late.ask("GET", "/health/live").status, 200)
            self.assertIsNone(service.process.poll())
            self.assertEqual(service.stop(signal.SIGINT), 0)  # a second signal ends it
            self.assertIn("stopped\n", service.log)
            self.assertTrue(any("signal 2: finishing" in line for line in service.log), service.log)
            with self.assertRaises(OSError):
                Client(service.address)

    def test_the_delay_ends_by_itself(self):
        with Service("--drain-delay", "1") as service:
            begun = time.monotonic()
            self.assertEqual(service.stop(), 0)
            self.assertGreaterEqual(time.monotonic() - begun, 1)
            self.assertIn("stopped\n", service.log)

    def test_the_drain_time_bounds_the_waiting(self):
        with Service("--drain-time", "1", "--read-timeout", "60") as service:
            with Client(service.address) as stuck:
                stuck.send(request(body=INCIDENT)[:-10])
                with Client(service.address) as other:
                    self.assertEqual(other.ask(body=INCIDENT).status, 200)
                begun = time.monotonic()
                self.assertEqual(service.stop(), 0)
                self.assertLess(time.monotonic() - begun, 20)
                self.assertTrue(stuck.at_end())
            self.assertTrue(any("unanswered" in line for line in service.log), service.log)

    def test_a_log_that_nobody_reads_holds_nothing_up(self):
        there, here = os.pipe()
        service = subprocess.Popen([PROGRAM, "serve", model(), "--listen", "127.0.0.1:0", "--drain-delay", "3600"],
                                   stdin=subprocess.DEVNULL, stderr=here)
        try:
            with open(there, "rb", buffering=0) as log:
                said = b""
                while not (found := re.search(rb"ready on http://([^:]*):(\d+) ", said)):
                    said += log.read(1000)
                os.set_blocking(here, False)
                for size in (4096, 1):
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            os.write(here, b"x" * size)
                os.set_blocking(here, True)  # the service's own end as well
                service.send_signal(signal.SIGTERM)  # is told in the log, by the thread that lets clients in
                for _ in range(2):
                    with Client((found[1].decode(), int(found[2])), timeout=SLOW) as client:
                        self.assertTrue(wait_until(lambda: client.ask("GET", "/health/ready").status == 503))
                service.send_signal(signal.SIGTERM)
                self.assertEqual(service.wait(SLOW), 0)
        finally:
            service.kill()
            service.wait()
            os.close(here)


class Start(unittest.TestCase):
    def test_addresses_others_reach_need_open(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            status, said = refused(model(), "--listen", address)
            self.assertEqual(status, 64, said)
            self.assertIn("--open", said)
        with Service("--open", listen="0.0.0.0:0") as service:
            with Client(("127.0.0.1", service.address[1])) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)

    @unittest.skipUnless(os.path.exists("/proc/net/if_inet6"), "this host has no IPv6")
    def test_ipv6(self):
        with Service(listen="[::1]:0") as service:
            with Client(service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)

    def test_addresses_that_are_none(self):
        for address in ("", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                        "127.0.0.1:-1", "127.0.0.1:80x", "localhost:8080", "::1:8080",
                        "[127.0.0.1]:80", "1.2.3:80", "[::1:80", "127.0.0.1:99999999999999999999",
                        "a" * 200 + ":80", "127.0.0.1: 80"):
            status, said = refused(model(), "--listen", address)
            self.assertEqual(status, 64, f"{address}: {said}")
            self.assertIn("--listen", said)

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            status, said = refused(model(), "--listen", "127.0.0.1:%d" % taken.getsockname()[1])
        self.assertEqual(status, 69, said)
        self.assertIn("in use", said)

    def test_a_port_is_free_again_at_once(self):
        with Service() as service:
            with Client(service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)
                self.assertEqual(service.stop(), 0)
        with Service(listen="%s:%d" % service.address) as again:
            with Client(again.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)

    def test_a_damaged_model_is_refused_before_listening(self):
        with open(model(), "rb") as file:
            whole = file.read()
        middle = len(whole) // 2
        damaged = {
            "empty": b"",
            "short": whole[:7],
            "header": whole[:8] + b"!" + whole[9:],
            "truncated": whole[:-1],
            "longer": whole + b"\0",
            "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1:],
            "csv": b"subject,sbr\na,b\n",
        }
        path = os.path.join(FOLDER, "damaged.air")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        for name, data in damaged.items():
            with self.subTest(name):
                with open(path, "wb") as file:
                    file.write(data)
                status, said = refused(path, "--listen", address)
                self.assertEqual(status, 65, said)
                self.assertIn(path, said)
                self.assertNotIn("ready", said)
                self.assertNotIn("listen", said)
        os.remove(path)
        status, said = refused(path, "--listen", address)
        self.assertEqual(status, 66, said)
        self.assertIn(path, said)


if __name__ == "__main__":
    unittest.main()
