#!/usr/bin/env python3
"""doctor url: several environments, tokens, time-outs, a proxy, TLS, the odd one named."""
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import unicodedata

PROGRAM = os.environ.get("PROGRAM", "build/air-classifier")
FOLDER = tempfile.mkdtemp(dir=os.environ.get("TEST_TMP"))


class Service(http.server.BaseHTTPRequestHandler):
    """What it does is told by the server's attributes."""

    def log_message(self, *args):
        pass

    def answer(self, status, text, kind="application/json"):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, asked, self.headers.get("Authorization")))
        time.sleep(self.server.delay)
        if self.server.token and self.headers.get("Authorization") != "Bearer " + self.server.token:
            return self.answer(401, "{}")
        if self.path.startswith("http://"):
            return self.answer(200, json.dumps({"predicted_sbr": "by proxy"}))
        return self.answer(200, json.dumps(self.server.says))

    def do_GET(self):
        self.server.asked.append((self.path, None, self.headers.get("Authorization")))
        if not self.server.own:
            return self.answer(404, "")
        if self.path == "/health/ready":
            return self.answer(200, "{}")
        return self.answer(200, "# HELP air_classifier_memory_budget_bytes plan\n"
                           "air_classifier_memory_budget_bytes %d\nair_classifier_no_fork 1\n" % self.server.own,
                           "text/plain")


def serve(says, own=0, delay=0, token=None, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    server.says, server.own, server.delay, server.token, server.asked = says, own, delay, token, []
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, "http%s://127.0.0.1:%d" % ("s" if context else "", server.server_port)


def run(*arguments, environment=None):
    clean = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    return subprocess.run([PROGRAM, "doctor", "url", *arguments], capture_output=True, encoding="utf-8",
                          timeout=60, env=dict(clean, **(environment or {})))


def doctor(*arguments, environment=None):
    done = run("--json", *arguments, environment=environment)
    return done.returncode, json.loads(done.stdout) if done.returncode < 3 else done.stderr


def people(*arguments):
    """What is told without --json, its lines joined where the printer broke them."""
    text = run(*arguments).stdout
    table, findings = text.split("\n\n", 1)
    return table + "\n\n" + re.sub(r"\n {11}", " ", findings)


def titles(report, severity):
    return [f["title"] for f in report["findings"] if f["severity"] == severity]


def model(version):
    return {"predicted_sbr": "SysMgmt", "model": {"version": version, "checksum": "c" + version}}


def file(name, text):
    path = os.path.join(FOLDER, name)
    with open(path, "w") as f:
        f.write(text)
    return path


dev, dev_url = serve(model("1"), own=50_000_000)
stage, stage_url = serve(model("1"), own=50_000_000)
old, old_url = serve(model("0"), own=60_000_000)
python, python_url = serve({"predicted_sbr": "SysMgmt"})
wrong, wrong_url = serve({"predicted_sbr": "Shift"})

# Equal environments: nothing is found. Each was asked the incident's case, at the right places.
status, report = doctor(dev_url, stage_url)
assert status == 0, report
assert [p for p, _, _ in dev.asked] == ["/classifier/sbr?detail=1", "/health/ready", "/metrics"], dev.asked
assert dev.asked[0][1]["case_language"] == "en" and dev.asked[0][1]["case_number"] == "string"
assert dev.asked[0][1]["subject"] == "Test"
one = report["details"]["urls"][0]
assert one["memory_budget_bytes"] == 50_000_000 and one["no_fork"] == 1 and one["ready"] == 200

# Another model and plan: a warning. Another answer: a cause. The odd one is named.
status, report = doctor(dev_url, stage_url, old_url)
assert status == 1, report
assert any(t.startswith(old_url[7:] + " differs in model: 0, elsewhere 1") for t in titles(report, "warning"))
assert any("differs in plan: 57.2 MiB, elsewhere 47.7 MiB" in t for t in titles(report, "warning"))
status, report = doctor(python_url, wrong_url, python_url + "/classifier/sbr")
assert status == 2 and titles(report, "cause") == [wrong_url[7:] + " differs in answer: Shift, elsewhere SysMgmt"]

# Answers are compared whole, as they were said: letters beyond ASCII, what follows a long beginning, what no terminal may be given.
long = "Platform services for customers in regulated industries, team "
other, other_url = serve(None)
for ours, theirs in (("ネットワーク", "データベース"), (long + "EMEA", long + "APAC"), (long + "EMEA", long), ("Küche", "Ku\u0308che"),
                     ("A\x1b[31m", "A\x1b[32m"), ("A\x9b", "A\x9a"), ("A\x1b", "A\\x1B"), ("SysMgmt", "SysMgmt\u200b"), ("-", None)):
    wrong.says, other.says = {"predicted_sbr": ours}, {"predicted_sbr": theirs}
    status, report = doctor(wrong_url, other_url)
    cause, = (f for f in report["findings"] if f["severity"] == "cause")
    assert status == 2 and f"{other_url[7:]} differs in answer: " in cause["title"], (ours, theirs, report)
    assert [url["predicted_sbr"] for url in report["details"]["urls"]] == [ours, theirs or ""], report
    told = cause["title"].split("differs in answer: ")[1].split(", elsewhere ")
    assert told[0] != told[1] or ", from byte " in cause["read"], cause
    assert ours.isascii() and (theirs or "").isascii() or ", from byte " in cause["read"], cause
    text = people(wrong_url, other_url)
    assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in text), repr(text)
    wrong.says = other.says
    assert theirs is None or doctor(wrong_url, other_url)[0] == 0, theirs
wrong.says, other.says = {"predicted_sbr": "ネットワーク"}, {"predicted_sbr": "データベース"}
assert "differs in answer: データベース, elsewhere ネットワーク" in people(wrong_url, other_url)
wrong.says, other.says = {"predicted_sbr": long + "EMEA"}, {"predicted_sbr": long + "APAC"}
assert f"from byte {len(long) + 1} on: APAC against EMEA" in people(wrong_url, other_url)
wrong.says["model"], other.says["model"] = {"version": long + "1"}, {"version": long + "2"}
wrong.says["predicted_sbr"] = other.says["predicted_sbr"] = "ネットワーク"
status, report = doctor(wrong_url, other_url)
assert status == 1 and f"from byte {len(long) + 1} on: 2 against 1" in report["findings"][0]["read"], report
lines = people(wrong_url, other_url).splitlines()
assert lines[1].index("Platform") == lines[0].index("model"), lines
wrong.says = {"predicted_sbr": "Shift"}

# Nobody there, and one too slow: told apart, within the time-out.
slow, slow_url = serve(model("1"), delay=5)
began = time.monotonic()
status, report = doctor("--timeout", "0.5", dev_url, slow_url, "http://127.0.0.1:9")
assert status == 2 and time.monotonic() - began < 4
odd = titles(report, "cause")
assert any(slow_url[7:] in t and "no answer, elsewhere 200" in t for t in odd), odd
assert any(t.startswith("127.0.0.1:9 differs in status: no answer") for t in odd), odd
reads = " ".join(f["read"] for f in report["findings"])
assert "imeout" in reads or "imed out" in reads, reads
status, report = doctor("http://127.0.0.1:9")
assert status == 2 and titles(report, "cause") == ["127.0.0.1:9 does not answer the case"]

# A token is sent where asked for, and is in no output.
closed, closed_url = serve(model("1"), token="open-sesame")
status, report = doctor(closed_url)
assert status == 2 and report["details"]["urls"][0]["status"] == 401
status, report = doctor("--token-file", file("token", "open-sesame\n"), closed_url)
assert status == 0 and "sesame" not in json.dumps(report), report
status, text = doctor("--token-file", file("none", ""), closed_url)
assert status == 65 and "a token is one line" in text, text

# A case of one's own; user and password of an address are not shown.
status, report = doctor("--case", file("case.json", '{"subject": "mine"}'), dev_url.replace("//", "//me:hush@"))
assert status == 0 and [a for _, a, _ in dev.asked if a][-1] == {"subject": "mine"} and "hush" not in json.dumps(report)
status, text = doctor("--case", file("bad.json", "[1]"), dev_url)
assert status == 65 and "one JSON object" in text, text

# A proxy, by option and by environment.
for arguments, environment in ((["--proxy", dev_url], {}), ([], {"http_proxy": dev_url})):
    dev.asked.clear()
    status, report = doctor(*arguments, "http://qa.invalid/", environment=environment)
    assert report["details"]["urls"][0]["predicted_sbr"] == "by proxy", report
    assert dev.asked[0][0] == "http://qa.invalid/classifier/sbr?detail=1", dev.asked

# Addresses that are none.
status, text = doctor("qa")
assert status == 64 and "no use for 'qa'" in text, text
for none in "ftp://127.0.0.1:9", "http://", "http:///classifier/sbr", "://x", "http://x:99999", "http://x:", "http://x:8a", "http://x: 8", "http://:80":
    status, text = doctor(none)
    assert status == 64 and "is not an address" in text, (none, text)
status, text = doctor("--ca-file", os.path.join(FOLDER, "nowhere.pem"), dev_url)
assert status == 66 and "nowhere.pem" in text, text

# A page that says 200 is no answer to the case.
page, page_url = serve([])
for says in [], {"predicted_sbr": 5}, {"predicted_sbr": ""}:
    page.says = says
    status, report = doctor(page_url)
    assert status == 2 and titles(report, "cause") == [page_url[7:] + " does not answer the case"], report
    assert "no predicted_sbr" in json.dumps(report)
status, report = doctor(page_url, dev_url)
assert status == 2 and any("differs in answer: -" in title for title in titles(report, "cause")), report

# TLS: unknown certificates are refused, those of --ca-file are trusted.
if shutil.which("openssl"):
    key, cert = os.path.join(FOLDER, "key.pem"), os.path.join(FOLDER, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days",
                    "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    _, safe_url = serve(model("1"), own=1, context=context)
    status, report = doctor(safe_url)
    assert status == 2 and "certificate" in json.dumps(report).lower(), report
    status, report = doctor("--ca-file", cert, safe_url)
    assert status == 0, report
else:
    print("skipped: TLS, no openssl here")
shutil.rmtree(FOLDER)
