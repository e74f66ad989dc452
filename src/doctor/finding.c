/* finding.c - the list of findings; sorted by insertion, because it is short. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "text/utf8.h"

enum error_code finding_list_open(struct finding_list *out_list, struct error *err)
{
    struct finding_list list = {0};
    TRY(mem_take(&list.items, FINDINGS_MAX, sizeof list.items[0], err));
    *out_list = list;
    return ERR_NONE;
}

void finding_list_close(struct finding_list *list)
{
    mem_free(list->items);
    *list = (struct finding_list){0};
}

struct finding *finding_add(struct finding_list *list, const char *id, const char *title)
{
    check(list->count < FINDINGS_MAX);
    struct finding *finding = &list->items[list->count];
    *finding = (struct finding){.id = id, .order = list->count};
    snprintf(finding->title, sizeof finding->title, "%s", title);
    list->count++;
    return finding;
}

void finding_grade(struct finding *finding, enum finding_severity severity)
{
    if (severity > finding->severity) finding->severity = severity;
}

__attribute__((format(printf, 3, 0))) static void append(char *text, size_t size,
                                                         const char *format, va_list args)
{
    size_t used = strlen(text);
    vsnprintf(text + used, size - used, format, args);
    bool plain;
    for (size_t end = used + strlen(text + used), piece; used < end; used += piece) {
        piece = utf8_piece((struct slice){text + used, end - used}, &plain);
        if (!plain) memset(text + used, '?', piece);
    }
}

void finding_title(struct finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    finding->title[0] = '\0';
    append(finding->title, sizeof finding->title, format, args);
    va_end(args);
}

void finding_read(struct finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(finding->read, sizeof finding->read, format, args);
    va_end(args);
}

void finding_means(struct finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(finding->means, sizeof finding->means, format, args);
    va_end(args);
}

void finding_todo(struct finding *finding, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(finding->todo, sizeof finding->todo, format, args);
    va_end(args);
}

static int before(const struct finding *a, const struct finding *b)
{
    if (a->severity != b->severity) return a->severity > b->severity;
    return a->order < b->order;
}

void finding_sort(struct finding_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct finding moved = list->items[i];
        size_t at = i;
        for (; at > 0 && before(&moved, &list->items[at - 1]); at--)
            list->items[at] = list->items[at - 1];
        list->items[at] = moved;
    }
}

int finding_status(const struct finding_list *list)
{
    int status = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].severity == FINDING_WARNING && status < 1) status = 1;
        if (list->items[i].severity == FINDING_CAUSE) status = 2;
    }
    return status;
}

const char *finding_word(enum finding_severity severity)
{
    static const char *const words[] = {"fine", "note", "warning", "cause"};
    check((unsigned)severity < sizeof words / sizeof words[0]);
    return words[severity];
}
