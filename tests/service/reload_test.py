# SPDX-License-Identifier: Apache-2.0
"""Another model takes over without a failed request, or the old one stays and the reason is told."""
import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
import unittest

from batch_test import LONG, imported
from service import (FOLDER, INCIDENT, PROGRAM, ROOT, SANITIZED, SLOW, TEAMS, Client, Service, model,
                     request, resident, wait_until)
from truth_test import Manager

TOKEN = "0123456789abcdef0123456789abcdef"
CLIENTS = 6
SHORT = {"subject": "disk full", "description": "the printer fails again . " * 50}


def token_file():
    path = os.path.join(FOLDER, "admin.token")
    with open(path, "w") as file:
        file.write(TOKEN + "\n")
    os.chmod(path, 0o600)
    return path


def trained(name, teams=TEAMS, label_of=lambda team: team, *options):
    """A model of these teams, whose labels may be others."""
    path = os.path.join(FOLDER, name + ".air")
    if not os.path.exists(path):
        tables = []
        for team in teams:
            with open(os.path.join(ROOT, "share", "cases", team + ".csv"), newline="") as file:
                rows = list(csv.DictReader(file))
            tables.append(os.path.join(FOLDER, f"{name}.{team}.csv"))
            with open(tables[-1], "w", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys())
                writer.writeheader()
                writer.writerows(dict(row, sbr=label_of(row["sbr"])) for row in rows)
        subprocess.run([PROGRAM, "train", "--member", "linear", "-o", path, *options, *tables],
                       check=True, timeout=SLOW, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    return path


def labels():
    """Of the four teams, as the files have them."""
    found = []
    for team in TEAMS:
        with open(os.path.join(ROOT, "share", "cases", team + ".csv"), newline="") as file:
            found.append(next(csv.DictReader(file))["sbr"])
    return found


def permuted():
    names = labels()
    turned = dict(zip(names, names[1:] + names[:1]))
    return trained("permuted", TEAMS, turned.get)


def imported_again():
    """The same network, of which a text's last token less is pooled."""
    return imported("imported-again", 39)


def imported_renamed():
    """The same network, all of whose labels are others."""
    path = os.path.join(FOLDER, "renamed.labels.json")
    with open(os.path.join(ROOT, "tests", "golden", "ulmfit", "labels.json")) as file:
        names = json.load(file)
    with open(path, "w") as file:
        json.dump(["new-" + name for name in names], file)
    return imported("imported-renamed", labels=path)


def checksum(path):
    done = subprocess.run([PROGRAM, "inspect", "--json", path], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["metadata"]["checksum"]


class Reloadable(Service):
    """A service over a file of its own, which put() replaces as an operator would."""

    def __init__(self, *options, file=None, **popen):
        self.path = os.path.join(FOLDER, f"reload.{os.getpid()}.{id(self)}.air")
        self.put(file or model())
        super().__init__("--threads", "2", "--admin-token-file", token_file(), *options,
                         file=self.path, **popen)

    def put(self, source):
        shutil.copy(source, self.path + ".new")
        os.rename(self.path + ".new", self.path)

    def reload(self, query="", token=TOKEN):
        with Client(self.address) as client:
            return client.ask("POST", "/admin/reload" + query,
                              headers=["Content-Length: 0", *([f"Authorization: Bearer {token}"]
                                                              if token else [])])

    def answering(self):
        """The checksum of the model that answers."""
        with Client(self.address) as client:
            reply = client.ask(path="/classifier/sbr?detail=1", body=INCIDENT)
            assert reply.status == 200, reply.body
            return reply.json()["model"]["checksum"]

    def __exit__(self, *_):
        super().__exit__()
        os.unlink(self.path)


def niceness(service):
    """Of each of its threads."""
    found = []
    for task in os.listdir(f"/proc/{service.process.pid}/task"):
        with open(f"/proc/{service.process.pid}/task/{task}/stat") as file:
            found.append(int(file.read().rpartition(")")[2].split()[16]))
    return sorted(found)


def pending(service, number):
    """Whether it has not taken this signal yet."""
    with open(f"/proc/{service.process.pid}/status") as file:
        mask = next(line.split()[1] for line in file if line.startswith("ShdPnd:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


class Load:
    """Clients that ask without end; what was not 200 is kept."""

    def __init__(self, address, body=INCIDENT):
        self.address, self.body = address, body
        self.failures, self.answered, self.over = [], 0, False
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(CLIENTS)]

    def _run(self, number):
        try:
            with Client(self.address) as client:
                while not self.over:
                    kind = (number + self.answered) % 3
                    if kind == 2:
                        reply = client.ask(path="/classifier/sbr/batch", body=[self.body] * 3)
                    else:
                        reply = client.ask(path=f"/classifier/sbr?detail={kind}", body=self.body)
                    self.answered += 1
                    if reply.status != 200:
                        self.failures.append((reply.status, reply.body))
        except (OSError, EOFError, AssertionError) as error:
            self.failures.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join(SLOW)


class Tally(Load):
    """Clients that keep of which model each answer was."""

    def __init__(self, address):
        super().__init__(address)
        self.sums = []

    def _run(self, number):
        try:
            with Client(self.address) as client:
                while not self.over:
                    reply = client.ask(path="/classifier/sbr/batch?detail=1", body=[self.body] * 20)
                    self.sums += [one["model"]["checksum"] for one in reply.json()]
        except (OSError, EOFError, AssertionError, KeyError) as error:
            self.failures.append(repr(error))


class TakesOver(unittest.TestCase):
    def under_load(self, first, second, rounds=6):
        sums = checksum(first), checksum(second)
        self.assertNotEqual(*sums)
        with Reloadable("--deadline", "600", file=first) as service, Load(service.address) as load:
            self.assertTrue(wait_until(lambda: load.answered > 20))
            for i in range(rounds):
                service.put((second, first)[i % 2])
                reply = service.reload()
                self.assertEqual(reply.status, 200, reply.body)
                said = reply.json()
                self.assertEqual(said["before"]["checksum"], sums[i % 2])
                self.assertEqual(said["model"]["checksum"], sums[1 - i % 2])
                self.assertEqual(service.answering(), sums[1 - i % 2])
                self.assertGreater(said["cases_rehearsed"], 0)
                with Client(service.address) as client:
                    self.assertEqual(client.ask("GET", "/health/ready").status, 200)
                before = load.answered
                self.assertTrue(wait_until(lambda: load.answered > before + 10))
            self.assertEqual(load.failures, [])
            with open(f"/proc/{service.process.pid}/maps") as file:
                self.assertNotIn("(deleted)", file.read(), "an old model is still mapped")
            load.__exit__()
            self.assertEqual(service.stop(), 0)

    def test_the_linear_member(self):
        self.under_load(model(), trained("same", TEAMS, str, "--seed", "2"))

    def test_ulmfit(self):
        self.under_load(imported(), imported_again())

    def counted(self, first, second):
        with Reloadable("--deadline", "600", file=first) as service:
            for i in range(6):
                file = (second, first)[i % 2]
                service.put(file)
                with Tally(service.address) as tally:
                    self.assertTrue(wait_until(lambda: len(tally.sums) > 100))
                    self.assertEqual(service.reload("?any_labels=1").status, 200)
                self.assertEqual(tally.failures, [])
                with Client(service.address) as client:
                    text = client.ask("GET", "/metrics").body.decode()
                counts = re.findall(r'^air_classifier_predictions_total\{sbr="(.*)"\} (\d+)$', text, re.M)
                self.assertEqual({name.startswith("new-") for name, _ in counts}, {i % 2 == 0})
                self.assertEqual(sum(int(count) for _, count in counts), tally.sums.count(checksum(file)))

    def test_each_answer_of_the_linear_member_is_counted_for_its_model(self):
        self.counted(model(), trained("renamed", TEAMS, lambda team: "new-" + team))

    def test_each_answer_of_ulmfit_is_counted_for_its_model(self):
        self.counted(imported(), imported_renamed())

    @unittest.skipIf(SANITIZED, "freed memory waits in quarantine")
    def test_memory_stays(self):
        with Reloadable() as service:
            sizes = []
            for _ in range(2):
                for _ in range(10):
                    self.assertEqual(service.reload().status, 200)
                sizes.append(resident(service.process.pid))
            self.assertLessEqual(sizes[1] - sizes[0], 256 << 10, sizes)

    def test_by_signal(self):
        second = trained("same", TEAMS, str, "--seed", "2")
        with Manager() as manager, Reloadable(env=manager.environment) as service:
            for path in (second, model(), second):
                manager.heard.clear()
                service.put(path)
                service.process.send_signal(signal.SIGHUP)
                self.assertTrue(wait_until(lambda: service.answering() == checksum(path)))
                self.assertTrue(wait_until(lambda: manager.has_heard("READY=1\n")))
                self.assertTrue(manager.has_heard("RELOADING=1\nMONOTONIC_USEC="))
            self.assertEqual(service.stop(), 0)

    def test_a_storm_of_signals(self):
        with Reloadable() as service:
            for _ in range(200):
                service.process.send_signal(signal.SIGHUP)
            self.assertTrue(wait_until(lambda: any("reloaded" in line for line in service.log)))
            with Client(service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)
            self.assertEqual(service.stop(), 0)


class Refused(unittest.TestCase):
    def stays(self, service, reply, status, kind, *words):
        self.assertEqual(reply.status, status, reply.body)
        self.assertEqual(reply.json()["type"], "/problems/" + kind)
        for word in words:
            self.assertIn(word, reply.json()["detail"])
        self.assertEqual(service.answering(), checksum(model()))
        with Client(service.address) as client:
            self.assertEqual(client.ask("GET", "/health/ready").status, 200)

    def test_who_may(self):
        with Service() as service, Client(service.address) as client:
            reply = client.ask("POST", "/admin/reload", headers=["Authorization: Bearer " + TOKEN])
            self.assertEqual((reply.status, reply.json()["type"]), (403, "/problems/forbidden"))
        with Reloadable() as service:
            for token in (None, TOKEN[:-1], TOKEN + "0", TOKEN.upper()):
                reply = service.reload(token=token)
                self.assertEqual((reply.status, reply.headers["www-authenticate"]),
                                 (401, 'Bearer realm="admin"'))
            self.assertEqual(service.reload("?any_labels=2").status, 400)
            self.assertEqual(service.reload("?detail=1").status, 400)
            with Client(service.address) as client:
                reply = client.ask("POST", "/admin/reload", body=b" " * 2000000, headers=["Authorization: Bearer " + TOKEN])
                self.assertEqual((reply.status, reply.json()["type"]), (413, "/problems/too-large"))
            with Client(service.address) as client:
                reply = client.ask("GET", "/admin/reload")
                self.assertEqual((reply.status, reply.headers["allow"]), (405, "OPTIONS, POST"))

    def test_a_token_that_is_none(self):
        path = os.path.join(FOLDER, "bad.token")
        with open(path, "w") as file:
            file.write("short\n")
        for file, status in ((path, 64), ("/nowhere", 66)):
            done = subprocess.run([PROGRAM, "serve", model(), "--admin-token-file", file],
                                  stderr=subprocess.PIPE, timeout=SLOW)
            self.assertEqual(done.returncode, status, done.stderr)

    def test_files_that_are_no_model(self):
        damaged = os.path.join(FOLDER, "damaged.air")
        with open(model(), "rb") as file:
            data = bytearray(file.read())
        data[-1000] ^= 1
        with open(damaged, "wb") as file:
            file.write(data)
        cut = os.path.join(FOLDER, "cut.air")
        with open(cut, "wb") as file:
            file.write(data[:len(data) // 2])
        with Reloadable() as service:
            for path, word in ((damaged, "damaged"), (cut, ""), (__file__, ""), (os.devnull, "")):
                if path == os.devnull:
                    os.unlink(service.path)
                else:
                    service.put(path)
                self.stays(service, service.reload(), 409, "reload-refused", word)
                service.process.send_signal(signal.SIGHUP)
            self.assertTrue(wait_until(lambda: "".join(service.log).count("stays as it is") >= 5))
            service.put(model())
            self.assertEqual(service.reload().status, 200)

    def test_a_pipe_is_no_model(self):
        with Reloadable() as service:
            os.unlink(service.path)
            os.mkfifo(service.path)
            self.stays(service, service.reload(), 409, "reload-refused", "not a regular file")
            os.unlink(service.path)
            service.put(model())
            self.assertEqual(service.reload().status, 200)

    def test_other_labels(self):
        five = trained("five", TEAMS + ("network",))
        with Reloadable() as service:
            service.put(five)
            self.stays(service, service.reload(), 409, "reload-refused", "1 new '",
                       "0 gone")
            reply = service.reload("?any_labels=1")
            self.assertEqual((reply.status, reply.json()["sbrs_added"]), (200, 1))
            self.assertEqual(service.answering(), checksum(five))
            service.put(model())
            reply = service.reload()
            self.assertEqual(reply.status, 409)
            self.assertIn("0 new, 1 gone '", reply.json()["detail"])
        with Reloadable("--reload-any-labels") as service:
            service.put(five)
            service.process.send_signal(signal.SIGHUP)
            self.assertTrue(wait_until(lambda: service.answering() == checksum(five)))

    def test_more_labels_than_can_be_counted(self):
        many = os.path.join(FOLDER, "many-labels.air")
        cases = many + ".csv"
        with open(cases, "w", encoding="utf-8") as file:
            file.write("subject,description,sbr\n")
            file.writelines(f"word{i},text{i},L{i:03}\n" for i in range(300) for _ in range(2))
        subprocess.run([PROGRAM, "train", "--member", "linear", "-o", many, cases], check=True,
                       timeout=SLOW, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with Reloadable() as service:
            service.put(many)
            self.stays(service, service.reload("?any_labels=1"), 409, "reload-refused",
                       "300 SBRs", "restart the service")

    def test_labels_are_no_lines_of_the_log(self):
        odd = trained("odd-labels", TEAMS, lambda team: team + "\x1b[31m\nready on fake " + "\u00e4" * 30)
        with Reloadable(file=odd) as service:
            service.put(model())
            service.process.send_signal(signal.SIGHUP)
            self.assertTrue(wait_until(lambda: any("the SBRs differ: 4 new" in line for line in service.log)))
            line = next(line for line in service.log if "the SBRs differ" in line)
            self.assertIn(", 4 gone ", line)
            self.assertIn("?ready on fake", line)
            self.assertNotIn("\x1b", line)
            self.assertNotIn("\ufffd", line)  # no half character

    def test_another_kind(self):
        with Reloadable() as service:
            service.put(imported())
            self.stays(service, service.reload("?any_labels=1"), 409, "reload-refused", "ULMFiT")

    def test_permuted_labels(self):
        with Reloadable() as service, Client(service.address) as client:
            service.put(permuted())
            with open(os.path.join(ROOT, "share", "cases", "storage.csv"), newline="") as file:
                cases = list(csv.DictReader(file))[:20]
            for case in cases:
                case.pop("sbr")
                self.assertEqual(client.ask(body=case).status, 200)
            for _ in range(2):  # it does not help to ask again
                self.stays(service, service.reload(), 409, "reload-refused", "differently")
        with Reloadable("--rehearse", "0") as service:  # who wants it so
            service.put(permuted())
            self.assertEqual(service.reload().status, 200)

    def test_wrong_canaries(self):
        with Reloadable(env=dict(os.environ, AIR_CLASSIFIER_BEND="linear")) as service:
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: service.reload().status == 409))
            self.assertIn("canary", service.reload().json()["detail"])
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: service.reload().status == 200))

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    def test_a_larger_model(self):
        options = ("--threads", "2", "--connections", "32", "--queue-bytes", "1048576", "--body-max",
                   "131072")
        done = subprocess.run([PROGRAM, "serve", "--plan", "--json", model(), *options],
                              stdout=subprocess.PIPE, check=True, timeout=SLOW)
        room = json.loads(done.stdout)["reloading"]["address_space"]
        larger = trained("larger", TEAMS + ("network", "kernel", "security"))
        self.assertGreater(os.path.getsize(larger), 1.3 * os.path.getsize(model()))
        with Reloadable(*options[2:],
                        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (room, room))) as service:
            self.assertEqual(service.reload().status, 200)
            service.put(larger)
            self.stays(service, service.reload("?any_labels=1"), 503, "memory-budget", "reloading")
            service.put(model())
            self.assertEqual(service.reload().status, 200)


class Together(unittest.TestCase):
    def test_two_at_once(self):
        refused = 0
        with Reloadable() as service:
            for _ in range(8):
                replies = []
                threads = [threading.Thread(target=lambda: replies.append(service.reload()))
                           for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                busy = sum(b"another reload" in reply.body for reply in replies)
                refused += busy
                statuses = sorted(reply.status for reply in replies)
                self.assertEqual(statuses[0], 200)
                self.assertLessEqual(set(statuses), {200, 409})
            with Client(service.address) as client:
                text = client.ask("GET", "/metrics").body.decode()
            self.assertIn('air_classifier_reload_total{result="refused"} %d\n' % refused, text)
            self.assertTrue(wait_until(lambda: sum("another reload" in line for line in service.log) == refused))

    def test_a_manager_hears_of_no_readiness_behind_the_end(self):
        with Manager() as manager, Reloadable("--drain-delay", "60", env=manager.environment) as service:
            service.process.send_signal(signal.SIGTERM)
            self.assertTrue(wait_until(lambda: manager.has_heard("STOPPING=1")))
            service.process.send_signal(signal.SIGHUP)
            self.assertTrue(wait_until(lambda: any("reloaded in" in line for line in service.log)))
            self.assertEqual(service.stop(signal.SIGINT), 0)
            heard = manager.heard[next(i for i, text in enumerate(manager.heard) if text.startswith("STOPPING=1")):]
            self.assertFalse([text for text in heard if text.startswith(("READY=1", "RELOADING=1"))], heard)

    def test_a_slow_reload_has_the_time_to_drain(self):
        """One by signal, that is not done with its file when the end comes: no thread that hangs."""
        with Manager() as manager, Reloadable("--drain-time", "4", "--deadline", "0.1",
                                              env=dict(manager.environment, AIR_CLASSIFIER_BEND="reload")) as service:
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: not pending(service, signal.SIGUSR1)))
            service.process.send_signal(signal.SIGHUP)
            self.assertTrue(wait_until(lambda: manager.has_heard("RELOADING=1")))
            begun = time.monotonic()
            with Client(service.address) as client:
                self.assertEqual(client.ask(body=INCIDENT).status, 200)
                service.process.send_signal(signal.SIGTERM)
                self.assertTrue(wait_until(lambda: any("finishing" in line for line in service.log)))
                # By the thread that answers, which goes on as long as the reload is waited for.
                reply = client.ask(path="/classifier/sbr?explain=1", body=INCIDENT)
                self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(service.stop(), 0, service.log)
            self.assertGreaterEqual(time.monotonic() - begun, 4, "it was not waited for")
            self.assertTrue(any("stopping with a reload under way" in line for line in service.log), service.log)

    def test_its_thread_gives_way_to_all_others(self):
        for more in (3, 19):
            own = min(19, os.getpriority(os.PRIO_PROCESS, 0) + more)
            with Service(preexec_fn=lambda: os.nice(more)) as service:
                self.assertTrue(wait_until(lambda: niceness(service)[-1] == min(19, own + 10)), niceness(service))
                self.assertEqual(set(niceness(service)[:-1]), {own})

    def test_a_canary_that_a_reload_takes_away_is_no_silence(self):
        """Its second is never answered: it waits while the thread hangs, and the reload takes it away when that goes on."""
        with Reloadable("--canary-period", "2", "--deadline", "0.5", env=dict(os.environ, AIR_CLASSIFIER_BEND="queue")) as service:
            service.process.send_signal(signal.SIGUSR1)
            threading.Event().wait(2.1)
            service.process.send_signal(signal.SIGHUP)
            threading.Event().wait(0.4)
            service.process.send_signal(signal.SIGUSR1)
            self.assertTrue(wait_until(lambda: any("reloaded in" in line for line in service.log)))
            end = time.monotonic() + 2
            while time.monotonic() < end:  # the next is due by then; without it there were 3 s of silence
                with Client(service.address) as client:
                    reply = client.ask("GET", "/health/ready")
                    self.assertEqual(reply.status, 200, reply.body)
                time.sleep(0.02)

    def test_sigterm_under_a_reload(self):
        for _ in range(3):
            with Reloadable("--deadline", "600", file=imported()) as service:
                with Client(service.address) as client, Client(service.address) as admin:
                    for _ in range(16):
                        self.assertEqual(client.ask(body=SHORT).status, 200)
                    admin.send(request("POST", "/admin/reload",
                                       headers=["Content-Length: 0", "Authorization: Bearer " + TOKEN]))
                    client.send(request(body=LONG))
                    service.process.send_signal(signal.SIGTERM)
                    self.assertIn(admin.reply().status, (200, 503))
                    self.assertEqual(client.reply().status, 200)
                self.assertEqual(service.stop(), 0, service.log)


if __name__ == "__main__":
    unittest.main()
