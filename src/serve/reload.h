/* reload.h - another model takes over, without a failed request, or the reason why not.
 *
 * The file is opened and checked again, its memory held against the limits, its labels
 * compared; it answers its own canaries, and in shadow the last cases that clients sent. Only
 * then does it answer; until then, and after any failure, the old one does.
 *
 * In       struct server; orders from any thread, one at a time
 * Out      a report or an error, to whoever gave the order, on the reload's thread
 * Memory   what the contract names for reloading, from the order to its end
 * Threads  one of its own, made by reload_open
 * Errors   ERR_MEMORY; ERR_MODEL and others of a file; ERR_RELOAD where the model would
 *          surprise; ERR_DRAINING
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_RELOAD_H
#define SERVE_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/writer.h"
#include "model/bundle.h"

struct reload;
struct server;

/* Labels longer than those of the model at start still fit into replies by so much. */
enum { RELOAD_DETAIL_MORE = 2048 };

struct reload_model {
    char checksum[BUNDLE_CHECKSUM_SIZE + 1];
    uint32_t labels;
};

struct reload_report {
    struct reload_model before, after;
    size_t added, removed;      /* labels */
    size_t rehearsed, differed; /* cases of clients */
    double seconds;
};

/* report is NULL where err says why the old model stays. The next order may come. */
typedef void reload_done(void *owner, const struct reload_report *report, const struct error *err);

struct reload_order {
    bool any_labels; /* other labels are no reason to refuse */
    reload_done *done;
    void *owner;
};

MUST_CHECK enum error_code reload_open(struct reload **out_reload, struct server *server,
                                       struct error *err);

/* ERR_RELOAD where another order is under way, ERR_DRAINING from reload_stop on. */
MUST_CHECK enum error_code reload_order(struct reload *reload, const struct reload_order *order,
                                        struct error *err);

/* By signal: no order is lost; one more reload follows the one under way. */
void reload_signalled(struct reload *reload);

/* What is under way goes on; nothing more begins. */
void reload_stop(struct reload *reload);

/* Behind reload_stop: whether nothing is under way any more, without waiting for it. */
bool reload_ended(struct reload *reload);

/* Waits for the end of what is under way, whose owner is told.
 * false: after so many seconds its thread was still at it; nothing that it uses may be touched. */
MUST_CHECK bool reload_join(struct reload *reload, double seconds);
void reload_close(struct reload *reload);

/* The report as JSON, within the writer's room. */
void reload_write(const struct reload_report *report, struct writer *writer);

#endif
