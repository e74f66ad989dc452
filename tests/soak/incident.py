# SPDX-License-Identifier: Apache-2.0
"""The incident, replayed at length: every refusal at once, and the service answers; the Flask service does not."""
import collections
import http.client
import json
import os
import random
import socket
import subprocess
import threading

import full
import filters
from refusals import Refusals
from service import INCIDENT, PROGRAM, SLOW, Client, Service

LIMIT = 64 << 20
OPTIONS = ("--threads", "2", "--connections", "5", "--queue", "8", "--queue-bytes", "32768", "--body-max", "16384",
           "--rehearse", "0", "--deadline", "120")
CLIENTS = 5
SIZES = ((0.9, 3, 40), (0.097, 40, 250), (0.003, 1200, 2000))  # share of requests, words at least and at most
FLASK = os.path.join(full.ROOT, "..", "shared", "peers", "service.py")


def a_case(chance):
    share = chance.random()
    for part, least, most in SIZES:
        share -= part
        if share < 0:
            break
    words = full.WORDS + ["word7", "Word4711", "KB12345", "unbekannt", "x" * 30]
    return dict(INCIDENT, subject=" ".join(chance.choices(words, k=chance.randint(1, 8))),
                description=" ".join(chance.choices(words, k=chance.randint(least, most))))


def ask_many(service, count):
    statuses, lock = collections.Counter(), threading.Lock()

    def run(number):
        chance = random.Random(number)
        mine = collections.Counter()
        try:
            with Client(service.address) as client:
                for _ in range(number, count, CLIENTS):
                    mine[client.ask(body=a_case(chance)).status] += 1
        except (OSError, EOFError) as error:
            mine[type(error).__name__] += 1
        with lock:
            statuses.update(mine)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return dict(statuses)


def _forget(file):
    """Its pages leave the page cache, so that they are charged to the group that reads them next."""
    descriptor = os.open(file, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def answers(count):
    file = full.ensemble()
    said = full.plan(file, *OPTIONS)
    _forget(file)
    memory = said["serving"]["memory"]
    if memory > LIMIT:
        return f"the plan is {memory / 2**20:.1f} MiB", False
    with Refusals(LIMIT, said["serving"]["address_space"], said["threads"]) as refusals:
        with Service(*OPTIONS, file=file, preexec_fn=refusals.enter) as service:
            statuses = ask_many(service, count)
            most = full.peak(service.process.pid, "VmHWM")
            ended = service.stop()
        kills = refusals.memory.kills() if refusals.memory else None
        group = f", group {refusals.memory.peak() / 2**20:.1f}" if refusals.memory else ""
    return (f"{count} requests: {statuses}, {kills} kills; resident {most / 2**20:.1f} MiB at most{group}, plan "
            f"{memory / 2**20:.1f}; under {refusals.told()}",
            statuses == {200: count} and not kills and ended == 0 and most <= memory)


def below(_):
    """Ten per cent below the plan: refused before it listens, with the number."""
    file = full.ensemble()
    said = full.plan(file, *OPTIONS)
    serving, told, right = said["serving"], [], True
    for what, memory, address in (("memory", serving["memory"] * 9 // 10, 1 << 40),
                                  ("address space", LIMIT, serving["address_space"] * 9 // 10)):
        with Refusals(memory, address, said["threads"]) as refusals:
            if what == "memory" and refusals.memory is None:
                told.append("memory: no group can be made here")
                right = None
                continue
            done = subprocess.run([PROGRAM, "serve", file, "--listen", "127.0.0.1:0", *OPTIONS], stderr=subprocess.PIPE,
                                  preexec_fn=refusals.enter, timeout=SLOW)
        text = done.stderr.decode().strip()
        number = serving["memory" if what == "memory" else "address_space"]
        told.append(f"{what}: exit status {done.returncode}, {number} bytes {'named' if str(number) in text else 'NOT named'}")
        right = right and done.returncode == 71 and f"{number} bytes of {what}" in text and "ready" not in text
    return "; ".join(told), right


def _flask_asked(port, count):
    statuses = collections.Counter()
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SLOW)
        try:
            connection.request("POST", "/classifier/sbr", json.dumps(INCIDENT), {"Content-Type": "application/json"})
            statuses[connection.getresponse().status] += 1
        except OSError as error:
            statuses[type(error).__name__] += 1
        finally:
            connection.close()
    return dict(statuses)


def flask(count):
    """The incident's service where fork is answered ENOMEM, and that alone: with a read-only root it finds no room for a temporary file
    and does not start."""
    venv = os.environ.get("PEERS_VENV")
    if not venv or not os.path.exists(FLASK):
        return "PEERS_VENV or its service.py is missing", None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    code = f"import service; service.app.run(port={port}, threaded=True)"
    process = subprocess.Popen([os.path.join(venv, "bin", "python"), "-c", code], cwd=os.path.dirname(FLASK),
                               env=dict(os.environ, SBR_TOKENIZE="df"), preexec_fn=filters.at_fork(filters.ERRNO | filters.ENOMEM),
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    listens, log = threading.Event(), []

    def read():
        for line in process.stderr:
            log.append(line.decode(errors="replace").strip())
            if "Running on" in log[-1]:
                listens.set()
        listens.set()
    reader = threading.Thread(target=read)
    reader.start()
    try:
        listens.wait(SLOW)
        statuses = _flask_asked(port, count)
    finally:
        process.kill()
        process.wait()
        reader.join()
    cause = next((line for line in reversed(log) if "Error" in line), "")
    return f"{count} requests: {statuses}; {cause}", set(statuses) == {500} and "Cannot allocate memory" in cause
