/* error.c - the rows of errors.def as data. */
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

static const struct error_row rows[ERR_COUNT] = {
    [ERR_NONE] = {"NONE", "none", 0, 200, "Fine", ""},
#define ERROR(code, type, exit_status, http, title, hint)                                          \
    [ERR_##code] = {#code, type, exit_status, http, title, hint},
#include "base/errors.def"
#undef ERROR
};

void error_fill(struct error *err, enum error_code code, size_t line, const char *format, ...)
{
    check(err != NULL);
    check(code > ERR_NONE && code < ERR_COUNT);
    err->code = code;
    err->line = line;
    va_list args;
    va_start(args, format);
    vsnprintf(err->detail, sizeof err->detail, format, args);
    va_end(args);
}

const struct error_row *error_row(enum error_code code)
{
    check(code >= ERR_NONE && code < ERR_COUNT);
    return &rows[code];
}
