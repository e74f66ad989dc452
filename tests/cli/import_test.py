"""import: what fastai saved becomes a file of ours, and each command says what it can do with it."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import sys
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402

GOLDEN = os.path.join(cli.ROOT, "tests/golden/ulmfit")
VOCAB = os.path.join(GOLDEN, "vocab.json")


class LanguageModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = cli.tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMP"))
        cls.model = os.path.join(cls.holder.name, "lm.air")
        done = cli.run("import", "-o", cls.model, os.path.join(GOLDEN, "lm_model.pth"), "--vocab", VOCAB,
                       "--language-model", "--language", "de")
        assert done.status == 0, done.err
        assert "a language model" in done.out and "--fields" not in done.out, done.out

    @classmethod
    def tearDownClass(cls):
        cls.holder.cleanup()

    def test_inspect(self):
        found = json.loads(cli.run("inspect", "--json", self.model).out)
        self.assertEqual(found["language_model"],
                         {"words": 200, "embedding": 16, "hidden": 24, "layers": 3, "decoder_bias": True})
        self.assertEqual(found["vocabulary"], {"words": 200, "pieces": False})
        self.assertEqual(found["metadata"]["language"], "de")
        self.assertIn("lm.1.decoder.bias", [tensor["name"] for tensor in found["tensors"]])
        told = cli.run("inspect", self.model).out
        self.assertRegex(told, r"(?m)^words +200; others are read as unknown$")
        self.assertRegex(told, r"decoder bias +yes")
        self.assertRegex(told, r"LSTM layers +3 of 24")

    def test_it_cannot_answer_and_says_what_can_be_done(self):
        for arguments in (["predict", self.model], ["evaluate", self.model, cli.HELDOUT],
                          ["serve", self.model, "--listen", "127.0.0.1:0"]):
            done = cli.run(*arguments)
            self.assertEqual(done.status, cli.DATA, done.err)
            self.assertIn("a language model, which has no labels to answer with", done.err)
            self.assertIn("train --init", done.err)

    def test_command_line(self):
        def taken(*arguments):
            return cli.run("import", "-o", os.path.join(self.holder.name, "other.air"), "--vocab", VOCAB, *arguments)

        encoder = os.path.join(GOLDEN, "encoder.pth")
        labels = ["--labels", os.path.join(GOLDEN, "labels.json")]
        for option in labels, ["--exact"], ["--fields", "subject"], ["--bptt", "72"], ["--max-len", "1440"]:
            done = taken(encoder, "--language-model", *option)
            self.assertEqual(done.status, cli.USAGE)
            self.assertIn(option[0] + ": a language model has none", done.err)
        done = cli.run("import", "-o", "-", "--vocab", VOCAB, *labels, os.path.join(GOLDEN, "model.pth"), cwd=self.holder.name)
        self.assertEqual(done.status, cli.USAGE)
        self.assertIn("'-' is standard input", done.err)
        done = taken(encoder, "--labels", os.path.join(GOLDEN, "labels.json"))
        self.assertEqual(done.status, cli.DATA)
        self.assertIn("--language-model imports them", done.err)
        self.assertFalse(os.path.exists(os.path.join(self.holder.name, "other.air")))
        done = taken(encoder, "--language-model")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("an encoder", done.out)


if __name__ == "__main__":
    unittest.main()
