/* lines.c - blocks of whole lines; what is behind the last line end is carried over.
 *
 * A block is what one read gives, up to 256 KiB: from a pipe, a line is answered
 * as soon as it is there.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/lines.h"

#include <string.h>

#include "base/check.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "text/json.h"

enum { BLOCK_BYTES = 256 * 1024 };

struct block {
    char *in, *out;
    size_t in_size, in_capacity, out_size, out_capacity;
    size_t first_line; /* 1-based number of its first line */
    uint64_t read_bytes;
    struct many_scratch scratch;
};

struct lines {
    const struct lines_options *options;
    char *carry; /* the beginning of a line that was not read to its end */
    size_t carry_size, carry_capacity;
    size_t line; /* of the next block */
    uint64_t read_bytes;
    bool begun, ended;
};

/* ---- read ---- */

static size_t count_lines(const char *data, size_t size)
{
    size_t count = 0;
    const char *end = data + size;
    while ((data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
        count++;
        if (++data == end) break;
    }
    return count;
}

static enum error_code read_lines(void *context, void *block_, bool *out_end, struct error *err)
{
    struct lines *lines = context;
    struct block *block = block_;
    TRY(mem_grow(&block->in, &block->in_capacity, lines->carry_size + BLOCK_BYTES, 1, err));
    if (lines->carry_size > 0) memcpy(block->in, lines->carry, lines->carry_size);
    size_t size = lines->carry_size, searched = size, whole = 0;
    while (whole == 0 && !lines->ended) { /* until a line end */
        TRY(mem_grow(&block->in, &block->in_capacity, size + BLOCK_BYTES, 1, err));
        size_t got;
        TRY(file_read(lines->options->input, block->in + size, BLOCK_BYTES, &got,
                      lines->options->path, err));
        lines->ended = got == 0;
        lines->read_bytes += got;
        size += got;
        const char *last = memrchr(block->in + searched, '\n', size - searched);
        if (last != NULL) whole = (size_t)(last + 1 - block->in);
        searched = size;
    }
    if (lines->ended) whole = size;
    TRY(mem_grow(&lines->carry, &lines->carry_capacity, size - whole + 1, 1, err));
    memcpy(lines->carry, block->in + whole, size - whole);
    lines->carry_size = size - whole;
    block->in_size = whole;
    block->first_line = lines->line + 1;
    block->read_bytes = lines->read_bytes;
    if (whole > 0) lines->line += count_lines(block->in, whole);
    if (!lines->begun && whole >= 3 && memcmp(block->in, "\xEF\xBB\xBF", 3) == 0)
        memcpy(block->in, "   ", 3); /* a byte order mark */
    lines->begun = true;
    *out_end = whole == 0;
    return ERR_NONE;
}

/* ---- work ---- */

static enum error_code room(struct block *block, size_t more, struct error *err)
{
    return mem_grow(&block->out, &block->out_capacity, block->out_size + more, 1, err);
}

static bool needs_escape(struct slice token)
{
    for (size_t i = 0; i < token.size; i++) {
        unsigned char c = (unsigned char)token.data[i];
        if (c < 0x20 || c == '"' || c == '\\') return true;
    }
    return false;
}

static enum error_code put_token(struct block *block, struct slice token, struct error *err)
{
    TRY(room(block, 6 * token.size + 4, err)); /* \u0000 is the longest escape */
    char *out = block->out + block->out_size;
    if (needs_escape(token)) {
        struct writer writer = writer_of(out, block->out_capacity - block->out_size);
        json_put(&writer, token);
        check(!writer.cut);
        block->out_size += writer.used;
        return ERR_NONE;
    }
    *out++ = '"';
    memcpy(out, token.data, token.size);
    out[token.size] = '"';
    block->out_size += token.size + 2;
    return ERR_NONE;
}

static enum error_code put_array(struct block *block, const struct token_list *list,
                                 struct error *err)
{
    TRY(room(block, 3, err));
    block->out[block->out_size++] = '[';
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) block->out[block->out_size++] = ',';
        TRY(put_token(block, token_slice(list, i), err));
    }
    TRY(room(block, 2, err));
    block->out[block->out_size++] = ']';
    block->out[block->out_size++] = '\n';
    return ERR_NONE;
}

/* The parser counts lines from 1 in what it is given; the stream's number goes there. */
static enum error_code at_line(struct error *err, enum error_code code, const char *path,
                               size_t line)
{
    char detail[ERROR_DETAIL_MAX];
    bool counted = strncmp(err->detail, "line 1, ", 8) == 0;
    const char *rest = err->detail + (counted ? 6 : 0); /* ", column 7: ..." */
    memcpy(detail, rest, strlen(rest) + 1);
    return error_set(err, code, line, "%s: line %zu%s%s", path, line, counted ? "" : ": ", detail);
}

static enum error_code tokenize_line(const struct lines *lines, struct block *block,
                                     struct slice line, struct error *err)
{
    json_t *root = NULL;
    enum error_code code = ERR_NONE;
    if (slice_starts(line, SLICE("{"))) code = json_parse(&root, line, NULL, err);
    if (code != ERR_NONE) return code == ERR_JSON ? ERR_LINE : code;
    const json_t *value = json_object_get(root, "text");
    struct token_list list;
    if (!json_is_string(value)) {
        code = error_set(err, ERR_LINE, 0, "no JSON object with a string 'text'");
    } else {
        struct slice text = {json_string_value(value), json_string_length(value)};
        code = many_tokens(&block->scratch, &lines->options->way, text, &list, err);
        if (code == ERR_NONE) code = put_array(block, &list, err);
    }
    json_decref(root);
    return code;
}

static enum error_code work_lines(void *context, void *block_, struct error *err)
{
    const struct lines *lines = context;
    struct block *block = block_;
    const char *at = block->in, *end = at + block->in_size;
    block->out_size = 0;
    for (size_t number = block->first_line; at < end; number++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL) line_end = end;
        struct slice line = slice_trim((struct slice){at, (size_t)(line_end - at)});
        at = line_end + 1;
        if (line.size == 0) continue;
        size_t before = block->out_size;
        enum error_code code = tokenize_line(lines, block, line, err);
        if (code == ERR_NONE) continue;
        block->out_size = before;
        return at_line(err, code, lines->options->path, number);
    }
    return ERR_NONE;
}

/* ---- write ---- */

static enum error_code write_lines(void *context, void *block_, struct error *err)
{
    const struct lines_options *options = ((struct lines *)context)->options;
    const struct block *block = block_;
    TRY(file_print_raw(options->output, (struct slice){block->out, block->out_size}, err));
    progress_report(options->progress, "cutting texts into tokens", block->read_bytes,
                    options->total_bytes, "bytes");
    return ERR_NONE;
}

enum error_code lines_tokenize(const struct lines_options *options, struct crew *crew,
                               struct error *err)
{
    struct block *blocks;
    void *pointers[CREW_THREADS_MAX];
    unsigned threads = crew_size(crew);
    TRY(mem_take(&blocks, threads, sizeof *blocks, err));
    for (unsigned i = 0; i < threads; i++) pointers[i] = &blocks[i];
    struct lines lines = {.options = options};
    struct many_work work = {
        .context = &lines,
        .read = read_lines,
        .work = work_lines,
        .write = write_lines,
        .blocks = pointers,
    };
    enum error_code code = many_run(crew, &work, err);
    for (unsigned i = 0; i < threads; i++) {
        many_scratch_close(&blocks[i].scratch);
        mem_free(blocks[i].in);
        mem_free(blocks[i].out);
    }
    mem_free(blocks);
    mem_free(lines.carry);
    return code;
}
