/* openapi.h - the OpenAPI 3.1 description, made from routes, fields and errors. */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_OPENAPI_H
#define SERVE_OPENAPI_H

#include "base/error.h"

/* A text that the caller frees with free(). */
MUST_CHECK enum error_code openapi_make(char **out_text, const char *version, struct error *err);

#endif
