/* pulse.c - a request of a hundred bytes a thread and period, and whatever comes back.
 *
 * That something comes is all that is looked at: it went through the thread's loop, the
 * library's reading and writing, and our own exchange. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/pulse.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tick.h"

static const char question[] = "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

/* The same file by a number that belongs to this thread; -1 where there is none. */
static int number_for(int fd, unsigned thread, unsigned threads)
{
    int wanted = fd - fd % (int)threads + (int)thread, got = -1;
    while (got != wanted) {
        if (got >= 0) {
            close(got);
            wanted += (int)threads;
        }
        got = fcntl(fd, F_DUPFD_CLOEXEC, wanted);
        if (got < 0) break;
    }
    close(fd);
    return got;
}

static bool open_line(struct pulse *pulse, unsigned threads, pulse_give *give, void *context)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return false;
    unsigned thread = pulse->lines++;
    pulse->fd[thread] = ends[0];
    int theirs = number_for(ends[1], thread, threads);
    return theirs >= 0 && give(context, theirs);
}

enum error_code pulse_open(struct pulse *out_pulse, unsigned threads, pulse_give *give,
                           void *context, struct error *err)
{
    struct pulse *pulse = out_pulse;
    *pulse = (struct pulse){.last = tick_now()};
    while (pulse->lines < threads) {
        if (open_line(pulse, threads, give, context)) continue;
        pulse_close(pulse);
        return error_set(err, ERR_SYSTEM, 0, "the HTTP library's threads cannot be asked");
    }
    return ERR_NONE;
}

void pulse_ask(struct pulse *pulse)
{
    if (pulse->waiting > 0) return;
    for (unsigned i = 0; i < pulse->lines; i++) {
        /* What cannot be sent is not answered either. */
        (void)!send(pulse->fd[i], question, sizeof question - 1, MSG_NOSIGNAL);
        pulse->waits[i] = true;
    }
    pulse->waiting = pulse->lines;
}

void pulse_hear(struct pulse *pulse)
{
    char answer[512];
    for (unsigned i = 0; i < pulse->lines && pulse->waiting > 0; i++) {
        if (!pulse->waits[i] || recv(pulse->fd[i], answer, sizeof answer, 0) <= 0) continue;
        pulse->waits[i] = false;
        if (--pulse->waiting > 0) continue;
        pulse->rounds++;
        pulse->last = tick_now();
    }
}

void pulse_close(struct pulse *pulse)
{
    while (pulse->lines > 0) close(pulse->fd[--pulse->lines]);
}
