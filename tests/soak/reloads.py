# SPDX-License-Identifier: Apache-2.0
"""Reloads under load, two models in turn: no failed request, memory flat, within the plan."""
import full
from batch_test import imported
from memory import anonymous
from reload_test import SHORT, Load, Reloadable, imported_again, trained
from service import TEAMS, model, wait_until

OPTIONS = ("--deadline", "600", "--connections", "64")
GROWTH_MAX = 256 << 10


def _reload(count, first, second):
    budget = full.plan(first, "--threads", "2", *OPTIONS)["reloading"]
    refused, sizes = 0, []
    with Reloadable(*OPTIONS, file=first) as service, Load(service.address, SHORT) as clients:
        assert wait_until(lambda: clients.answered > 100)
        for i in range(count):
            service.put((second, first)[i % 2])
            refused += service.reload().status != 200
            if i + 1 in (count // 10, count):
                sizes.append(anonymous(service.process.pid))
        clients.__exit__()
        pid = service.process.pid
        peaks = {"memory": full.peak(pid, "VmHWM"), "address_space": full.peak(pid, "VmPeak")}
        ended = service.stop()
    figure = (f"{count} reloads, {refused} refused; {clients.answered} requests, {len(clients.failures)} failed; anonymous "
              f"{sizes[0] // 1024} KiB after a tenth, {sizes[-1] // 1024} at the end; resident {peaks['memory'] / 2**20:.1f} MiB "
              f"at most, plan {budget['memory'] / 2**20:.1f}")
    return figure, (refused == 0 and clients.failures == [] and ended == 0 and sizes[-1] - sizes[0] <= GROWTH_MAX and
                    all(peaks[unit] <= budget[unit] for unit in peaks))


def linear(count):
    return _reload(count, model(), trained("same", TEAMS, str, "--seed", "2"))


def ulmfit(count):
    return _reload(count, imported(), imported_again())
