/* options.c - one loop over the arguments, one over the rows. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crew.h"
#include "base/limits.h"
#include "cli/cmd.h"

const struct command_row options_commands[COMMANDS] = {
#define COMMAND(constant, name, function, operands, least, most, summary, description)             \
    [COMMAND_##constant] = {#name, function, operands, least, most, summary, description},
#include "cli/commands.def"
#undef COMMAND
};

enum {
#define COMMAND(constant, name, function, operands, least, most, summary, description)             \
    constant = 1 << COMMAND_##constant,
#include "cli/commands.def"
#undef COMMAND
    ALL = (1 << COMMANDS) - 1
};

const struct option_row options_rows[] = {
#define OPTION(field, letter, name, type, standard, low, high, argument, commands, help)           \
    {offsetof(struct options, field),                                                              \
     letter,                                                                                       \
     name,                                                                                         \
     OPTION_##type,                                                                                \
     standard,                                                                                     \
     low,                                                                                          \
     high,                                                                                         \
     argument,                                                                                     \
     commands,                                                                                     \
     help},
#include "cli/options.def"
#undef OPTION
};
const size_t options_row_count = sizeof options_rows / sizeof *options_rows;

static enum error_code set(struct options *options, const struct option_row *row, const char *value,
                           struct error *err)
{
    char *field = (char *)options + row->offset, *end;
    switch (row->type) {
    case OPTION_FLAG:
        *(option_FLAG *)(void *)field = true;
        return ERR_NONE;
    case OPTION_TEXT:
        *(option_TEXT *)(void *)field = value;
        return ERR_NONE;
    case OPTION_COUNT: {
        errno = 0;
        long long count = strtoll(value, &end, 10);
        if (*value == '\0' || *end != '\0' || errno != 0)
            return error_set(err, ERR_USAGE, 0, "--%s: '%s' is no whole number", row->name, value);
        if ((double)count < row->low || (double)count > row->high)
            return error_set(err, ERR_USAGE, 0, "--%s: %lld is not within %.0f and %.0f", row->name,
                             count, row->low, row->high);
        *(option_COUNT *)(void *)field = count;
        return ERR_NONE;
    }
    case OPTION_REAL: {
        double real = strtod(value, &end);
        if (*value == '\0' || *end != '\0')
            return error_set(err, ERR_USAGE, 0, "--%s: '%s' is no number", row->name, value);
        if (!(real >= row->low && real <= row->high))
            return error_set(err, ERR_USAGE, 0, "--%s: %s is not within %g and %g", row->name,
                             value, row->low, row->high);
        *(option_REAL *)(void *)field = real;
        return ERR_NONE;
    }
    }
    return ERR_NONE;
}

/* The row of "--name", "--name=..." or "-x"; *out_value is what follows '=' or NULL. */
static const struct option_row *find(const char *argument, const char **out_value)
{
    *out_value = NULL;
    for (size_t i = 0; i < options_row_count; i++) {
        const struct option_row *row = &options_rows[i];
        if (argument[1] != '-') {
            if (row->letter != 0 && argument[1] == row->letter && argument[2] == '\0') return row;
            continue;
        }
        size_t size = strlen(row->name);
        if (strncmp(argument + 2, row->name, size) != 0) continue;
        if (argument[2 + size] == '\0') return row;
        if (argument[2 + size] != '=') continue;
        *out_value = argument + 2 + size + 1;
        return row;
    }
    return NULL;
}

static enum error_code take_option(struct options *options, int argc, char **argv, int *at,
                                   struct error *err)
{
    const char *argument = argv[*at], *command = options_commands[options->command].name, *value;
    const struct option_row *row = find(argument, &value);
    if (row == NULL || (row->commands & 1u << options->command) == 0)
        return error_set(err, ERR_USAGE, 0, "%s: no option '%s'; see 'air-classifier help %s'",
                         command, argument, command);
    if (row->type == OPTION_FLAG && value != NULL)
        return error_set(err, ERR_USAGE, 0, "--%s takes no value", row->name);
    if (row->type != OPTION_FLAG && value == NULL) {
        if (*at + 1 >= argc)
            return error_set(err, ERR_USAGE, 0, "--%s needs a value: %s", row->name, row->argument);
        value = argv[++*at];
    }
    options->given[row - options_rows] = true;
    return set(options, row, value, err);
}

static enum error_code take_command(struct options *options, const char *name, struct error *err)
{
    for (enum command c = 0; c < COMMANDS; c++) {
        if (strcmp(name, options_commands[c].name) != 0) continue;
        options->command = c;
        return ERR_NONE;
    }
    return error_set(err, ERR_USAGE, 0, "no command '%s'; see 'air-classifier help'", name);
}

static enum error_code set_standards(struct options *options, struct error *err)
{
    for (size_t i = 0; i < options_row_count; i++)
        if (options_rows[i].standard[0] != '\0')
            TRY(set(options, &options_rows[i], options_rows[i].standard, err));
    return ERR_NONE;
}

enum error_code options_parse(struct options *out_options, int argc, char **argv, struct error *err)
{
    struct options options = {.command = COMMAND_HELP};
    TRY(set_standards(&options, err));
    bool only_operands = false;
    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        options.help = true;
    else if (argc > 0)
        TRY(take_command(&options, argv[0], err));
    for (int i = 1; i < argc; i++) {
        bool dashed = argv[i][0] == '-' && argv[i][1] != '\0';
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && dashed) {
            TRY(take_option(&options, argc, argv, &i, err));
        } else {
            if (options.operands == OPERANDS_MAX)
                return error_set(err, ERR_USAGE, 0, "more than %d operands", OPERANDS_MAX);
            options.operand[options.operands++] = argv[i];
        }
    }
    const struct command_row *command = &options_commands[options.command];
    if (!options.help && (options.operands < command->least || options.operands > command->most))
        return error_set(err, ERR_USAGE, 0, "usage: air-classifier %s [OPTIONS] %s", command->name,
                         command->operands);
    *out_options = options;
    return ERR_NONE;
}

const char *options_typed(const struct options *options, const int *at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (options->given[at[i]]) return options_rows[at[i]].name;
    return NULL;
}

unsigned options_threads(const struct options *options)
{
    return options->threads > 0 ? (unsigned)options->threads : crew_cores();
}
