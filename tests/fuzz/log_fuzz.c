/* log_fuzz.c - any bytes as a log: never a crash, and JSON comes out. */
// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "doctor/causes.h"
#include "doctor/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct journal *journal;
    struct error err;
    struct finding_list list;
    check(journal_open(&journal, &err) == ERR_NONE);
    check(finding_list_open(&list, &err) == ERR_NONE);
    for (size_t at = 0; at < size;) {
        /* A copy of just this line, so that a step over its end is seen. */
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : size - at;
        char *line = malloc(length > 0 ? length : 1);
        check(line != NULL);
        memcpy(line, data + at, length);
        journal_line(journal, (struct slice){line, length});
        free(line);
        at += length + 1;
    }
    journal_end(journal);
    causes_findings(journal, "fuzz", &list);
    json_t *json = journal_json(journal);
    check(json != NULL);
    json_decref(json);
    finding_list_close(&list);
    journal_close(journal);
    return 0;
}
