/* sandbox.c - a list of what is allowed, kept by the kernel (seccomp), for all threads at once.
 *
 * What is not on the list traps into a handler on the thread that called, and the handler
 * makes EPERM of it and tells. So a defect, or code that a library runs unawares, costs one
 * failed call and is seen, where killing the process would be the outage that this service is
 * there to prevent (docs/decisions/004-sandbox.md).
 *
 * Sanitizers make calls of their own, at exit even a thread that shares our memory: built with
 * them, only processes and programs are refused. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/sandbox.h"

#include <errno.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Where a refused call's result goes. Elsewhere a call is refused without a line of the log. */
#if defined __x86_64__
#define RESULT(machine) ((machine)->gregs[REG_RAX])
#define REFUSE          SCMP_ACT_TRAP
#elif defined __aarch64__
#define RESULT(machine) ((machine)->regs[0])
#define REFUSE          SCMP_ACT_TRAP
#else
#define REFUSE SCMP_ACT_ERRNO(EPERM)
#endif

/* Of a number that this architecture lacks libseccomp takes no notice. */
static const int needed[] = {
    /* clients */
    SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(shutdown),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(fcntl),
    /* files: a model that is loaded anew, /proc and /sys for the metrics, the log */
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(read), SCMP_SYS(readv),
    SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(fstat),
    SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    /* memory; mmap and mprotect are in allow_data */
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    /* threads: waiting, their begin and end, giving way */
    SCMP_SYS(futex), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(getpriority), SCMP_SYS(setpriority), SCMP_SYS(gettid), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    /* time, where the kernel gives it by a call only; signals, abort() included; what it takes */
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(signalfd4), SCMP_SYS(getpid),
    SCMP_SYS(tgkill), SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64),
    SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrandom)};

/* What makes a process or becomes another program. */
static const struct {
    int number;
    const char *name;
} makers[] = {
    {SCMP_SYS(fork), "fork"},     {SCMP_SYS(vfork), "vfork"},       {SCMP_SYS(clone), "clone"},
    {SCMP_SYS(execve), "execve"}, {SCMP_SYS(execveat), "execveat"},
};

enum { NUMBERS_MAX = 1024 };

static atomic_bool told[NUMBERS_MAX];
static atomic_bool entered;

static const char *name_of(int number)
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (makers[i].number == number) return makers[i].name;
    return "one that serving does not need";
}

/* log_line takes no lock and no memory: it may interrupt anything. */
static void tell(int number)
{
    if (number >= 0 && number < NUMBERS_MAX && atomic_exchange(&told[number], true)) return;
    log_line(
        LOG_LEVEL_ERROR,
        "a defect: system call %d (%s) was refused (EPERM), now and from now on; please report "
        "it",
        number, name_of(number));
}

#ifdef RESULT
static void on_refused(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    int saved = errno;
    ucontext_t *thread = context;
    RESULT(&thread->uc_mcontext) = (greg_t)-EPERM;
    tell(info->si_syscall);
    errno = saved;
}
#endif

/* Memory is never made executable, nor is anything mapped that is. */
static int allow_data(scmp_filter_ctx filter)
{
    static const int calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    int failed = 0;
    for (size_t i = 0; i < sizeof calls / sizeof *calls && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return failed;
}

static int allow_needed(scmp_filter_ctx filter)
{
    int failed = allow_data(filter);
    for (size_t i = 0; i < sizeof needed / sizeof *needed && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, needed[i], 0);
    if (failed == 0) /* a thread of the library's names itself */
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                  SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
    return failed;
}

/* A sanitizer's thread shares our memory, a process does not. */
static int refuse_makers(scmp_filter_ctx filter)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof makers / sizeof *makers && failed == 0; i++)
        failed = makers[i].number == SCMP_SYS(clone)
                     ? seccomp_rule_add(filter, REFUSE, makers[i].number, 1,
                                        SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_VM, 0))
                     : seccomp_rule_add(filter, REFUSE, makers[i].number, 0);
    return failed;
}

static int load(scmp_filter_ctx filter)
{
    int failed = SANITIZED ? refuse_makers(filter) : allow_needed(filter);
    /* The C library then asks clone, whose flags a filter can read. */
    if (failed == 0) failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (failed == 0)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM));
    if (failed == 0) failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (failed == 0) failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return failed == 0 ? seccomp_load(filter) : failed;
}

static void catch_refused(void)
{
#ifdef RESULT
    struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigfillset(&action.sa_mask);
    sigaction(SIGSYS, &action, NULL);
#endif
}

enum error_code sandbox_enter(struct error *err)
{
    catch_refused();
    scmp_filter_ctx filter = seccomp_init(SANITIZED ? SCMP_ACT_ALLOW : REFUSE);
    int failed = filter == NULL ? -ENOMEM : load(filter);
    seccomp_release(filter);
    if (failed != 0)
        return error_set(err, ERR_SYSTEM, 0,
                         "the kernel takes no filter of system calls (seccomp): %s",
                         strerror(-failed));
    atomic_store(&entered, true);
    return ERR_NONE;
}

bool sandbox_entered(void) { return atomic_load(&entered); }

static void tried(const char *what, long result)
{
    log_line(LOG_LEVEL_INFO, "a fault tried %s: %s", what, result >= 0 ? "done" : strerror(errno));
}

void sandbox_try(void)
{
    static char program[] = "/bin/true", *nothing[] = {program, NULL};
    if (!sandbox_entered()) return;
    struct clone_args arguments = {.exit_signal = SIGCHLD};
    long child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0) _exit(1);
    tried("clone", child);
    child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child == 0) _exit(1);
    tried("clone3", child);
    tried("execve", syscall(SYS_execve, program, nothing, nothing + 1));
    tried("execveat", syscall(SYS_execveat, -1, program, nothing, nothing + 1, 0));
    if (SANITIZED) return;
    tried("a socket", syscall(SYS_socket, AF_INET, SOCK_STREAM, 0));
    tried("memory to run",
          syscall(SYS_mmap, NULL, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}
