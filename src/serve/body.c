/* body.c - bodies grow by doubling as their bytes come, not as their headers promise.
 *
 * So that a client that promises a megabyte and sends a byte a second holds a kilobyte.
 *
 * JSON is read in a second block, which is given back at once: what stays while a case
 * waits are its texts, and they fit where the JSON was, because none of them is longer
 * there than it was in the JSON. That block is small at first; JSON of very many small
 * members gets one try with as much as a text of the largest size needs.
 *
 * A body of plain strings needs none of that (text/flat.h): its texts are in it already. They
 * stay where they lie, since the JSON may have them in another order than a case: put
 * together, one would overwrite another that is still to be moved. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/body.h"

#include <string.h>

#include "base/check.h"
#include "text/flat.h"
#include "text/json.h"

enum {
    BODY_FIRST = 1024,
    /* jansson's string grows by doubling, each of its selves beside the last (4), and is then
     * copied (1); members and elements of usual cases take less than the rest. */
    ROOM_TIMES = 6,
    ROOM_LEAST = 16 * 1024,
};

static size_t reading_room(size_t size) { return ROOM_TIMES * size + ROOM_LEAST; }

/* A body that grows lies in two places for a moment, and its last place is behind all the
 * former ones, which were as long together. One of the largest must always fit, and so must its
 * reply, with what is taken beside both. */
static size_t kept_room(size_t kept, size_t size_max, size_t beside)
{
    size_t least = 3 * size_max + beside + 8 * REGION_ALIGN;
    return kept > least ? kept : least;
}

/* Bodies and what is read from them lie apart, so that the one room that must be long is
 * not cut into pieces by the other. */
size_t body_store_bytes(size_t kept, size_t size_max, size_t beside)
{
    return region_bytes(kept_room(kept, size_max, beside)) +
           region_bytes(reading_room(size_max) + REGION_ALIGN);
}

enum error_code body_store_open(struct body_store *out_store, size_t kept, size_t size_max,
                                size_t beside, struct error *err)
{
    struct body_store store = {.size_max = size_max};
    TRY(region_open(&store.kept, kept_room(kept, size_max, beside), err));
    enum error_code code = region_open(&store.reading, reading_room(size_max) + REGION_ALIGN, err);
    if (code == ERR_NONE)
        *out_store = store;
    else
        region_close(&store.kept);
    return code;
}

void body_store_close(struct body_store *store)
{
    region_close(&store->kept);
    region_close(&store->reading);
}

static enum error_code no_room(struct error *err, size_t size)
{
    return error_set(err, ERR_QUEUE_FULL, 0, "other requests hold the room for %zu bytes", size);
}

enum error_code body_add(struct body *body, struct body_store *store, const char *data, size_t size,
                         struct error *err)
{
    size_t size_max = store->size_max;
    check(body->used <= size_max);
    if (size > size_max - body->used)
        return error_set(err, ERR_BODY_LONG, 0, "the body has more than %zu bytes", size_max);
    size_t need = body->used + size, capacity = 2 * body->capacity;
    if (need > body->capacity) {
        if (capacity < BODY_FIRST) capacity = BODY_FIRST;
        if (capacity < need) capacity = need;
        if (capacity > size_max) capacity = size_max;
        char *grown = body->data == NULL
                          ? region_take(&store->kept, capacity)
                          : region_resize(&store->kept, body->data, body->used, capacity);
        if (grown == NULL) return no_room(err, capacity);
        body->data = grown;
        body->capacity = capacity;
    }
    memcpy(body->data + body->used, data, size);
    body->used = need;
    return ERR_NONE;
}

enum error_code body_room(struct body *body, struct body_store *store, size_t size,
                          struct error *err)
{
    check(body->data == NULL);
    char *data = region_take(&store->kept, size);
    if (data == NULL) return no_room(err, size);
    *body = (struct body){.data = data, .capacity = size};
    return ERR_NONE;
}

struct slice body_slice(const struct body *body)
{
    return (struct slice){body->data != NULL ? body->data : "", body->used};
}

static enum error_code read_in(struct body_store *store, size_t size, struct slice bytes,
                               body_reader *reader, void *context, struct error *err)
{
    json_t *root;
    char *room = region_take(&store->reading, size);
    if (room == NULL) return no_room(err, size);
    json_room(room, size);
    enum error_code code = json_parse(&root, bytes, NULL, err);
    if (code == ERR_NONE) {
        code = reader(context, root, err);
        json_decref(root);
    }
    json_room(NULL, 0);
    region_give(&store->reading, room);
    return code;
}

enum error_code body_read(struct body_store *store, struct slice bytes, body_reader *reader,
                          void *context, struct error *err)
{
    enum error_code code = read_in(store, reading_room(bytes.size), bytes, reader, context, err);
    if (code == ERR_BODY_LONG && bytes.size < store->size_max)
        code = read_in(store, reading_room(store->size_max), bytes, reader, context, err);
    return code;
}

void body_keep(struct body *body, size_t *used, struct case_text *text)
{
    size_t bytes = case_bytes(text);
    check(body->data != NULL && bytes <= body->used - *used);
    case_copy(text, text, body->data + *used);
    *used += bytes;
}

void body_shrink(struct body *body, struct body_store *store, size_t used)
{
    body->used = used;
    if (body->data == NULL) return;
    char *kept = region_resize(&store->kept, body->data, used, used);
    check(kept == body->data); /* a block that is not to grow stays where it is */
    body->capacity = used;
}

struct one {
    struct body *body;
    struct case_text text;
    size_t used;
};

static enum error_code take_case(void *context, const json_t *root, struct error *err)
{
    struct one *one = context;
    TRY(json_case_of(&one->text, NULL, root, NULL, err));
    body_keep(one->body, &one->used, &one->text);
    return ERR_NONE;
}

enum error_code body_case(struct body *body, struct body_store *store, struct case_text *out_text,
                          struct error *err)
{
    struct one one = {.body = body};
    if (flat_case(&one.text, body_slice(body))) {
        TRY(case_check(&one.text, 0, err));
        one.used = body->used;
    } else {
        TRY(body_read(store, body_slice(body), take_case, &one, err));
    }
    body_shrink(body, store, one.used);
    *out_text = one.text;
    return ERR_NONE;
}

void body_give(struct body *body, struct body_store *store)
{
    region_give(&store->kept, body->data);
    *body = (struct body){0};
}
