# SPDX-License-Identifier: Apache-2.0
"""Three times the load that can be borne: what is answered all the same, and how soon.

Capacity is what clients get that ask again when they were answered. Then requests leave three
times as often, whatever becomes of earlier ones. Of these, at least nine tenths of capacity must
be answered with 200, and 99 of 100 such answers come within the deadline.
"""
import asyncio
import os

import full
import load
from service import Service

DEADLINE = 2.0


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def measure(address, pid, seconds, factor=3):
    source, pool = load.cases(), load.Pool(address)
    warm, borne, over = load.Seen(), load.Seen(), load.Seen()
    await load.closed(pool, warm, 16, min(2.0, seconds), source)
    begun = cpu_seconds(pid)
    await load.closed(pool, borne, 16, seconds, source)
    between = cpu_seconds(pid)
    capacity = borne.count() / seconds
    sent = await load.opened(pool, over, factor * capacity, seconds, source)
    ended = cpu_seconds(pid)
    pool.close()
    return {"capacity": round(capacity, 1), "capacity_words": round(borne.words / seconds),
            "offered": round(sent / seconds, 1), "goodput": round(over.count() / seconds, 1),
            "goodput_words": round(over.words / seconds), "statuses": over.statuses,
            # Where others use the cores too, the service has fewer of them in one of the halves.
            "cores": [round((between - begun) / seconds, 2), round((ended - between) / seconds, 2)],
            "broken": over.broken + borne.broken, "p50": round(over.quantile(0.5), 3),
            "p99": round(over.quantile(0.99), 3), "deadline": DEADLINE}


def borne(seconds):
    with Service("--threads", "1", "--deadline", str(DEADLINE), file=full.ensemble()) as service:
        seen = asyncio.run(measure(service.address, service.process.pid, seconds))
        ended = service.stop()
    return (f"capacity {seen['capacity']}/s, offered {seen['offered']}, answered {seen['goodput']}; statuses "
            f"{seen['statuses']}; p50 {seen['p50']} s, p99 {seen['p99']}; cores {seen['cores']}",
            seen["goodput"] >= 0.9 * seen["capacity"] and seen["p99"] <= DEADLINE and seen["broken"] == 0 and
            ended == 0 and set(seen["statuses"]) <= {200, 429, 504})
