# SPDX-License-Identifier: Apache-2.0
"""The incident, replayed: every refusal at once, at exactly what `serve --plan` says, and it answers.

`make soak` does it for 100,000 requests, and to the Flask service too.
"""
import json
import subprocess
import unittest

import filters
from batch_test import imported, some_cases
from refusals import Refusals
from service import PROGRAM, SLOW, Client, Service, model
from soak_test import CASES_OF_ALL_SIZES, INCIDENT, SANITIZED

OPTIONS = ("--threads", "2", "--connections", "32", "--queue-bytes", "1048576", "--body-max", "131072")
REQUESTS = 300


def plan(file):
    done = subprocess.run([PROGRAM, "serve", "--plan", "--json", file, *OPTIONS],
                          stdout=subprocess.PIPE, check=True, timeout=SLOW)
    return json.loads(done.stdout)


@unittest.skipUnless(filters.work(), "this kernel takes no filter of system calls")
@unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
class Incident(unittest.TestCase):
    def replay(self, file, cases):
        said = plan(file)
        with Refusals(said["serving"]["memory"], said["serving"]["address_space"],
                      said["threads"]) as refusals:
            with Service(*OPTIONS, "--deadline", "600", file=file, preexec_fn=refusals.enter) as service:
                with Client(service.address) as client:
                    for number in range(REQUESTS):
                        reply = client.ask(body=cases[number % len(cases)])
                        self.assertEqual(reply.status, 200, reply.body)
                    self.assertEqual(client.ask("GET", "/health/ready").status, 200)
                self.assertEqual(service.stop(), 0)
            if refusals.memory is not None:
                self.assertEqual(refusals.memory.kills(), 0)
                self.assertLessEqual(refusals.memory.peak(), said["serving"]["memory"])

    def test_the_linear_member(self):
        self.replay(model(), [INCIDENT, *CASES_OF_ALL_SIZES])

    def test_ulmfit(self):
        self.replay(imported(), [INCIDENT, *some_cases(20, 100)])


if __name__ == "__main__":
    unittest.main()
