"""Every allocation, read and write of the commands fails once: always a clean error."""
# SPDX-License-Identifier: Apache-2.0
import os
import sys
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402

CASES = "subject,product,sbr\n" + "".join(
    f"{text},{product},{name}\n" for name, texts in (
        ("A", ("disk full", "full disk", "disk")), ("B", ("login fails", "no login", "login")),
        ("C", ("panic", "kernel panic", "oops"))) for text, product in zip(texts, "RRS"))

CLEAN = (cli.DATA, cli.NO_INPUT, cli.OS, cli.CANNOT_CREATE, cli.IO)


class FaultTest(cli.Test):
    def strike(self, nth, *arguments):
        """Runs with the nth operation failing; whether it struck."""
        done = cli.run(*arguments, env={"AIR_CLASSIFIER_FAULT": str(nth)})
        if done.status == 0:
            return None
        self.assertIn(done.status, CLEAN, f"fault {nth}: {done.err}")
        self.assertIn("air-classifier: ", done.err)
        self.assertNotIn("Sanitizer", done.err)
        self.assertEqual([name for name in os.listdir(self.folder) if ".tmp." in name], [])
        return done

    def walk(self, *arguments):
        nth = 1
        while self.strike(nth, *arguments) is not None:
            nth += 1
        return nth

    def test_inspect(self):
        self.assertGreater(self.walk("inspect", self.model), 3)
        self.assertGreater(self.walk("inspect", "--json", self.model), 3)

    def test_predict(self):
        cases = self.put("few.csv", "case_number,subject\n" + "".join(f"{i},disk full\n" for i in range(5)))
        expected = cli.run("predict", self.model, cases).out
        nth, partial = 1, 0
        while True:
            done = self.strike(nth, "predict", "--threads", "2", self.model, cases)
            if done is None:
                break
            self.assertTrue(expected.startswith(done.out))
            partial += 0 < len(done.out)
            nth += 1
        self.assertGreater(nth, 10)
        self.assertGreaterEqual(partial, 1)

    def test_evaluate(self):
        cases = self.put("cases.csv", CASES)
        self.assertGreater(self.walk("evaluate", "--threads", "2", self.model, cases), 15)

    def test_train(self):
        cases, model = self.put("cases.csv", CASES), self.put("earlier.air", "earlier")
        # With one thread the operations have one order, so the last can be searched for.
        arguments = ("train", "--member", "linear", "--threads", "1", "-o", model, cases)

        def strikes(nth):
            done = self.strike(nth, *arguments)
            if done is not None and "its folder could not be synced" not in done.err:
                self.assertEqual(self.get(model), b"earlier")
            else:
                self.put("earlier.air", "earlier")
            return done is not None

        low, high = 1, 2  # the last one that strikes is in [low, high)
        while strikes(high):
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if strikes(middle) else (low, middle)
        self.assertGreater(low, 200)
        # Opening and reading come first, writing last; what lies between, fit_test walks.
        for nth in [*range(1, 21), *range(low - 49, low + 1)]:
            self.assertTrue(strikes(nth))


if __name__ == "__main__":
    unittest.main()
