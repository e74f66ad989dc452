/* unescape.c - a name is found by narrowing a sorted table, one character at a time.
 *
 * Python tries the whole name, then ever shorter beginnings of it. That is the
 * longest entry that begins the text, and one walk finds it: each character
 * narrows the range of names that still fit, and a name that ends there is the
 * longest so far. Names have at most 32 characters, so the walk is bounded.
 */
// SPDX-License-Identifier: Apache-2.0
#include "text/unescape.h"

#include <stdint.h>
#include <string.h>

#include "text/utf8.h"

struct entity {
    uint16_t at; /* in the pool: the name, then its value */
    uint8_t name_size, value_size;
};

/* Numbers whose character is another one, or none (0). */
struct charref {
    uint32_t number;
    uint16_t value;
};

#include "entities_gen.h"

enum {
    ENTITIES = sizeof entities / sizeof *entities,
    CHARREFS = sizeof charrefs / sizeof *charrefs,
};

/* The character of name i at place k, -1 behind its end. */
static int name_char(size_t i, size_t k)
{
    if (k >= entities[i].name_size) return -1;
    return entity_pool[entities[i].at + k];
}

/* The first of entities[low..high) whose character at k is not below c. */
static size_t narrow(size_t low, size_t high, size_t k, int c)
{
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (name_char(middle, k) < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct unescape_hit by_name(const char *at, const char *end)
{
    struct unescape_hit hit = {0};
    size_t low = 0, high = ENTITIES;
    for (size_t k = 0; at + 1 + k < end && low < high; k++) {
        int c = (unsigned char)at[1 + k];
        low = narrow(low, high, k, c);
        high = narrow(low, high, k, c + 1);
        if (low == high || entities[low].name_size != k + 1) continue;
        const struct entity *entity = &entities[low];
        hit.taken = k + 2;
        hit.size = entity->value_size;
        memcpy(hit.value, entity_pool + entity->at + entity->name_size, entity->value_size);
    }
    return hit;
}

static int digit_value(char c, unsigned base)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (base == 16 && c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (base == 16 && c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static uint32_t charref_value(uint32_t number)
{
    size_t low = 0, high = CHARREFS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (charrefs[middle].number == number) return charrefs[middle].value;
        if (charrefs[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return 0xFFFD;
    return number;
}

static struct unescape_hit by_number(const char *at, const char *end)
{
    struct unescape_hit hit = {0};
    const char *next = at + 2;
    unsigned base = 10;
    if (end - next >= 2 && (*next == 'x' || *next == 'X') && digit_value(next[1], 16) >= 0) {
        base = 16;
        next++;
    }
    const char *first = next;
    uint32_t number = 0;
    for (; next < end && digit_value(*next, base) >= 0; next++) {
        number = number * base + (uint32_t)digit_value(*next, base);
        if (number > 0x110000) number = 0x110000; /* too large stays too large */
    }
    if (next == first) return hit;
    if (next < end && *next == ';') next++;
    hit.taken = (size_t)(next - at);
    uint32_t value = charref_value(number);
    /* 0 is in no result: the number 0 itself stands for U+FFFD. */
    if (value != 0) hit.size = utf8_put(value, hit.value);
    return hit;
}

struct unescape_hit unescape_at(const char *at, const char *end)
{
    if (end - at >= 2 && at[1] == '#') return by_number(at, end);
    return by_name(at, end);
}

size_t unescape_bytes(void) { return sizeof entity_pool + sizeof entities + sizeof charrefs; }
