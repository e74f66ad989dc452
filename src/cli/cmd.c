/* cmd.c - from argv to a command, and from a failure to two lines and an exit status. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/cmd.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/torn.h"

int cmd_failed(const struct error *err)
{
    const struct error_row *row = error_row(err->code);
    fprintf(stderr, "air-classifier: %s\n%s: %s\n", err->detail, row->title, row->hint);
    return row->exit_status;
}

int cmd_main(int argc, char **argv)
{
    const char *fault = getenv("AIR_CLASSIFIER_FAULT"); /* tests make the n-th operation fail */
    if (fault != NULL) fault_arm(strtol(fault, NULL, 10));
    fault_name(getenv("AIR_CLASSIFIER_BEND")); /* and a member of the service wrong */
    signal(SIGXFSZ, SIG_IGN); /* a file limit is then an error of write, which is handled */
    torn_watch();
    struct options options;
    struct error err;
    if (file_hold_standard(&err) != ERR_NONE) return cmd_failed(&err);
    if (options_parse(&options, argc - 1, argv + 1, &err) != ERR_NONE) return cmd_failed(&err);
    int status =
        options.help ? cmd_help(&options) : options_commands[options.command].run(&options);
    /* What was printed must have arrived: a full disk behind a redirection is a failure, told
     * here unless the command has told it. */
    bool told = status == error_row(ERR_OUTPUT)->exit_status;
    return told || file_flush(stdout, &err) == ERR_NONE ? status : cmd_failed(&err);
}
