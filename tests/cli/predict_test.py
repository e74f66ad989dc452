"""predict: a filter. Every form in, one line a case out, and bad cases in their place."""
# SPDX-License-Identifier: Apache-2.0
import json
import os
import selectors
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402

CASE = {field: "Test" for field in cli.FIELDS}
HEAD = "case_number,subject,description\n"


class PredictTest(cli.Test):
    def predict(self, *arguments, stdin=b"", **more):
        return cli.run("predict", self.model, *arguments, stdin=stdin, **more)

    def test_the_incidents_own_case(self):
        done = self.predict("-", stdin=json.dumps(CASE))
        self.assertEqual((done.status, done.err), (0, ""))
        (line,) = done.lines()
        self.assertEqual(list(line), ["case_number", "predicted_sbr", "confidence", "abstained"])
        self.assertEqual(line["case_number"], "Test")
        self.assertIn(line["predicted_sbr"], ["Identity", "Kernel", "Network", "Security", "Storage", "SysMgmt"])
        self.assertIs(line["abstained"], True)  # nothing in it says anything

    def test_cases_learnt_are_answered_rightly(self):
        with open(cli.TINY, encoding="utf-8", newline="") as file:
            expected = cli.csv_rows(file.read())
        lines = self.predict(cli.TINY).lines()
        self.assertEqual([line["case_number"] for line in lines], [row["case_number"] for row in expected])
        self.assertEqual([line["predicted_sbr"] for line in lines], [row["sbr"] for row in expected])

    def test_every_form_of_input_gives_the_same_answers(self):
        with open(cli.TINY, encoding="utf-8", newline="") as file:
            content = file.read()
        cases = [{field: row[field] for field in cli.FIELDS} for row in cli.csv_rows(content)]
        expected = self.predict(cli.TINY).out
        lines = "".join(json.dumps(case) + "\n" for case in cases)
        for name, form in (("lines.jsonl", lines), ("last.jsonl", lines.rstrip("\n")),
                           ("crlf.jsonl", lines.replace("\n", "\r\n")), ("blank.jsonl", "\n \n" + lines + "\n\n"),
                           ("mark.jsonl", "\ufeff" + lines), ("crlf.csv", content.replace("\n", "\r\n")),
                           ("mark.csv", "\ufeff" + content)):
            path = self.put(name, form)
            self.assertEqual(self.predict(path).out, expected, name)
            self.assertEqual(self.predict("-", stdin=form).out, expected, name)
            self.assertEqual(self.predict(stdin=form).out, expected, name)  # no operand: standard input
        first = json.dumps(cases[0], indent=4)
        self.assertEqual(self.predict(stdin=first).out, expected.splitlines()[0] + "\n")

    def test_reasons_sum_to_the_difference(self):
        with open(cli.TINY, encoding="utf-8", newline="") as file:
            rows = cli.csv_rows(file.read())
        done = self.predict("--explain", "--detail", cli.TINY)
        self.assertEqual(done.status, 0, done.err)
        for row, line in zip(rows, done.lines()):
            self.assertEqual(line["runner_up"]["sbr"], line["alternatives"][0]["sbr"])
            self.assertAlmostEqual(sum(reason["weight"] for reason in line["reasons"]), line["runner_up"]["difference"], places=6)
            for reason in line["reasons"]:
                self.assertEqual(row[reason["field"]].encode()[reason["start"]:reason["end"]].decode(), reason["text"])
            self.assertGreaterEqual(line["runner_up"]["difference"], 0)
        with open(cli.TINY, "rb") as file:
            content = file.read()
        for other in (self.predict("--explain", "--detail", "-", stdin=content), self.predict("--explain", "--detail", "--threads", "1", cli.TINY)):
            self.assertEqual(other.out, done.out)
        self.assert_exit(self.predict("--explain", "--csv", cli.TINY), cli.USAGE, "--explain goes with JSON Lines")

    def test_threads_and_pipes_do_not_change_a_line(self):
        with open(cli.HELDOUT, "rb") as file:
            head, rest = file.read().split(b"\n", 1)
        many = self.put("many.csv", head + b"\n" + rest * 5)  # 900 cases, more than a batch
        one = self.predict("--threads", "1", "--probabilities", many)
        self.assertEqual(one.status, 0, one.err)
        self.assertEqual(len(one.lines()), 900)
        for threads in "2", "3":
            self.assertEqual(self.predict("--threads", threads, "--probabilities", many).out, one.out)
        piped = self.predict("--threads", "2", "--probabilities", "-", stdin=head + b"\n" + rest * 5)
        self.assertEqual(piped.out, one.out)
        with open(many, "rb") as file:
            redirected = subprocess.run([cli.PROGRAM, "predict", self.model, "--probabilities"], stdin=file,
                                        capture_output=True, check=True)
        self.assertEqual(redirected.stdout.decode(), one.out)

    def test_probabilities_are_whole(self):
        for line in self.predict("--probabilities", cli.HELDOUT).lines():
            shares = line["probabilities"]
            self.assertEqual(len(shares), 6)
            self.assertAlmostEqual(sum(shares.values()), 1, places=5)
            self.assertEqual(max(shares, key=shares.get), line["predicted_sbr"])
            self.assertEqual(shares[line["predicted_sbr"]], line["confidence"])

    def test_csv_out(self):
        done = self.predict("--csv", "--probabilities", cli.HELDOUT)
        lines = self.predict("--probabilities", cli.HELDOUT).lines()
        rows = cli.csv_rows(done.out)
        self.assertEqual(len(rows), len(lines))
        self.assertTrue(done.out.startswith("case_number,predicted_sbr,confidence,abstained,"))
        for row, line in zip(rows, lines):
            self.assertEqual(row["case_number"], line["case_number"])
            self.assertEqual(row["predicted_sbr"], line["predicted_sbr"])
            self.assertEqual(float(row["confidence"]), line["confidence"])
            self.assertEqual(row["abstained"], "true" if line["abstained"] else "false")
            self.assertEqual(row["error"], "")
            for name, share in line["probabilities"].items():
                self.assertEqual(float(row[name]), share)

    def test_odd_labels_survive_csv_and_json(self):
        names = ['a "quoted", name', "two\nlines", "tab\there", "nul\0inside", "Zürich", "\x7f"]
        cases = self.put("odd.jsonl", "".join(
            json.dumps({"subject": f"{word} {word}s", "sbr": name}) + "\n"
            for word, name in zip(["disk", "login", "panic", "route", "yum", "cert"], names) for _ in range(3)))
        model = self.path("odd.air")
        self.assertEqual(cli.run("train", "--member", "linear", "-o", model, cases).status, 0)
        done = cli.run("predict", "--probabilities", model, cases)
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual({line["predicted_sbr"] for line in done.lines()}, set(names))
        done = cli.run("predict", "--csv", "--probabilities", model, cases)
        rows = cli.csv_rows(done.out)
        self.assertEqual(len(rows), 18)
        for row in rows:
            self.assertNotIn(None, row)
            self.assertNotIn(None, row.values())
        self.assertEqual(set(rows[0]) - {"case_number", "predicted_sbr", "confidence", "abstained", "error"},
                         set(names))
        inspected = json.loads(cli.run("inspect", "--json", model).out)
        self.assertEqual({label["sbr"] for label in inspected["labels"]}, set(names))

    def test_bad_json_cases_in_their_place(self):
        good = b'{"case_number":"1","subject":"disk full"}'
        bad = (
            (b"[1]", "invalid-field", "a case must be a JSON object, not an array"),
            (b'"text"', "invalid-field", "not a string"),
            (b'{"case_number":"7","subject":5}', "invalid-field", "subject: must be a string, not a number"),
            (b'{"subject":{"a":1}}', "invalid-field", "subject: must be a string, not an object"),
            (b'{"case_number":"7","subject":"","description":null}', "empty-case", "both empty"),
            (b"{}", "empty-case", "both empty"),
            (b'{"subject":"a","subject":"b"}', "invalid-json", "duplicate"),
            (b'{"subject":"a"', "invalid-json", "column"),
            (b'{"subject":"a"} x', "invalid-json", "end of file expected"),
            (b"{" * 1 + b'"a":' + b"[" * 10000 + b"]" * 10000 + b"}", "invalid-json", "deeper than 16"),
            (b'{"subject":"a\xff"}', "invalid-utf8", "unable to decode byte 0xff"),
            (b'{"subject":"a\xed\xa0\x80"}', "invalid-utf8", "unable to decode byte 0xed"),
            (b'{"subject":"\\ud800"}', "invalid-json", "column"),
            (b'{"subject":"a\0b"}', "invalid-json", "control character"),
            (b'{"subject":"' + "ä".encode() * 1000001 + b'"}', "too-large", "1000000 code points"),
            (b'{"subject":"' + b"x" * 9000000 + b'"}', "invalid-json", "longer than 8388608 bytes"),
        )
        for place in 1, 3:
            content = [good] * 4
            for text, code, detail in bad:
                content[place] = text
                for threads in "1", "2":
                    done = self.predict("--threads", threads, stdin=b"\n".join(content))
                    self.assertEqual(done.status, cli.DATA, detail)
                    lines = done.lines()
                    self.assertEqual(len(lines), 4)
                    for i, line in enumerate(lines):
                        if i != place:
                            self.assertEqual(line, lines[0])
                            continue
                        self.assertEqual(list(line), ["case_number", "error"])
                        self.assertEqual(line["error"]["code"], code, line)
                        self.assertIn(detail, line["error"]["detail"])
                        self.assertIn(f"line {place + 1}", line["error"]["detail"])
                        self.assertEqual(line["error"]["line"], place + 1)
                        self.assertEqual(line["case_number"], "7" if b'"7"' in text else "")

    def test_the_escape_of_nul_is_a_character(self):
        done = self.predict(stdin=b'{"case_number":"a\\u0000b","subject":"disk\\u0000full"}')
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(done.lines()[0]["case_number"], "a\0b")

    def test_bad_rows_in_their_place(self):
        bad = (
            (b"7,x", "invalid-csv", "2 columns where the header has 3"),
            (b"7,x,y,z", "invalid-csv", "4 columns where the header has 3"),
            (b"7,,", "empty-case", "subject and description are both empty"),
            (b"7,a\xffb,c", "invalid-utf8", "subject: byte 2 (0xFF)"),
            (b"7,a\0b,c", "invalid-csv", "a raw NUL byte in column 2"),
            (b"7," + b"x" * 1000001 + b",", "too-large", "subject makes the case longer than 1000000"),
        )
        for text, code, detail in bad:
            for stdin in HEAD.encode() + b"1,disk full,\n" + text + b"\n3,disk full,\n", None:
                if stdin is None:
                    path = self.put("bad.csv", HEAD.encode() + b"1,disk full,\n" + text + b"\n3,disk full,\n")
                    done = self.predict(path)
                else:
                    done = self.predict(stdin=stdin)
                self.assertEqual(done.status, cli.DATA)
                first, wrong, last = done.lines()
                self.assertEqual(first["confidence"], last["confidence"])
                self.assertEqual(wrong["case_number"], "7")
                self.assertEqual(wrong["error"]["code"], code)
                self.assertIn(f"line 3: {detail}", wrong["error"]["detail"])
                self.assertEqual(wrong["error"]["line"], 3)
        done = self.predict("--csv", stdin=HEAD + '1,disk full,\n"7 ""x""",a\n3,disk full,\n')
        self.assertEqual(done.status, cli.DATA)
        rows = cli.csv_rows(done.out)
        self.assertEqual(len(rows), 3)
        self.assertEqual(rows[1]["case_number"], '7 "x"')
        self.assertEqual(rows[1]["predicted_sbr"], "")
        self.assertIn("line 3: 2 columns", rows[1]["error"])

    def test_a_path_that_is_no_text_goes_out_as_text(self):
        path = os.path.join(os.fsencode(self.folder), b"p\xff.csv")
        with open(path, "wb") as file:
            file.write(HEAD.encode() + b"7,x\n")
        for options in (), ("--csv",):
            done = subprocess.run([cli.PROGRAM, "predict", *options, self.model, path], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, check=False)
            self.assertIn("p?.csv: line 2: 2 columns", done.stdout.decode())  # UTF-8, or it raises
        self.assertIn("p?.csv", json.loads(self.predict(path).out)["error"]["detail"])

    def test_a_quote_inside_a_field_costs_one_case(self):
        done = self.predict(stdin=HEAD + '1,disk full,\n2,5" disk,\n3,login fails,\n')
        self.assertEqual(done.status, cli.DATA)
        told = done.lines()
        self.assertEqual([("error" in line, line.get("predicted_sbr") is not None) for line in told],
                         [(False, True), (True, False), (False, True)])
        self.assertIn("line 3: column 2 has a quote inside", json.dumps(told[1]["error"]))

    def test_a_stream_that_breaks_off_keeps_what_came_before(self):
        for threads in "1", "2":
            done = self.predict("--threads", threads, stdin=HEAD + "1,disk full,\n2,login fails,\n\"3,x,\n4,y,\n")
            self.assertEqual(done.status, cli.DATA)
            self.assertEqual([line["case_number"] for line in done.lines()], ["1", "2"])
            self.assertIn("the row at line 4 is never closed", done.err)
            self.assertNotIn("--skip-bad-rows", done.err)  # predict has no such option

    def test_a_field_without_end(self):
        path = self.path("huge.csv")
        with open(path, "wb") as file:
            file.write(HEAD.encode() + b"1,disk full,\n2,")
            for _ in range(100):
                file.write(b"y" * 1000000)
            file.write(b",\n3,disk full,\n")
        done = self.predict(path)
        self.assertEqual(done.status, cli.DATA)
        first, wrong, last = done.lines()
        self.assertEqual((first["case_number"], wrong["case_number"], last["case_number"]), ("1", "2", "3"))
        self.assertIn("line 3: column 2 is longer than 4000000 bytes", wrong["error"]["detail"])
        self.assertEqual(wrong["error"]["code"], "too-large")

        with open(path, "wb") as file:
            file.write(b'{"case_number":"1","subject":"disk full"}\n{"subject":"')
            for _ in range(100):
                file.write(b"y" * 1000000)
            file.write(b'"}\n{"case_number":"3","subject":"disk full"}\n')
        done = self.predict(path)
        os.unlink(path)
        self.assertEqual(done.status, cli.DATA)
        first, wrong, last = done.lines()
        self.assertEqual((first["case_number"], last["case_number"]), ("1", "3"))
        self.assertIn("line 2: longer than 8388608 bytes", wrong["error"]["detail"])

    def test_empty_and_missing_input(self):
        self.assert_exit(self.predict(stdin=""), cli.DATA, "-: the file is empty")
        self.assert_exit(self.predict(self.put("empty", "")), cli.DATA, "empty: the file is empty")
        self.assert_exit(self.predict(stdin="a,b\n1,2\n"), cli.DATA, "neither a column 'subject' nor 'description'")
        self.assert_exit(self.predict(self.path("nowhere")), cli.NO_INPUT, "nowhere: No such file")
        self.assert_exit(self.predict(self.folder), cli.NO_INPUT, "Is a directory")
        done = self.predict(stdin=HEAD)
        self.assertEqual((done.status, done.out), (0, ""))  # no cases, no lines

    def test_other_column_names(self):
        plain = self.predict(stdin="subject,description\ndisk full,x\n")
        named = self.predict("--columns", "subject=title,description=body", stdin="body,title\nx,disk full\n")
        self.assertEqual((named.status, named.out), (0, plain.out))
        named = self.predict("--columns", "subject=title,description=body,case_number=id",
                             stdin='{"body":"x","title":"disk full","subject":"not this"}\n{"id":"7","title":5}\n')
        first, second = named.out.splitlines(keepends=True)
        self.assertEqual((named.status, first), (cli.DATA, plain.out))
        self.assertEqual(json.loads(second)["case_number"], "7")
        self.assertIn("line 2: title: must be a string", json.loads(second)["error"]["detail"])
        # One case proves no mistake: its customer left the title out.
        named = self.predict("--columns", "subject=title,description=body", stdin='{"body":"x"}\n')
        self.assertEqual((named.status, len(named.lines())), (0, 1), named.err)

    def converse(self, head, ask):
        """Every case written to a pipe is answered before the next one is."""
        process = subprocess.Popen([cli.PROGRAM, "predict", self.model], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, bufsize=0)
        try:
            process.stdin.write(head)
            waiting = selectors.DefaultSelector()
            waiting.register(process.stdout, selectors.EVENT_READ)
            for number in range(5):
                process.stdin.write(ask(number))
                line = b""
                while not line.endswith(b"\n"):
                    self.assertTrue(waiting.select(timeout=30), "no answer while the pipe is open")
                    line += process.stdout.read(65536)
                self.assertEqual(line.count(b"\n"), 1)
                self.assertEqual(json.loads(line)["case_number"], str(number))
            process.stdin.close()
            self.assertEqual(process.stdout.read(), b"")
            self.assertEqual(process.wait(timeout=30), 0)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stdin.close()

    def test_a_kernel_that_is_none_is_told_by_any_model(self):
        for command in (["predict", self.model, cli.TINY], ["evaluate", self.model, cli.TINY], ["serve", "--plan", self.model]):
            self.assert_exit(cli.run(*command, "--kernel", "foo"), cli.USAGE, "there is no kernel foo")
        self.assertEqual(cli.run("predict", "--kernel", "plain", self.model, cli.TINY).status, 0)

    def test_a_pipe_is_answered_line_by_line(self):
        self.converse(b"", lambda n: b'{"case_number":"%d","subject":"disk"}\n' % n)
        self.converse(HEAD.encode(), lambda n: b'%d,disk,"two\nlines"\n' % n)
        self.converse(HEAD.replace("\n", "\r\n").encode(), lambda n: b"%d,disk,\r\n" % n)

    def test_a_reader_that_leaves_ends_it(self):
        with open(cli.HELDOUT, "rb") as file:
            head, rest = file.read().split(b"\n", 1)
        path = self.put("long.csv", head + b"\n" + rest * 20)
        process = subprocess.Popen([cli.PROGRAM, "predict", self.model, path], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        self.assertNotEqual(process.wait(timeout=60), 0)
        process.stderr.close()


if __name__ == "__main__":
    unittest.main()
