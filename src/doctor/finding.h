/* finding.h - the one shape of everything doctor has to say.
 *
 * A finding says what was read and where, what it means, and what to do. Texts are
 * appended printf-like, cut at their bound; bytes that are no UTF-8, or would steer a
 * terminal, become '?', because they may come from a log or a process name.
 *
 * Memory  a list takes its room once; finding_list_close gives it back
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

#include <stddef.h>

#include "base/error.h"

enum { FINDINGS_MAX = 160, FINDING_TEXT_MAX = 1024 };

enum finding_severity { FINDING_FINE, FINDING_NOTE, FINDING_WARNING, FINDING_CAUSE };

struct finding {
    const char *id;  /* "cgroup.memory": stable, for machines */
    char title[480]; /* for people */
    enum finding_severity severity;
    size_t order; /* keeps equals as they were found */
    char read[FINDING_TEXT_MAX];
    char means[FINDING_TEXT_MAX];
    char todo[FINDING_TEXT_MAX];
};

struct finding_list {
    struct finding *items;
    size_t count;
};

MUST_CHECK enum error_code finding_list_open(struct finding_list *out_list, struct error *err);
void finding_list_close(struct finding_list *list);

/* A new finding, FINDING_FINE. id lives as long as the list. */
struct finding *finding_add(struct finding_list *list, const char *id, const char *title);

/* Never lowers. */
void finding_grade(struct finding *finding, enum finding_severity severity);

void finding_title(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void finding_read(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void finding_means(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void finding_todo(struct finding *finding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Worst first; equals stay in order. */
void finding_sort(struct finding_list *list);

/* 0 nothing found, 1 warnings, 2 a cause. */
int finding_status(const struct finding_list *list);
const char *finding_word(enum finding_severity severity);

#endif
