/* cmd_tokenize.c - the tokenizer as a filter, so that anybody can compare it. */
// SPDX-License-Identifier: Apache-2.0
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crew.h"
#include "base/file.h"
#include "cli/bar.h"
#include "cli/cmd.h"
#include "token/lines.h"

static enum error_code way_of(const struct options *options, struct token_way *out_way,
                              struct error *err)
{
    enum token_profile profile;
    if (!token_profile_of(slice_of(options->tokenizer), &profile))
        return error_set(err, ERR_USAGE, 0, "--tokenizer: '%s' is neither spacy3 nor spacy2",
                         options->tokenizer);
    bool none = strcmp(options->rules, "none") == 0;
    if (!none && strcmp(options->rules, "fastai") != 0)
        return error_set(err, ERR_USAGE, 0, "--rules: '%s' is neither fastai nor none",
                         options->rules);
    *out_way = token_way_of(slice_of(options->language), profile);
    out_way->no_rules = none;
    return ERR_NONE;
}

static enum error_code run(const struct options *options, struct error *err)
{
    struct lines_options lines = {.path = "-", .output = STDOUT_FILENO};
    TRY(way_of(options, &lines.way, err));
    if (options->operands > 0) lines.path = options->operand[0];
    TRY(file_read_open(&lines.input, lines.path, err));
    struct stat stat;
    if (fstat(lines.input, &stat) == 0 && S_ISREG(stat.st_mode))
        lines.total_bytes = (uint64_t)stat.st_size;
    struct crew *crew = NULL;
    struct bar bar = bar_open();
    lines.progress = &bar.progress;
    enum error_code code = crew_open(&crew, options_threads(options), err);
    if (code == ERR_NONE) code = lines_tokenize(&lines, crew, err);
    bar_close(&bar);
    crew_close(crew);
    file_close(lines.input);
    return code;
}

int cmd_tokenize(const struct options *options)
{
    struct error err;
    return run(options, &err) == ERR_NONE ? 0 : cmd_failed(&err);
}
