/* serving.c - one translation, so that doctor judges what serve would do. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/serving.h"

#include "cli/version.h"

struct serve_options serving_options(const struct options *options, const char *model)
{
    return (struct serve_options){.model = model,
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
                                  .drain_delay_seconds = (unsigned)options->drain_delay,
                                  .drain_seconds_max = (unsigned)options->drain,
                                  .canary_seconds = options->canary_period,
                                  .admin_token_path = options->admin_token,
                                  .rehearsed_cases = (size_t)options->rehearse,
                                  .reload_differ_max = options->reload_differ,
                                  .reload_any_labels = options->reload_any_labels};
}
