/* csv_fuzz.c - any bytes as a CSV: rows are whole, in order, and the same however they arrive. */
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/rng.h"
#include "text/csv.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t add(uint64_t sum, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) sum = rng_mix(sum ^ (uint64_t)(text.data[i] + 1));
    return rng_mix(sum + text.size);
}

/* Reads everything with the first `begin` bytes given and the rest from a file; a sum of all. */
static uint64_t read_all(const char *data, size_t size, size_t begin, bool need_label)
{
    static int fd = -1;
    if (fd < 0) fd = memfd_create("csv_fuzz", MFD_CLOEXEC);
    check(fd >= 0 && ftruncate(fd, 0) == 0);
    check(pwrite(fd, data + begin, size - begin, 0) == (ssize_t)(size - begin));
    check(lseek(fd, 0, SEEK_SET) == 0);
    struct csv_options options = {
        .path = "f", .fd = fd, .begin = {data, begin}, .need_label = need_label};
    struct error err;
    struct csv *csv;
    uint64_t sum = need_label;
    enum error_code code = csv_open(&csv, &options, &err);
    if (code != ERR_NONE) return add(sum + code, slice_of(err.detail));
    for (size_t line = 1;;) {
        struct csv_row row;
        bool end;
        code = csv_next(csv, &row, &end, &err);
        if (code != ERR_NONE) sum = add(sum + code, slice_of(err.detail));
        if (code != ERR_NONE || end) break;
        check(row.line > line); /* the header has the first */
        line = row.line;
        sum = rng_mix(sum + line + (uint64_t)row.fault.code);
        if (row.fault.code == ERR_NONE) check(utf8_valid(row.label, NULL));
        if (row.fault.code != ERR_NONE) sum = add(sum, slice_of(row.fault.detail));
        sum = add(sum, row.label);
        for (enum case_field f = 0; f < CASE_FIELDS; f++) {
            if (row.fault.code == ERR_NONE) check(utf8_valid(row.text.field[f], NULL));
            sum = add(sum, row.text.field[f]);
        }
    }
    if (code == ERR_NONE) check(csv_consumed(csv) == size);
    csv_close(csv);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    if (size > 60000) return 0;
    bool need_label = size % 2;
    uint64_t whole = read_all(text, size, 0, need_label);
    if (size < 3) return 0;
    size_t begin = data[size / 2] % size;
    check(read_all(text, size, begin, need_label) == whole);
    struct error err;
    struct names names;
    if (names_parse(&names, (struct slice){text, size}, &err) == ERR_NONE)
        check(names.given[NAMES_LABEL].size <= size);
    return 0;
}
