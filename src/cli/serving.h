/* serving.h - how a model is served, as serve and doctor were told.
 *
 * Memory  texts are those of options
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_SERVING_H
#define CLI_SERVING_H

#include "cli/options.h"
#include "serve/serve.h"

struct serve_options serving_options(const struct options *options, const char *model);

#endif
