/* minibatch.c - a cursor a row, and a shuffle of sorted pieces.
 *
 * fastai joins the stream in memory; a cursor a row reads the same from where the
 * texts lie. Its pieces of 50 batches are sorted so that a batch has little padding
 * while batches differ from epoch to epoch. */
// SPDX-License-Identifier: Apache-2.0
#include "train/minibatch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { PIECE_BATCHES = 50 };

size_t minibatch_stream_batches(uint64_t tokens, size_t rows, size_t steps)
{
    uint64_t row_length = tokens == 0 ? 0 : (tokens - 1) / rows;
    return (size_t)((row_length + steps - 1) / steps);
}

/* To the text that holds this token of the stream; cursors only move forward. */
static void advance(const struct minibatch_stream *stream, struct minibatch_cursor *cursor,
                    uint64_t by)
{
    cursor->token += by;
    while (cursor->place < stream->count) {
        uint64_t size = texts_size(stream->texts, stream->order[cursor->place]);
        if (cursor->token < size) return;
        cursor->token -= size;
        cursor->place++;
    }
}

void minibatch_stream_begin(struct minibatch_stream *out_stream, const struct texts *texts,
                            const uint32_t *order, size_t count, size_t rows, size_t steps,
                            size_t first)
{
    struct minibatch_stream *stream = out_stream;
    check(rows > 0 && rows <= MINIBATCH_ROWS_MAX && steps > 0);
    *stream = (struct minibatch_stream){
        .texts = texts, .order = order, .count = count, .rows = rows, .steps = steps};
    uint64_t tokens = 0;
    for (size_t i = 0; i < count; i++) tokens += texts_size(texts, order[i]);
    stream->row_length = tokens == 0 ? 0 : (tokens - 1) / rows;
    stream->batches = minibatch_stream_batches(tokens, rows, steps);
    stream->batch = first;
    if (stream->batches == 0) return;
    struct minibatch_cursor cursor = {0};
    advance(stream, &cursor, first * steps);
    for (size_t r = 0; r < rows; r++) {
        stream->cursor[r] = cursor;
        advance(stream, &cursor, stream->row_length);
    }
}

/* count tokens of the stream from a cursor on, which stays. */
static void copy(const struct minibatch_stream *stream, struct minibatch_cursor cursor,
                 uint32_t *out, size_t count)
{
    while (count > 0) {
        check(cursor.place < stream->count);
        uint32_t text = stream->order[cursor.place];
        uint64_t left = texts_size(stream->texts, text) - cursor.token;
        size_t part = left < count ? (size_t)left : count;
        if (part > 0)
            memcpy(out, stream->texts->ids + stream->texts->start[text] + cursor.token,
                   part * sizeof *out);
        out += part;
        count -= part;
        cursor = (struct minibatch_cursor){cursor.place + 1, 0};
    }
}

bool minibatch_stream_next(struct minibatch_stream *stream, uint32_t *out_x, uint32_t *out_y,
                           size_t *out_steps)
{
    if (stream->batch >= stream->batches) return false;
    uint64_t left = stream->row_length - stream->batch * stream->steps;
    size_t steps = left < stream->steps ? (size_t)left : stream->steps;
    for (size_t r = 0; r < stream->rows; r++) {
        struct minibatch_cursor *cursor = &stream->cursor[r];
        copy(stream, *cursor, out_x + r * steps, steps);
        advance(stream, cursor, 1);
        copy(stream, *cursor, out_y + r * steps, steps);
        advance(stream, cursor, steps - 1);
    }
    stream->batch++;
    *out_steps = steps;
    return true;
}

/* Which of two texts comes first. Equal lengths are told apart by a hash that each epoch salts
 * anew, so that texts do not meet the same neighbours in every epoch. */
struct comparison {
    const struct texts *texts;
    uint64_t salt; /* 0: by number */
};

static int longest_first(const void *a_, const void *b_, void *context)
{
    const struct comparison *comparison = context;
    uint32_t a = *(const uint32_t *)a_, b = *(const uint32_t *)b_;
    uint64_t size_a = texts_size(comparison->texts, a), size_b = texts_size(comparison->texts, b);
    if (size_a != size_b) return size_a > size_b ? -1 : 1;
    uint64_t key_a = a, key_b = b;
    if (comparison->salt != 0) {
        key_a = rng_mix(a ^ comparison->salt);
        key_b = rng_mix(b ^ comparison->salt);
    }
    return key_a < key_b ? -1 : key_a > key_b;
}

static void sort(const struct texts *texts, uint64_t salt, uint32_t *chosen, size_t count)
{
    struct comparison comparison = {texts, salt};
    qsort_r(chosen, count, sizeof *chosen, longest_first, &comparison);
}

void minibatch_answer_order(const struct texts *texts, uint32_t *chosen, size_t count)
{
    if (count > 0) sort(texts, 0, chosen, count);
}

static void swap(uint32_t *a, uint32_t *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

static void longest_to_front(const struct texts *texts, uint32_t *chosen, size_t count)
{
    size_t longest = 0;
    for (size_t i = 1; i < count; i++)
        if (texts_size(texts, chosen[i]) > texts_size(texts, chosen[longest])) longest = i;
    swap(chosen, chosen + longest, 1);
}

size_t minibatch_learn_order(const struct texts *texts, uint32_t *chosen, size_t count, size_t rows,
                             struct rng *rng)
{
    check(rows > 0);
    if (count == 0) return 0;
    rng_shuffle(rng, chosen, count);
    longest_to_front(texts, chosen, count);
    uint64_t salt = rng_next(rng) | 1;
    for (size_t at = 0; at < count; at += rows * PIECE_BATCHES) {
        size_t left = count - at, piece = rows * PIECE_BATCHES;
        sort(texts, salt, chosen + at, left < piece ? left : piece);
    }
    if (count < rows) return 1;
    /* The batches between the first and the last change places. */
    size_t all = (count + rows - 1) / rows;
    for (size_t left = all - 2; all > 3 && left > 1; left--) {
        size_t pick = (size_t)rng_below(rng, left);
        if (pick + 1 != left) swap(chosen + left * rows, chosen + (pick + 1) * rows, rows);
    }
    return count / rows;
}

size_t minibatch_cut(size_t words, size_t least, struct rng *rng)
{
    check(least > 0);
    double chance = (double)(rng_next(rng) >> 11) * 0x1p-53; /* in [0, 1) */
    if (words <= least) return words;
    return (size_t)((double)least * pow((double)words / (double)least, chance));
}
