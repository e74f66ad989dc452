/* paragraphs.c - a window over the file that grows to the longest line. */
// SPDX-License-Identifier: Apache-2.0
#include "train/paragraphs.h"

#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "text/form.h"
#include "text/utf8.h"

enum { READ_BYTES = 64 * 1024 };

void paragraphs_begin(struct paragraphs *out_paragraphs, const char *const *paths, size_t count)
{
    *out_paragraphs = (struct paragraphs){.paths = paths, .count = count, .fd = -1};
}

void paragraphs_close(struct paragraphs *paragraphs)
{
    if (paragraphs->fd >= 0) file_close(paragraphs->fd);
    mem_free(paragraphs->buffer);
    *paragraphs = (struct paragraphs){.fd = -1};
}

static const char *path_of(const struct paragraphs *paragraphs)
{
    return paragraphs->paths[paragraphs->next - 1];
}

/* One line of the open file, without its end; *out_over where there is none. */
static enum error_code next_line(struct paragraphs *p, struct slice *out_line, bool *out_over,
                                 struct error *err)
{
    size_t searched = p->begin;
    for (;;) {
        char *line = p->buffer + p->begin;
        char *end =
            p->end > searched ? memchr(p->buffer + searched, '\n', p->end - searched) : NULL;
        if (end != NULL) {
            *out_line = (struct slice){line, (size_t)(end - line)};
            p->begin = (size_t)(end - p->buffer) + 1;
            return ERR_NONE;
        }
        searched = p->end - p->begin;
        if (searched > TEXT_BYTES_MAX)
            return error_set(err, ERR_TEXT_LONG, p->line, "%s: line %zu is longer than %d bytes",
                             path_of(p), p->line, TEXT_BYTES_MAX);
        if (p->begin > 0 && searched > 0) memmove(p->buffer, line, searched);
        p->begin = 0;
        p->end = searched;
        TRY(mem_grow(&p->buffer, &p->room, p->end + READ_BYTES, 1, err));
        size_t got;
        TRY(file_read(p->fd, p->buffer + p->end, READ_BYTES, &got, path_of(p), err));
        p->end += got;
        if (got > 0) continue;
        *out_line = (struct slice){p->buffer, p->end};
        *out_over = p->end == 0;
        p->begin = p->end = 0;
        return ERR_NONE;
    }
}

enum error_code paragraphs_next(void *context, struct slice *out_text, bool *out_end,
                                struct error *err)
{
    struct paragraphs *p = context;
    for (;;) {
        if (p->fd < 0) {
            if (p->next == p->count) {
                *out_end = true;
                return ERR_NONE;
            }
            TRY(file_read_open(&p->fd, p->paths[p->next], err));
            p->next++;
            p->begin = p->end = p->line = 0;
        }
        struct slice line;
        bool over = false;
        p->line++;
        TRY(next_line(p, &line, &over, err));
        if (over) {
            file_close(p->fd);
            p->fd = -1;
            continue;
        }
        if (p->line == 1) TRY(form_check(line, path_of(p), err));
        line = slice_trim(line);
        if (line.size == 0) continue;
        size_t bad;
        if (!utf8_valid(line, &bad))
            return error_set(err, ERR_UTF8, p->line, "%s: line %zu: byte %zu is not UTF-8",
                             path_of(p), p->line, bad + 1);
        p->given++;
        *out_text = line;
        return ERR_NONE;
    }
}
