/* traceback.c - frames are told from code by their shape, the end by the exception's name.
 *
 * The words of an exception may be a customer's; only its class, an errno and the
 * names of files and functions are kept.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/traceback.h"

#include <stdlib.h>
#include <string.h>

/* Parts of a path that make a frame a library's. */
static const char *const libraries[] = {
    "site-packages/", "dist-packages/",   "/lib/python", "<frozen",         "fastai",
    "fastcore/",      "/torch/",          "flask/",      "werkzeug/",       "gunicorn/",
    "spacy/",         "multiprocessing/", "concurrent/", "socketserver.py", "http/server.py",
    "threading.py",   "subprocess.py",
};

/* Parts that show that a request was being answered. */
static const char *const servers[] = {
    "flask/",     "werkzeug/serving", "gunicorn/workers",     "socketserver.py", "http/server.py",
    "starlette/", "uvicorn/",         "django/core/handlers", "wsgiref/",
};

static const char *const tokenizers[] = {"tokenize", "parallel_gen", "run_procs", "process_all"};

static const char *const forkers[] = {"popen_fork.py", "subprocess.py"};

static bool holds(struct slice text, const char *part)
{
    return text.size > 0 && memmem(text.data, text.size, part, strlen(part)) != NULL;
}

static bool holds_any(struct slice text, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (holds(text, parts[i])) return true;
    return false;
}

#define HOLDS_ANY(text, parts) holds_any(text, parts, sizeof(parts) / sizeof((parts)[0]))

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

static void take_frame(struct traceback *t, struct slice path, uint32_t line, struct slice function)
{
    const char *slash = path.size > 0 ? memrchr(path.data, '/', path.size) : NULL;
    struct slice name = slash != NULL ? slice_from(path, (size_t)(slash + 1 - path.data)) : path;
    if (t->wants_call) keep(t->call, function);
    t->wants_call = false;
    if (HOLDS_ANY(path, servers)) t->in_request = true;
    if (slice_starts(function, SLICE("do_POST")) || slice_starts(function, SLICE("do_GET")))
        t->in_request = true;
    if (HOLDS_ANY(function, tokenizers)) t->tokenizes = true;
    if (HOLDS_ANY(path, forkers)) t->forks = true;
    bool library = HOLDS_ANY(path, libraries);
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

bool traceback_line(struct traceback *t, struct slice words)
{
    size_t indent = 0;
    while (indent < words.size && words.data[indent] == ' ') indent++;
    struct slice text = slice_trim(words), path, function;
    uint32_t line;
    if (++t->lines > TRACEBACK_LINES_MAX) return true;
    if (parse_frame(text, &path, &line, &function)) {
        take_frame(t, path, line, function);
        return false;
    }
    if (holds(text, "os.fork()") || holds(text, "fork_exec(")) t->forks = true;
    if (holds(text, "start_new_thread(")) t->threads = true;
    /* Code is indented by four; some collectors take all but one blank away. */
    struct slice name = indent <= 1 ? error_name(text) : (struct slice){"", 0};
    if (name.size == 0) return false;
    keep(t->error, name);
    t->errno_value = errno_of(text);
    if (holds(text, "can't start new thread")) t->threads = true;
    return true;
}
