/* csv.c - libcsv pushes, we pull.
 *
 * libcsv calls back without telling where it is. We feed it up to one line break
 * at a time, so at most one row ends in a call, and the line is known. Its own
 * buffer for a field is bounded by the allocator we give it. A field that fills it is
 * followed to its end all the same: libcsv keeps its state, and the buffer is begun anew.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/csv.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/writer.h"

enum { CHUNK_BYTES = 64 * 1024, COLUMNS_MAX = 1024, COLUMN_NONE = -1, COLUMN_LABEL = CASE_FIELDS };
enum { FIELD_BYTES_MAX = TEXT_BYTES_MAX + CHUNK_BYTES };

struct csv {
    struct csv_parser parser;
    bool parser_open;
    struct csv_options options;
    char *bytes; /* of the row being collected */
    size_t bytes_capacity, bytes_used;
    size_t ends[COLUMNS_MAX]; /* of its fields in bytes */
    size_t fields;
    bool row_ended, too_many, too_long, no_memory;
    bool overflows;           /* the field being read is longer than libcsv's buffer */
    size_t long_column;       /* 1-based: the first field of the row that is; 0: none */
    int meaning[COLUMNS_MAX]; /* of each column: a case_field, COLUMN_LABEL, COLUMN_NONE */
    size_t columns;
    char chunk[CHUNK_BYTES];
    size_t chunk_used, chunk_at, consumed;
    bool at_end, finished, in_row, after_cr;
    bool stray; /* a quote inside a field without quotes: the row is passed over to its end */
    size_t line, row_line;
    struct error error;
};

/* libcsv halves what it asks for until it gets it, so a buffer refused is full to the bound. */
static void *bounded_realloc(void *old, size_t size)
{
    return size > FIELD_BYTES_MAX ? NULL : realloc(old, size);
}

static int nothing_is_space(unsigned char c)
{
    (void)c;
    return 0; /* blanks at the edges of a field are the customer's */
}

static void on_field(void *data, size_t size, void *context)
{
    struct csv *csv = context;
    bool overflows = csv->overflows;
    csv->overflows = false;
    if (csv->fields == COLUMNS_MAX) {
        csv->too_many = true;
        return;
    }
    if (overflows && csv->long_column == 0) csv->long_column = csv->fields + 1;
    if (overflows || csv->bytes_used + size > 2 * (size_t)TEXT_BYTES_MAX) {
        csv->too_long = true;
        size = 0;
    }
    if (mem_grow(&csv->bytes, &csv->bytes_capacity, csv->bytes_used + size + 1, 1, &csv->error) !=
        ERR_NONE) {
        csv->no_memory = true;
        return;
    }
    if (size > 0) memcpy(csv->bytes + csv->bytes_used, data, size);
    csv->bytes_used += size;
    csv->ends[csv->fields++] = csv->bytes_used;
}

static void on_row(int terminator, void *context)
{
    (void)terminator;
    ((struct csv *)context)->row_ended = true;
}

static struct slice field_at(const struct csv *csv, size_t column)
{
    size_t start = column == 0 ? 0 : csv->ends[column - 1];
    return (struct slice){csv->bytes + start, csv->ends[column] - start};
}

static enum error_code refill(struct csv *csv, struct error *err)
{
    size_t got;
    TRY(file_read(csv->options.fd, csv->chunk, CHUNK_BYTES, &got, csv->options.path, err));
    csv->chunk_used = got;
    csv->chunk_at = 0;
    csv->at_end = got == 0;
    csv->consumed += got;
    return ERR_NONE;
}

/* What else than commas stands between the columns of a header; NULL: nothing we know. */
static const char *separator_in(struct slice text)
{
    if (memchr(text.data, ';', text.size) != NULL) return "semicolons";
    return memchr(text.data, '\t', text.size) != NULL ? "tabs" : NULL;
}

/* Feeds the parser; fewer bytes than text has where it stops. */
static size_t parse(struct csv *csv, struct slice text)
{
    struct csv_parser *parser = &csv->parser;
    size_t done = 0;
    for (;;) {
        done += csv_parse(parser, text.data + done, text.size - done, on_field, on_row, csv);
        bool full = done < text.size && csv_error(parser) == CSV_ENOMEM &&
                    csv_get_buffer_size(parser) == FIELD_BYTES_MAX;
        if (!full || csv->columns == 0) return done; /* a header that long is refused */
        csv->overflows = true;
        parser->entry_pos = 1; /* one byte, which may be the quote that libcsv takes off again */
    }
}

/* The parser stops at the byte `at` of text. */
static enum error_code parser_failed(struct csv *csv, struct slice text, size_t at,
                                     struct error *err)
{
    const char *path = csv->options.path;
    if (csv_error(&csv->parser) == CSV_ENOMEM &&
        csv_get_buffer_size(&csv->parser) < FIELD_BYTES_MAX)
        return error_set(err, ERR_MEMORY, csv->row_line, "%s: no memory for the row at line %zu",
                         path, csv->row_line);
    if (csv_error(&csv->parser) == CSV_ENOMEM)
        return error_set(err, ERR_TEXT_LONG, csv->row_line,
                         "%s: the row at line %zu has a field of more than %d bytes", path,
                         csv->row_line, TEXT_BYTES_MAX);
    /* In a header, a separator that is no comma: behind a quote, or in front of one. */
    size_t before = text.data[at] == '"' && at > 0 ? at - 1 : at;
    const char *separator = separator_in((struct slice){text.data + before, 1});
    if (csv->columns == 0 && separator != NULL)
        return error_set(err, ERR_CSV, csv->line,
                         "%s: line %zu: it is separated by %s, save it with commas", path,
                         csv->line, separator);
    return error_set(err, ERR_CSV, csv->line,
                     "%s: line %zu: a quote stands where none may (row begun at line %zu)", path,
                     csv->line, csv->row_line);
}

/* Whether the parser stopped at a quote inside a field that has none around it: that field cannot
 * hold a line break, so the row ends with its line, and the next one can be read. */
static bool is_stray(struct csv *csv)
{
    return csv->columns > 0 && csv_error(&csv->parser) == CSV_EPARSE && !csv->parser.quoted;
}

/* The parser begins anew; what it knows of the row is nobody's. */
static void begin_stray(struct csv *csv)
{
    csv->stray = true;
    csv->overflows = false;
    check(csv_fini(&csv->parser, NULL, NULL, NULL) == 0);
}

/* Feeds the parser a line, or a part of it. */
static enum error_code take(struct csv *csv, struct slice text, bool broken, struct error *err)
{
    size_t done = csv->stray ? text.size : parse(csv, text);
    if (csv->no_memory) return *err = csv->error, err->code;
    if (done != text.size && !is_stray(csv)) return parser_failed(csv, text, done, err);
    if (done != text.size) begin_stray(csv);
    if (csv->stray && broken) csv->row_ended = true;
    return ERR_NONE;
}

/* Behind the last byte. */
static enum error_code finish(struct csv *csv, struct error *err)
{
    if (csv->finished) return ERR_NONE;
    csv->finished = true;
    if (csv->stray) csv->row_ended = true;
    if (csv_fini(&csv->parser, on_field, on_row, csv) != 0)
        return error_set(err, ERR_CSV, csv->row_line,
                         "%s: the quote opened in the row at line %zu is never closed",
                         csv->options.path, csv->row_line);
    return csv->no_memory ? (*err = csv->error, err->code) : ERR_NONE;
}

/* Feeds the parser until a row has ended or the stream has. */
static enum error_code collect(struct csv *csv, struct error *err)
{
    csv->fields = csv->bytes_used = 0;
    csv->row_ended = csv->too_many = csv->too_long = csv->in_row = csv->stray = false;
    csv->long_column = 0;
    while (!csv->row_ended) {
        if (csv->chunk_at == csv->chunk_used && !csv->at_end) TRY(refill(csv, err));
        if (csv->at_end) return finish(csv, err);
        const char *start = csv->chunk + csv->chunk_at;
        size_t size = 0, left = csv->chunk_used - csv->chunk_at;
        while (size < left && start[size] != '\n' && start[size] != '\r') size++;
        bool broken = size < left, ends_line = broken;
        if (broken) {
            ends_line = start[size] == '\r' || size > 0 || !csv->after_cr; /* CRLF is one end */
            size++;
        }
        if (!csv->in_row && !(size == 1 && broken)) {
            csv->in_row = true;
            csv->row_line = csv->line;
        }
        TRY(take(csv, (struct slice){start, size}, broken, err));
        csv->chunk_at += size;
        csv->after_cr = start[size - 1] == '\r';
        if (ends_line) csv->line++;
    }
    return ERR_NONE;
}

/* What the column of this name means. */
static int meaning_of(const struct csv *csv, struct slice name)
{
    if (name.size == 0) return COLUMN_NONE;
    if (slice_equal(name, names_of(csv->options.names, NAMES_LABEL))) return COLUMN_LABEL;
    for (int f = 0; f < CASE_FIELDS; f++)
        if (slice_equal(name, names_of(csv->options.names, (unsigned)f))) return f;
    return COLUMN_NONE;
}

static enum error_code missing_columns(const struct csv *csv, const bool *seen, struct error *err)
{
    const char *path = csv->options.path;
    const struct names *names = csv->options.names;
    struct slice label = names_of(names, NAMES_LABEL);
    if (label.size == 0) label = SLICE(CASE_LABEL);
    if (csv->options.need_label && !seen[COLUMN_LABEL])
        return error_set(err, ERR_CSV, 1,
                         "%s: line 1: no column '%.*s' with the labels; name it with --columns "
                         "sbr=NAME",
                         path, (int)label.size, label.data);
    if (!seen[CASE_SUBJECT] && !seen[CASE_DESCRIPTION])
        return error_set(err, ERR_CSV, 1,
                         "%s: line 1: neither a column 'subject' nor 'description'; name them with "
                         "--columns subject=NAME,description=NAME",
                         path);
    for (int f = 0; names != NULL && f < CASE_FIELDS; f++)
        if (names->given[f].size > 0 && !seen[f])
            return error_set(err, ERR_CSV, 1, "%s: line 1: no column '%.*s', which --columns names",
                             path, (int)names->given[f].size, names->given[f].data);
    return ERR_NONE;
}

/* Adds to the sentence what the header has instead, as far as there is room for it. */
static void tell_columns(const struct csv *csv, struct error *err)
{
    enum { NAMES = 8, NAME_BYTES = 40 };
    struct slice first = field_at(csv, 0);
    size_t used = strlen(err->detail);
    char *end = err->detail + used;
    size_t room = sizeof err->detail - used;
    const char *separator = separator_in(first);
    if (csv->columns == 1 && separator != NULL) {
        snprintf(end, room, "; it is separated by %s, save it with commas", separator);
        return;
    }
    struct writer writer = writer_of(end, room - 1);
    writer_text(&writer, "; it has");
    for (size_t c = 0; c < csv->columns && c < NAMES; c++) {
        struct slice name = slice_trim(field_at(csv, c));
        if (name.size > NAME_BYTES) name = SLICE("...");
        writer_format(&writer, "%s '%.*s'", c > 0 ? "," : "", (int)name.size, name.data);
    }
    if (csv->columns > NAMES) writer_text(&writer, ", ...");
    if (writer.cut) writer.used = 0; /* half a name would mislead */
    end[writer.used] = '\0';
}

static enum error_code read_header(struct csv *csv, struct error *err)
{
    const char *path = csv->options.path;
    TRY(collect(csv, err));
    if (!csv->row_ended)
        return error_set(err, ERR_CSV, 1, "%s: the file is empty; its first row must name columns",
                         path);
    if (csv->too_many)
        return error_set(err, ERR_CSV, 1, "%s: line 1: more than %d columns", path, COLUMNS_MAX);
    if (csv->too_long)
        return error_set(err, ERR_TEXT_LONG, 1, "%s: line 1: the row is longer than %d bytes", path,
                         2 * TEXT_BYTES_MAX);
    bool seen[CASE_FIELDS + 1] = {false};
    csv->columns = csv->fields;
    for (size_t c = 0; c < csv->columns; c++) {
        struct slice name = slice_trim(field_at(csv, c));
        TRY(case_check_utf8(name, path, 1, err));
        int meaning = meaning_of(csv, name);
        csv->meaning[c] = meaning;
        if (meaning == COLUMN_NONE) continue;
        if (seen[meaning])
            return error_set(err, ERR_CSV, 1, "%s: line 1: two columns are named '%.*s'", path,
                             (int)name.size, name.data);
        seen[meaning] = true;
    }
    enum error_code code = missing_columns(csv, seen, err);
    if (code != ERR_NONE) tell_columns(csv, err);
    return code;
}

enum error_code csv_open(struct csv **out_csv, const struct csv_options *options, struct error *err)
{
    struct csv *csv;
    TRY(mem_take(&csv, 1, sizeof *csv, err));
    csv->options = *options;
    csv->line = csv->row_line = 1;
    check(options->begin.size <= CHUNK_BYTES);
    if (options->begin.size > 0) memcpy(csv->chunk, options->begin.data, options->begin.size);
    csv->chunk_used = options->begin.size;
    csv->consumed = options->begin.size;
    enum error_code code = ERR_NONE;
    while (code == ERR_NONE && csv->chunk_used < 3 && !csv->at_end) { /* room for a BOM */
        size_t got;
        code = file_read(options->fd, csv->chunk + csv->chunk_used, 3 - csv->chunk_used, &got,
                         options->path, err);
        if (code != ERR_NONE) break;
        csv->chunk_used += got;
        csv->consumed += got;
        if (got == 0) csv->at_end = csv->chunk_used == 0;
        if (got == 0) break;
    }
    if (csv->chunk_used >= 3 && memcmp(csv->chunk, "\xEF\xBB\xBF", 3) == 0) csv->chunk_at = 3;
    if (code == ERR_NONE && csv_init(&csv->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        code = error_set(err, ERR_SOFTWARE, 0, "libcsv does not start");
    if (code == ERR_NONE) {
        csv->parser_open = true;
        csv_set_realloc_func(&csv->parser, bounded_realloc);
        csv_set_space_func(&csv->parser, nothing_is_space);
        csv_set_blk_size(&csv->parser, CHUNK_BYTES);
        code = read_header(csv, err);
    }
    if (code != ERR_NONE) {
        csv_close(csv);
        return code;
    }
    *out_csv = csv;
    return ERR_NONE;
}

/* What the length of a row says; a quote that is not closed takes rows behind it in. */
static void tell_length(const struct csv *csv, struct error *fault)
{
    const char *path = csv->options.path;
    size_t line = csv->row_line, last = csv->finished ? csv->line : csv->line - 1;
    char end[80] = "";
    if (last > line)
        snprintf(end, sizeof end, "; the row ends in line %zu, as where a quote is not closed",
                 last);
    if (csv->long_column > 0)
        error_set(fault, ERR_TEXT_LONG, line, "%s: line %zu: column %zu is longer than %d bytes%s",
                  path, line, csv->long_column, TEXT_BYTES_MAX, end);
    else
        error_set(fault, ERR_TEXT_LONG, line, "%s: line %zu: the row is longer than %d bytes%s",
                  path, line, 2 * TEXT_BYTES_MAX, end);
}

static void take_row(struct csv *csv, struct csv_row *row)
{
    const char *path = csv->options.path;
    struct error *fault = &row->fault;
    size_t line = csv->row_line;
    for (size_t c = 0; c < csv->fields && c < csv->columns && !csv->stray; c++) {
        if (csv->meaning[c] == COLUMN_LABEL)
            row->label = field_at(csv, c);
        else if (csv->meaning[c] != COLUMN_NONE)
            row->text.field[csv->meaning[c]] = field_at(csv, c);
    }
    if (csv->stray) {
        error_set(fault, ERR_CSV, line,
                  "%s: line %zu: column %zu has a quote inside, but none around it", path, line,
                  csv->fields + 1);
        return;
    }
    if (csv->too_long) {
        tell_length(csv, fault);
        return;
    }
    if (csv->too_many || csv->fields != csv->columns) {
        error_set(fault, ERR_CSV, line, "%s: line %zu: %s%zu columns where the header has %zu",
                  path, line, csv->too_many ? "more than " : "", csv->fields, csv->columns);
        return;
    }
    for (size_t c = 0; c < csv->columns; c++) {
        struct slice field = field_at(csv, c);
        if (csv->meaning[c] == COLUMN_NONE || memchr(field.data, 0, field.size) == NULL) continue;
        error_set(fault, ERR_CSV, line, "%s: line %zu: a raw NUL byte in column %zu", path, line,
                  c + 1);
        return;
    }
    struct error detail;
    if (case_check(&row->text, line, &detail) != ERR_NONE ||
        case_check_utf8(row->label, CASE_LABEL, line, &detail) != ERR_NONE)
        error_set(fault, detail.code, line, "%s: line %zu: %.400s", path, line, detail.detail);
}

enum error_code csv_next(struct csv *csv, struct csv_row *out_row, bool *out_end, struct error *err)
{
    TRY(collect(csv, err));
    *out_end = !csv->row_ended;
    if (!csv->row_ended) return ERR_NONE;
    *out_row = (struct csv_row){.line = csv->row_line};
    take_row(csv, out_row);
    return ERR_NONE;
}

void csv_close(struct csv *csv)
{
    if (csv == NULL) return;
    if (csv->parser_open) csv_free(&csv->parser);
    mem_free(csv->bytes);
    mem_free(csv);
}

size_t csv_consumed(const struct csv *csv) { return csv->consumed; }
