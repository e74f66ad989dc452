"""pretrain: a language from plain text; killed at any moment it goes on to the same bytes; bad input and full disks lose nothing."""
# SPDX-License-Identifier: Apache-2.0
import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402


class PretrainTest(cli.Test):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.text = os.path.join(cls.folder, "text")
        with open(cli.TINY, encoding="utf-8", newline="") as cases, open(cls.text, "w", encoding="utf-8") as out:
            for case in csv.DictReader(cases):
                out.write(case["subject"] + "\n\n" + case["description"].replace("\n", " ") + "\n")
        cls.lm = os.path.join(cls.folder, "whole.air")
        cls.first = cli.run("pretrain", "-o", cls.lm, *cls.settings(), cls.text)
        assert cls.first.status == 0, cls.first.err

    @staticmethod
    def settings(*more):
        return ["--threads", "1", "--epochs", "3", "--batch", "4", "--held-out", "0.1", "--checkpoint", "0", *more]

    def pretrain(self, *arguments, out="lm.air", **more):
        return cli.run("pretrain", "-o", self.path(out), *arguments, **more)

    def test_it_tells_memory_and_what_it_learnt(self):
        self.assertRegex(self.first.err, r"memory: the language model takes [\d.]+ MiB, [\d.]+ MiB in all; .* leaves ")
        self.assertRegex(self.first.out, r"words, embedding 64, 3 LSTM layers of 192; learnt from 120 texts of \d+ words in ")
        self.assertRegex(self.first.out, r"perplexity [\d.]+ in training, [\d.]+ of the texts held out")
        self.assertFalse(os.path.exists(self.lm + ".language.resume"))

    def test_an_imported_or_pretrained_model_is_begun_from(self):
        done = self.pretrain("--init", self.lm, "--threads", "1", "--epochs", "1", self.text)
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.out, r"; [1-9]\d* words were known from ")
        os.unlink(self.path("lm.air"))

    def test_a_model_begun_from_tells_size_language_and_tokenizer(self):
        german = self.path("german.air")
        done = cli.run("pretrain", "-o", german, "--language", "de", "--tokenizer", "spacy2", *self.settings(), self.text)
        self.assertEqual(done.status, 0, done.err)
        for more, text in ((["--language", "en"], "--language de"), (["--tokenizer", "spacy3"], "--tokenizer spacy2"),
                           (["--size", "medium"], "not --size medium")):
            self.assert_exit(self.pretrain("--init", german, *more, self.text), cli.USAGE, "german.air", text, "leave that out")
        done = self.pretrain("--init", german, "--size", "small", "--language", "de", "--epochs", "1", self.text)
        self.assertEqual(done.status, 0, done.err)
        told = cli.run("inspect", self.path("lm.air")).out
        self.assertRegex(told, r"language +de\n")
        self.assertRegex(told, r"tokenizer +spacy2\n")
        os.unlink(self.path("lm.air"))

    def test_texts_of_another_language_are_learnt_as_if_from_the_start(self):
        german = "der drucker im zweiten stock druckt nur noch leere seiten und niemand weiss warum das so ist\n"
        stages = {}
        for name, text in ("own", self.get(self.text)), ("german", german * 40):
            history = self.path("stages.jsonl")
            done = self.pretrain("--init", self.lm, "--epochs", "1", "--history", history, self.put("other", text))
            self.assertEqual(done.status, 0, done.err)
            self.assertEqual("of the words of these texts; they are learnt as if from the start" in done.err, name == "german")
            stages[name] = {line["stage"] for line in self.history(history)}
        self.assertEqual(stages, {"own": {"embedding", "all layers"}, "german": {"all layers"}})
        os.unlink(self.path("lm.air"))

    def test_nothing_learnt_is_said(self):
        done = self.pretrain("--epochs", "1", "--rate", "1000", "--threads", "1", self.text)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("nothing was learnt", done.err)
        os.unlink(self.path("lm.air"))

    def test_halves_learn_about_the_same_on_any_processor(self):
        perplexity = {}
        for arithmetic in "f32", "bf16":
            history = self.path(arithmetic)
            done = self.pretrain("--arithmetic", arithmetic, *self.settings("--history", history), self.text)
            self.assertEqual(done.status, 0, done.err)
            perplexity[arithmetic] = self.history(history)[-1]["valid_perplexity"]
            os.unlink(history)
        os.unlink(self.path("lm.air"))
        self.assertNotEqual(perplexity["f32"], perplexity["bf16"])
        self.assertAlmostEqual(perplexity["bf16"] / perplexity["f32"], 1, delta=0.02)

    def history(self, path):
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def killed_after(self, steps):
        """Kills a run without warning once it wrote so many lines, then resumes it."""
        out, history = self.path("killed.air"), self.path("history.jsonl")
        arguments = [*self.settings("--history", history, "--resume"), self.text]
        process = subprocess.Popen([cli.PROGRAM, "pretrain", "-o", out, *arguments], stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
        while process.poll() is None:
            if os.path.exists(history) and self.get(history).count(b"\n") >= steps:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        process.wait()
        done = cli.run("pretrain", "-o", out, *arguments)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.get(out), self.get(self.lm))
        steps = [line["step"] for line in self.history(history) if "valid_loss" not in line]
        self.assertEqual(steps, list(range(1, len(steps) + 1)))
        for path in out, history:
            os.unlink(path)

    def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(self):
        for steps in 0, 1, 7, 20:
            self.killed_after(steps)

    def test_interrupted_it_says_how_to_go_on(self):
        out = self.path("stopped.air")
        process = subprocess.Popen([cli.PROGRAM, "pretrain", "-o", out, "--epochs", "100000", "--threads", "1", self.text],
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        line = process.stderr.readline()  # memory is told, and soon it learns
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        told = line + process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, cli.TEMPORARY, told)
        self.assertIn(b"--resume goes on", told)
        self.assertTrue(os.path.exists(out + ".language.resume"))
        self.assertFalse(os.path.exists(out))
        done = cli.run("pretrain", "-o", out, "--epochs", "2", "--threads", "1", "--resume", self.text)
        self.assertEqual(done.status, cli.USAGE, done.err)
        self.assertIn("other settings", done.err)
        os.unlink(out + ".language.resume")

    def stopped(self, out, *settings):
        """A run killed once its checkpoint is there, whose bytes are given."""
        process = subprocess.Popen([cli.PROGRAM, "pretrain", "-o", out, "--epochs", "100000", *settings, self.text],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while not os.path.exists(out + ".language.resume"):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        process.kill()
        process.wait()
        return self.get(out + ".language.resume")

    def test_another_run_is_not_gone_on_with(self):
        out, further = self.path("other.air"), self.path("further.air")
        done = cli.run("pretrain", "-o", further, *self.settings("--seed", "7"), self.text)
        self.assertEqual(done.status, 0, done.err)
        settings = ["--threads", "1", "--init", self.lm, "--checkpoint", "0"]
        before = self.stopped(out, *settings)
        for more, text in (
                (["--held-out", "0.3"], "learnt from other texts"),
                (["--rate", "0.5"], "other settings"),
                (["--init", further], "began from another model")):
            with self.subTest(more[0]):
                done = cli.run("pretrain", "-o", out, "--epochs", "100000", *settings, *more, "--resume", self.text)
                self.assertEqual(done.status, cli.USAGE, done.err)
                self.assertIn(text, done.err)
                self.assertEqual(self.get(out + ".language.resume"), before)
        os.unlink(out + ".language.resume")
        os.unlink(further)

    def test_a_checkpoint_is_not_replaced_unasked(self):
        out = self.path("kept.air")
        before = self.stopped(out, "--threads", "1")
        done = cli.run("pretrain", "-o", out, "--epochs", "1", self.text)
        self.assert_exit(done, cli.USAGE, "kept.air.language.resume is there", "--resume goes on")
        self.assertEqual(self.get(out + ".language.resume"), before)
        os.unlink(out + ".language.resume")

    def test_resuming_says_from_where(self):
        out, history = self.path("said.air"), self.path("said.jsonl")
        for _ in range(2):  # the second begins anew, and so does its history
            done = cli.run("pretrain", "-o", out, *self.settings("--resume", "--history", history), self.text)
            self.assertEqual(done.status, 0, done.err)
            self.assertIn("resume: there is no ", done.err)
            steps = [line["step"] for line in self.history(history) if "valid_loss" not in line]
            self.assertEqual(steps, list(range(1, len(steps) + 1)))
        os.unlink(history)
        process = subprocess.Popen([cli.PROGRAM, "pretrain", "-o", out, *self.settings("--history", history), self.text],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while process.poll() is None and (not os.path.exists(history) or self.get(history).count(b"\n") < 3):
            time.sleep(0.002)
        process.kill()
        process.wait()
        self.put("said.air.language.resume.tmp.1.0", b"half")
        done = cli.run("pretrain", "-o", out, *self.settings("--resume", "--history", history), self.text)
        self.assertEqual(done.status, 0, done.err)
        self.assertRegex(done.err, r"resume: \S*said.air.language.resume goes on after step \d")
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("said.air.")], [])
        os.unlink(out)

    def test_one_paragraph_is_learnt(self):
        text = self.put("one", "the disk of the server is full and the disk of the server is slow " * 20 + "\n")
        done = self.pretrain("--epochs", "1", "--held-out", "0.5", text, out="one.air")
        self.assertEqual(done.status, 0, done.err)
        self.assertNotIn("held out", done.out)

    def test_a_full_disk_keeps_what_was(self):
        def little():
            resource.setrlimit(resource.RLIMIT_FSIZE, (400000, 400000))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        done = self.pretrain(*self.settings(), self.text, out="full.air", preexec_fn=little)
        self.assertEqual(done.status, cli.IO, done.err)
        self.assertIn("air-classifier: ", done.err)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("full.air") and ".tmp." in name], [])

    def test_memory_that_is_not_there(self):
        done = self.pretrain(*self.settings("--memory", "3000000"), self.text)
        self.assert_exit(done, cli.OS, "the language model needs", "--memory leaves")
        self.assertFalse(os.path.exists(self.path("lm.air")))

    def test_a_loss_that_is_no_number(self):
        history = self.path("wild.jsonl")
        done = self.pretrain(*self.settings("--rate", "1e9", "--history", history), self.text, out="wild.air")
        self.assert_exit(done, cli.DATA, "step", "--rate", "the last good checkpoint is ")
        self.assertNotIn("(null)", done.err)
        self.assertEqual(self.history(history)[0]["step"], 1)  # what led there is told
        for name in os.listdir(self.folder):
            if name.startswith("wild.air"):
                os.unlink(self.path(name))

    def test_a_gradient_is_shortened_where_asked(self):
        history = self.path("clip.jsonl")
        done = self.pretrain(*self.settings("--clip", "0.05", "--history", history), self.text, out="clip.air")
        self.assertEqual(done.status, 0, done.err)
        self.assertTrue(all(line["gradient_norm"] > 0 for line in self.history(history) if "valid_loss" not in line))
        self.assertNotEqual(self.get(self.path("clip.air")), self.get(self.lm))

    def test_bad_input(self):
        empty, broken = self.path("empty"), self.path("broken")
        open(empty, "w").close()
        with open(broken, "wb") as file:
            file.write(b"a fine line\n\xff\xfe is none\n")
        for arguments, status, text in (
                ([self.text], cli.USAGE, "needs -o LM"),
                (["-o", self.path("x.air"), "/nowhere/text"], cli.NO_INPUT, "/nowhere/text"),
                (["-o", self.path("x.air"), empty], cli.DATA, "empty: there is no text to learn from"),
                (["-o", self.path("x.air"), empty, empty, empty], cli.DATA, "empty and 2 more: there is no text"),
                (["-o", self.path("x.air"), broken], cli.DATA, "line 2"),
                (["-o", "/nowhere/x.air", self.text], cli.CANNOT_CREATE, "/nowhere/x.air"),
                (["-o", self.path("x.air"), "--size", "huge", self.text], cli.USAGE, "no size 'huge'"),
                (["-o", self.path("x.air"), "--arithmetic", "f16", self.text], cli.USAGE, "'f16' is neither f32 nor bf16"),
                (["-o", self.path("x.air"), "--recipe", "x", self.text], cli.USAGE, "neither own nor fastai"),
                (["-o", self.path("x.air"), "--init", self.text, self.text], cli.DATA, self.text)):
            with self.subTest(text):
                self.assert_exit(cli.run("pretrain", *arguments), status, text)
                self.assertFalse(os.path.exists(self.path("x.air")))


if __name__ == "__main__":
    unittest.main()
