/* traceback.c - frames are told from code by their shape, the end by the exception's name.
 *
 * The words of an exception may be a customer's; only its class, an errno and the
 * names of files and functions are kept.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/traceback.h"

#include <stdlib.h>
#include <string.h>

/* What a part of a path, a function's name or a line of code tells. */
enum sign { LIBRARY = 1, SERVER = 2, TOKENIZER = 4, FORKER = 8, FORK_CALL = 16, THREAD_CALL = 32 };

static const struct {
    const char *part;
    unsigned signs;
} table[] = {
    {"site-packages/", LIBRARY},
    {"dist-packages/", LIBRARY},
    {"/lib/python", LIBRARY},
    {"/lib64/python", LIBRARY},
    {"<frozen", LIBRARY},
    {"fastai", LIBRARY},
    {"fastcore/", LIBRARY},
    {"/torch/", LIBRARY},
    {"spacy/", LIBRARY},
    {"multiprocessing/", LIBRARY},
    {"concurrent/", LIBRARY},
    {"threading.py", LIBRARY},
    {"flask/", LIBRARY | SERVER},
    {"werkzeug/", LIBRARY},
    {"werkzeug/serving", SERVER},
    {"gunicorn/", LIBRARY},
    {"gunicorn/workers", SERVER},
    {"socketserver.py", LIBRARY | SERVER},
    {"http/server.py", LIBRARY | SERVER},
    {"starlette/", LIBRARY | SERVER},
    {"uvicorn/", LIBRARY | SERVER},
    {"django/core/handlers", LIBRARY | SERVER},
    {"wsgiref/", LIBRARY | SERVER},
    {"do_POST", SERVER},
    {"do_GET", SERVER},
    {"tokenize", TOKENIZER},
    {"parallel_gen", TOKENIZER},
    {"run_procs", TOKENIZER},
    {"process_all", TOKENIZER},
    {"popen_fork.py", FORKER},
    {"subprocess.py", LIBRARY | FORKER},
    {"os.fork()", FORK_CALL},
    {"fork_exec(", FORK_CALL},
    {"start_new_thread", THREAD_CALL},
    {"can't start new thread", THREAD_CALL},
};

enum { PARTS = sizeof table / sizeof table[0] };

enum error_code traceback_needles(struct needles *out, struct error *err)
{
    const char *parts[PARTS];
    for (size_t i = 0; i < PARTS; i++) parts[i] = table[i].part;
    return needles_open(out, parts, PARTS, err);
}

static unsigned signs_in(const struct needles *needles, struct slice text)
{
    uint64_t found = needles_find(needles, text);
    unsigned signs = 0;
    for (; found != 0; found &= found - 1) signs |= table[__builtin_ctzll(found)].signs;
    return signs;
}

static void keep(char out[TRACEBACK_NAME_MAX], struct slice name)
{
    size_t size = name.size < TRACEBACK_NAME_MAX ? name.size : TRACEBACK_NAME_MAX - 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name.data[i];
        out[i] = c > 0x20 && c < 0x7F ? (char)c : '?';
    }
    out[size] = '\0';
}

/* File "PATH", line N, in FUNCTION */
static bool parse_frame(struct slice text, struct slice *path, uint32_t *line,
                        struct slice *function)
{
    if (!slice_starts(text, SLICE("File \""))) return false;
    text = slice_from(text, 6);
    const char *quote = memchr(text.data, '"', text.size);
    if (quote == NULL) return false;
    *path = (struct slice){text.data, (size_t)(quote - text.data)};
    text = slice_from(text, path->size + 1);
    if (!slice_starts(text, SLICE(", line "))) return false;
    text = slice_from(text, 7);
    uint32_t number = 0;
    size_t at = 0;
    for (; at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && at < 9; at++)
        number = number * 10 + (uint32_t)(text.data[at] - '0');
    *line = number;
    text = slice_from(text, at);
    *function = slice_starts(text, SLICE(", in ")) ? slice_trim(slice_from(text, 5))
                                                   : (struct slice){"", 0};
    return true;
}

static void take_frame(struct traceback *t, const struct needles *needles, struct slice path,
                       uint32_t line, struct slice function)
{
    unsigned place = signs_in(needles, path), name_signs = signs_in(needles, function);
    const char *slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    struct slice name = slash != NULL ? slice_from(path, (size_t)(slash + 1 - path.data)) : path;
    if (t->wants_call) keep(t->call, function);
    t->wants_call = false;
    if ((place | name_signs) & SERVER) t->in_request = true;
    if (name_signs & TOKENIZER) t->tokenizes = true;
    if (place & FORKER) t->forks = true;
    bool library = (place & LIBRARY) != 0;
    if (library && t->application) return;
    t->application = !library;
    t->wants_call = !library;
    t->line_number = line;
    keep(t->file, name);
    keep(t->function, function);
    t->call[0] = '\0';
}

/* "package.Name: words", or the bare name: the line that ends a traceback. */
static struct slice error_name(struct slice text)
{
    size_t at = 0, last = 0;
    while (at < text.size) {
        char c = text.data[at];
        bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (c == '.') last = at + 1;
        if (!word && c != '.') break;
        at++;
    }
    bool ended = at == text.size || text.data[at] == ':';
    bool named = at > last && text.data[last] >= 'A' && text.data[last] <= 'Z';
    if (!ended || !named) return (struct slice){"", 0};
    return (struct slice){text.data + last, at - last};
}

static int errno_of(struct slice text)
{
    const char *at = memmem(text.data, text.size, "[Errno ", 7);
    if (at == NULL) return 0;
    int value = 0;
    for (at += 7; at < text.data + text.size && *at >= '0' && *at <= '9' && value < 1000; at++)
        value = value * 10 + (*at - '0');
    return value;
}

bool traceback_line(struct traceback *t, const struct needles *needles, struct slice words)
{
    size_t indent = 0;
    while (indent < words.size && words.data[indent] == ' ') indent++;
    struct slice text = slice_trim(words), path, function;
    uint32_t line;
    if (++t->lines > TRACEBACK_LINES_MAX) return true;
    if (parse_frame(text, &path, &line, &function)) {
        take_frame(t, needles, path, line, function);
        return false;
    }
    unsigned signs = signs_in(needles, text);
    if (signs & FORK_CALL) t->forks = true;
    if (signs & THREAD_CALL) t->threads = true;
    /* Code is indented by four; some collectors take all but one blank away. */
    struct slice name = indent <= 1 ? error_name(text) : (struct slice){"", 0};
    if (name.size == 0) return false;
    keep(t->error, name);
    t->errno_value = errno_of(text);
    return true;
}
