# SPDX-License-Identifier: Apache-2.0
"""Filters of system calls (seccomp) around a service: what a harsher host would refuse it."""
import ctypes
import os
import platform
import signal
import struct

# Numbers of system calls: (architecture of seccomp, fork, vfork, clone, clone3, seccomp, prctl).
CALLS = {"x86_64": (0xC000003E, 57, 58, 56, 435, 317, 157),
         "aarch64": (0xC00000B7, None, None, 220, 435, 277, 167)}
CLONE_THREAD = 0x10000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOMEM, ENOSYS = 1, 12, 38
LOAD, EQUAL, ANY_BIT, GIVE = 0x20, 0x15, 0x45, 0x06


def _step(code, yes, no, value):
    return struct.pack("HBBI", code, yes, no, value)


def _refuse(number, action):
    return [] if number is None else [_step(EQUAL, 0, 1, number), _step(GIVE, 0, 0, action)]


def _install(program):
    program = [_step(LOAD, 0, 0, 0), *program, _step(GIVE, 0, 0, ALLOW)]
    code = ctypes.create_string_buffer(b"".join(program))
    filter_of = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
            library.prctl(PR_SET_SECCOMP, FILTER, filter_of, 0, 0) != 0:
        os._exit(99)


def at_fork(action):
    """For preexec_fn: what the kernel does to whoever makes a process; threads are let through.

    clone3 keeps its flags in memory, which a filter cannot read; told that there is none, the C
    library calls clone.
    """
    _, fork, vfork, clone, clone3, _, _ = CALLS[platform.machine()]

    def enter():
        _install(_refuse(fork, action) + _refuse(vfork, action) + _refuse(clone3, ERRNO | ENOSYS) +
                 [_step(EQUAL, 0, 3, clone), _step(LOAD, 0, 0, 16),
                  _step(ANY_BIT, 1, 0, CLONE_THREAD), _step(GIVE, 0, 0, action)])
    return enter


def at_filter():
    """For preexec_fn: no further filter may be set, as where a container's profile forbids it."""
    _, _, _, _, _, seccomp, prctl = CALLS[platform.machine()]
    _install(_refuse(seccomp, ERRNO | EPERM) + _refuse(prctl, ERRNO | EPERM))


def work():
    """Whether this kernel takes filters, and they kill: tried on a child of ours."""
    if platform.machine() not in CALLS:
        return False
    child = os.fork()
    if child == 0:
        at_fork(KILL)()
        if os.fork() == 0:
            os._exit(0)
        os._exit(1)
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSYS
