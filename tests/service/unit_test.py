# SPDX-License-Identifier: Apache-2.0
"""share/air-classifier.service: systemd takes it, its command is one of ours, and its limits do for what it serves."""
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from service import PROGRAM, ROOT, SANITIZED, SLOW, model

UNIT = os.path.join(ROOT, "share", "air-classifier.service")


class Unit(unittest.TestCase):
    def setUp(self):
        with open(UNIT, encoding="utf-8") as file:
            self.text = file.read()

    def setting(self, name):
        return re.search(rf"^{name}=(.*)$", self.text, re.MULTILINE)[1]

    @unittest.skipUnless(shutil.which("systemd-analyze"), "needs systemd-analyze")
    def test_systemd_takes_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "air-classifier.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.text.replace("/usr/local/bin/air-classifier", PROGRAM))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=SLOW)
        about_it = [line for line in done.stdout.decode().splitlines() if "air-classifier" in line]
        self.assertEqual(about_it, [])

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    def test_its_limits_do(self):
        words = shlex.split(self.setting("ExecStart"))
        self.assertEqual(words[:2], ["/usr/local/bin/air-classifier", "serve"])
        words[0], words[2] = PROGRAM, model()
        done = subprocess.run([*words, "--plan", "--json"], stdout=subprocess.PIPE, check=True, timeout=SLOW)
        plan = json.loads(done.stdout)
        self.assertLessEqual(plan["reloading"]["memory"], int(self.setting("MemoryMax").rstrip("M")) << 20)
        self.assertLessEqual(plan["threads"] + 1, int(self.setting("TasksMax")))  # and ExecReload's
        self.assertEqual(plan["open_files"], int(self.setting("LimitNOFILE")))


if __name__ == "__main__":
    unittest.main()
