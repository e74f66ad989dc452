# SPDX-License-Identifier: Apache-2.0
"""Idle and byte-a-second connections, attempted without end, against honest clients beside them.

They come from other addresses of the loopback, from a process of their own (`crowd.py HOST PORT ATTEMPTS SECONDS`) of the lowest
priority, for other hosts would not take our cores, and try to hold ATTEMPTS connections: half say nothing, half send a byte a second, and every
other one of either sends a whole request first, so that it is no stranger; one that is closed is not tried again. The service has room for far
fewer. 99 of 100 honest requests must take no more than twice as long as without them; both are measured in turns, so that they meet the same
weather. A client that comes anew for each request waits behind the crowd for a place, but not for long.
"""
import asyncio
import json
import os
import resource
import subprocess
import sys

CLIENTS, PAUSE, PLACES, ROUNDS, SECONDS = 4, 0.005, 256, 4, 5
ANEW_SECONDS_MAX = 2  # an idle one may idle for half of that while others wait
WHOLE_REQUEST = b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"
REQUEST_SLOWLY = b"POST /classifier/sbr HTTP/1.1\r\nHost: a\r\n" * 100


class Crowd:
    """Those who come to say nothing."""

    def __init__(self, address):
        self.address, self.held, self.most, self.closed, self.refused, self.answered = address, 0, 0, 0, 0, 0

    async def one(self, number):
        try:
            source = (f"127.0.{1 + number % 4}.{1 + number // 4 % 250}", 0)
            reader, writer = await asyncio.open_connection(*self.address, local_addr=source)
        except OSError:
            self.refused += 1
            return
        self.held += 1
        self.most = max(self.most, self.held)
        try:
            if number % 4 > 1:
                writer.write(WHOLE_REQUEST)
                self.answered += await reader.read(4096) != b""
            for byte in REQUEST_SLOWLY:
                if number % 2:
                    writer.write(bytes((byte,)))
                try:
                    if await asyncio.wait_for(reader.read(1), 1) == b"":
                        break
                except asyncio.TimeoutError:
                    pass
        except OSError:
            pass
        self.held -= 1
        self.closed += 1
        writer.close()

    async def come(self, attempts, seconds):
        tasks, begun = [], asyncio.get_running_loop().time()
        while len(tasks) < attempts:
            due = (asyncio.get_running_loop().time() - begun) / seconds * attempts
            while len(tasks) < min(attempts, due):
                tasks.append(asyncio.ensure_future(self.one(len(tasks))))
            await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def come(host, port, attempts, seconds):
    os.nice(19)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, attempts + 1024), hard))
    crowd = Crowd((host, port))
    asyncio.run(crowd.come(attempts, seconds))
    print(json.dumps({"most": crowd.most, "closed": crowd.closed, "refused": crowd.refused, "answered": crowd.answered}))


async def _honest(address, kept, anew):
    """Clients that keep their connection, and ask now and then; and one that comes anew each time."""
    import load
    from service import INCIDENT, request
    data = request(body=INCIDENT)
    end = asyncio.get_running_loop().time() + SECONDS

    async def client(seen, keep):
        pool = load.Pool(address)
        while asyncio.get_running_loop().time() < end:
            await load.one(pool, seen, data, 1)
            if not keep:
                pool.close()
                pool.free.clear()
            await asyncio.sleep(PAUSE if keep else 10 * PAUSE)
        pool.close()

    await asyncio.gather(client(anew, False), *(client(kept, True) for _ in range(CLIENTS)))


def _in_turns(service, attempts):
    """(kept, anew) without and with the crowd, and what became of the crowd."""
    import load
    without, beside = ((load.Seen(), load.Seen()) for _ in range(2))
    became = {"most": 0, "closed": 0, "refused": 0, "answered": 0}
    words = [sys.executable, __file__, *map(str, service.address), str(attempts // ROUNDS), str(SECONDS)]
    for _ in range(ROUNDS):
        asyncio.run(_honest(service.address, *without))
        with subprocess.Popen(words, stdout=subprocess.PIPE) as crowd:
            asyncio.run(_honest(service.address, *beside))
            said = json.loads(crowd.communicate()[0])
        became = {"most": max(became["most"], said["most"]), **{name: became[name] + said[name] for name in ("closed", "refused", "answered")}}
    return without, beside, became


def honest_beside(attempts):
    import full
    from service import Service, model
    options = ("--threads", "1", "--connections", str(PLACES))
    budget = full.plan(model(), *options)["serving"]["memory"]
    with Service(*options, file=model()) as service:
        without, beside, became = _in_turns(service, attempts)
        most = full.peak(service.process.pid, "VmHWM")
        ended = service.stop()
    p99, p99_anew = ([1e3 * some.quantile(0.99) for some in pair] for pair in zip(without, beside))
    lost = sum(some.broken for some in (*without, *beside))
    return (f"{attempts} came in {ROUNDS} times {SECONDS} s to {PLACES} places: {became['most']} at once, {became['answered']} answered first, "
            f"{became['closed']} closed, {became['refused']} refused; p99 of {beside[0].count()} requests {p99[0]:.1f} ms without, {p99[1]:.1f} "
            f"beside them, of clients that come anew {p99_anew[0]:.1f} and {p99_anew[1]:.1f}; {lost} lost; resident {most / 2**20:.1f} MiB at most, "
            f"plan {budget / 2**20:.1f}",
            p99[1] <= 2 * p99[0] and p99_anew[1] <= 1e3 * ANEW_SECONDS_MAX and lost == 0 and ended == 0 and most <= budget)


if __name__ == "__main__":
    come(sys.argv[1], *map(int, sys.argv[2:]))
