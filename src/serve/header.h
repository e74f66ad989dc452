/* header.h - what a request's header alone decides, before a byte of its body.
 *
 * Threads  that of the connection
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_HEADER_H
#define SERVE_HEADER_H

#include <microhttpd.h>
#include <stdbool.h>

#include "base/error.h"
#include "serve/admin.h"
#include "serve/routes.h"

/* Behind a target and its NUL, which is where the version must be; NULL where it holds white space
 * or a control character. */
const char *header_behind(const char *target);

/* How many parameters its query has, were all of them such. */
size_t header_parameters(const char *target);

/* The path of a target, which a client may send with scheme and host: RFC 9112, 3.2.2. */
const char *header_path(const char *target);

/* ERR_REQUEST where the request, or its end, can be read in two ways (RFC 9112, 2.2, 3.2, 5, 6.1
 * and 6.3): a second length, type, host or token, a length beside a transfer coding, a coding other
 * than chunked, a name that is none, a folded line, NUL. What follows on the connection must not
 * be read. line and version: where the library says that the method and the version are. */
MUST_CHECK enum error_code header_check_framing(struct MHD_Connection *connection, const char *line,
                                                const char *version, bool *out_coded,
                                                struct error *err);

/* Of a request in chunks that has come: whether more than CRLF followed the last chunk. The library
 * ends trailers, too, at a line that has no name or begins with NUL. */
bool header_ends_oddly(struct MHD_Connection *connection, const char *line);

/* Whether such a body may come: ERR_MEDIA_TYPE, ERR_BODY_LONG, or ERR_REQUEST where nothing says
 * that one comes. */
MUST_CHECK enum error_code header_check_body(struct MHD_Connection *connection,
                                             enum routes_body takes, size_t body_bytes_max,
                                             struct error *err);

/* Whether it is JSON Lines. */
bool header_is_lines(struct MHD_Connection *connection);

/* Whether the request brings the admin's token (admin_check). */
MUST_CHECK enum error_code header_check_admin(struct MHD_Connection *connection,
                                              const struct admin *admin, struct error *err);

/* What the query, and the headers Accept and Accept-Encoding, want of this route (routes_wish). */
MUST_CHECK enum error_code header_wish(struct MHD_Connection *connection, const struct route *route,
                                       struct routes_wish *out_wish, struct error *err);

/* Whether the client has it already, as its If-None-Match tells. */
bool header_has(struct MHD_Connection *connection, const char *tag);

/* Whether the client sends its body before it looks at an answer, and the body is short enough
 * to be read away. Closing such a connection early would reset it under the answer. */
bool header_sends_anyway(struct MHD_Connection *connection);

/* Whether as many bytes of a body may be read and thrown away. */
bool header_may_discard(uint64_t bytes);

#endif
