/* feed.c - looks at the first character and then reads lines or rows.
 *
 * A JSON file is either Lines (every line stands alone, so a bad one is one bad
 * case) or a single object spread over lines. The first line decides: if it only
 * stops too early, the whole file is the object, unless that is none and the next
 * line begins one.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/feed.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "text/form.h"
#include "text/json.h"

enum { READ_BYTES = 64 * 1024 };

struct feed {
    struct feed_options options;
    int fd;
    struct csv *csv; /* NULL: JSON */
    struct json_case json;
    char *bytes;
    size_t capacity, used, at; /* bytes[at, used) is not yet given out */
    bool at_end, first;
    size_t line, consumed, size;
};

static enum error_code more(struct feed *feed, struct error *err)
{
    if (feed->at > 0) {
        memmove(feed->bytes, feed->bytes + feed->at, feed->used - feed->at);
        feed->used -= feed->at;
        feed->at = 0;
    }
    TRY(mem_grow(&feed->bytes, &feed->capacity, feed->used + READ_BYTES, 1, err));
    /* Up to a multiple, so that what sniff() read fits into the first chunk of csv_open. */
    size_t got, size = READ_BYTES - feed->used % READ_BYTES;
    TRY(file_read(feed->fd, feed->bytes + feed->used, size, &got, feed->options.path, err));
    feed->used += got;
    feed->consumed += got;
    feed->at_end = got == 0;
    return ERR_NONE;
}

/* The first character from at on that is no white space; bytes[used) at the end of what is read. */
static size_t past_white(const struct feed *feed, size_t at)
{
    while (at < feed->used && json_is_space(feed->bytes[at])) at++;
    return at;
}

/* Whether this is JSON: what the first character is behind a BOM and white space. An array,
 * which '[' alone does not prove, is told apart from CSV so that the sentence helps. */
static enum error_code sniff(struct feed *feed, bool *out_json, struct error *err)
{
    size_t start = 0, at = 0, next;
    bool bracket;
    do {
        TRY(more(feed, err));
        if (feed->used >= 3 && memcmp(feed->bytes, "\xEF\xBB\xBF", 3) == 0) start = 3;
        at = past_white(feed, at < start ? start : at);
        bracket = at < feed->used && feed->bytes[at] == '[';
        next = bracket ? past_white(feed, at + 1) : at;
    } while ((feed->used < FORM_BYTES || next == feed->used) && !feed->at_end &&
             feed->used < READ_BYTES);
    TRY(form_check((struct slice){feed->bytes, feed->used}, feed->options.path, err));
    if (bracket && next < feed->used && (feed->bytes[next] == '{' || feed->bytes[next] == ']'))
        return error_set(err, ERR_JSON, 0,
                         "%s: a JSON array, where one object a line is wanted; jq -c '.[]' makes "
                         "such lines of it",
                         feed->options.path);
    *out_json = at < feed->used && feed->bytes[at] == '{';
    if (*out_json) feed->at = start;
    return ERR_NONE;
}

enum error_code feed_open(struct feed **out_feed, const struct feed_options *options,
                          struct error *err)
{
    struct feed *feed;
    TRY(mem_take(&feed, 1, sizeof *feed, err));
    *feed = (struct feed){.options = *options, .fd = -1, .line = 1, .first = true};
    enum error_code code = file_read_open(&feed->fd, options->path, err);
    struct stat stat;
    if (code == ERR_NONE && fstat(feed->fd, &stat) == 0 && S_ISREG(stat.st_mode))
        feed->size = (size_t)stat.st_size;
    bool json = false;
    if (code == ERR_NONE) code = sniff(feed, &json, err);
    /* A CSV has the columns, or is refused. */
    for (int f = 0; code == ERR_NONE && !json && options->met != NULL && f < CASE_FIELDS; f++)
        options->met[f] = true;
    if (code == ERR_NONE && !json)
        code = csv_open(&feed->csv,
                        &(struct csv_options){.path = options->path,
                                              .fd = feed->fd,
                                              .begin = {feed->bytes, feed->used},
                                              .names = options->names,
                                              .need_label = options->need_label},
                        err);
    if (code != ERR_NONE) {
        feed_close(feed);
        return code;
    }
    *out_feed = feed;
    return ERR_NONE;
}

/* The next line without its break, no data when there is none; *out_long when it was cut. */
static enum error_code next_line(struct feed *feed, struct slice *out_line, bool *out_long,
                                 struct error *err)
{
    *out_long = false;
    size_t looked = feed->at;
    for (;;) {
        char *start = feed->bytes + feed->at;
        char *found = memchr(feed->bytes + looked, '\n', feed->used - looked);
        if (found != NULL || feed->at_end) {
            size_t size = found != NULL ? (size_t)(found - start) : feed->used - feed->at;
            bool none = found == NULL && size == 0 && !*out_long;
            *out_line = (struct slice){none ? NULL : start, size};
            feed->at += size + (found != NULL);
            return ERR_NONE;
        }
        if (feed->used - feed->at > FEED_LINE_MAX) {
            *out_long = true;
            feed->at = feed->used; /* dropped; go on until the line ends */
        }
        size_t pending = feed->used - feed->at;
        TRY(more(feed, err));
        looked = feed->at + pending;
    }
}

static void note_members(const struct feed *feed)
{
    const struct names *names = feed->options.names;
    if (names == NULL || feed->options.met == NULL) return;
    for (unsigned f = 0; f < CASE_FIELDS; f++) {
        struct slice name = names->given[f];
        if (name.size > 0 && json_object_getn(feed->json.root, name.data, name.size) != NULL)
            feed->options.met[f] = true;
    }
}

static void take_json(struct feed *feed, struct slice text, struct csv_row *row, bool *unfinished)
{
    struct error detail;
    const struct names *names = feed->options.names;
    struct slice label = names_of(names, NAMES_LABEL), number_key = names_of(names, CASE_NUMBER);
    json_case_close(&feed->json);
    enum error_code code = json_parse(&feed->json.root, text, unfinished, &detail);
    if (code == ERR_NONE)
        code = json_case_of(&row->text, &row->label, feed->json.root, names, &detail);
    if (code == ERR_NONE && feed->options.need_label && row->label.size == 0)
        code = error_set(&detail, ERR_FIELD, 0, "%.*s: the label is empty",
                         label.size > 0 ? (int)label.size : (int)sizeof CASE_LABEL - 1,
                         label.size > 0 ? label.data : CASE_LABEL);
    if (code != ERR_NONE) {
        /* "line 1, column 7: ..." counts from the first line of this text. */
        const char *column = detail.line > 0 ? strchr(detail.detail, ',') : NULL;
        size_t line = row->line + (column != NULL ? detail.line - 1 : 0);
        error_set(&row->fault, code, line, "%s: line %zu%s%.400s", feed->options.path, line,
                  column != NULL ? "" : ": ", column != NULL ? column : detail.detail);
    }
    /* The number identifies a case even when the rest of it is wrong. */
    const json_t *number =
        code == ERR_NONE ? NULL
                         : json_object_getn(feed->json.root, number_key.data, number_key.size);
    note_members(feed);
    if (json_is_string(number))
        row->text.field[CASE_NUMBER] =
            (struct slice){json_string_value(number), json_string_length(number)};
}

/* The first line stops too early. Either it begins an object that goes on over lines, or these
 * are JSON Lines with a bad one in front: then the next begins a case of its own. */
static enum error_code take_whole(struct feed *feed, struct slice line, struct csv_row *row,
                                  struct error *err)
{
    size_t start = (size_t)(line.data - feed->bytes), first_size = feed->at - start;
    feed->at = start;
    while (!feed->at_end && feed->used - feed->at <= FEED_LINE_MAX) TRY(more(feed, err));
    struct slice text = {feed->bytes + feed->at, feed->used - feed->at};
    struct slice rest = slice_trim(slice_from(text, first_size));
    bool lines = slice_starts(rest, SLICE("{")), unfinished;
    struct csv_row whole = {.line = row->line};
    if (text.size <= FEED_LINE_MAX)
        take_json(feed, text, &whole, &unfinished);
    else if (!lines)
        return error_set(err, ERR_JSON, row->line, "%s: a JSON object of more than %d bytes",
                         feed->options.path, FEED_LINE_MAX);
    if (lines && feed->json.root == NULL) {
        feed->at += first_size;
        return ERR_NONE;
    }
    feed->at = feed->used;
    *row = whole;
    return ERR_NONE;
}

static enum error_code next_json(struct feed *feed, struct csv_row *row, bool *out_end,
                                 struct error *err)
{
    struct slice line;
    bool too_long, unfinished = false;
    do {
        TRY(next_line(feed, &line, &too_long, err));
        *row = (struct csv_row){.line = feed->line++};
    } while (line.data != NULL && slice_trim(line).size == 0 && !too_long);
    if (too_long)
        error_set(&row->fault, ERR_JSON, row->line, "%s: line %zu: longer than %d bytes",
                  feed->options.path, row->line, FEED_LINE_MAX);
    else if (line.data != NULL)
        take_json(feed, line, row, &unfinished);
    if (feed->first && unfinished) TRY(take_whole(feed, line, row, err));
    feed->first = false;
    *out_end = line.data == NULL;
    return ERR_NONE;
}

enum error_code feed_next(struct feed *feed, struct csv_row *out_row, bool *out_end,
                          struct error *err)
{
    struct csv_row row;
    if (feed->csv == NULL) {
        TRY(next_json(feed, &row, out_end, err));
    } else {
        TRY(csv_next(feed->csv, &row, out_end, err));
        if (!*out_end && row.fault.code == ERR_NONE && feed->options.need_label &&
            row.label.size == 0)
            error_set(&row.fault, ERR_FIELD, row.line, "%s: line %zu: the label (%s) is empty",
                      feed->options.path, row.line, CASE_LABEL);
    }
    if (!*out_end) *out_row = row;
    return ERR_NONE;
}

void feed_close(struct feed *feed)
{
    if (feed == NULL) return;
    csv_close(feed->csv);
    json_case_close(&feed->json);
    mem_free(feed->bytes);
    if (feed->fd >= 0) file_close(feed->fd);
    mem_free(feed);
}

size_t feed_consumed(const struct feed *feed)
{
    return feed->csv != NULL ? csv_consumed(feed->csv) : feed->consumed;
}

size_t feed_size(const struct feed *feed) { return feed->size; }
