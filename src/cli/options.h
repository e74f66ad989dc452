/* options.h - what the user typed, parsed by the rows of options.def and commands.def.
 *
 * Options stand before or after operands, as --name VALUE or --name=VALUE; "--"
 * ends them; "-" is standard input.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum command {
#define COMMAND(constant, name, function, operands, least, most, summary, description)             \
    COMMAND_##constant,
#include "cli/commands.def"
#undef COMMAND
    COMMANDS
};

enum { OPERANDS_MAX = 257 };

typedef const char *option_TEXT; /* NULL where there is none */
typedef long long option_COUNT;  /* 0 where there is none */
typedef double option_REAL;
typedef bool option_FLAG;

/* Places of the rows. */
enum {
#define OPTION(field, letter, name, type, standard, low, high, argument, commands, help)           \
    OPTION_AT_##field,
#include "cli/options.def"
#undef OPTION
    OPTION_ROWS
};

struct options {
    enum command command;
    bool given[OPTION_ROWS]; /* typed, not its default */
#define OPTION(field, letter, name, type, standard, low, high, argument, commands, help)           \
    option_##type field;
#include "cli/options.def"
#undef OPTION
    const char *operand[OPERANDS_MAX];
    size_t operands;
};

struct command_row {
    const char *name;
    int (*run)(const struct options *options); /* gives the exit status */
    const char *operands;
    size_t least, most;
    const char *summary;
    const char *description;
};
extern const struct command_row options_commands[COMMANDS];

enum option_type { OPTION_TEXT, OPTION_COUNT, OPTION_REAL, OPTION_FLAG };

struct option_row {
    size_t offset; /* of its field in struct options */
    int letter;    /* 0: none */
    const char *name;
    enum option_type type;
    const char *standard;
    double low, high;
    const char *argument;
    uint32_t commands; /* bit (1 << COMMAND_x) */
    const char *help;
};
extern const struct option_row options_rows[];
extern const size_t options_row_count;

/* argv without the program's name. */
MUST_CHECK enum error_code options_parse(struct options *out_options, int argc, char **argv,
                                         struct error *err);

/* The first of these options (OPTION_AT_...) that was typed, or NULL. */
const char *options_typed(const struct options *options, const int *at, size_t count);

/* --threads, or as many as there are cores. */
unsigned options_threads(const struct options *options);

#endif
