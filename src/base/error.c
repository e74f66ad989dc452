/* error.c - the rows of errors.def as data. */
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const struct error_row rows[ERR_COUNT] = {
    [ERR_NONE] = {"NONE", "none", 0, 200, "Fine", ""},
#define ERROR(code, type, exit_status, http, title, hint)                                          \
    [ERR_##code] = {#code, type, exit_status, http, title, hint},
#include "base/errors.def"
#undef ERROR
};

/* A sentence may end in JSON: one that was cut must not end inside a UTF-8 character. */
static void drop_half_character(char *text)
{
    size_t end = strlen(text), start = end;
    while (start > 0 && end - start < 3 && (text[start - 1] & 0xC0) == 0x80) start--;
    if (start == 0) return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (end - (start - 1) < length) text[start - 1] = '\0';
}

void error_fill(struct error *err, enum error_code code, size_t line, const char *format, ...)
{
    check(err != NULL);
    check(code > ERR_NONE && code < ERR_COUNT);
    err->code = code;
    err->line = line;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(err->detail, sizeof err->detail, format, args);
    va_end(args);
    if (wanted >= (int)sizeof err->detail) drop_half_character(err->detail);
}

const struct error_row *error_row(enum error_code code)
{
    check(code >= ERR_NONE && code < ERR_COUNT);
    return &rows[code];
}
