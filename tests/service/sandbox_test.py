# SPDX-License-Identifier: Apache-2.0
"""From ready on the kernel refuses the service what it does not need; it tells so and goes on.

That nothing is refused that it does need is seen by every other test: service.py looks.
"""
import os
import re
import signal
import time
import unittest

import filters
from service import INCIDENT, SANITIZED, Client, Service

TRIED = {"clone": "Operation not permitted", "clone3": "Function not implemented",
         "execve": "Operation not permitted", "execveat": "Operation not permitted"}
TRIED_TOO = {"a socket": "Operation not permitted", "memory to run": "Operation not permitted"}


def answers(service):
    with Client(service.address) as client:
        return client.ask(body=INCIDENT).status == 200 and client.ask("GET", "/health/ready").status == 200


def filtered(service):
    """Of each thread: whether it has a filter and can get no more rights."""
    folder = f"/proc/{service.process.pid}/task"
    for thread in os.listdir(folder):
        with open(f"{folder}/{thread}/status") as file:
            text = file.read()
        yield "Seccomp:\t2\n" in text and "NoNewPrivs:\t1\n" in text


@unittest.skipUnless(filters.work(), "this kernel takes no filter of system calls")
class Sandbox(unittest.TestCase):
    def test_a_defect_is_refused_and_told(self):
        tried = TRIED if SANITIZED else {**TRIED, **TRIED_TOO}
        with Service("--threads", "3", env=dict(os.environ, AIR_CLASSIFIER_BEND="process")) as service:
            service.may_fail = True
            self.assertEqual(set(filtered(service)), {True})
            last = f"a fault tried {list(tried)[-1]}:"
            for times in (1, 2):
                # Every other signal turns the fault on; two at once are one.
                while sum(last in line for line in service.log) < times:
                    service.process.send_signal(signal.SIGUSR1)
                    time.sleep(0.05)
                self.assertTrue(answers(service))
            log = "".join(service.log)
            for what, errno in tried.items():
                self.assertEqual(log.count(f"a fault tried {what}: {errno}\n"), log.count(last), log)
            for name in ("clone", "execve", "execveat"):
                told = re.findall(rf"error: a defect: system call \d+ \({name}\) was refused", log)
                self.assertEqual(len(told), 1, log)
            self.assertEqual(log.count("a defect"), 3 if SANITIZED else 5, log)
            self.assertEqual(service.stop(), 0)

    def test_whether_it_is_on_is_measured(self):
        for more, on in ({}, 1), ({"preexec_fn": filters.at_filter}, 0):
            with Service(**more) as service, Client(service.address) as client:
                self.assertIn(b"air_classifier_no_fork %d\n" % on, client.ask("GET", "/metrics").body)

    def test_where_no_filter_may_be_set(self):
        with Service("--threads", "2", preexec_fn=filters.at_filter) as service:
            self.assertTrue(answers(service))
            self.assertIn("warning: the kernel takes no filter of system calls", "".join(service.log))


if __name__ == "__main__":
    unittest.main()
