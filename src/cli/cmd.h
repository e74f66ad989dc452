/* cmd.h - one function a command; each gives the exit status. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "base/error.h"
#include "cli/options.h"

#define COMMAND(constant, name, function, operands, least, most, summary, description)             \
    int function(const struct options *options);
#include "cli/commands.def"
#undef COMMAND

/* Parses and runs; what main returns. argv as main's. */
int cmd_main(int argc, char **argv);

/* Prints what went wrong and what to do; gives the exit status. */
int cmd_failed(const struct error *err);

#endif
