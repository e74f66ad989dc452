"""train: every bad input, a full disk, and the same bytes for any number of threads."""
# SPDX-License-Identifier: Apache-2.0
import gzip
import os
import resource
import signal
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402

HEAD = "subject,description,sbr\n"
GOOD = "disk full,/var is full,Storage\nlogin fails,kinit says no,Identity\n"


class TrainTest(cli.Test):
    def train(self, *cases, out="new.air", **more):
        return cli.run("train", "--member", "linear", "-o", self.path(out), *cases, **more)

    def refused(self, done, status, *texts, out="new.air"):
        """With this status and these words, without a file, and without a temporary one."""
        self.assert_exit(done, status, *texts)
        self.assertIn("air-classifier: ", done.err)
        self.assertEqual(done.out, "")
        self.assertFalse(os.path.exists(self.path(out)))
        self.assertEqual([name for name in os.listdir(self.folder) if ".tmp." in name], [])

    def test_it_learns_and_reports(self):
        done = self.train(cli.TINY)
        self.assertEqual((done.status, done.err), (0, ""))
        self.assertRegex(done.out, r"cases 60   accuracy \d+\.\d\d %   macro-F1 ")
        self.assertRegex(done.out, r"(?m)^Kernel +10 ")
        self.assertIn("learnt from 60 cases of 6 SBRs", done.out)
        os.unlink(self.path("new.air"))

    def test_threads_and_files_do_not_change_a_byte(self):
        for threads in "1", "2", "3":
            done = self.train(cli.TINY, "--threads", threads, out=f"threads{threads}.air")
            self.assertEqual(done.status, 0)
        first = self.get(self.path("threads1.air"))
        self.assertEqual(first, self.get(self.path("threads2.air")))
        self.assertEqual(first, self.get(self.path("threads3.air")))
        # A date of another day changes the file, but not its checksum of tensors.
        done = self.train(cli.TINY, out="later.air", env={"SOURCE_DATE_EPOCH": "1800000000"})
        self.assertEqual(done.status, 0)
        self.assertNotEqual(first, self.get(self.path("later.air")))
        self.assertEqual(first[-60000:], self.get(self.path("later.air"))[-60000:])

    def test_another_seed_is_another_model(self):
        self.assertEqual(self.train(cli.TINY, "--seed", "2", out="seed.air").status, 0)
        self.assertNotEqual(self.get(self.path("seed.air"))[-60000:], self.get(self.model)[-60000:])

    def test_other_column_names(self):
        cases = self.put("columns.csv", "title,queue,body\r\ndisk full,Storage,x\r\nlogin,Identity,\"a\r\nb\"\r\n")
        self.refused(self.train(cases), cli.DATA, "columns.csv: line 1: no column 'sbr'", "--columns sbr=NAME")
        done = self.train("--columns", "subject=title,description=body,sbr=queue", cases, out="columns.air")
        self.assertEqual(done.status, 0, done.err)
        self.refused(self.train("--columns", "subject=title,description=text,sbr=queue", cases),
                     cli.DATA, "no column 'text', which --columns names")

    def test_other_names_of_json_members(self):
        cases = self.put("members.jsonl", '{"title":"disk full","queue":"Storage","body":"x"}\n'
                                          '{"title":"login","queue":"Identity"}\n{"body":"login","queue":"Identity"}\n')
        self.refused(self.train(cases), cli.DATA, "line 1", "both empty")
        columns = "subject=title,description=body,sbr=queue"
        done = self.train("--columns", columns, cases, out="members.air")
        self.assertEqual(done.status, 0, done.err)
        same = self.put("members.csv", "title,queue,body\ndisk full,Storage,x\nlogin,Identity,\n,Identity,login\n")
        self.assertEqual(self.train("--columns", columns, same, out="same.air").status, 0)
        self.assertEqual(self.get(self.path("members.air")), self.get(self.path("same.air")))
        # What is the label is no field as well, which would give it away; in either form.
        rows = [(f"word{i % 7} text{i % 5}", "Storage" if i % 2 else "Identity") for i in range(20)]
        given = self.put("given.jsonl", "".join(f'{{"subject":"{text}","product":"{team}"}}\n' for text, team in rows))
        away = self.put("away.csv", "subject,product,\n" + "".join(f"{text},{team},{team}\n" for text, team in rows))
        for cases in given, away:
            done = self.train("--columns", "sbr=product", cases, out=cases + ".air")
            self.assertEqual(done.status, 0, done.err)
        self.assertEqual(self.get(given + ".air"), self.get(away + ".air"))
        cases = self.path("members.jsonl")
        done = self.train("--columns", "subject=titel,description=body,sbr=queue", cases)
        self.refused(done, cli.USAGE, "no case has a member 'titel', which --columns names")
        self.refused(self.train("--columns", "subject=title,description=body,sbr=queu", cases),
                     cli.DATA, "line 1: queu: the label is empty")
        bare = self.put("bare.jsonl", '{"title":"login","queue":"Identity"}\n')  # no body, which others have
        for files in (cases, bare), (bare, cases):
            done = self.train("--columns", columns, *files, out="bare.air")
            self.assertEqual(done.status, 0, done.err)

    def test_byte_order_mark_and_json_lines_are_read(self):
        with_mark = self.put("mark.csv", b"\xef\xbb\xbf" + (HEAD + GOOD).encode())
        self.assertEqual(self.train(with_mark, out="mark.air").status, 0)
        lines = self.put("cases.jsonl", '{"subject":"disk full","sbr":"Storage"}\n'
                                        '{"subject":"login \\u0000 fails","sbr":"Identity"}\n')
        self.assertEqual(self.train(lines, out="jsonl.air").status, 0)

    def test_cases_from_standard_input(self):
        done = self.train("-", out="stdin.air", stdin=HEAD + GOOD)
        self.assertEqual(done.status, 0, done.err)

    def test_files_that_can_not_be_learnt_from(self):
        for content, status, text in (
                ("", cli.DATA, "the file is empty"),
                ("\n\n", cli.DATA, "the file is empty"),
                ((HEAD + GOOD).encode("utf-16"), cli.DATA, "this is UTF-16; iconv -f UTF-16 -t UTF-8"),
                (gzip.compress((HEAD + GOOD).encode()), cli.DATA, "this is compressed; give what gunzip -c makes of it"),
                (HEAD, cli.DATA, "no cases: the file has only its header"),
                (HEAD.strip(), cli.DATA, "no cases: the file has only its header"),
                ("subject,description\nx,y\n", cli.DATA, "line 1: no column 'sbr' with the labels"),
                ("title,sbr\nx,y\n", cli.DATA, "neither a column 'subject' nor 'description'"),
                ("subject,subject,sbr\nx,x,y\n", cli.DATA, "two columns are named 'subject'"),
                (HEAD + "x,y,Only\nz,w,Only\n", cli.DATA, "all 2 cases have the label 'Only'"),
                (HEAD + "a,b,X\n\"c,d,Y\ne,f,X\n", cli.DATA, "the row at line 3 is never closed"),
                (HEAD + "a,b,X\n\"c\"d,e,Y\n", cli.DATA, "line 3: a quote stands where none may"),
                (HEAD + "\" \",\" \",X\n\" \",,Y\n", cli.DATA, "no words to learn from"),
        ):
            cases = self.put("bad.csv", content)
            done = self.train(cases)
            self.refused(done, status, text)
            self.assertNotIn("--skip-bad-rows", done.err)  # it would not help
            if "label" not in text or "column" in text:
                self.assertTrue("bad.csv" in done.err or "no words" in done.err, done.err)

    def test_files_that_can_not_be_read(self):
        self.refused(self.train(self.path("nowhere.csv")), cli.NO_INPUT, "nowhere.csv: No such file")
        self.refused(self.train(self.folder), cli.NO_INPUT, "Is a directory")
        self.refused(self.train(cli.TINY, self.path("nowhere.csv")), cli.NO_INPUT, "nowhere.csv")
        if os.geteuid() != 0:
            locked = self.put("locked.csv", HEAD + GOOD)
            os.chmod(locked, 0)
            self.refused(self.train(locked), cli.NO_INPUT, "Permission denied")

    def test_a_date_that_is_none_is_told_before_learning(self):
        for date in "", "abc", "9" * 19:
            done = self.train("/nowhere/cases.csv", out="dated.air", env={"SOURCE_DATE_EPOCH": date})
            self.assert_exit(done, cli.USAGE, "SOURCE_DATE_EPOCH", "date +%s")

    def test_an_output_that_is_an_input_is_refused(self):
        cases = self.put("kept.csv", HEAD + GOOD)
        os.symlink("kept.csv", self.path("alias.csv"))
        os.link(cases, self.path("hard.csv"))
        for out in "kept.csv", "alias.csv", "hard.csv":
            done = self.train(cli.TINY, cases, out=out)
            self.assert_exit(done, cli.USAGE, f"{out}: this is a file to be read")
            self.assertEqual(self.get(cases), (HEAD + GOOD).encode())
        done = cli.run("pretrain", "-o", cases, cases)
        self.assert_exit(done, cli.USAGE, "kept.csv: this is a file to be read")
        done = cli.run("import", "-o", cases, "--vocab", cases, "--labels", cases, cases)
        self.assert_exit(done, cli.USAGE, "kept.csv: this is a file to be read")
        self.assertEqual(self.get(cases), (HEAD + GOOD).encode())
        words = self.put("words.json", '["a"]')
        for option in "--vocab", "--labels":
            lists = {"--vocab": cases, "--labels": cases, option: words}
            done = cli.run("import", "-o", words, *[text for pair in lists.items() for text in pair], cli.TINY)
            self.assert_exit(done, cli.USAGE, "words.json: this is a file to be read")
        self.assertEqual(self.get(words), b'["a"]')

    def test_a_history_over_another_file_is_refused(self):
        cases, model = self.put("kept.csv", HEAD + GOOD), self.put("base.air", self.get(self.model))
        os.symlink("base.air", self.path("alias.air"))
        for arguments, text in (
                (["train", "-o", "h.air", "--history", cases, cli.TINY, cases], "kept.csv: this is a file to be read"),
                (["pretrain", "-o", "h.air", "--history", cases, cases], "kept.csv: this is a file to be read"),
                (["train", "-o", "h.air", "--history", self.path("alias.air"), "--with", model, cases], "--history is for learning ULMFiT, which --with keeps"),
                (["pretrain", "-o", "h.air", "--history", model, "--init", model, cases], "base.air: this is a file to be read"),
                (["train", "-o", model, "--history", self.path("alias.air"), cases], "alias.air: this is the file of -o"),
                (["train", "-o", "h.air", "--history", "h.air", cases], "h.air: this is the file of -o"),
        ):
            self.assert_exit(cli.run(*arguments, cwd=self.folder), cli.USAGE, "--history ", text)
        self.assertEqual(self.get(cases), (HEAD + GOOD).encode())
        self.assertEqual(self.get(model), self.get(self.model))
        self.assertFalse(os.path.exists(self.path("h.air")))

    def test_what_only_ulmfit_takes_is_refused_without_it(self):
        for options in (["--init", self.model], ["--history", self.path("none.jsonl")], ["--resume"], ["--epochs", "3"],
                        ["--rate", "2"], ["--clip", "1"], ["--smoothing", "0.1"], ["--checkpoint", "60"], ["--arithmetic", "f32"], ["--memory", "1000000000"], ["--size", "small"],
                        ["--batch", "8"], ["--words", "1000"], ["--recipe", "own"], ["--language", "en"], ["--tokenizer", "spacy3"]):
            self.refused(self.train(cli.TINY, *options), cli.USAGE, options[0] + " is for learning ULMFiT")
        self.assertFalse(os.path.exists(self.path("none.jsonl")))

    def test_ctrl_c_ends_the_linear_member_at_once(self):
        row = "word{0} disk{1} volume{2} is full of snapshots{3},the array{1} degrades since node{2} and lun{0} fail{3},Label{4}\n"
        cases = self.put("many.csv", HEAD + "".join(row.format(i, i % 97, i * 7 % 1013, i * 31 % 499, i % 50) for i in range(20000)))
        # Of a shell's background jobs Ctrl-C is ignored.
        process = subprocess.Popen([cli.PROGRAM, "train", "--member", "linear", "--threads", "1", "-o", self.path("many.air"), cases],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=cli.PATIENCE), -signal.SIGINT)
        self.assertFalse(os.path.exists(self.path("many.air")))

    def test_too_few_texts_for_ulmfit_are_told_before_it_learns(self):
        cases = self.put("same.csv", HEAD + "a,b,X\na,b,Y\n" * 10)
        done = cli.run("train", "-o", self.path("few.air"), cases)
        self.assert_exit(done, cli.DATA, "of 20 cases 0 are left without the part that is held out", "--member linear")
        self.assertFalse(os.path.exists(self.path("few.air.language.resume")))

    def test_lonely_labels_do_not_steer_the_terminal_and_are_not_endless(self):
        lonely = "".join(f"text {i},body,\x1b[31mred{i}\n" for i in range(30))
        done = self.train(self.put("lonely.csv", HEAD + GOOD * 2 + lonely), out="lonely.air")
        self.assertEqual(done.status, 0, done.err)
        self.assertNotIn("\x1b", done.err)
        self.assertIn("'\\x1B[31mred0' is seen once", done.err)
        self.assertEqual(done.err.count("is seen once"), 20)
        self.assertIn("... and 10 more\n", done.err)

    def test_a_seed_is_told_to_the_last_digit(self):
        done = self.train("--seed", "123456789012345", cli.TINY, out="seed.air")
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("123456789012345", cli.run("inspect", self.path("seed.air")).out)

    def test_bad_rows_are_named_and_stop_it(self):
        rows = {
            "x,y": "line 4: 2 columns where the header has 3",
            "x,y,z,w": "line 4: 4 columns where the header has 3",
            ",,Storage": "line 4: subject and description are both empty",
            "x,y,": "line 4: the label (sbr) is empty",
            "x\udcff,y,Storage": "line 4: subject: byte 2 (0xFF) is not UTF-8",
            "x,y,Stor\udcc3": "line 4: sbr: byte 5 (0xC3) is not UTF-8",
            'x,5" disk,Storage': "line 4: column 2 has a quote inside, but none around it",
            "x,y\0y,Storage": "line 4: a raw NUL byte in column 2",
            "x,y," + "L" * 257: "line 4: the label is longer than 256 bytes",
            "é" * 1000001 + ",,Storage": "line 4: subject makes the case longer than 1000000 code points",
        }
        for row, text in rows.items():
            cases = self.put("bad.csv", (HEAD + GOOD + row + "\n" + GOOD).encode("utf-8", "surrogateescape"))
            done = self.train(cases)
            self.refused(done, cli.DATA, "bad row: ", "bad.csv: ", text, "1 bad row\n", "leave them out with --skip-bad-rows")
            done = self.train("--skip-bad-rows", cases, out="skipped.air")
            self.assertEqual(done.status, 0, done.err)
            self.assertIn("skipped: ", done.err)
            self.assertIn(text, done.err)
            self.assertIn("learnt from 4 cases", done.out)

    def test_the_first_twenty_bad_rows_are_named(self):
        cases = self.put("bad.csv", HEAD + GOOD + "x\n" * 33)
        done = self.train(cases)
        self.refused(done, cli.DATA, "... and 13 more\n", "33 bad rows")
        self.assertEqual(done.err.count("bad row: "), 20)
        self.assertIn("bad.csv: line 4: ", done.err)
        self.assertIn("bad.csv: line 23: ", done.err)
        self.assertNotIn("line 24: ", done.err)

    def test_nothing_left_after_skipping_is_refused(self):
        cases = self.put("bad.csv", HEAD + "x\n" * 3)
        self.refused(self.train("--skip-bad-rows", cases), cli.DATA, "no usable cases")

    def test_a_label_seen_once_is_warned_of_with_its_row(self):
        cases = self.put("once.csv", HEAD + GOOD * 3 + "oops,kernel panic,Kernel\n")
        done = self.train(cases, out="once.air")
        self.assertEqual(done.status, 0)
        self.assertIn("warning: ", done.err)
        self.assertIn("once.csv: line 8: 'Kernel' is seen once", done.err)
        self.assertEqual(done.err.count("warning"), 1)
        self.assertRegex(done.out, r"(?m)^Kernel +1 .* 0\.900 ")

    def test_a_field_of_100_megabytes(self):
        path = self.path("huge.csv")
        with open(path, "wb") as file:
            file.write((HEAD + GOOD + "x,").encode())
            for _ in range(100):
                file.write(b"y" * 1000000)
            file.write(b",Storage\n" + GOOD.encode())
        process = subprocess.Popen([cli.PROGRAM, "train", "--member", "linear", "-o", self.path("new.air"), path],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        err = process.stderr.read().decode()
        process.stdout.close()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, cli.DATA)
        self.assertIn("bad row: ", err)
        self.assertIn("huge.csv: line 4: column 2 is longer than 4000000 bytes\n", err)
        self.assertIn("leave them out with --skip-bad-rows", err)
        self.assertFalse(os.path.exists(self.path("new.air")))
        done = self.train("--skip-bad-rows", path, out="skipped.air")
        os.unlink(path)
        self.assertEqual(done.status, 0, done.err)
        self.assertIn("huge.csv: line 4: column 2 is longer than 4000000 bytes\n", done.err)
        self.assertIn("learnt from 4 cases", done.out)
        if not cli.SANITIZED:
            self.assertLess(usage.ru_maxrss, 60000)  # KiB

    def test_a_folder_that_is_not_there_is_told_before_learning(self):
        done = cli.run("train", "--member", "linear", "-o", self.path("missing/new.air"), self.path("nowhere.csv"))
        self.assert_exit(done, cli.CANNOT_CREATE, "missing/new.air: No such file or directory")
        self.assertEqual(done.out, "")
        done = cli.run("train", "--member", "linear", "-o", self.folder, cli.TINY)
        self.assert_exit(done, cli.CANNOT_CREATE, "Is a directory")
        done = cli.run("train", "--member", "linear", "-o", "", cli.TINY)
        self.assert_exit(done, cli.CANNOT_CREATE, "empty")

    def test_a_device_or_pipe_is_not_replaced(self):
        pipe = self.path("pipe.air")
        os.mkfifo(pipe)
        done = cli.run("train", "--member", "linear", "-o", pipe, cli.TINY)
        self.assert_exit(done, cli.CANNOT_CREATE, "pipe.air: not a regular file")
        self.assertFalse(os.path.isfile(pipe))

    def test_a_link_leads_to_the_model(self):
        os.symlink("model-42.air", self.path("current"))
        done = self.train(cli.TINY, out="current")
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(os.readlink(self.path("current")), "model-42.air")
        self.assertEqual(self.get(self.path("model-42.air")), self.get(self.model))
        os.symlink("missing/model.air", self.path("lost"))
        done = cli.run("train", "--member", "linear", "-o", self.path("lost"), cli.TINY)
        self.assert_exit(done, cli.CANNOT_CREATE, "lost, a link to ", "missing/model.air: No such file or directory")
        self.assertEqual(os.readlink(self.path("lost")), "missing/model.air")

    def test_what_a_killed_run_left_is_no_obstacle(self):
        def leave():  # after the fork, before the program begins: the number is the program's
            with open(f"{self.path('again.air')}.tmp.{os.getpid()}.0", "wb") as file:
                file.write(b"half")
        done = self.train(cli.TINY, out="again.air", preexec_fn=leave)
        self.assertEqual(done.status, 0, done.err)
        found = [name for name in os.listdir(self.folder) if ".tmp." in name]
        self.assertEqual(len(found), 1)
        self.assertEqual(self.get(self.path(found[0])), b"half")
        os.unlink(self.path(found[0]))

    def test_a_file_limit_reached_leaves_the_earlier_model(self):
        before = self.put("earlier.air", self.get(self.model))

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

        for restore in True, False:  # with the signal SIGXFSZ as a shell leaves it, and ignored
            def prepare(restore=restore):
                limit()
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL if restore else signal.SIG_IGN)
            done = cli.run("train", "--member", "linear", "-o", before, cli.TINY, preexec_fn=prepare, restore_signals=False)
            self.assert_exit(done, cli.IO, "earlier.air: File too large", "earlier files are as they were")
            self.assertEqual(self.get(before), self.get(self.model))
            self.assertEqual([name for name in os.listdir(self.folder) if ".tmp." in name], [])

    def test_a_full_disk_leaves_the_earlier_model(self):
        disk = self.path("disk")
        os.mkdir(disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", disk],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("no right to mount a file system")
        try:
            earlier = os.path.join(disk, "model.air")
            with open(earlier, "wb") as file:
                file.write(self.get(self.model)[:70000])
            done = cli.run("train", "--member", "linear", "-o", earlier, cli.TINY)
            self.assert_exit(done, cli.IO, "model.air: No space left on device")
            self.assertEqual(os.listdir(disk), ["model.air"])
            self.assertEqual(self.get(earlier), self.get(self.model)[:70000])
        finally:
            subprocess.run(["umount", disk], check=True)


if __name__ == "__main__":
    unittest.main()
