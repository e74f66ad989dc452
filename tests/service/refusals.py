# SPDX-License-Identifier: Apache-2.0
"""The incident's host and a stricter one: everything is refused at once that can be refused to a process.

  fork        answered ENOMEM (seccomp)                 always
  space       RLIMIT_AS                                 always
  memory      a group of exactly so many bytes          where groups can be made (root)
  tasks       pids.max of exactly so many threads       the same
  files       a read-only root, no /dev/shm             where mounts can be made (root)
"""
import contextlib
import ctypes
import os
import resource

import container
import filters

CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x4000, 0x40000, 2
SYS_MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = 442, -100, 0x8000, 1
PROBE = "/tmp/air-classifier-refusals"


def bare_files():
    """For preexec_fn: a root that cannot be written, and no /dev/shm. OSError where that is not allowed."""
    library = ctypes.CDLL(None, use_errno=True)

    def must(result):
        if result != 0:
            raise OSError(ctypes.get_errno(), "mount")
    must(library.unshare(CLONE_NEWNS))
    must(library.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    while os.path.ismount("/dev/shm"):
        must(library.umount2(b"/dev/shm", MNT_DETACH))
    attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_RDONLY, 0, 0, 0)
    must(library.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, ctypes.byref(attributes),
                         ctypes.sizeof(attributes)))


def _holds(refuse):
    """Whether refuse() works and then nothing can be written: tried on a child of ours."""
    child = os.fork()
    if child == 0:
        try:
            refuse()
            with open(f"{PROBE}-{os.getpid()}", "w"):
                os._exit(1)
        except OSError as error:
            os._exit(0 if error.errno == 30 else 1)
    return os.waitpid(child, 0)[1] == 0


class Refusals:
    """All that this host can refuse. `enter` is a preexec_fn; `kills` and `peak` are told by the group."""

    def __init__(self, memory, address, tasks):
        self.address = address
        self.groups = contextlib.ExitStack()
        self.memory = self.tasks = None
        if container.can("memory"):
            self.memory = self.groups.enter_context(container.Group("memory", memory))
        if container.can("pids"):
            self.tasks = self.groups.enter_context(container.Group("pids", tasks))
        self.files = _holds(bare_files)

    def enter(self):
        for group in (self.memory, self.tasks):
            if group is not None:
                group.enter()
        if self.files:
            bare_files()
        resource.setrlimit(resource.RLIMIT_AS, (self.address, self.address))
        filters.at_fork(filters.ERRNO | filters.ENOMEM)()

    def told(self):
        named = {"memory group": self.memory, "pids group": self.tasks, "read-only root": self.files or None}
        return "fork ENOMEM, RLIMIT_AS" + "".join(f", {name}" for name, held in named.items() if held is not None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.groups.close()
