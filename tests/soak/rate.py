# SPDX-License-Identifier: Apache-2.0
"""Requests a second by one thread, beside libmicrohttpd alone, in turns; and the same bits by every way a case can come."""
import json
import os
import statistics
import subprocess

import full
from service import FOLDER, INCIDENT, PROGRAM, Client, Service, model, predict

CONNECTIONS, SECONDS, RATE_MIN, SHARE_MIN = 32, 2, 40_000, 0.4
BENCH = os.path.join(os.path.dirname(PROGRAM), "bench")
SAID = ("predicted_sbr", "confidence", "abstained", "alternatives", "members", "decision_id")


def _rate(port, body):
    words = [os.path.join(BENCH, "http_rate"), str(port), "/classifier/sbr", body, str(CONNECTIONS), str(SECONDS)]
    return float(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)


def beside_an_echo(rounds):
    body = os.path.join(FOLDER, "incident.json")
    with open(body, "w", encoding="utf-8") as file:
        json.dump(INCIDENT, file)
    ours, theirs = [], []
    with Service("--threads", "1", file=full.linear()) as service, \
            subprocess.Popen([os.path.join(BENCH, "echo")], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as echo:
        port = int(echo.stdout.readline())
        for _ in range(rounds):
            ours.append(_rate(service.address[1], body))
            theirs.append(_rate(port, body))
        echo.stdin.close()
        ended = service.stop()
    share = statistics.median(our / their for our, their in zip(ours, theirs))
    rate = statistics.median(ours)
    return (f"{rate:.0f} a second (at best {max(ours):.0f}) with {CONNECTIONS} clients, the echo {statistics.median(theirs):.0f}: "
            f"{100 * share:.0f} %", rate >= RATE_MIN and share >= SHARE_MIN and ended == 0)


def _kept(answers):
    return [{name: one.get(name) for name in SAID} for one in answers]


def bits(count):
    """Of the linear member, and of a full-size ensemble for one in ten."""
    told, right = [], True
    for name, file, many in (("linear", model(), count), ("ensemble", full.ensemble(), max(1, count // 10))):
        cases = [dict(INCIDENT, subject=" ".join(full.WORDS[i % 7::1 + i % 5]), description=f"{full.WORDS[i % 28]} " * (i % 40))
                 for i in range(many)]
        cases[0] = INCIDENT
        ways = [_kept(predict(cases, "--detail", "--threads", threads, file=file)) for threads in "12"]
        for threads in "12":
            with Service("--threads", threads, "--deadline", "600", file=file) as service, Client(service.address) as client:
                ways.append(_kept(client.ask(path="/classifier/sbr?detail=1", body=case).json() for case in cases))
                together = []
                for first in range(0, many, 64):
                    reply = client.ask(path="/classifier/sbr/batch", body=cases[first:first + 64])
                    together += reply.json()
                ways.append(_kept(together))
        alike = all(way == ways[0] for way in ways)
        told.append(f"{name}: {many} cases by {len(ways)} ways {'the same' if alike else 'NOT the same'}")
        right = right and alike
    return "; ".join(told), right
