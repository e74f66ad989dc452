/* logline.c - prefixes are recognised by where their colons and dashes stand. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/logline.h"

#include <string.h>

static bool digit(char c) { return c >= '0' && c <= '9'; }

static bool upper(char c) { return c >= 'A' && c <= 'Z'; }

static size_t find(struct slice text, char wanted)
{
    const char *at = text.size > 0 ? memchr(text.data, wanted, text.size) : NULL;
    return at != NULL ? (size_t)(at - text.data) : text.size;
}

/* "Dec 11 14:27:25": 15 bytes. */
static bool syslog_time(struct slice t)
{
    return t.size >= 15 && upper(t.data[0]) && t.data[3] == ' ' && t.data[6] == ' ' &&
           t.data[9] == ':' && t.data[12] == ':' && digit(t.data[8]) && digit(t.data[14]);
}

/* "2020-12-11 14:27:25", "2020-12-11T14:27:25": at least 19 bytes. */
static bool iso_time(struct slice t)
{
    return t.size >= 19 && digit(t.data[0]) && digit(t.data[3]) && t.data[4] == '-' &&
           t.data[7] == '-' && (t.data[10] == 'T' || t.data[10] == ' ') && t.data[13] == ':' &&
           t.data[16] == ':';
}

struct slice logline_stamp(struct slice line)
{
    struct slice text = line;
    if (text.size > 0 && text.data[0] == '[') {
        text = slice_from(text, 1);
        size_t end = find(text, ']');
        bool dated = iso_time(text) || (end < text.size && end >= 19 && upper(text.data[0]) &&
                                        syslog_time(slice_from(text, 4)));
        bool seconds = end < text.size && end >= 3 && end < 20 && digit(text.data[end - 1]) &&
                       memchr(text.data, '.', end) != NULL;
        if (!dated && !seconds) return (struct slice){"", 0};
        if (iso_time(text)) return (struct slice){text.data, 19};
        return slice_trim((struct slice){text.data, end < LOGLINE_STAMP_MAX ? end : 0});
    }
    if (syslog_time(text)) return (struct slice){text.data, 15};
    if (iso_time(text)) return (struct slice){text.data, 19};
    return (struct slice){"", 0};
}

static uint64_t hash_of(struct slice text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * 1099511628211u;
    return hash | 1; /* 0 is for bare lines */
}

static struct slice skip_word(struct slice text)
{
    text = slice_from(text, find(text, ' '));
    while (text.size > 0 && text.data[0] == ' ') text = slice_from(text, 1);
    return text;
}

/* The value of "key":"..." unescaped into out; false where it is not there. */
static bool json_member(struct slice line, const char *key, char *out, size_t *out_size)
{
    const char *at = memmem(line.data, line.size, key, strlen(key));
    if (at == NULL) return false;
    size_t used = 0;
    const char *end = line.data + line.size;
    for (at += strlen(key); at < end && *at != '"'; at++) {
        char c = *at;
        if (c == '\\' && at + 1 < end) {
            c = *++at;
            if (c == 'n' || c == 'r') continue;
            if (c == 't') c = ' ';
            if (c == 'u') {
                /* < and > are what is escaped so; whatever else does not matter here. */
                c = end - at > 4 && at[3] == '3' ? (at[4] == 'c' ? '<' : '>') : '?';
                at += end - at > 4 ? 4 : end - at - 1;
            }
        }
        out[used++] = c;
    }
    *out_size = used;
    return true;
}

/* After the time: "host tag[12]: words". */
static void split_syslog(struct logline *out, struct slice rest)
{
    struct slice tag = skip_word(rest);
    size_t colon = find(tag, ':');
    size_t blank = find(tag, ' ');
    if (colon >= blank || colon == tag.size) {
        out->words = tag;
        return;
    }
    out->source = hash_of((struct slice){tag.data, colon});
    out->words = slice_from(tag, colon + 1);
    if (out->words.size > 0 && out->words.data[0] == ' ') out->words = slice_from(out->words, 1);
    /* The kernel repeats its own clock. */
    if (slice_starts(tag, SLICE("kernel:")) && out->words.size > 0 && out->words.data[0] == '[') {
        size_t close = find(out->words, ']');
        if (close < out->words.size) out->words = slice_trim(slice_from(out->words, close + 1));
    }
}

/* "[time] [pid] [LEVEL] words", "[time] ERROR in app: words" */
static void split_bracket(struct logline *out, struct slice line)
{
    struct slice rest = line;
    while (rest.size > 0 && rest.data[0] == '[') {
        size_t close = find(rest, ']');
        if (close == rest.size) break;
        rest = slice_from(rest, close + 1);
        while (rest.size > 0 && rest.data[0] == ' ') rest = slice_from(rest, 1);
    }
    out->words = rest;
}

struct logline logline_split(struct slice line, char *scratch)
{
    struct logline out = {.stamp = {"", 0}, .words = line};
    if (slice_starts(line, SLICE("{\"log\":\""))) {
        size_t size;
        if (!json_member(line, "{\"log\":\"", scratch, &size)) return out;
        out = logline_split((struct slice){scratch, size < line.size ? size : 0}, scratch);
        const char *time = memmem(line.data, line.size, "\"time\":\"", 8);
        if (out.stamp.size == 0 && time != NULL)
            out.stamp = logline_stamp(slice_from(line, (size_t)(time + 8 - line.data)));
        return out;
    }
    out.stamp = logline_stamp(line);
    if (out.stamp.size == 0) {
        /* compose: "service_1  | words" */
        size_t bar = find(line, '|');
        size_t blank = find(line, ' ');
        if (bar < 48 && bar + 1 < line.size && blank < bar && line.data[bar + 1] == ' ' &&
            blank > 0) {
            out.source = hash_of((struct slice){line.data, blank});
            out.words = slice_from(line, bar + 2);
        }
        return out;
    }
    if (line.data[0] == '[') {
        split_bracket(&out, line);
        return out;
    }
    struct slice rest = skip_word(slice_from(line, out.stamp.size));
    if (slice_starts(rest, SLICE("stderr ")) || slice_starts(rest, SLICE("stdout "))) {
        rest = slice_from(rest, 7);
        out.words = rest.size > 2 ? slice_from(rest, 2) : rest;
        return out;
    }
    split_syslog(&out, rest);
    return out;
}

int logline_status(struct slice line)
{
    const char *at = memmem(line.data, line.size, " HTTP/", 6);
    if (at == NULL) return 0;
    struct slice rest = slice_from(line, (size_t)(at - line.data));
    size_t quote = find(rest, '"');
    if (quote + 5 > rest.size) return 0;
    const char *digits = rest.data + quote + 2;
    if (rest.data[quote + 1] != ' ' || !digit(digits[0]) || !digit(digits[1]) || !digit(digits[2]))
        return 0;
    return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}
