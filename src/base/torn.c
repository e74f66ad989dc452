/* torn.c - lines prepared while all is well, so that the handler only looks one up and writes it.
 */
// SPDX-License-Identifier: Apache-2.0
#include "base/torn.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/log.h"

enum { PATH_MAX_ = 256, LINE_MAX_ = 512 };

/* In place of an address: nothing is mapped at 0, and no file at 1. */
enum { FREE = 0, TAKEN = 1 };

static struct place {
    _Atomic uintptr_t low;
    uintptr_t high;
    struct stat stat; /* on opening */
    char path[PATH_MAX_];
    char line[LINE_MAX_];
    size_t size; /* of line */
} places[TORN_FILES];

static const int signals[] = {SIGBUS, SIGSEGV};
enum { SIGNALS = sizeof signals / sizeof *signals };

static struct sigaction before[SIGNALS];
static atomic_flag told = ATOMIC_FLAG_INIT;

static void fill(struct place *place, const char *path, const struct stat *stat)
{
    place->stat = *stat;
    snprintf(place->path, sizeof place->path, "%s", path);
    place->size = log_write(place->line, sizeof place->line, LOG_LEVEL_ERROR,
                            "%s was changed in place while it was used, or cannot be read any "
                            "more: this process ends. A file in use is replaced with mv, never "
                            "with cp",
                            place->path);
}

void torn_enter(struct slice bytes, const char *path, const struct stat *stat)
{
    for (int i = 0; i < TORN_FILES && bytes.size > 0; i++) {
        struct place *place = &places[i];
        if (!atomic_compare_exchange_strong(&place->low, &(uintptr_t){FREE}, TAKEN)) continue;
        fill(place, path, stat);
        place->high = (uintptr_t)bytes.data + bytes.size;
        atomic_store(&place->low, (uintptr_t)bytes.data);
        return;
    }
}

void torn_leave(struct slice bytes)
{
    for (int i = 0; i < TORN_FILES && bytes.size > 0; i++)
        if (atomic_load(&places[i].low) == (uintptr_t)bytes.data)
            atomic_store(&places[i].low, FREE);
}

/* Another file under the same name is no change of the one that is mapped. */
static bool is_changed(const struct place *place)
{
    struct stat now;
    const struct stat *then = &place->stat;
    return stat(place->path, &now) == 0 && now.st_ino == then->st_ino &&
           now.st_dev == then->st_dev &&
           (now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != then->st_mtim.tv_nsec);
}

/* A page that is gone tells by its address which file it was of; a wrong number leads anywhere. */
static const struct place *find(int number, uintptr_t address)
{
    for (int i = 0; i < TORN_FILES; i++) {
        uintptr_t low = atomic_load(&places[i].low);
        if (low <= TAKEN) continue;
        bool inside = number == SIGBUS && low <= address && address < places[i].high;
        if (inside || is_changed(&places[i])) return &places[i];
    }
    return NULL;
}

/* Returning does the faulting read once more, and that ends the process. Until the line is out,
 * a second thread in the same trouble comes here again and again: it must not end it before. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (atomic_flag_test_and_set(&told)) return;
    bool sent = info->si_code <= 0; /* by a process: there is no read to be done again */
    const struct place *place = sent ? NULL : find(number, (uintptr_t)info->si_addr);
    if (place != NULL) log_put(place->line, place->size);
    for (int i = 0; i < SIGNALS; i++) sigaction(signals[i], &before[i], NULL);
    if (sent) raise(number);
}

void torn_watch(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) sigaction(signals[i], &action, &before[i]);
}
