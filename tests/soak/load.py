# SPDX-License-Identifier: Apache-2.0
"""Clients for the soak: many connections in one thread, and what became of each request.

Open: requests leave at their time, whether or not earlier ones are answered, as strangers do;
closed: each client asks again when it was answered.
"""
import asyncio
import random
import time

import full  # noqa: F401  (finds tests/service)
from service import request


class Seen:
    """Statuses and times of requests; `words` of each case that got 200."""

    def __init__(self):
        self.statuses, self.times, self.words, self.broken = {}, [], 0, 0

    def take(self, status, seconds, words):
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.times.append(seconds)
            self.words += words

    def count(self, status=200):
        return self.statuses.get(status, 0)

    def quantile(self, share):
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Pool:
    """Connections that are kept and lent to one request after the other."""

    def __init__(self, address, **where):
        self.address, self.where, self.free = address, where, []

    async def ask(self, data):
        """The status of the reply."""
        kept = bool(self.free)
        reader, writer = self.free.pop() if kept else \
            await asyncio.open_connection(*self.address, **self.where)
        try:
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            if kept:  # closed while it lay here: any client asks again
                return await self.ask(data)
            raise
        lines = head.decode("latin-1").lower().split("\r\n")
        length = next(int(line.split(":")[1]) for line in lines if line.startswith("content-length"))
        await reader.readexactly(length)
        if "connection: close" in lines:
            writer.close()
        else:
            self.free.append((reader, writer))
        return int(lines[0].split()[1])

    def close(self):
        for _, writer in self.free:
            writer.close()


def cases(seed=1):
    """Requests without end: four of five short, some long; each with its number of words."""
    chance = random.Random(seed)
    text = "the printer fails again after the update of the driver on node seven".split()
    made = []
    for _ in range(200):
        words = chance.choices((25, 80, 300), (16, 3, 1))[0]
        made.append((request(body={"subject": "disk full",
                                   "description": " ".join(chance.choices(text, k=words))}), words))
    while True:
        yield chance.choice(made)


async def one(pool, seen, data, words):
    begun = time.monotonic()
    try:
        seen.take(await pool.ask(data), time.monotonic() - begun, words)
    except (OSError, asyncio.IncompleteReadError):
        seen.broken += 1


async def closed(pool, seen, clients, seconds, source):
    end = time.monotonic() + seconds

    async def client():
        while time.monotonic() < end:
            await one(pool, seen, *next(source))

    await asyncio.gather(*(client() for _ in range(clients)))


async def opened(pool, seen, rate, seconds, source):
    begun, tasks, sent = time.monotonic(), set(), 0
    while (now := time.monotonic()) < begun + seconds:
        while sent < (now - begun) * rate:
            task = asyncio.ensure_future(one(pool, seen, *next(source)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        await asyncio.sleep(0.001)
    if tasks:
        await asyncio.wait(tasks)
    return sent
