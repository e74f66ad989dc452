/* truth.c - an answer is right if label and probability are those kept with the model.
 *
 * A service that only looks whether its process lives says yes while every answer is an
 * error: that was the incident. Silence counts as well, so that a thread that hangs is
 * seen; but later than a case's own deadline, so that load alone is no reason. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/truth.h"

#include "base/cgroup.h"
#include "base/log.h"
#include "base/tick.h"

/* Who looks several times a second, and did not for so long, was stopped, and all others with
 * him: a container that is paused, a machine that is moved. */
enum { FROZEN_SECONDS = 1 };

void truth_begin(struct truth *truth, double silence_seconds)
{
    uint64_t now = tick_now();
    *truth = (struct truth){.lock = PTHREAD_MUTEX_INITIALIZER,
                            .silence_seconds = silence_seconds,
                            .last = now,
                            .beat = now,
                            .looked = now,
                            .holds = true};
}

void truth_judge(struct truth *truth, uint32_t canary, const struct answer *answer)
{
    struct error err = {0};
    enum error_code code = answer_canary_right(answer, canary, &err);
    pthread_mutex_lock(&truth->lock);
    enum error_code before = truth->code;
    truth->code = code;
    truth->reason = err;
    truth->last = tick_now();
    if (code == ERR_NONE)
        truth->right++;
    else
        truth->wrong++;
    if (code != ERR_NONE) atomic_store(&truth->holds, false);
    pthread_mutex_unlock(&truth->lock);
    if (code != ERR_NONE && before == ERR_NONE)
        log_line(LOG_LEVEL_ERROR, "not ready: %s", err.detail);
    if (code == ERR_NONE && before != ERR_NONE)
        log_line(LOG_LEVEL_INFO, "ready again: canary %u is answered rightly", canary + 1);
}

void truth_pass(struct truth *truth)
{
    pthread_mutex_lock(&truth->lock);
    truth->last = tick_now();
    pthread_mutex_unlock(&truth->lock);
    atomic_store(&truth->due, true);
}

bool truth_due(struct truth *truth) { return atomic_exchange(&truth->due, false); }

/* Since then; as far as somebody looked. */
static double silent_since(const struct truth *truth, uint64_t ticks)
{
    return tick_seconds_since(ticks > truth->woken ? ticks : truth->woken);
}

/* The lock is held. */
static enum error_code find(const struct truth *truth, struct error *err)
{
    if (truth->code != ERR_NONE)
        return error_set(err, ERR_NOT_READY, 0, "%s", truth->reason.detail);
    double silent = silent_since(truth, truth->last);
    if (silent > truth->silence_seconds)
        return error_set(err, ERR_NOT_READY, 0, "nothing was answered for %.0f s", silent);
    silent = silent_since(truth, truth->beat);
    if (silent > truth->silence_seconds)
        return error_set(err, ERR_NOT_READY, 0, "a thread that serves HTTP hangs for %.0f s",
                         silent);
    return ERR_NONE;
}

/* The same, and notes it. */
static enum error_code look(struct truth *truth, struct error *err)
{
    enum error_code code = find(truth, err);
    atomic_store(&truth->holds, code == ERR_NONE);
    return code;
}

enum error_code truth_ready(struct truth *truth, struct error *err)
{
    pthread_mutex_lock(&truth->lock);
    enum error_code code = look(truth, err);
    pthread_mutex_unlock(&truth->lock);
    return code;
}

void truth_beat(struct truth *truth, uint64_t ticks)
{
    struct error err;
    pthread_mutex_lock(&truth->lock);
    truth->beat = ticks;
    if (tick_seconds_since(truth->looked) > FROZEN_SECONDS) truth->woken = tick_now();
    truth->looked = tick_now();
    look(truth, &err);
    pthread_mutex_unlock(&truth->lock);
}

bool truth_holds(const struct truth *truth)
{
    return atomic_load_explicit(&truth->holds, memory_order_relaxed);
}

unsigned long truth_right(struct truth *truth)
{
    pthread_mutex_lock(&truth->lock);
    unsigned long right = truth->right;
    pthread_mutex_unlock(&truth->lock);
    return right;
}

long truth_kills(struct root *root)
{
    static struct cgroup cgroup; /* large, and read once */
    cgroup_read(root, "self", &cgroup);
    return cgroup.memory_oom_kills > 0 ? (long)cgroup.memory_oom_kills : 0;
}
