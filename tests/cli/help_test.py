"""Help, man page and the command line itself: all from the rows of two tables."""
# SPDX-License-Identifier: Apache-2.0
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402

COMMANDS = cli.rows("cli/commands.def")
OPTIONS = cli.rows("cli/options.def")


def of_command(row, constant):
    return row[8].strip() == "ALL" or constant in [name.strip() for name in row[8].split("|")]


class HelpTest(cli.Test):
    def test_the_tables_are_read(self):
        self.assertGreaterEqual(len(COMMANDS), 6)
        self.assertGreaterEqual(len(OPTIONS), 17)
        self.assertIn("train", [row[1] for row in COMMANDS])
        self.assertIn("target-precision", [row[2] for row in OPTIONS])

    def test_the_overview_lists_every_command(self):
        for arguments in (["help"], ["--help"], ["-h"], []):
            done = cli.run(*arguments)
            self.assertEqual(done.status, 0)
            for row in COMMANDS:
                self.assertRegex(done.out, rf"(?m)^  {row[1]} +\S")
                self.assertIn(row[6], done.out)

    def test_help_of_a_command_lists_its_options_and_no_others(self):
        for command in COMMANDS:
            done = cli.run("help", command[1])
            self.assertEqual(done.status, 0)
            self.assertIn(f"Usage: air-classifier {command[1]} [OPTIONS] {command[3]}", done.out)
            words = " ".join(done.out.split())
            for row in OPTIONS:
                listed = f"--{row[2]} {row[7]}".strip()
                if of_command(row, command[0]):
                    self.assertIn(f" {listed}\n", done.out)
                    self.assertIn(row[9], words)
                    if row[3] == "COUNT":
                        self.assertIn(f"{int(cli.number(row[5]))} to {int(cli.number(row[6]))}", words)
                    if row[4]:
                        self.assertIn(f"default {row[4]}", words)
                else:
                    self.assertNotRegex(done.out, rf"(?m)^  (-\w, )?--{row[2]}( |$)")
            if command[1] != "help":
                self.assertEqual(cli.run(command[1], "--help").out, done.out)
                self.assertEqual(cli.run(command[1], "-h").out, done.out)

    def test_lines_of_help_fit_a_terminal(self):
        for command in COMMANDS:
            for line in cli.run("help", command[1]).out.splitlines():
                self.assertLessEqual(len(line), 100, line)

    def test_the_man_page_lists_everything(self):
        page = cli.run("help", "--man")
        self.assertEqual(page.status, 0)
        plain = page.out.replace("\\-", "-")
        for command in COMMANDS:
            section = plain.split(f'.SS "{command[1]} ', 1)[1].split(".SS", 1)[0]
            self.assertIn(command[7], section)
            for row in OPTIONS:
                if of_command(row, command[0]) and row[2] != "help":
                    self.assertIn(f"--{row[2]} {row[7]}".strip() + '"', section)
                    self.assertIn(row[9], section)
        self.assertIn('--help"', plain)
        for row in cli.rows("base/errors.def"):
            self.assertIn(f".B {row[2]}\n{row[4]} (HTTP {row[3]}, {row[1]}): {row[5]}.", plain)

    def test_help_of_serve_lists_every_route(self):
        with open(os.path.join(cli.ROOT, "src/serve/routes.c"), encoding="utf-8") as file:
            rows = re.findall(r'\.method = "(\w+)",\s+\.path = "([^"]+)"', file.read())
        self.assertGreaterEqual(len(rows), 9)
        listed, page = cli.run("help", "serve").out, cli.run("help", "--man").out
        for method, path in rows:
            self.assertIn(f"\n  {method} {path}\n      ", listed)
            self.assertIn(f"\n.B {method} {path}\n", page)
        self.assertNotIn("/classifier", cli.run("help", "predict").out)

    def test_the_man_page_is_sound(self):
        page = cli.run("help", "--man").out
        lines = page.splitlines()
        self.assertRegex(lines[0], r'^\.TH AIR-CLASSIFIER 1 ')
        self.assertEqual(lines[1], ".SH NAME")
        for line in lines:
            if line.startswith("."):
                self.assertRegex(line, r"^\.(TH|SH|SS|TP|B|I|PP)\b")
                self.assertEqual(line.count('"') % 2, 0, line)
            self.assertFalse(line.startswith("'"), line)
        path = self.put("page.1", page)
        for tool, *rest in (["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"],
                            ["groff", "-man", "-ww", "-z"]):
            if shutil.which(tool) is None:
                continue
            done = subprocess.run([tool, *rest, path], capture_output=True, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_what_is_no_command_or_option_is_refused(self):
        for arguments, text in (
                (["trian"], "no command 'trian'"),
                (["help", "trian"], "no command 'trian'"),
                (["--version-of-nothing"], "no command"),
                (["train", "--nothing", "x"], "no option '--nothing'"),
                (["train", "--outputs", "x", "x"], "no option '--outputs'"),
                (["train", "-x", "x"], "no option '-x'"),
                (["predict", "--seed", "1", "x"], "predict: no option '--seed'"),
                (["train", "x", "-o"], "--output needs a value: FILE"),
                (["train", "x"], "train needs -o MODEL"),
                (["train"], "usage: air-classifier train"),
                (["evaluate", "x"], "usage: air-classifier evaluate"),
                (["predict"], "usage: air-classifier predict"),
                (["predict", "a", "b", "c"], "usage: air-classifier predict"),
                (["inspect"], "usage: air-classifier inspect"),
                (["inspect", "--json=yes", "x"], "--json takes no value"),
                (["train", "-o", "x", "--member", "nobody", "x"], "no member 'nobody'"),
                (["train", "-o", "x", "--columns", "subject", cli.TINY], "'subject' is not FIELD=COLUMN"),
                (["train", "-o", "x", "--columns", "title=subject", cli.TINY], "no field 'title'"),
        ):
            done = cli.run(*arguments, cwd=self.folder)
            self.assert_exit(done, cli.USAGE, text)
            self.assertEqual(done.out, "")

    def test_numbers_have_bounds(self):
        checked = 0
        for row in OPTIONS:
            if row[3] not in ("COUNT", "REAL"):
                continue
            command = next(name[1] for name in COMMANDS if of_command(row, name[0]))
            low, high = cli.number(row[5]), cli.number(row[6])
            step = 1 if row[3] == "COUNT" else 0.01
            spell = (lambda x: f"{x:.0f}") if row[3] == "COUNT" else str
            for bad in (spell(low - step), spell(high + step), "", "x", "1x", "nan", "99999999999999999999"):
                done = cli.run(command, "x", f"--{row[2]}={bad}", cwd=self.folder)
                self.assert_exit(done, cli.USAGE, f"--{row[2]}: ")
                checked += 1
        self.assertGreater(checked, 40)

    def test_too_many_operands_are_refused(self):
        self.assert_exit(cli.run("evaluate", *["x"] * 300), cli.USAGE, "more than 257 operands")

    def test_options_stand_anywhere_in_any_spelling(self):
        expected = cli.run("predict", "--csv", "--threads", "1", self.model, cli.TINY)
        self.assertEqual(expected.status, 0)
        for arguments in (
                ["--threads=1", self.model, "--csv", cli.TINY],
                [self.model, cli.TINY, "--csv", "--threads", "1"],
                ["--csv", "--", self.model, cli.TINY],
                [self.model, "--csv", "--", cli.TINY],
                ["--threads", "2", "--threads", "1", "--csv", self.model, cli.TINY],
        ):
            done = cli.run("predict", *arguments)
            self.assertEqual((done.status, done.out), (0, expected.out))

    def test_after_two_dashes_a_name_may_look_like_an_option(self):
        os.link(self.model, self.path("--json"))
        done = cli.run("inspect", "--json", "--", "--json", cwd=self.folder)
        self.assertEqual(done.status, 0, done.err)
        self.assertTrue(done.out.startswith("{"))
        done = cli.run("predict", "--", "--json", "-", cwd=self.folder, stdin='{"subject":"x"}')
        self.assertEqual(done.status, 0, done.err)


if __name__ == "__main__":
    unittest.main()
