# SPDX-License-Identifier: Apache-2.0
"""A model that is written over in place: the log names it, and the signal ends the process all the same."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from service import FOLDER, INCIDENT, PROGRAM, SANITIZED, SLOW, Client, Service, model, request

TOLD = "was changed in place"


class Torn(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(dir=FOLDER)
        self.addCleanup(holder.cleanup)
        self.path = os.path.join(holder.name, "model.air")
        shutil.copyfile(model(), self.path)

    def ends_by_it(self, status, said):
        self.assertIn("error: " + self.path + " " + TOLD, said)
        self.assertIn("mv, never with cp", said)
        if not SANITIZED:  # a sanitizer reports what it takes for a fault of the program's, and ends it
            self.assertEqual(status, -signal.SIGBUS)

    def test_a_service_tells_that_its_model_was_cut_short(self):
        with Service("--canary-period", "60", file=self.path) as service:
            with Client(service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)
                os.truncate(self.path, 0)
                client.send(request(body=INCIDENT))
                self.assertTrue(client.at_end())
            status = service.stop()
            self.ends_by_it(status, "".join(service.log))

    def test_a_canary_finds_it_where_nobody_asks(self):
        with Service("--canary-period", "0.05", file=self.path) as service:
            os.truncate(self.path, 4096)
            status = service.process.wait(SLOW)
            service.stop()
            self.ends_by_it(status, "".join(service.log))

    def test_one_that_is_replaced_by_renaming_serves_on(self):
        with Service("--canary-period", "0.05", file=self.path) as service:
            shutil.copyfile(model(), self.path + ".new")
            os.rename(self.path + ".new", self.path)
            with Client(service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)
            self.assertEqual(service.stop(), 0)
            self.assertNotIn(TOLD, "".join(service.log))

    def test_predict_tells_the_same(self):
        with subprocess.Popen([PROGRAM, "predict", self.path, "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            case = b'{"subject":"disk full"}\n'
            process.stdin.write(case * 20000)  # more than the pipe and its buffers hold: it reads
            process.stdin.flush()
            os.truncate(self.path, 0)
            said = process.communicate(case, timeout=SLOW)[1].decode()
            self.ends_by_it(process.returncode, said)


if __name__ == "__main__":
    unittest.main()
