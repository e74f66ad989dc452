# SPDX-License-Identifier: Apache-2.0
"""2,000 requests on 8 connections: memory stays as it is, and no process is ever made."""
import glob
import os
import resource
import shutil
import tempfile
import threading
import unittest

import filters
from service import INCIDENT, PROGRAM, SANITIZED, Client, Service, model, predict, resident, wait_until

REQUESTS, CONNECTIONS, SETTLED = 2000, 8, 500
GROWTH_MAX = 1 << 20

# Short ones and long ones in turn, so that memory is taken and given back in all sizes.
CASES_OF_ALL_SIZES = [dict(INCIDENT, subject=f"subscription {size}", description="yum update " * size)
                      for size in (1, 10, 100, 1000, 3000)]


def soak(service, count=REQUESTS, at=None):
    """count requests over the connections; calls at() once SETTLED are answered."""
    failures, answered, lock = [], [0], threading.Lock()
    bodies = [INCIDENT, *CASES_OF_ALL_SIZES]
    expected = [answer["predicted_sbr"] for answer in predict(bodies)]

    def run(first):
        try:
            with Client(service.address) as client:
                for i in range(first, count, CONNECTIONS):
                    reply = client.ask(body=bodies[i % len(bodies)])
                    if reply.status != 200 or \
                            reply.json()["predicted_sbr"] != expected[i % len(bodies)]:
                        failures.append((i, reply.status, reply.body))
                    with lock:
                        answered[0] += 1
                        if answered[0] == SETTLED and at is not None:
                            at()
        except (OSError, EOFError) as error:
            failures.append((first, repr(error)))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures, answered[0]


class Soak(unittest.TestCase):
    def test_memory_stays(self):
        with Service("--threads", "2") as service:
            pid = service.process.pid
            sizes = []
            failures, answered = soak(service, at=lambda: sizes.append(resident(pid)))
            sizes.append(resident(pid))
            self.assertEqual(failures, [])
            self.assertEqual(answered, REQUESTS)
            if not SANITIZED:  # their freed memory waits in quarantine
                self.assertLessEqual(sizes[1] - sizes[0], GROWTH_MAX, sizes)
            for children in glob.glob(f"/proc/{pid}/task/*/children"):
                with open(children) as file:
                    self.assertEqual(file.read(), "")
            self.assertEqual(service.stop(), 0)

    def test_files_are_closed(self):
        with Service("--threads", "2") as service:
            folder = f"/proc/{service.process.pid}/fd"
            with Client(service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)
            before = None
            for rounds in range(3):
                for _ in range(50):
                    with Client(service.address) as client:
                        client.ask(body=INCIDENT if rounds else b"[")
                if before is None:
                    before = len(os.listdir(folder))
            self.assertTrue(wait_until(lambda: len(os.listdir(folder)) <= before))


class NoProcess(unittest.TestCase):
    @unittest.skipUnless(filters.work(), "this kernel takes no filter of system calls")
    def test_it_serves_where_a_fork_is_death(self):
        # The leak checker of a sanitized build makes a process at exit.
        environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
        with Service("--threads", "2", preexec_fn=filters.at_fork(filters.KILL), env=environment) as service:
            with open(f"/proc/{service.process.pid}/status") as file:
                self.assertIn("Seccomp:\t2\n", file.read())
            failures, answered = soak(service, 400)
            self.assertEqual((failures, answered), ([], 400))
            with Client(service.address) as client:
                for args in (("GET", "/health/ready"), ("GET", "/openapi.json"), ("GET", "/x")):
                    self.assertIn(client.ask(*args).status, (200, 404))
                self.assertEqual(client.ask(body=b"[").status, 400)
            self.assertEqual(service.stop(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to become a user with no other process")
    def test_it_serves_with_no_room_for_a_process(self):
        with Service("--threads", "2") as service:
            threads = len(os.listdir(f"/proc/{service.process.pid}/task"))
        user = 1000000 + os.getpid()  # nobody else's
        folder = tempfile.mkdtemp()
        try:
            os.chmod(folder, 0o755)
            program = shutil.copy(PROGRAM, folder)
            file = shutil.copy(model(), folder)
            os.chmod(file, 0o644)

            def become():
                resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)

            with Service("--threads", "2",
                         program=program, file=file, preexec_fn=become) as service:
                with open(f"/proc/{service.process.pid}/status") as status:
                    self.assertIn(f"Uid:\t{user}\t", status.read())
                failures, answered = soak(service, 400)
                self.assertEqual((failures, answered), ([], 400))
                self.assertEqual(service.stop(), 0)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    unittest.main()
