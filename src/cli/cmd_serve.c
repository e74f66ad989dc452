/* cmd_serve.c - options to the serving room. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/cmd.h"
#include "cli/version.h"
#include "serve/serve.h"

int cmd_serve(const struct options *options)
{
    struct error err;
    struct serve_options serve = {.model = options->operand[0],
                                  .listen = options->listen,
                                  .kernel = options->kernel,
                                  .open = options->open,
                                  .version = version_text,
                                  .threads = options_threads(options),
                                  .queue_cases_max = (size_t)options->queue,
                                  .queue_bytes_max = (size_t)options->queue_bytes,
                                  .deadline_seconds = options->deadline,
                                  .body_bytes_max = (size_t)options->body_max,
                                  .batch_cases_max = (size_t)options->batch_max,
                                  .connections_max = (unsigned)options->connections,
                                  .read_seconds_max = (unsigned)options->read_timeout,
                                  .drain_seconds_max = (unsigned)options->drain};
    return serve_run(&serve, &err) == ERR_NONE ? 0 : cmd_failed(&err);
}
