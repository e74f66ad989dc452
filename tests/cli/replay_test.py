"""replay: a decision is given again, bit for bit, by this model and this case and no other."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import sys
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402

CASE = {"subject": "Volume cannot be mounted", "description": "iscsi login fails after reboot", "product": "RHEL"}


class ReplayTest(cli.Test):
    def setUp(self):
        self.case = self.put("case.json", json.dumps(CASE))
        done = cli.run("predict", "--detail", self.model, self.case)
        self.assertEqual(done.status, 0, done.err)
        (self.line,) = done.lines()
        self.id = self.line["decision_id"]

    def replay(self, *arguments):
        return cli.run("replay", *arguments)

    def test_predict_tells_the_details(self):
        self.assertEqual(list(self.line), ["case_number", "predicted_sbr", "confidence", "abstained",
                                           "alternatives", "members", "truncated", "decision_id", "model"])
        self.assertRegex(self.id, r"\Alinear-[0-9a-f]{32}\Z")
        self.assertEqual(len(self.line["alternatives"]), 5)
        probabilities = [one["confidence"] for one in self.line["alternatives"]]
        self.assertEqual(probabilities, sorted(probabilities, reverse=True))
        self.assertEqual(self.line["model"]["version"], "2023-11-14T22:13:20Z")
        self.assert_exit(cli.run("predict", "--detail", "--csv", self.model, self.case), cli.USAGE, "--csv")

    def test_a_decision_is_given_again(self):
        for case in (self.case, self.put("null.json", json.dumps({**CASE, "version": None, "x": 1})),
                     self.put("case.csv", ",".join(CASE) + "\n" + ",".join(CASE.values()) + "\n")):
            done = self.replay(self.model, case, "--decision", self.id)
            self.assertEqual(done.status, 0, done.err)
            (told,) = done.lines()
            self.assertIs(told.pop("reproduced"), True)
            self.assertEqual(told, {key: self.line[key] for key in told})
            self.assertIn("confidence", told)

    def test_another_case_model_or_id_is_told(self):
        other = self.put("other.json", json.dumps({**CASE, "origin": "Web"}))
        again = self.path("again.air")
        self.assertEqual(cli.run("train", "--member", "linear", "-o", again, "--seed", "7", cli.HELDOUT).status, 0)
        number = self.id.split("-")[1]
        flipped = f"linear-{int(number, 16) ^ 1:032x}"
        for model, case, decision in ((self.model, other, self.id), (again, self.case, self.id),
                                      (self.model, self.case, flipped),
                                      (self.model, self.case, "plain-" + number)):
            done = self.replay(model, case, "--decision", decision)
            self.assert_exit(done, cli.DATA, "The decision is not reproduced")
            self.assertIs(done.lines()[0]["reproduced"], False)

    def test_what_is_wrong_is_told(self):
        self.assert_exit(self.replay(self.model, self.case), cli.USAGE, "--decision")
        self.assert_exit(self.replay(self.model, self.case, "--decision", "x"), cli.USAGE, "no decision")
        missing = self.replay(self.model, self.path("none.json"), "--decision", self.id)
        self.assert_exit(missing, cli.NO_INPUT)
        for name, content in (("empty.json", ""), ("bad.json", "{}"), ("worse.json", "{")):
            done = self.replay(self.model, self.put(name, content), "--decision", self.id)
            self.assertEqual(done.status, cli.DATA, done.err)
            self.assertEqual(done.out, "")

    def test_several_cases_are_refused(self):
        line = json.dumps(CASE) + "\n"
        head, row = ",".join(CASE) + "\n", ",".join(CASE.values()) + "\n"
        for content in line * 3, head + row * 3, line + "{\n" + line:
            done = self.replay(self.model, self.put("three", content), "--decision", self.id)
            self.assert_exit(done, cli.DATA, "three: 3 cases, where replay takes one")
            self.assertEqual(done.out, "")

    def test_ulmfit_is_asked_with_the_kernel_that_answered(self):
        golden = os.path.join(cli.ROOT, "tests/golden/ulmfit")
        model = self.path("imported.air")
        done = cli.run("import", "-o", model, os.path.join(golden, "model.pth"), "--exact", "--bptt", "8",
                       "--max-len", "40", "--vocab", os.path.join(golden, "vocab.json"),
                       "--labels", os.path.join(golden, "labels.json"))
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("reads: subject,description,product,version,severity,origin (as --fields has it)\n", done.out)
        ids = set()
        for kernel in ("plain", "exact"):
            (line,) = cli.run("predict", "--detail", "--kernel", kernel, model, self.case).lines()
            self.assertTrue(line["decision_id"].startswith(kernel + "-"))
            done = self.replay(model, self.case, "--decision", line["decision_id"])
            self.assertEqual((done.status, done.lines()[0]["reproduced"]), (0, True), done.err)
            ids.add(line["decision_id"])
        self.assertEqual(len(ids), 2)
        done = self.replay(model, self.case, "--decision", "vax780-" + "0" * 32)
        self.assert_exit(done, 69, "this CPU lacks the kernel vax780")


if __name__ == "__main__":
    unittest.main()
