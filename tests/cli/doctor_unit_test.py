#!/usr/bin/env python3
"""doctor log --unit: a journal with the incident in it, as systemd writes it, names the cause; lines of other units do not count.

The journal is made by systemd-journal-remote from lines in journalctl's export format."""
import json
import os
import struct
import subprocess
import sys
import tempfile

PROGRAM = os.environ.get("PROGRAM", "build/air-classifier")
WRITER = "/lib/systemd/systemd-journal-remote"
BOOT = "b1e6a1b2c3d4e5f60718293a4b5c6d7e"
BEGUN = 1607696844  # 2020-12-11 14:27:24 UTC
LOG = "tests/doctor/logs/incident.log"


def field(name, value):
    """A value with line breaks goes by its length, as export does it."""
    data = value.encode()
    if b"\n" in data:
        return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return f"{name}={value}\n".encode()


def entry(second, message, **fields):
    rows = {"__REALTIME_TIMESTAMP": str((BEGUN + second) * 1000000), "__MONOTONIC_TIMESTAMP": str((100 + second) * 1000000),
            "_BOOT_ID": BOOT, **fields, "MESSAGE": message}
    return b"".join(field(name, value) for name, value in rows.items()) + b"\n"


def unit(second, message, name="air-classifier.service", tag="air-classifier"):
    return entry(second, message, _SYSTEMD_UNIT=name, SYSLOG_IDENTIFIER=tag, _PID="4242")


def messages():
    """The incident's lines without what syslog put in front of them."""
    with open(LOG, encoding="utf-8") as lines:
        return [line.rstrip("\n").split(" journal: ", 1)[1] for line in lines]


def journal(folder, entries):
    place = os.path.join(folder, "var/log/journal")
    os.makedirs(place)
    subprocess.run([WRITER, "-o", os.path.join(place, "system.journal"), "-"], input=b"".join(entries), check=True,
                   capture_output=True)


def doctor(folder, name):
    done = subprocess.run([PROGRAM, "doctor", "log", "--unit", name, "--root", folder, "--json"], capture_output=True, text=True)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def the_cause_is_named(folder, entries):
    journal(folder, entries)
    status, told, err = doctor(folder, "air-classifier")
    text = json.dumps(told)
    assert status == 2, (status, err, text)
    assert "tokenize_df" in text and "predict2.py:95" in text and "Cannot allocate memory" in text, text
    assert "2020-12-11" in text, text
    assert "other.py" not in text, text


def main():
    if not os.access(WRITER, os.X_OK):
        print("skipped: systemd-journal-remote is not installed")
        return
    lines = messages()
    other = ["Traceback (most recent call last):", ' File "/srv/other.py", line 7, in work', "ValueError: of another unit"]
    with tempfile.TemporaryDirectory() as top:
        single = [unit(i, line) for i, line in enumerate(lines)]
        strange = [unit(len(lines) + i, line, "other.service", "other") for i, line in enumerate(other)]
        the_cause_is_named(os.path.join(top, "lines"), single + strange)
        the_cause_is_named(os.path.join(top, "whole"), [unit(0, "\n".join(lines))] + strange)

        # The kernel's lines belong to every unit: a kill tells why it fell silent.
        killed = "Memory cgroup out of memory: Killed process 4242 (gunicorn) total-vm:6291456kB, anon-rss:2097152kB"
        journal(os.path.join(top, "kernel"), [unit(0, "ready"), entry(1, killed, _TRANSPORT="kernel", SYSLOG_IDENTIFIER="kernel")])
        status, told, err = doctor(os.path.join(top, "kernel"), "air-classifier")
        assert status == 2 and told["findings"][0]["id"] == "log.oom_group", (status, err, told)

        # And to none: of a unit that is not there they tell nothing. Who asks for the kernel has asked for them.
        for name in "lines", "kernel":
            status, told, err = doctor(os.path.join(top, name), "absent")
            assert status == 66 and "has nothing of absent" in err, (name, status, err, told)
        status, told, err = doctor(os.path.join(top, "kernel"), "kernel")
        assert status == 2 and told["findings"][0]["id"] == "log.oom_group", (status, err, told)


if __name__ == "__main__":
    sys.exit(main())
