"""train with ULMFiT: both members and their blend, a ULMFiT that is kept, kills in every phase, and what is refused."""
# SPDX-License-Identifier: Apache-2.0
import glob
import json
import os
import signal
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402

QUICK = ["--threads", "1", "--epochs", "1", "--batch", "8"]


class EnsembleTest(cli.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.both = os.path.join(cls.folder, "both.air")
        cls.learnt = cli.run("train", *QUICK, "-o", cls.both, cli.TINY)
        assert cls.learnt.status == 0, cls.learnt.err

    def inspect(self, model):
        return json.loads(cli.run("inspect", "--json", model).out)

    def test_it_learns_both_and_reports_both(self):
        self.assertIn("memory: the language model takes ", self.learnt.err)
        self.assertIn("memory: the classifier takes ", self.learnt.err)
        self.assertRegex(self.learnt.out, r"(?m)^linear +\d+\.\d\d % +\d+\.\d\d %$")
        self.assertRegex(self.learnt.out, r"(?m)^ulmfit +\d+\.\d\d % +\d+\.\d\d %$")
        self.assertRegex(self.learnt.out, r"ULMFiT's share of the blend: 0\.\d\d\n")
        self.assertRegex(self.learnt.out, r"learnt from 60 cases of 6 SBRs, \d+ features, cost [\d.]+, \d+ words, 3 LSTM layers of 192")
        self.assertEqual(glob.glob(self.both + ".*"), [])
        told = self.inspect(self.both)["metadata"]
        self.assertEqual((told["members"], told["ulmfit_size"], told["ulmfit_recipe"], told["ulmfit_threads"]),
                         ("linear,ulmfit", "small", "own", "1"))
        self.assertEqual(told["fields"], "subject,description,product,version,severity,origin")
        self.assertTrue(self.inspect(self.both)["vocabulary"]["pieces"])
        self.assertRegex(cli.run("inspect", self.both).out, r"(?m)^words +\d+; others are read by their pieces$")

    def test_answers_tell_both_members_and_are_replayed(self):
        case = os.path.join(self.folder, "case.json")
        with open(case, "w", encoding="utf-8") as file:
            json.dump({"subject": "disk is full", "description": "the volume cannot be grown"}, file)
        answer = cli.run("predict", "--detail", "--probabilities", self.both, case).lines()[0]
        self.assertEqual(set(answer["members"]), {"linear", "ulmfit"})
        self.assertAlmostEqual(sum(answer["probabilities"].values()), 1, places=5)
        self.assertAlmostEqual(max(answer["probabilities"].values()), answer["confidence"], places=6)
        self.assertEqual(cli.run("replay", self.both, case, "--decision", answer["decision_id"]).status, 0)
        told = json.loads(cli.run("evaluate", "--json", self.both, cli.HELDOUT, "--skip-bad-rows").out)
        self.assertEqual(set(told["members"]), {"linear", "ulmfit"})
        self.assertRegex(cli.run("evaluate", self.both, cli.TINY).out, r"(?m)^ulmfit +\d+\.\d\d %")

    def test_ulmfit_alone(self):
        out = self.path("alone.air")
        done = cli.run("train", *QUICK, "--member", "ulmfit", "-o", out, cli.TINY)
        self.assertEqual(done.status, 0, done.err)
        self.assertNotIn("features", done.out)
        self.assertEqual(self.inspect(out)["metadata"]["members"], "ulmfit")
        answer = cli.run("predict", "--detail", out, cli.TINY).lines()[0]
        self.assertEqual(set(answer["members"]), {"ulmfit"})
        self.assertAlmostEqual(answer["members"]["ulmfit"]["confidence"], answer["confidence"], places=6)
        os.unlink(out)

    def kept(self, *more, name):
        out = self.path(name)
        done = cli.run("train", "--with", self.both, *more, "-o", out, cli.TINY)
        self.assertEqual(done.status, 0, done.err)
        return out, done.out

    def tensors(self, model):
        return {entry["name"]: entry for entry in self.inspect(model)["tensors"] if entry["name"].startswith("ulmfit.")}

    def test_a_ulmfit_is_kept_as_it_is(self):
        careful, told = self.kept(name="careful.air")
        self.assertIn("--unseen says that they are not", told)
        self.assertIn("Cases that ULMFiT may have learnt from", told)
        self.assertNotIn("Held-out cases", told)
        self.assertNotIn("held_out_accuracy", self.inspect(careful)["metadata"])
        proved, told = self.kept("--unseen", name="proved.air")
        self.assertNotIn("--unseen", told)
        self.assertIn("Held-out cases", told)
        self.assertIn("held_out_accuracy", self.inspect(proved)["metadata"])
        ours = self.tensors(self.both)
        for model, calibrated in (careful, False), (proved, True):
            kept = self.tensors(model)
            self.assertEqual("ulmfit.calibration" in kept, calibrated)
            kept.pop("ulmfit.calibration", None)
            self.assertEqual(set(kept), set(ours) - {"ulmfit.calibration"})
            lines = cli.run("predict", "--detail", model, cli.TINY).lines()
            same = [a["members"]["ulmfit"]["predicted_sbr"] for a in lines]
            before = cli.run("predict", "--detail", self.both, cli.TINY).lines()
            self.assertEqual(same, [a["members"]["ulmfit"]["predicted_sbr"] for a in before])
            os.unlink(model)

    def test_what_does_not_go_together_is_refused(self):
        fewer, more = self.path("fewer.csv"), self.path("more.csv")
        with open(more, "w", encoding="utf-8") as file:
            file.write("subject,description,sbr\n" + "a printer,it is out of paper,Printing\n" * 3)
        with open(fewer, "w", encoding="utf-8") as file:
            file.write("subject,description,sbr\ndisk full,no room,Storage\nlogin,no ticket,Identity\n")
        out = self.path("refused.air")
        for arguments, status, text in (
                (["--with", self.model, cli.TINY], cli.DATA, "holds no ULMFiT"),
                (["--with", self.both, cli.TINY, more], cli.DATA, "does not know the label 'Printing'"),
                (["--with", self.both, fewer], cli.DATA, "no case has the label"),
                (["--with", self.both, "--member", "linear", cli.TINY], cli.USAGE, "nothing to choose"),
                (["--with", self.both, "--init", self.both, cli.TINY], cli.USAGE, "begins from nothing"),
                (["--unseen", cli.TINY], cli.USAGE, "there is none"),
                (["--with", self.both, "--epochs", "2", cli.TINY], cli.USAGE, "--epochs is for learning ULMFiT, which --with keeps"),
                (["--with", self.both, "--resume", cli.TINY], cli.USAGE, "--resume is for learning ULMFiT, which --with keeps"),
                (["--init", self.both, cli.TINY], cli.DATA, "no language model"),
                (["--memory", "3000000", cli.TINY], cli.OS, "--memory leaves")):
            with self.subTest(text):
                done = cli.run("train", "-o", out, *arguments)
                self.assertEqual(done.status, status, done.err)
                self.assertIn(text, done.err)
                self.assertFalse(os.path.exists(out))

    def test_beginnings_of_long_texts_are_the_same_after_a_kill(self):
        words = "disk volume array node driver printer paper login ticket password network cable switch port mail".split()
        text = [" ".join(words[(i * j * j + i + 7 * j) % len(words)] for j in range(200)) for i in range(24)]
        cases = self.path("long.csv")
        with open(cases, "w", encoding="utf-8") as file:
            file.write("subject,description,sbr\n" + "".join(f"a case,{t},{'AB'[i % 2]}\n" for i, t in enumerate(text)))
        lm = self.path("long.lm")
        with open(self.path("long.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(text))
        done = cli.run("pretrain", "--threads", "1", "--epochs", "1", "-o", lm, self.path("long.txt"))
        self.assertEqual(done.status, 0, done.err)
        arguments = ["train", "--threads", "1", "--epochs", "2", "--batch", "4", "--member", "ulmfit", "--checkpoint", "0", "--init", lm]
        whole, out, history = self.path("long.air"), self.path("again.air"), self.path("again.jsonl")
        done = cli.run(*arguments, "-o", whole, cases)
        self.assertEqual(done.status, 0, done.err)
        arguments += ["--history", history, "--resume", "-o", out, cases]
        process = subprocess.Popen([cli.PROGRAM, *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
        while process.poll() is None:
            if os.path.exists(history) and self.get(history).count(b'"labels-1"') >= 3:
                process.kill()
                break
            time.sleep(0.002)
        process.wait()
        done = cli.run(*arguments)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("goes on after step", done.err)
        self.assertEqual(self.get(out), self.get(whole))

    def test_labels_are_smoothed_in_the_total_alone(self):
        """As fastai's loss of that name; the language is learnt as ever."""
        steps = {}
        for share in "0", "0.3":
            history = self.path(f"smooth{share}.jsonl")
            done = cli.run("train", *QUICK, "--member", "ulmfit", "--smoothing", share, "--history", history, "-o", self.path("smooth.air"), cli.TINY)
            self.assertEqual(done.status, 0, done.err)
            steps[share] = [json.loads(line) for line in self.get(history).decode().splitlines()]
        sharp, smooth = steps.values()
        first = next(i for i, step in enumerate(sharp) if step["training"] != "language")
        for a, b in zip(sharp[:first], smooth[:first]):
            self.assertEqual((a["loss"], a["total"]), (b["loss"], b["total"]))
        self.assertEqual(sharp[first]["loss"], smooth[first]["loss"])  # of the same network
        self.assertNotEqual(sharp[first]["total"], smooth[first]["total"])
        self.assertNotEqual(sharp[-1]["loss"], smooth[-1]["loss"])
        self.assert_exit(cli.run("train", "--smoothing", "0.6", "-o", self.path("smooth.air"), cli.TINY), cli.USAGE, "--smoothing")

    def test_beginning_anew_leaves_no_checkpoint_behind(self):
        out = self.path("anew.air")
        arguments = ["train", *QUICK, "--checkpoint", "0", "--resume", "-o", out, cli.TINY]
        process = subprocess.Popen([cli.PROGRAM, *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not os.path.exists(out + ".labels-1.resume"):
            self.assertIsNone(process.poll())
            time.sleep(0.002)
        process.kill()
        process.wait()
        os.unlink(out + ".language.resume")
        done = cli.run(*arguments, "--rate", "0.5")
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(glob.glob(out + ".*"), [])
        os.unlink(out)

    def test_killed_in_every_phase_it_goes_on_to_the_same_bytes(self):
        """Phases are told apart by what the history tells, and by the checkpoints that lie there."""
        out, history = self.path("killed.air"), self.path("history.jsonl")
        arguments = ["train", *QUICK, "--checkpoint", "0", "--history", history, "--resume", "-o", out, cli.TINY]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
        for seen in "", '"labels-1"', '"labels-2"', '"labels-4"':
            process = subprocess.Popen([cli.PROGRAM, *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       env=environment)
            while process.poll() is None:
                text = self.get(history).decode() if os.path.exists(history) else ""
                if seen in text if seen else text.count("\n") >= 2:
                    process.send_signal(signal.SIGKILL)
                    break
                time.sleep(0.002)
            process.wait()
        done = cli.run(*arguments)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.get(out), self.get(self.both))
        # Nor the half of a checkpoint that a kill left under its temporary name.
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("killed.air.")], [])
        for path in out, history:
            os.unlink(path)


if __name__ == "__main__":
    unittest.main()
