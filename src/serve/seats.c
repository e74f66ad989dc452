/* seats.c - who holds a seat says so in a word of his own.
 *
 * A holder writes what he read, and looks again whether it is still so: then whoever
 * swaps must see it (both are sequentially consistent), and waits. Holding costs two
 * stores, so that the linear member can be swapped under 100,000 requests a second.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/seats.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/mem.h"

static const long look_ns = 200000;

/* The examples of the table of fields are a case as good as any. */
static void lay_stock(struct seat *seat)
{
    uint32_t at = 0;
    for (int f = 0; f < CASE_FIELDS; f++) {
        size_t size = strlen(case_rows[f].example);
        check(size <= sizeof seat->stock_text - at);
        memcpy(seat->stock_text + at, case_rows[f].example, size);
        seat->stock_start[f] = at;
        at += (uint32_t)size;
    }
    seat->stock_start[CASE_FIELDS] = at;
}

static void add_stock(struct seat *seat)
{
    struct answer_model *model = &seat->model;
    if (model->canary_count > 0) return;
    lay_stock(seat);
    model->canary_start = seat->stock_start;
    model->canary_text = seat->stock_text;
    model->canary_label = &seat->stock_label;
    model->canary_confidence = &seat->stock_confidence;
    model->canary_count = 1;
    struct case_text text = answer_canary(model, 0);
    struct answer answer;
    answer_case(&seat->context[0], &text, &answer);
    seat->stock_label = answer.best;
    seat->stock_confidence = answer.confidence;
}

enum error_code seats_open(struct seats *seats, const char *path, const char *kernel,
                           struct seat **out_seat, struct error *err)
{
    struct seat *seat = &seats->seat[atomic_load(&seats->current) == &seats->seat[0]];
    memset(seat, 0, sizeof *seat);
    TRY(answer_open(&seat->model, path, kernel, err));
    *out_seat = seat;
    return ERR_NONE;
}

enum error_code seats_fill(struct seat *seat, unsigned contexts, struct answer_room room,
                           struct error *err)
{
    check(contexts >= 1 && contexts <= SEATS_CONTEXTS_MAX && seat->contexts == 0);
    TRY(mem_take(&seat->context, contexts, sizeof *seat->context, err));
    while (seat->contexts < contexts) {
        TRY(answer_begin_room(&seat->context[seat->contexts], &seat->model, room, err));
        seat->contexts++;
    }
    TRY(answer_canaries(&seat->context[0], UINT32_MAX, err));
    add_stock(seat);
    return ERR_NONE;
}

void seats_close(struct seat *seat)
{
    if (seat == NULL) return;
    for (unsigned i = 0; i < seat->contexts; i++) answer_end(&seat->context[i]);
    seat->contexts = 0;
    mem_free(seat->context);
    seat->context = NULL;
    answer_close(&seat->model);
}

struct seat *seats_hold(struct seats *seats, unsigned number)
{
    check(number < SEATS_CONTEXTS_MAX && atomic_load(&seats->held[number]) == NULL);
    for (;;) {
        struct seat *seat = atomic_load(&seats->current);
        atomic_store(&seats->held[number], seat);
        if (atomic_load(&seats->current) == seat) return seat;
    }
}

void seats_release(struct seats *seats, unsigned number)
{
    atomic_store(&seats->held[number], NULL);
}

struct answer_context *seats_last(struct seat *seat)
{
    check(seat->contexts > 0);
    return &seat->context[seat->contexts - 1];
}

void seats_pin(struct seat *seat) { atomic_fetch_add(&seat->pins, 1); }

void seats_unpin(struct seat *seat) { check(atomic_fetch_sub(&seat->pins, 1) > 0); }

static void pause_a_little(void) { nanosleep(&(struct timespec){.tv_nsec = look_ns}, NULL); }

struct seat *seats_swap(struct seats *seats, struct seat *seat)
{
    struct seat *old = atomic_exchange(&seats->current, seat);
    if (old == NULL) return NULL;
    for (unsigned i = 0; i < SEATS_CONTEXTS_MAX; i++)
        while (atomic_load(&seats->held[i]) == old) pause_a_little();
    /* Nobody comes any more who could pin it. */
    while (atomic_load(&old->pins) > 0) pause_a_little();
    return old;
}
