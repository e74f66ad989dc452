"""What the command-line tests share: the program, a folder, a small model."""
# SPDX-License-Identifier: Apache-2.0
import csv
import io
import json
import os
import re
import subprocess
import tempfile
import unittest

PROGRAM = os.path.abspath(os.environ.get("PROGRAM", "build/air-classifier"))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TINY = os.path.join(ROOT, "tests/cases/tiny.csv")
HELDOUT = os.path.join(ROOT, "tests/cases/heldout.csv")
SANITIZED = "/san/" in PROGRAM or "/tsan/" in PROGRAM
EMULATED = "TEST_EMULATED" in os.environ  # tests/run.sh
PATIENCE = 1000 if EMULATED else 100  # seconds
FIELDS = ["case_language", "case_number", "description", "origin", "product", "severity", "subject", "version"]

# sysexits(3), as src/base/errors.def uses them
USAGE, DATA, NO_INPUT, OS, CANNOT_CREATE, IO, TEMPORARY = 64, 65, 66, 71, 73, 74, 75


class Result:
    def __init__(self, status, out, err):
        self.status, self.bytes, self.err = status, out, err.decode("utf-8", "replace")
        self.out = out.decode("utf-8", "replace")

    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


def run(*arguments, stdin=b"", env=None, cwd=None, stdout=subprocess.PIPE, **more):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    done = subprocess.run([PROGRAM, *arguments], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000", **(env or {})},
                          cwd=cwd, timeout=PATIENCE, check=False, **more)
    return Result(done.returncode, done.stdout or b"", done.stderr)


def rows(name):
    """The rows of a .def file as lists of their columns, quotes taken off."""
    with open(os.path.join(ROOT, "src", name), encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    found = []
    for match in re.finditer(r"^[A-Z]+\((.*?)\)$", text, flags=re.S | re.M):
        parts = re.findall(r'\s*((?:"(?:[^"\\]|\\.)*"\s*)+|[^,"]+)(?:,|$)', match.group(1))
        found.append(["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', part)) if '"' in part else part.strip()
                      for part in parts])
    return found


def number(text):
    """What such a column holds: a number, or the name of one in limits.h."""
    if text[0].isdigit():
        return float(text)
    with open(os.path.join(ROOT, "src/base/limits.h"), encoding="utf-8") as file:
        return float(re.search(rf"\b{text} = (\d+),", file.read()).group(1))


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMP"))
        cls.folder = cls.holder.name
        cls.model = os.path.join(cls.folder, "tiny.air")
        done = run("train", "--member", "linear", "-o", cls.model, TINY)
        assert done.status == 0, done.err

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def put(self, name, content):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def get(self, path):
        with open(path, "rb") as file:
            return file.read()

    def assert_exit(self, done, status, *texts):
        """The status, and a message that holds these texts and says what to do."""
        self.assertEqual(done.status, status, done.err)
        for text in texts:
            self.assertIn(text, done.err)
        if status != 0 and done.status != DATA:
            self.assertTrue(done.err.startswith("air-classifier: "), done.err)


def csv_rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))
