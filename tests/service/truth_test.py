# SPDX-License-Identifier: Apache-2.0
"""Ready means: the model's own cases are answered rightly, through what answers everybody."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

import container
from batch_test import LONG, ask_all, imported
from service import INCIDENT, Client, Service, model, request, wait_until

PERIOD = "0.05"


class Manager:
    """What systemd is to a service: it listens."""

    def __init__(self, watchdog_seconds=60):
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.environment = dict(os.environ, NOTIFY_SOCKET=path,
                                WATCHDOG_USEC=str(int(watchdog_seconds * 1e6)))
        self.heard = []
        self.socket.settimeout(0.2)
        self.over = False
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        while not self.over:
            try:
                self.heard.append(self.socket.recv(4096).decode())
            except TimeoutError:
                pass

    def fed(self):
        """How often the watchdog was fed."""
        return self.heard.count("WATCHDOG=1")

    def has_heard(self, beginning):
        return any(message.startswith(beginning) for message in self.heard)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.socket.close()
        self.folder.cleanup()


def status(service, path):
    with Client(service.address) as client:
        return client.ask("GET", path).status


def ready(service):
    return status(service, "/health/ready") == 200


class Truth(unittest.TestCase):
    def follows(self, place, file):
        with Manager() as manager, Service(
                "--threads", "2", "--canary-period", PERIOD, file=file,
                env=dict(manager.environment, AIR_CLASSIFIER_BEND=place)) as service:
            self.assertTrue(wait_until(lambda: manager.fed() >= 2))
            self.assertTrue(manager.has_heard("READY=1\n"))
            for rounds in range(2):
                self.assertTrue(ready(service))
                service.process.send_signal(signal.SIGUSR1)
                self.assertTrue(wait_until(lambda: not ready(service)))
                fed = manager.fed()
                with Client(service.address) as client:
                    reply = client.ask("GET", "/health/ready")
                    self.assertEqual(reply.json()["type"], "/problems/not-ready")
                    self.assertIn("canary", reply.json()["detail"])
                    # What is known to be wrong is not answered.
                    for path, body in (("", INCIDENT), ("/batch", [INCIDENT])):
                        refused = client.ask(path="/classifier/sbr" + path, body=body)
                        self.assertEqual(refused.status, 503)
                        self.assertEqual(refused.json()["type"], "/problems/not-ready")
                        self.assertIn("retry-after", refused.headers)
                    self.assertEqual(client.ask("GET", "/health/live").status, 200)
                    self.assertTrue(wait_until(lambda: sum("not ready: " in line for line in service.log) > rounds))
                    wrong = len(service.log)
                    for _ in range(40):  # more than ten periods
                        threading.Event().wait(0.02)
                        self.assertEqual(client.ask("GET", "/health/ready").status, 503)
                self.assertLessEqual(manager.fed(), fed + 1)  # one may have been on its way
                self.assertEqual(len(service.log), wrong, "told once, not each time")
                fed = manager.fed()
                service.process.send_signal(signal.SIGUSR1)
                self.assertTrue(wait_until(lambda: ready(service)))
                self.assertTrue(wait_until(lambda: manager.fed() > fed))
            self.assertEqual(service.stop(), 0)
            self.assertTrue(wait_until(lambda: manager.has_heard("STOPPING=1\n")))
            self.assertIn("not ready: canary", "".join(service.log))
            self.assertIn("ready again", "".join(service.log))

    def test_the_linear_member(self):
        self.follows("linear", model())

    def test_ulmfit(self):
        self.follows("ulmfit", imported())

    def test_the_tokenizer(self):
        self.follows("tokens", imported())

    @staticmethod
    def is_late(service):
        """Whether a case is told so; one that was being read when its thread began to hang is told nothing."""
        try:
            with Client(service.address, timeout=5) as client:
                return client.ask(body=INCIDENT).status == 504
        except TimeoutError:
            return False

    def test_a_thread_that_answers_hangs(self):
        with Manager() as manager, Service(
                "--threads", "2", "--canary-period", PERIOD, "--deadline", "0.5", file=imported(),
                env=dict(manager.environment, AIR_CLASSIFIER_BEND="queue")) as service, \
                Client(service.address) as client:
            self.assertTrue(wait_until(lambda: manager.fed() >= 2))
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: self.is_late(service)))
            fed = manager.fed()
            self.assertTrue(wait_until(lambda: not ready(service), 20))
            self.assertIn("nothing was answered", client.ask("GET", "/health/ready").json()["detail"])
            self.assertEqual(client.ask(body=INCIDENT).status, 503)
            self.assertEqual(client.ask("GET", "/health/live").status, 200)
            self.assertLessEqual(manager.fed(), fed + 1)
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: ready(service)))
            self.assertEqual(client.ask(body=INCIDENT).status, 200)
            self.assertTrue(wait_until(lambda: manager.fed() > fed + 1))

    def ends(self, place, thread, reloads=False):
        with Service("--threads", "2", "--canary-period", PERIOD, "--deadline", "0.1",
                     "--drain-time", "1", env=dict(os.environ, AIR_CLASSIFIER_BEND=place)) as service:
            service.process.send_signal(signal.SIGUSR1)
            threading.Event().wait(0.3)  # some periods
            if reloads:
                service.process.send_signal(signal.SIGHUP)  # waits for the thread that answers
                threading.Event().wait(0.3)
            self.assertEqual(service.stop(), 71)
            self.assertIn(thread + " hangs: ended without it", "".join(service.log))

    def test_it_ends_though_the_thread_that_answers_hangs(self):
        self.ends("queue", "the thread that answers")

    def test_it_ends_though_a_reload_waits_for_that(self):
        self.ends("queue", "the thread that answers", reloads=True)

    def test_what_waits_for_a_thread_that_hangs_is_told_of_the_end(self):
        large = dict(INCIDENT, description="word " * 2000)
        with Service("--drain-time", "1", "--deadline", "3",
                     env=dict(os.environ, AIR_CLASSIFIER_BEND="queue")) as service, \
                Client(service.address) as client:
            service.process.send_signal(signal.SIGUSR1)
            threading.Event().wait(0.3)
            client.send(request(path="/classifier/sbr/batch", body=[large] * 3))
            threading.Event().wait(0.3)
            service.process.send_signal(signal.SIGTERM)
            self.assertEqual(client.reply().json()["type"], "/problems/draining")
            self.assertEqual(service.stop(), 71)

    def test_it_ends_though_the_threads_of_http_hang(self):
        self.ends("http", "a thread that serves HTTP")

    def test_a_freeze_is_no_silence(self):
        with Service("--canary-period", PERIOD, "--deadline", "0.1") as service:
            service.process.send_signal(signal.SIGSTOP)
            threading.Event().wait(2.2)  # more than a period and two deadlines
            service.process.send_signal(signal.SIGCONT)
            threading.Event().wait(0.05)
            for _ in range(50):
                self.assertTrue(ready(service))

    def test_the_threads_of_http_hang(self):
        with Manager() as manager, Service(
                "--threads", "3", "--canary-period", PERIOD,
                env=dict(manager.environment, AIR_CLASSIFIER_BEND="http")) as service:
            self.assertTrue(wait_until(lambda: manager.fed() >= 2))
            service.process.send_signal(signal.SIGUSR1)
            threading.Event().wait(0.3)  # some periods
            fed = manager.fed()
            with self.assertRaises(TimeoutError), Client(service.address, 1) as client:
                client.ask("GET", "/health/live")
            self.assertEqual(manager.fed(), fed)
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: manager.fed() > fed))
            self.assertTrue(wait_until(lambda: ready(service)))

    def test_load_alone_fails_nothing(self):
        with Manager() as manager, Service(
                "--threads", "1", "--queue", "4", "--canary-period", PERIOD, file=imported(),
                env=manager.environment) as service:
            fed = manager.fed()
            with Client(service.address) as client:
                for _ in range(50):  # a fast processor is done with one before a period is over
                    load = threading.Thread(target=ask_all, args=(service.address, [LONG] * 64, 32))
                    load.start()
                    while load.is_alive():
                        self.assertEqual(client.ask("GET", "/health/ready").status, 200)
                        self.assertEqual(client.ask("GET", "/health/live").status, 200)
                    load.join()
                    if manager.fed() >= fed + 2:
                        break
            self.assertGreater(manager.fed(), fed)

    def test_the_watchdog_is_fed_twice_in_its_time(self):
        with Manager(watchdog_seconds=0.2) as manager, \
                Service(env=manager.environment):  # a period of 5 s would be too long
            self.assertTrue(wait_until(lambda: manager.fed() >= 3, 10))

    def test_without_a_manager(self):
        environment = {name: text for name, text in os.environ.items() if name != "NOTIFY_SOCKET"}
        with Service("--canary-period", PERIOD, env=environment) as service:
            self.assertTrue(ready(service))
            service.process.send_signal(signal.SIGUSR1)  # no place is named: nothing bends
            self.assertEqual(service.stop(), 0)


class Apart(unittest.TestCase):
    def test_health_and_small_cases_wait_behind_no_work(self):
        """Of the linear member alone: what is large, many or explained is not the loops' own."""
        large = dict(INCIDENT, description="word " * 2000)
        with Service("--threads", "1", "--deadline", "1",
                     env=dict(os.environ, AIR_CLASSIFIER_BEND="queue")) as service:
            works = [("/classifier/sbr", large), ("/classifier/sbr?explain=1", INCIDENT),
                     ("/classifier/sbr/batch", [INCIDENT] * 40)]
            service.process.send_signal(signal.SIGUSR1)  # it hangs, as if it were at it for long
            with Client(service.address) as client:
                self.assertTrue(wait_until(lambda: client.ask(body=large).status == 504))
            waiting = [Client(service.address) for _ in works]
            for client, (path, body) in zip(waiting, works):
                client.send(request(path=path, body=body))
            with Client(service.address) as client:
                self.assertEqual(client.ask("GET", "/health/live").status, 200)
                self.assertEqual(client.ask("GET", "/metrics").status, 200)
                self.assertEqual(client.ask(body=INCIDENT).status, 200)
            for client in waiting:
                self.assertEqual(client.reply().status, 504)
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: ready(service)))
            for client, (path, body) in zip(waiting, works):
                self.assertEqual(client.ask(path=path, body=body).status, 200)
                client.close()


class Killed(unittest.TestCase):
    @unittest.skipUnless(container.can("memory"), "needs root, and memory cgroups")
    def test_an_earlier_kill_is_told(self):
        with container.Group("memory", 64 << 20) as group:
            greedy = "import os; open(%r, 'w').write(str(os.getpid())); bytearray(1 << 28)"
            ended = subprocess.run([sys.executable, "-c",
                                    greedy % (group.folder + "/cgroup.procs")])
            self.assertEqual(ended.returncode, -signal.SIGKILL)
            self.assertGreater(group.kills(), 0)
            with Service("--threads", "1", "--connections", "16", preexec_fn=group.enter) as service:
                self.assertTrue(wait_until(lambda: "killed in this container" in "".join(service.log)))
        with Service() as service:
            self.assertNotIn("killed in this container", "".join(service.log))


if __name__ == "__main__":
    unittest.main()
