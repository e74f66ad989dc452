# SPDX-License-Identifier: Apache-2.0
"""Three times the load that can be borne: what is answered all the same, and how soon.

Capacity is what clients get that ask again when they were answered, as many of them as get most:
the more cases wait, the more share a pass. Then requests leave three
times as often, whatever becomes of earlier ones. Of these, at least nine tenths of capacity must
be answered with 200, and 99 of 100 such answers come within the deadline.
"""
import asyncio
import os
import time

import full
import load
from service import Service

DEADLINE = 2.0
CLIENTS = (16, 32, 64)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def bear(pool, seconds, source):
    """The most that is answered, of any of these numbers of clients; and their number."""
    best = None
    for clients in CLIENTS:
        seen = load.Seen()
        await load.closed(pool, load.Seen(), clients, min(1.0, seconds), source)  # warm
        await load.closed(pool, seen, clients, seconds, source)
        if best is None or seen.count() > best[0].count():
            best = seen, clients
    return best


async def measure(address, pid, seconds, factor=3):
    source, pool, over = load.cases(), load.Pool(address), load.Seen()
    begun, first = cpu_seconds(pid), time.monotonic()
    borne, clients = await bear(pool, seconds, source)
    between, second = cpu_seconds(pid), time.monotonic()
    capacity = borne.count() / seconds
    sent = await load.opened(pool, over, factor * capacity, seconds, source)
    ended = cpu_seconds(pid)
    pool.close()
    return {"capacity": round(capacity, 1), "clients": clients, "capacity_words": round(borne.words / seconds),
            "offered": round(sent / seconds, 1), "goodput": round(over.count() / seconds, 1),
            "goodput_words": round(over.words / seconds), "statuses": over.statuses,
            # Where others use the cores too, the service has fewer of them in one of the halves.
            "cores": [round((between - begun) / (second - first), 2), round((ended - between) / seconds, 2)],
            "broken": over.broken + borne.broken, "p50": round(over.quantile(0.5), 3),
            "p99": round(over.quantile(0.99), 3), "deadline": DEADLINE}


def borne(seconds):
    with Service("--threads", "1", "--deadline", str(DEADLINE), file=full.ensemble()) as service:
        seen = asyncio.run(measure(service.address, service.process.pid, seconds))
        ended = service.stop()
    return (f"capacity {seen['capacity']}/s with {seen['clients']} clients, offered {seen['offered']}, answered {seen['goodput']}; statuses "
            f"{seen['statuses']}; p50 {seen['p50']} s, p99 {seen['p99']}; cores {seen['cores']}",
            seen["goodput"] >= 0.9 * seen["capacity"] and seen["p99"] <= DEADLINE and seen["broken"] == 0 and
            ended == 0 and set(seen["statuses"]) <= {200, 429, 504})
