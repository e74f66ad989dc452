# SPDX-License-Identifier: Apache-2.0
"""Control groups of the kernel, version 1 or 2, made for a test and taken away after it."""
import os
import time

FOLDERS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
FILES = {  # limit of version 2 and 1
    "memory": ("memory.max", "memory.limit_in_bytes"),
    "pids": ("pids.max", "pids.max"),
}


def _place(controller):
    """The folder where groups of this controller are made, and its version; None where there is none."""
    for folder in FOLDERS:
        try:
            with open(folder + "/cgroup.subtree_control") as file:
                if controller in file.read().split():
                    return folder, 2
        except OSError:
            pass
    folder = "/sys/fs/cgroup/" + controller
    return (folder, 1) if os.path.exists(folder + "/tasks") else None


class Group:
    def __init__(self, controller, limit):
        self.controller = controller
        folder, self.version = _place(controller)
        self.folder = f"{folder}/air-classifier-test-{controller}-{os.getpid()}-{time.monotonic_ns()}"
        os.mkdir(self.folder)
        try:
            self.write(FILES[controller][self.version == 1], limit)
        except OSError:
            os.rmdir(self.folder)
            raise

    def write(self, name, value):
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(str(value))

    def read(self, name):
        with open(f"{self.folder}/{name}") as file:
            return file.read()

    def limit(self):
        return int(self.read(FILES[self.controller][self.version == 1]))

    def enter(self):
        """For preexec_fn: the process that will be the service moves in before it begins."""
        self.write("cgroup.procs", os.getpid())

    def kills(self):
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        for line in self.read(name).splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def used(self):
        return int(self.read("memory.current" if self.version == 2 else "memory.usage_in_bytes"))

    def peak(self):
        try:
            return int(self.read("memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"))
        except OSError:
            return self.used()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(500):  # a process that ended leaves a moment later
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.01)


def can(controller):
    """Whether groups can be made here: root, and the controller's files may be written."""
    if _place(controller) is None:
        return False
    try:
        with Group(controller, 1 << 20):  # as bytes and as tasks a limit that may be
            return True
    except OSError:
        return False
