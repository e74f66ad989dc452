"""What all commands do alike: the standard descriptors, and a result that does not arrive."""
# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys
import time
import unittest

sys.dont_write_bytecode = True
import cli  # noqa: E402


def closed(*descriptors):
    """For preexec_fn: as `<&-`, `>&-` and `2>&-` of a shell leave them."""
    def close():
        for descriptor in descriptors:
            os.close(descriptor)
    return close


def leads(place):
    try:
        return os.readlink(place)
    except OSError:
        return None


class DescriptorsTest(cli.Test):
    @unittest.skipIf(cli.EMULATED, "the emulator opens files of its own under these numbers")
    def test_a_closed_descriptor_is_held(self):
        """The next file opened would get its number, and our text would be written into that."""
        for numbers in (1,), (2,), (1, 2):
            process = subprocess.Popen([cli.PROGRAM, "tokenize"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, preexec_fn=closed(*numbers))
            try:
                for number in numbers:
                    place = f"/proc/{process.pid}/fd/{number}"
                    end = time.monotonic() + 60
                    # Before our first line the loader opens libraries there, and closes them.
                    while leads(place) != "/dev/null" and process.poll() is None and time.monotonic() < end:
                        time.sleep(0.01)
                    self.assertEqual(leads(place), "/dev/null")
            finally:
                process.stdin.close()
                process.wait()

    def test_using_a_closed_descriptor_fails(self):
        """Results must not vanish as if somebody had read them."""
        case = '{"subject":"disk full"}'
        for arguments in ["help"], ["inspect", self.model], ["predict", self.model], ["predict", self.model, cli.TINY]:
            done = cli.run(*arguments, stdin=case, preexec_fn=closed(1))
            self.assert_exit(done, cli.IO, "standard output could not be written")
        for arguments in ["predict", self.model], ["evaluate", self.model, "-"], ["tokenize"]:
            done = cli.run(*arguments, preexec_fn=closed(0))
            self.assert_exit(done, cli.IO, "-: Bad file descriptor")
        expected = cli.run("predict", self.model, stdin=case)
        for numbers in (2,), (0, 2):
            done = cli.run("predict", self.model, self.put("case.json", case), preexec_fn=closed(*numbers))
            self.assertEqual((done.status, done.out, done.err), (0, expected.out, ""))
        done = cli.run("predict", self.path("nowhere"), preexec_fn=closed(0, 1, 2))
        self.assertEqual((done.status, done.out, done.err), (cli.NO_INPUT, "", ""))

    def test_a_reader_that_has_gone_is_told(self):
        """Where SIGPIPE is ignored, as systemd leaves it; otherwise the signal ends a filter, as it ends others."""
        for arguments in ["help"], ["predict", self.model, cli.TINY], ["tokenize"]:
            for ignored in True, False:
                reading, writing = os.pipe()
                os.close(reading)
                with open(writing, "wb") as pipe:
                    done = cli.run(*arguments, stdin='{"text":"a"}\n', stdout=pipe, restore_signals=not ignored)
                if ignored:
                    self.assert_exit(done, cli.IO, "standard output could not be written", "Not all results arrived: ")
                else:
                    self.assertEqual((done.status, done.err), (-signal.SIGPIPE, ""))

    def test_a_full_disk_behind_standard_output_is_told(self):
        for arguments in (["help"], ["help", "--man"], ["inspect", self.model],
                          ["evaluate", self.model, cli.TINY], ["evaluate", "--json", self.model, cli.TINY],
                          ["predict", self.model, cli.TINY], ["predict", "--csv", self.model, cli.TINY]):
            with open("/dev/full", "wb") as full:
                done = cli.run(*arguments, stdout=full)
            self.assert_exit(done, cli.IO, "standard output could not be written", "Not all results arrived: ")
            self.assertEqual(done.err.count("air-classifier: "), 1, done.err)


if __name__ == "__main__":
    unittest.main()
