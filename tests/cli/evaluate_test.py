"""evaluate and inspect, and models that must not be used by any command."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import struct
import sys
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402


class EvaluateTest(cli.Test):
    def test_json_has_the_keys_of_the_contract(self):
        done = cli.run("evaluate", "--json", self.model, cli.HELDOUT)
        self.assertEqual((done.status, done.err), (0, ""))
        report = json.loads(done.out)
        self.assertEqual(report["cases"], 180)
        for key in "accuracy", "macro_f1":
            self.assertTrue(0 < report[key] < 1)
            self.assertTrue(0 < report["members"]["linear"][key] < 1)
        self.assertEqual(set(report["coverage"]), {"target_precision", "coverage", "precision"})
        self.assertAlmostEqual(report["coverage"]["target_precision"], 0.9, places=6)
        self.assertGreater(report["seconds"], 0)
        self.assertEqual(report["unknown_labels"], 90)  # six of the twelve teams are not in the model

    def test_figures_are_those_of_predict(self):
        report = json.loads(cli.run("evaluate", "--json", self.model, cli.HELDOUT).out)
        with open(cli.HELDOUT, encoding="utf-8", newline="") as file:
            truth = [row["sbr"] for row in cli.csv_rows(file.read())]
        lines = cli.run("predict", self.model, cli.HELDOUT).lines()
        guesses = [line["predicted_sbr"] for line in lines]
        answered = [i for i, line in enumerate(lines) if not line["abstained"]]
        right = [a == b for a, b in zip(guesses, truth)]
        self.assertAlmostEqual(report["accuracy"], sum(right) / 180, places=8)
        self.assertAlmostEqual(report["coverage"]["coverage"], len(answered) / 180, places=8)
        precision = sum(right[i] for i in answered) / max(1, len(answered))
        self.assertAlmostEqual(report["coverage"]["precision"], precision, places=8)
        names = sorted(set(guesses) | set(truth))  # those the model does not know, too, as scikit-learn has it
        scores = [2 * sum(r and t == name for r, t in zip(right, truth)) / (truth.count(name) + guesses.count(name))
                  for name in names]
        self.assertAlmostEqual(report["macro_f1"], sum(scores) / len(scores), places=8)
        for label in report["labels"]:
            self.assertEqual(label["cases"], truth.count(label["sbr"]))
            self.assertEqual(label["guessed"], guesses.count(label["sbr"]))

    def test_threads_do_not_change_a_figure(self):
        reports = []
        for threads in "1", "2", "3":
            report = json.loads(cli.run("evaluate", "--json", "--threads", threads, self.model, cli.HELDOUT).out)
            del report["seconds"]
            reports.append(report)
        self.assertEqual(reports[0], reports[1])
        self.assertEqual(reports[0], reports[2])
        texts = {cli.run("evaluate", "--threads", threads, self.model, cli.HELDOUT).out for threads in ("1", "2")}
        self.assertEqual(len(texts), 1)

    def test_the_table_is_for_people(self):
        done = cli.run("evaluate", self.model, cli.TINY)
        self.assertEqual(done.status, 0)
        self.assertIn("cases 60   accuracy 100.00 %", done.out)
        self.assertRegex(done.out, r"answered \d+\.\d\d % of the cases \(coverage\)")
        for name in "Identity", "Kernel", "Network", "Security", "Storage", "SysMgmt":
            self.assertRegex(done.out, rf"(?m)^{name} +10 +100.0% +100.0%")

    def test_a_target_is_told_as_it_was_given(self):
        out = self.path("target.air")
        for target, told in ("0.9", "90"), ("0.995", "99.5"), ("0.999", "99.9"), ("0.5", "50"):
            done = cli.run("train", "--member", "linear", "--target-precision", target, "-o", out, cli.TINY)
            self.assertRegex(done.out, rf"target {told} %\)?\n")
            self.assertRegex(cli.run("evaluate", out, cli.TINY).out, rf"target {told} %\)?\n")
        os.unlink(out)

    def test_bad_cases_are_refused_or_skipped(self):
        for arguments, status, text in (
                ([self.path("nowhere.csv")], cli.NO_INPUT, "nowhere.csv"),
                ([self.put("empty.csv", "")], cli.DATA, "the file is empty"),
                ([self.put("head.csv", "subject,sbr\n")], cli.DATA, "only its header"),
                ([self.put("label.csv", "subject,queue\na,b\n")], cli.DATA, "no column 'sbr'"),
                ([self.put("row.csv", "subject,sbr\na,b\nc\n")], cli.DATA, "row.csv: line 3: 1 columns"),
        ):
            done = cli.run("evaluate", self.model, *arguments)
            self.assert_exit(done, status, text)
            self.assertEqual(done.out, "")
            self.assertEqual("--skip-bad-rows" in done.err, "row.csv" in done.err, done.err)
        done = cli.run("evaluate", "--json", "--skip-bad-rows", self.model, self.path("row.csv"))
        self.assertEqual(done.status, 0)
        self.assertIn("skipped: ", done.err)
        self.assertEqual(json.loads(done.out)["cases"], 1)
        done = cli.run("evaluate", "--json", "--columns", "sbr=queue", self.model, self.path("label.csv"))
        self.assertEqual(json.loads(done.out)["unknown_labels"], 1)


class InspectTest(cli.Test):
    def test_unknown_labels_count_one_by_one(self):
        cases = self.put("strange.csv", "subject,description,sbr\n" + "disk full,no room,Storage\n" * 3 +
                         "".join(f"disk full,no room,N{i}\n" for i in range(3)))
        report = json.loads(cli.run("evaluate", "--json", self.model, cases).out)
        self.assertEqual(report["unknown_labels"], 3)
        # As scikit-learn counts: Storage has 2 * 3 / (3 + 6), the three others nothing.
        self.assertAlmostEqual(report["macro_f1"], (2 / 3) / 4, places=6)

    def test_what_is_not_defined_is_null(self):
        cases = self.put("vague.csv", "subject,description,sbr\nx,y,Storage\n")
        done = cli.run("evaluate", "--json", self.model, cases)
        report = json.loads(done.out)
        self.assertEqual(report["coverage"]["coverage"], 0)
        self.assertIsNone(report["coverage"]["precision"])
        self.assertTrue(all(label["recall"] is None for label in report["labels"] if label["cases"] == 0))
        table = cli.run("evaluate", self.model, cases).out
        self.assertIn("answered 0.00 % of the cases (coverage), precision target 90 %\n", table)
        for label in report["labels"]:
            met = label["cases"] + label["guessed"] > 0
            self.assertEqual(label["f1"] is not None, met)
            row = next(line for line in table.splitlines() if line.startswith(label["sbr"])).split()
            self.assertEqual([cell == "-" for cell in row[2:4] + row[5:]],
                             [label["cases"] == 0, not met, label["guessed"] == 0, label["answered"] == 0])

    def test_columns_that_contradict_each_other(self):
        cases = self.put("title.csv", "title,body,sbr\nx,y,Storage\n")
        for columns, text in ("subject=title,description=title", "the column 'title' cannot be two"), ("subject=title,subject=body", "'subject' stands there twice"):
            self.assert_exit(cli.run("evaluate", "--columns", columns, self.model, cases), cli.USAGE, text)

    def test_nothing_usable_is_no_score(self):
        cases = self.put("none.csv", "subject,description,sbr\n,,Storage\n")
        for options in [], ["--json"]:
            self.assert_exit(cli.run("evaluate", "--skip-bad-rows", *options, self.model, cases), cli.DATA, "no usable cases")

    def test_json_tells_what_is_inside(self):
        done = cli.run("inspect", "--json", self.model)
        self.assertEqual((done.status, done.err), (0, ""))
        report = json.loads(done.out)
        self.assertEqual(report["bytes"], os.path.getsize(self.model))
        self.assertEqual([label["sbr"] for label in report["labels"]],
                         ["Identity", "Kernel", "Network", "Security", "Storage", "SysMgmt"])
        self.assertEqual({label["cases"] for label in report["labels"]}, {10})
        self.assertEqual(report["metadata"]["format"], "air-classifier")
        self.assertEqual(report["metadata"]["created"], "2023-11-14T22:13:20Z")
        self.assertEqual(report["canaries"], 6)
        weight = next(tensor for tensor in report["tensors"] if tensor["name"] == "linear.weight")
        self.assertEqual(weight["shape"][1], 6)
        self.assertEqual(weight["bytes"], weight["shape"][0] * 6)

    def test_the_text_tells_the_same(self):
        done = cli.run("inspect", self.model)
        self.assertEqual(done.status, 0)
        for text in ("format_version", "checksum", "Kernel", "linear.weight", "labels.text", "2023-11-14"):
            self.assertIn(text, done.out)

    def test_what_a_file_says_does_not_steer_the_terminal(self):
        content = self.get(self.model)
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8:8 + size])
        del header["__metadata__"]["header_checksum"]
        header["__metadata__"]["note \x1b]0;x\x07"] = "gr\u00fcn \x1b[31m \n \u009b31m \u4e2d"
        text = json.dumps(header).encode()
        text += b" " * (-(8 + len(text)) % 64)
        steering = self.put("steering.air", struct.pack("<Q", len(text)) + text + content[8 + size:])
        done = cli.run("inspect", steering)
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertIn("\nnote \\x1B]0;x\\x07            gr\u00fcn \\x1B[31m \\x0A \\xC2\\x9B31m \u4e2d\n", done.out)
        self.assertEqual([c for c in done.out if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)], [])
        self.assertEqual(json.loads(cli.run("inspect", "--json", steering).out)["metadata"], header["__metadata__"])
        labelled = self.put("labelled.csv", "".join(
            f"{word} {n},{label}\n" for label, word in (("a\x1b[2J", "disk"), ("b\x7f", "login"))
            for n in range(20)).join(("subject,sbr\n", "")))
        out = self.path("labelled.air")
        self.assertEqual(cli.run("train", "--member", "linear", "-o", out, labelled).status, 0)
        told = cli.run("inspect", out).out
        self.assertIn("\na\\x1B[2J ", told)
        self.assertIn("\nb\\x7F ", told)

    def test_any_safetensors_reader_opens_it(self):
        content = self.get(self.model)
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8:8 + size])
        data = content[8 + size:]
        self.assertEqual((8 + size) % 64, 0)
        ends = []
        for name, tensor in header.items():
            if name == "__metadata__":
                self.assertTrue(all(isinstance(value, str) for value in tensor.values()))
                continue
            begin, end = tensor["data_offsets"]
            if not name.startswith("pad."):
                self.assertEqual(begin % 64, 0)
            ends.append((begin, end))
        ends.sort()
        self.assertEqual(ends[0][0], 0)
        for (_, end), (begin, _) in zip(ends, ends[1:]):
            self.assertEqual(end, begin)
        self.assertEqual(ends[-1][1], len(data))


class ModelTest(cli.Test):
    def commands(self, model):
        yield cli.run("predict", model, "-", stdin='{"subject":"disk full"}')
        yield cli.run("evaluate", model, cli.TINY)
        yield cli.run("inspect", model)
        yield cli.run("serve", "--listen", "127.0.0.1:0", model)

    def refused(self, content, status, *texts):
        model = self.put("bad.air", content)
        for done in self.commands(model):
            self.assert_exit(done, status, "bad.air: ", *texts)
            self.assertEqual(done.out, "")
        self.assertEqual(self.get(model), content)

    def with_header(self, change):
        content = self.get(self.model)
        (size,) = struct.unpack("<Q", content[:8])
        header = json.loads(content[8:8 + size])
        change(header)
        text = json.dumps(header).encode()
        text += b" " * (-(8 + len(text)) % 64)
        return struct.pack("<Q", len(text)) + text + content[8 + size:]

    def test_what_is_no_model(self):
        self.refused(b"", cli.DATA, "not a safetensors file, or cut short")
        self.refused(b"hello", cli.DATA, "not a safetensors file, or cut short")
        self.refused(self.get(cli.TINY), cli.DATA, "not a safetensors file")
        self.refused(struct.pack("<Q", 2) + b"{}", cli.DATA, "not a model of air-classifier")

    def test_a_missing_model(self):
        for path, text in ((self.path("nowhere.air"), "No such file"), (self.folder, "Is a directory"),
                           ("/dev/null", "not a regular file")):
            for done in self.commands(path):
                self.assert_exit(done, cli.NO_INPUT, text)

    def test_a_model_cut_short(self):
        whole = self.get(self.model)
        for size in 4, 8, 1000, 4096, len(whole) // 2, len(whole) - 1:
            self.refused(whole[:size], cli.DATA)
        self.refused(whole + b"\0", cli.DATA, "bytes follow the last tensor")

    def test_a_damaged_model(self):
        whole = self.get(self.model)
        for place in len(whole) // 2, len(whole) - 1, len(whole) - 5000:
            damaged = bytearray(whole)
            damaged[place] ^= 1
            self.refused(bytes(damaged), cli.DATA, "damaged: checksum", "train or copy it again")

    def test_a_newer_model(self):
        def newer(header):
            header["__metadata__"]["format_version"] = "3"
        self.refused(self.with_header(newer), cli.DATA, "format version 3", "update air-classifier")

    def test_a_model_without_a_tensor(self):
        def rename(header):
            header["linear.bios"] = header.pop("linear.bias")
            del header["__metadata__"]["header_checksum"]
        self.refused(self.with_header(rename), cli.DATA, "no tensor 'linear.bias'")

    def test_a_damaged_header(self):
        def fields(header):
            header["__metadata__"]["fields"] = "description"

        def swap(header):
            one, other = header["linear.scale"], header["linear.bias"]
            one["data_offsets"], other["data_offsets"] = other["data_offsets"], one["data_offsets"]
            one["shape"], other["shape"] = other["shape"], one["shape"]
        for change in fields, swap:
            self.refused(self.with_header(change), cli.DATA, "damaged: checksum of the header", "train or copy it again")

        def provenance(header):
            header["__metadata__"]["created"], header["__metadata__"]["program"] = "1970-01-01T00:00:00Z", "another"
        self.assertEqual(cli.run("inspect", self.put("older.air", self.with_header(provenance))).status, 0)

    def test_an_equal_header_is_fine(self):
        model = self.put("equal.air", self.with_header(lambda header: None))
        self.assertEqual(cli.run("inspect", model).status, 0)


if __name__ == "__main__":
    unittest.main()
