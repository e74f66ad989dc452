# SPDX-License-Identifier: Apache-2.0
"""The memory contract: what `serve --plan` says holds under limits of exactly that, and less is refused."""
import contextlib
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
import unittest

import container
from batch_test import imported
from service import FOLDER, INCIDENT, PROGRAM, SANITIZED, SLOW, Client, Service, model, resident
from soak_test import CASES_OF_ALL_SIZES, soak

OPTIONS = ("--threads", "2", "--connections", "32", "--queue-bytes", "1048576", "--body-max",
           "131072")


def plan(*options):
    done = subprocess.run([PROGRAM, "serve", "--plan", "--json", model(), *OPTIONS, *options],
                          stdout=subprocess.PIPE, check=True, timeout=SLOW)
    return json.loads(done.stdout)


def refusal(*options, file=None, **popen):
    """Exit status and last words of a service that does not start, and so never listened."""
    done = subprocess.run([PROGRAM, "serve", file or model(), "--listen", "127.0.0.1:0", *OPTIONS,
                           *options], stderr=subprocess.PIPE, timeout=SLOW, **popen)
    said = done.stderr.decode()
    assert "ready" not in said, said
    return done.returncode, said


def advised(text):
    return re.search(r"this fits:((?: --[a-z-]+ \d+)+)", text)[1].split()


def cold_copies(folder):
    """Of the model and all libraries, on the disk alone: whoever reads them first is charged for all that the kernel reads ahead."""
    said = subprocess.run(["ldd", PROGRAM], stdout=subprocess.PIPE, check=True).stdout.decode()
    found = [("model.air", model()), *re.findall(r"(\S+) => (/\S+)", said)]
    files = [shutil.copyfile(path, os.path.join(folder, name)) for name, path in found]
    for file in files:
        fd = os.open(file, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
    return files


def limit_address(size):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


def status(pid, name):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(name + r":\s+(\d+) kB", file.read())[1]) * 1024


def fill(service):
    """Every connection there may be, each with a request of its own size, some long, at once."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(service.address)) for _ in range(32)]
        for number, client in enumerate(clients):
            client.send_case = CASES_OF_ALL_SIZES[number % len(CASES_OF_ALL_SIZES)]
        for _ in range(3):
            replies = [client.ask(body=client.send_case).status for client in clients]
            assert set(replies) == {200}, replies


def serves(service):
    with Client(service.address) as client:
        for _ in range(20):
            assert client.ask(body=INCIDENT).status == 200


def limit_files(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def break_connections(service, count):
    """While the service gets no more memory: so many clients come that are closed unanswered. Gives those that it had room for."""
    answered, broken = [], 0
    while broken < count:
        client = Client(service.address, 10)
        try:
            assert client.ask("GET", "/health/live").status == 200
            answered.append(client)
        except TimeoutError:
            raise AssertionError(f"after {broken} nobody is let in") from None
        except (OSError, EOFError):
            client.close()
            broken += 1
    return answered


class Plan(unittest.TestCase):
    @unittest.skipIf(SANITIZED, "they reserve address space of their own")
    def test_want_of_memory_takes_no_place_for_good(self):
        with Service(*OPTIONS) as service:
            pid = service.process.pid
            before = resource.prlimit(pid, resource.RLIMIT_AS)
            resource.prlimit(pid, resource.RLIMIT_AS, (4096, before[1]))  # what it has it keeps; there is no more
            answered = break_connections(service, 100)
            resource.prlimit(pid, resource.RLIMIT_AS, before)
            for client in answered:
                client.close()
            fill(service)
            begun = time.monotonic()
            self.assertEqual(service.stop(), 0)
            self.assertLess(time.monotonic() - begun, 9, "it waited for connections that are none")
            told = re.findall(r"closed (\d+) connections: memory for them was refused", "".join(service.log))
            self.assertGreaterEqual(sum(map(int, told)), 100)

    def test_the_limit_of_open_files_is_raised_for_connections(self):
        with Service(*OPTIONS, preexec_fn=limit_files(20, 64)) as service:
            self.assertEqual(resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE), (64, 64))
            self.assertFalse(any("open files" in line for line in service.log))
            fill(service)

    def test_its_open_files_are_enough_for_any_threads(self):
        for file in model(), imported():
            done = subprocess.run([PROGRAM, "serve", "--plan", "--json", file, *OPTIONS, "--threads", "4"], stdout=subprocess.PIPE, check=True, timeout=SLOW)
            files = json.loads(done.stdout)["open_files"]
            with Service(*OPTIONS, "--threads", "4", file=file, preexec_fn=limit_files(files, files)) as service:
                self.assertFalse(any("open files" in line for line in service.log), service.log)

    def test_what_open_files_leave_no_room_for_is_no_place(self):
        with Service(*OPTIONS, "--read-timeout", "600", preexec_fn=limit_files(20, 40)) as service:
            self.assertTrue(any("leaves 8 connections, not 32" in line for line in service.log), service.log)
            with contextlib.ExitStack() as stack:
                for _ in range(12):  # each keeps its connection: those who idle longest must give way
                    client = stack.enter_context(Client(service.address))
                    self.assertEqual(client.ask(body=INCIDENT).status, 200)
                self.assertIn(b"connections_limit 8\n", client.ask("GET", "/metrics").body)
        code, said = refusal(preexec_fn=limit_files(20, 35))
        self.assertEqual(code, 71, said)
        self.assertIn("35 files may be open (RLIMIT_NOFILE); serving takes 64, and 36 with", said)

    def test_too_few_open_files_are_planned_as_they_are_served(self):
        """Refused where serving is, and lowered where it is lowered; told in the same words."""
        served = refusal(preexec_fn=limit_files(20, 35))
        done = subprocess.run([PROGRAM, "serve", "--plan", "--json", model(), *OPTIONS], capture_output=True, timeout=SLOW, preexec_fn=limit_files(20, 35))
        self.assertEqual((done.returncode, done.stderr.decode()), served)
        said = json.loads(done.stdout)
        self.assertEqual((said["fits"], said["open_files"], said["open_files_least"]), (False, 64, 36))
        done = subprocess.run([PROGRAM, "serve", "--plan", "--json", model(), *OPTIONS], capture_output=True, timeout=SLOW, preexec_fn=limit_files(20, 40))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.decode().count("leaves 8 connections, not 32"), 1, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual((said["fits"], said["open_files"], said["open_files_least"]), (True, 64, 36))
        for part in said["parts"]:
            if part["part"] == "requests":
                self.assertEqual(part["of"], "8, one a connection")

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    def test_what_connections_there_are_decide_the_plan(self):
        few, many = (plan("--connections", count)["serving"]["address_space"] for count in ("8", "32"))
        self.assertGreater(many - few, 256 << 10)

        def limit():
            limit_files(20, 40)()
            limit_address((few + many) // 2)()

        with Service(*OPTIONS, preexec_fn=limit) as service:
            serves(service)
        subprocess.run([PROGRAM, "serve", "--plan", model(), *OPTIONS], stdout=subprocess.DEVNULL, check=True, timeout=SLOW, preexec_fn=limit)
        finding = self.own_plan(preexec_fn=limit)
        self.assertEqual(finding["severity"], "warning", finding)
        self.assertNotIn("would not start", finding["means"])

    def test_it_adds_up(self):
        said = plan()
        for state in ("serving", "reloading"):
            for unit in ("memory", "address_space"):
                parts = sum(part[state][unit] for part in said["parts"])
                self.assertEqual(said[state][unit], parts)
        self.assertGreater(said["reloading"]["memory"], said["serving"]["memory"])
        weights = next(part for part in said["parts"] if part["part"] == "weights")
        self.assertGreaterEqual(weights["serving"]["memory"], os.path.getsize(model()))
        self.assertTrue(said["fits"])
        text = subprocess.run([PROGRAM, "serve", "--plan", model(), *OPTIONS], stdout=subprocess.PIPE,
                              check=True, timeout=SLOW).stdout.decode()
        self.assertIn(f"serving    {said['serving']['memory']} bytes of memory", text)

    def test_it_refuses_what_serving_refuses(self):
        token = os.path.join(FOLDER, "short.token")
        with open(token, "w") as file:
            file.write("short")
        for options, status, text in ((("--listen", "0.0.0.0:8080"), 64, "--open"),
                                      (("--listen", "localhost:8080"), 64, "--listen"),
                                      (("--admin-token-file", token), 64, "a token of 5 bytes"),
                                      (("--admin-token-file", token + ".none"), 66, "short.token.none")):
            said = [subprocess.run([PROGRAM, "serve", model(), *options, *plan_too], stdin=subprocess.DEVNULL,
                                   capture_output=True, timeout=SLOW) for plan_too in ((), ("--plan",))]
            for done in said:
                self.assertEqual((done.returncode, done.stdout), (status, b""), done.stderr)
                self.assertIn(text, done.stderr.decode())
            self.assertEqual(said[0].stderr, said[1].stderr)
        self.assertTrue(plan("--listen", "0.0.0.0:8080", "--open")["fits"])

    def test_each_option_has_its_row(self):
        before = {part["part"]: part["serving"]["memory"] for part in plan()["parts"]}
        for option, value, part in (("--connections", "64", "connections"), ("--queue-bytes", "4194304", "bodies"),
                                    ("--body-max", "524288", "bodies"), ("--threads", "4", "stacks")):
            after = {row["part"]: row["serving"]["memory"] for row in plan(option, value)["parts"]}
            self.assertGreater(after[part], before[part], option)

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    def test_it_is_never_passed(self):
        said = plan()
        with Service(*OPTIONS) as service:
            fill(service)
            failures, _ = soak(service, 600)
            self.assertEqual(failures, [])
            pid = service.process.pid
            self.assertEqual(len(os.listdir(f"/proc/{pid}/task")), said["threads"])
            self.assertLessEqual(status(pid, "VmPeak"), said["serving"]["address_space"])
            self.assertLessEqual(status(pid, "VmHWM"), said["serving"]["memory"])
            self.assertLessEqual(resident(pid), said["serving"]["memory"])

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    def test_address_space(self):
        size = plan()["serving"]["address_space"]
        with Service(*OPTIONS, preexec_fn=limit_address(size)) as service:
            fill(service)
            self.assertEqual(soak(service, 400), ([], 400))
            self.assertEqual(service.stop(), 0)
        exit_status, said = refusal(preexec_fn=limit_address(size * 9 // 10))
        self.assertEqual(exit_status, 71, said)
        self.assertIn(f"{size} bytes of address space", said)
        with Service(*OPTIONS, *advised(said), preexec_fn=limit_address(size * 9 // 10)) as service:
            serves(service)

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    def test_a_model_beyond_the_address_space(self):
        size = 1 << 30
        with tempfile.NamedTemporaryFile() as large:  # all hole
            large.truncate(size)
            exit_status, said = refusal(file=large.name, preexec_fn=limit_address(size // 2))
        self.assertEqual(exit_status, 71, said)
        self.assertIn(f"{size} bytes of address space", said)

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    @unittest.skipUnless(container.can("memory"), "needs a memory cgroup that may be written")
    def test_memory(self):
        size = plan()["serving"]["memory"]
        with container.Group("memory", size) as group:
            with Service(*OPTIONS, preexec_fn=group.enter) as service:
                fill(service)
                self.assertEqual(soak(service, 400), ([], 400))
                self.assertEqual(group.kills(), 0)
                self.assertEqual(service.stop(), 0)
        with container.Group("memory", size * 9 // 10) as group:
            exit_status, said = refusal(preexec_fn=group.enter)
            self.assertEqual(exit_status, 71, said)
            self.assertIn(f"{size} bytes of memory", said)
            with Service(*OPTIONS, *advised(said), preexec_fn=group.enter) as service:
                serves(service)

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    @unittest.skipUnless(container.can("memory"), "needs a memory cgroup that may be written")
    def test_memory_where_nobody_else_has_read_the_libraries(self):
        size = plan()["serving"]["memory"]
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            files = cold_copies(folder)
            environment = dict(os.environ, LD_LIBRARY_PATH=folder)
            with container.Group("memory", size) as group:
                with Service(*OPTIONS, file=files[0], preexec_fn=group.enter, env=environment) as service:
                    with open(f"/proc/{service.process.pid}/maps") as maps:
                        self.assertIn(folder + "/libmicrohttpd.so", maps.read())
                    fill(service)
                    self.assertEqual(soak(service, 400), ([], 400))
                    self.assertEqual(group.kills(), 0)
                    self.assertEqual(service.stop(), 0)

    def doctor(self, *part, **popen):
        done = subprocess.run([PROGRAM, "doctor", *part, "--json", "--model", model(), *OPTIONS],
                              stdout=subprocess.PIPE, timeout=SLOW, **popen)
        return json.loads(done.stdout)

    def own_plan(self, **popen):
        findings = self.doctor(**popen)["findings"]
        return next(finding for finding in findings if finding["id"] == "own.plan")

    def test_doctor_tells_the_same(self):
        said = plan()
        facts = self.doctor("snapshot")["facts"]
        for fact, number in (("plan_memory", said["serving"]["memory"]),
                             ("plan_address", said["serving"]["address_space"]),
                             ("plan_reloading", said["reloading"]["memory"]),
                             ("plan_tasks", said["threads"]), ("plan_files", said["open_files"]),
                             ("plan_files_least", said["open_files_least"])):
            self.assertEqual(facts[fact], number)

    @unittest.skipIf(SANITIZED, "a sanitizer's own memory is not in the plan")
    def test_doctor_knows_where_serving_would_not_start(self):
        size = plan()["serving"]["address_space"] * 9 // 10
        finding = self.own_plan(preexec_fn=limit_address(size))
        self.assertEqual(finding["severity"], "cause")
        self.assertIn("serving would not start", finding["means"])

    def test_doctor_knows_how_few_open_files_are_too_few(self):
        facts = self.doctor("snapshot", preexec_fn=limit_files(20, 40))["facts"]
        self.assertEqual((facts["limit_nofile"], facts["limit_nofile_hard"]), (20, 40))  # it raises none
        for hard, severity, means in ((35, "cause", "35: serving would not start"), (36, "warning", "fewer places for clients"),
                                      (63, "warning", "fewer places for clients")):
            finding = self.own_plan(preexec_fn=limit_files(20, hard))
            self.assertEqual(finding["severity"], severity, finding)
            self.assertIn(means, finding["means"])

    def test_json_belongs_to_the_plan(self):
        done = subprocess.run([PROGRAM, "serve", "--json", model()], stderr=subprocess.PIPE, timeout=SLOW)
        self.assertEqual(done.returncode, 64)
        self.assertIn(b"--plan", done.stderr)


if __name__ == "__main__":
    unittest.main()
