/* csv.h - labelled or unlabelled cases from a CSV stream, one at a time.
 *
 * In       RFC 4180: quoted fields with line breaks, CRLF, LF or CR, a BOM; the first
 *          row names the columns, in any order; unknown columns are ignored
 * Out      a row whose slices live until the next csv_next
 * Bound    a field at most TEXT_BYTES_MAX bytes, a row twice that; of longer ones, what is
 *          behind the bound is read but not kept
 * Memory   grows to the longest row; csv_close frees it
 * Errors   a row that can not be used is given out with its fault, and the next
 *          one follows, also behind a quote inside a field that has none around it, which
 *          cannot hold a line break; a stream that can not be followed any more (a quote
 *          never closed, or something behind the closing one) is an error of csv_next
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_CSV_H
#define TEXT_CSV_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"
#include "text/names.h"

struct csv_row {
    struct case_text text;
    struct slice label; /* empty where the file has no such column */
    size_t line;        /* where the row begins, 1-based */
    struct error fault; /* fault.code != ERR_NONE: why the row can not be used */
};

struct csv;

struct csv_options {
    const char *path;          /* for messages */
    int fd;                    /* stays the caller's */
    struct slice begin;        /* bytes already read from fd */
    const struct names *names; /* of the columns; NULL: their own */
    bool need_label;
};

/* Reads the header. */
MUST_CHECK enum error_code csv_open(struct csv **out_csv, const struct csv_options *options,
                                    struct error *err);

/* The next row; *out_end after the last. */
MUST_CHECK enum error_code csv_next(struct csv *csv, struct csv_row *out_row, bool *out_end,
                                    struct error *err);
void csv_close(struct csv *csv);

/* Bytes of the stream consumed so far, for progress. */
size_t csv_consumed(const struct csv *csv);

#endif
