/* needles.c - the automaton is made complete, so that a byte costs two loads and no branch.
 *
 * Bytes are first mapped to classes: forty needles use some fifty different bytes,
 * and a row of 64 instead of 256 keeps the table in the second cache. Searching for
 * each needle by itself was forty passes; this is one.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/needles.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

static void add_classes(struct needles *needles, const char *needle, unsigned *classes)
{
    for (; *needle != '\0'; needle++) {
        uint8_t *class = &needles->class_of[(unsigned char)*needle];
        if (*class != 0) continue;
        check(*classes < NEEDLES_CLASSES_MAX);
        *class = (uint8_t)(*classes)++;
    }
}

/* Adds a needle to the trie; returns the number of states. */
static unsigned add_needle(struct needles *needles, const char *needle, uint64_t bit,
                           unsigned states)
{
    unsigned state = 0;
    for (; *needle != '\0'; needle++) {
        uint16_t *next = &needles->next[state][needles->class_of[(unsigned char)*needle]];
        if (*next == 0) {
            check(states < NEEDLES_STATES_MAX);
            *next = (uint16_t)states++;
        }
        state = *next;
    }
    needles->found[state] |= bit;
    return states;
}

/* Missing steps become those of the longest suffix, breadth first. */
static void complete(struct needles *needles, uint16_t *suffix, uint16_t *queue)
{
    unsigned head = 0, tail = 0;
    for (unsigned class = 0; class < NEEDLES_CLASSES_MAX; class ++)
        if (needles->next[0][class] != 0) queue[tail++] = needles->next[0][class];
    while (head < tail) {
        unsigned state = queue[head++];
        needles->found[state] |= needles->found[suffix[state]];
        for (unsigned class = 0; class < NEEDLES_CLASSES_MAX; class ++) {
            uint16_t *next = &needles->next[state][class];
            uint16_t other = needles->next[suffix[state]][class];
            if (*next == 0) {
                *next = other;
            } else {
                suffix[*next] = other;
                queue[tail++] = *next;
            }
        }
    }
}

enum error_code needles_open(struct needles *out, const char *const *needles, size_t count,
                             struct error *err)
{
    check(count <= 64);
    struct needles made = {.next = NULL};
    uint16_t *scratch = NULL;
    enum error_code code = mem_take(&made.next, NEEDLES_STATES_MAX, sizeof made.next[0], err);
    if (code == ERR_NONE)
        code = mem_take(&made.found, NEEDLES_STATES_MAX, sizeof made.found[0], err);
    if (code == ERR_NONE)
        code = mem_take(&scratch, (size_t)2 * NEEDLES_STATES_MAX, sizeof scratch[0], err);
    if (code != ERR_NONE) {
        needles_close(&made);
        return code;
    }
    unsigned classes = 1, states = 1;
    for (size_t i = 0; i < count; i++) add_classes(&made, needles[i], &classes);
    for (size_t i = 0; i < count; i++)
        states = add_needle(&made, needles[i], UINT64_C(1) << i, states);
    complete(&made, scratch, scratch + NEEDLES_STATES_MAX);
    mem_free(scratch);
    *out = made;
    return ERR_NONE;
}

void needles_close(struct needles *needles)
{
    mem_free(needles->next);
    mem_free(needles->found);
    *needles = (struct needles){.next = NULL};
}

uint64_t needles_find(const struct needles *needles, struct slice text)
{
    unsigned state = 0;
    uint64_t found = 0;
    for (size_t i = 0; i < text.size; i++) {
        state = needles->next[state][needles->class_of[(unsigned char)text.data[i]]];
        found |= needles->found[state];
    }
    return found;
}
