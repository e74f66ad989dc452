/* batch.c - the body is read twice: counted, then taken apart.
 *
 * Counted first, so that a batch that is too long takes no room. An array is one JSON text;
 * of JSON Lines each line is read alone, so that one that is broken spoils no other, and its
 * texts then lie where lines lay that are read already. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/batch.h"

#include <string.h>

#include "base/check.h"
#include "text/json.h"

enum {
    ESCAPED = 6, /* bytes that a byte of a sentence may take in JSON */
    AROUND = 192 /* keys, codes and numbers of a line, without texts */
};

/* What is filled while reading. */
struct reading {
    struct batch *batch;
    struct body *body;
    struct body_store *store;
    size_t used; /* bytes of the body that are texts already */
    size_t cases_max;
    size_t line; /* JSON Lines: of the one being read */
};

static size_t align(size_t size) { return (size + 15) / 16 * 16; }

size_t batch_bytes(size_t cases)
{
    return align(cases * sizeof(struct batch_item)) + align(cases * sizeof(struct batcher_case)) +
           cases * sizeof(size_t);
}

static enum error_code take_room(struct reading *reading, size_t count, struct error *err)
{
    struct batch *batch = reading->batch;
    if (count > reading->cases_max)
        return error_set(err, ERR_BATCH_LONG, 0, "the batch has %zu cases; at most %zu are taken",
                         count, reading->cases_max);
    struct body block = {0};
    TRY(body_room(&block, reading->store, batch_bytes(count > 0 ? count : 1), err));
    batch->items = (void *)block.data;
    batch->cases = (void *)(block.data + align(count * sizeof *batch->items));
    batch->place = (void *)((char *)batch->cases + align(count * sizeof *batch->cases));
    batch->count = 0;
    return ERR_NONE;
}

/* Faults that are not the case's own end the batch. */
static bool is_ours(enum error_code code) { return code == ERR_MEMORY || code == ERR_QUEUE_FULL; }

static void put_fault(struct batch_item *item, const struct error *fault)
{
    item->code = fault->code;
    item->fault = *fault;
    /* "line 1, column 7: ..." counts from the start of this line. */
    const char *column = fault->line > 0 ? strchr(fault->detail, ',') : NULL;
    if (column != NULL)
        error_fill(&item->fault, fault->code, item->line, "line %zu%s", item->line, column);
    item->fault.line = item->line;
}

/* The next item, from its JSON. */
static enum error_code take_value(void *context, const json_t *value, struct error *err)
{
    (void)err;
    struct reading *reading = context;
    struct batch *batch = reading->batch;
    struct batch_item *item = &batch->items[batch->count];
    struct case_text text = {0};
    struct error fault;
    *item = (struct batch_item){.line = batch->lines ? reading->line : batch->count + 1};
    batch->count++;
    if (json_case_of(&text, NULL, value, NULL, &fault) != ERR_NONE) {
        /* The number tells which case it is even when the rest of it is wrong. */
        const json_t *number = json_object_get(value, case_rows[CASE_NUMBER].name);
        text = (struct case_text){0};
        if (json_is_string(number))
            text.field[CASE_NUMBER] =
                (struct slice){json_string_value(number), json_string_length(number)};
        body_keep(reading->body, &reading->used, &text);
        item->number = text.field[CASE_NUMBER];
        put_fault(item, &fault);
        return ERR_NONE;
    }
    size_t before = reading->used;
    body_keep(reading->body, &reading->used, &text);
    item->number = text.field[CASE_NUMBER];
    batch->place[batch->asked] = batch->count - 1;
    batch->cases[batch->asked++] =
        (struct batcher_case){.text = text, .bytes = reading->used - before};
    return ERR_NONE;
}

static enum error_code take_array(void *context, const json_t *root, struct error *err)
{
    struct reading *reading = context;
    if (!json_is_array(root))
        return error_set(err, ERR_FIELD, 0, "a batch must be a JSON array of cases");
    TRY(take_room(reading, json_array_size(root), err));
    for (size_t i = 0; i < json_array_size(root); i++)
        TRY(take_value(reading, json_array_get(root, i), err));
    return ERR_NONE;
}

/* The next line that is not blank; *out_line is its number, to begin with that of the last. */
static bool next_line(struct slice *rest, struct slice *out_text, size_t *out_line)
{
    while (rest->size > 0) {
        const char *end = memchr(rest->data, '\n', rest->size);
        size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
        *out_text = slice_trim((struct slice){rest->data, size});
        *rest = slice_from(*rest, size + (end != NULL));
        ++*out_line;
        if (out_text->size > 0) return true;
    }
    return false;
}

static enum error_code take_lines(struct reading *reading, struct slice bytes, struct error *err)
{
    struct slice text, rest = bytes;
    struct batch *batch = reading->batch;
    size_t count = 0, line = 0;
    while (next_line(&rest, &text, &line)) count++;
    TRY(take_room(reading, count, err));
    rest = bytes;
    while (next_line(&rest, &text, &reading->line)) {
        struct error fault;
        enum error_code code = body_read(reading->store, text, take_value, reading, &fault);
        if (code == ERR_NONE) continue;
        if (is_ours(code)) return *err = fault, code;
        struct batch_item *item = &batch->items[batch->count++];
        *item = (struct batch_item){.line = reading->line};
        put_fault(item, &fault);
    }
    return ERR_NONE;
}

enum error_code batch_read(struct batch *out_batch, struct body *body, struct body_store *store,
                           bool lines, size_t cases_max, struct error *err)
{
    struct batch batch = {.lines = lines};
    struct reading reading = {
        .batch = &batch, .body = body, .store = store, .cases_max = cases_max};
    struct slice bytes = body_slice(body);
    enum error_code code = lines ? take_lines(&reading, bytes, err)
                                 : body_read(store, bytes, take_array, &reading, err);
    if (code != ERR_NONE) {
        batch_give(&batch, store);
        return code;
    }
    body_shrink(body, store, reading.used);
    *out_batch = batch;
    return ERR_NONE;
}

bool batch_take(struct batch *batch, const struct batcher_case *one, const struct answer *answer,
                const struct error *err)
{
    size_t number = (size_t)(one - batch->cases);
    check(number < batch->asked);
    struct batch_item *item = &batch->items[batch->place[number]];
    if (answer != NULL)
        item->detail = detail_of(answer->model, &one->text, answer);
    else
        put_fault(item, err);
    size_t told = atomic_fetch_add(&batch->told, 1) + 1;
    check(told <= batch->asked);
    return told == batch->asked;
}

bool batch_failed(const struct batch *batch, struct error *out_err)
{
    const struct error *fault = NULL;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items[i].code == ERR_NONE) return false;
        if (error_row(batch->items[i].code)->http_status >= 500) fault = &batch->items[i].fault;
    }
    if (fault == NULL) return false;
    *out_err = *fault;
    return true;
}

/* A string is never longer in our JSON than in the client's (json_put), so that all numbers
 * together take no more than the body did. */
size_t batch_bound(const struct batch *batch, size_t detail_bytes, size_t body_bytes)
{
    size_t told = detail_bytes, fault = (size_t)ESCAPED * ERROR_DETAIL_MAX, numbers = 0;
    for (size_t i = 0; batch->items != NULL && i < batch->count; i++)
        numbers += ESCAPED * batch->items[i].number.size;
    return (numbers < body_bytes ? numbers : body_bytes) +
           batch->count * ((told > fault ? told : fault) + AROUND) + AROUND;
}

void batch_write(const struct batch *batch, bool brief, struct writer *writer)
{
    if (!batch->lines) writer_char(writer, '[');
    for (size_t i = 0; i < batch->count; i++) {
        const struct batch_item *item = &batch->items[i];
        if (i > 0 && !batch->lines) writer_char(writer, ',');
        if (item->code != ERR_NONE)
            detail_put_fault(item->number, &item->fault, writer);
        else if (brief)
            detail_put_brief(item->number, &item->detail, writer);
        else
            detail_put(item->number, &item->detail, writer);
        if (batch->lines) writer_char(writer, '\n');
    }
    if (!batch->lines) writer_text(writer, "]\n");
    check(!writer->cut);
}

void batch_give(struct batch *batch, struct body_store *store)
{
    struct body block = {.data = (char *)batch->items};
    body_give(&block, store);
    *batch = (struct batch){0};
}
