/* openapi.h - the service described: OpenAPI 3.1, and Swagger 2.0 as flasgger's clients know it.
 *
 * In      routes, their parameters, fields of a case, errors: the tables that serve as well
 * Out     two JSON texts, and what is in the header ETag of each
 * Memory  openapi_free
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_OPENAPI_H
#define SERVE_OPENAPI_H

#include "base/error.h"

struct openapi_text {
    char *json;
    char tag[24];
};

struct openapi_texts {
    struct openapi_text openapi, swagger;
};

/* batch_max: cases of a request. */
MUST_CHECK enum error_code openapi_make(struct openapi_texts *out_texts, const char *version,
                                        size_t batch_max, struct error *err);

/* All zero is fine. */
void openapi_free(struct openapi_texts *texts);

#endif
