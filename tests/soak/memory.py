# SPDX-License-Identifier: Apache-2.0
"""A million requests, and the memory of the thousandth: what grows with traffic would be seen.

Requests of several sizes leave in pipelines, so that one client of a core is no brake.
"""
import re
import socket
import threading

import full  # noqa: F401  (finds tests/service)
from service import INCIDENT, Service, model, request

CLIENTS, PIPELINE, SETTLED = 4, 50, 1000
GROWTH_MAX = 64 << 10
BODIES = [INCIDENT, *(dict(INCIDENT, description="yum update " * words) for words in (5, 40, 200))]
ANSWERED = b"HTTP/1.1 200 OK\r\n"


def anonymous(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return int(re.search(r"Anonymous:\s+(\d+) kB", file.read())[1]) * 1024


class Pipe:
    """A connection on which PIPELINE requests are under way at a time."""

    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.bytes = b"".join(request(body=BODIES[i % len(BODIES)]) for i in range(PIPELINE))

    def ask(self, rounds):
        """How many were answered 200."""
        answered = 0
        for _ in range(rounds):
            self.socket.sendall(self.bytes)
            seen = b""
            while seen.count(b'"}\n') < PIPELINE:
                some = self.socket.recv(1 << 16)
                if not some:
                    return answered
                seen += some
            answered += seen.count(ANSWERED)
        return answered


def stays(count):
    answered, lock = [0], threading.Lock()

    def ask(pipe, rounds):
        more = pipe.ask(rounds)
        with lock:
            answered[0] += more

    def together(pipes, many):
        threads = [threading.Thread(target=ask, args=(pipe, many // PIPELINE // CLIENTS)) for pipe in pipes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with Service("--threads", "2", file=model()) as service:
        pipes = [Pipe(service.address) for _ in range(CLIENTS)]
        together(pipes, SETTLED)
        first = anonymous(service.process.pid)
        together(pipes, count - SETTLED)
        last = anonymous(service.process.pid)
        for pipe in pipes:
            pipe.socket.close()
        ended = service.stop()
    whole = sum(many // PIPELINE // CLIENTS * PIPELINE * CLIENTS for many in (SETTLED, count - SETTLED))
    return (f"{answered[0]} of {whole} answered 200; anonymous {first // 1024} KiB after {SETTLED}, {last // 1024} at the end",
            answered[0] == whole and last - first <= GROWTH_MAX and ended == 0)
