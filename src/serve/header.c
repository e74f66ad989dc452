/* header.c - the checks that the HTTP library leaves to us.
 *
 * libmicrohttpd 0.9.75 takes the first of several lengths, lets a transfer coding
 * win over a length, and waits forever for the end of a coding that it does not
 * know. Behind a proxy that decides otherwise, each is a way to smuggle a request.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A refused body up to here is read and thrown away: the highest --body-max. */
enum { DISCARD_BYTES_MAX = 64 * 1024 * 1024 };

struct framing {
    const char *length, *coding;
    const char *fault; /* a sentence, or NULL */
};

static enum MHD_Result look(void *context, enum MHD_ValueKind kind, const char *name,
                            const char *value)
{
    (void)kind;
    struct framing *framing = context;
    if (value == NULL) value = "";
    if (strpbrk(name, " \t") != NULL) framing->fault = "the name of a header holds white space";
    if (strcasecmp(name, "Content-Length") == 0) {
        if (framing->length != NULL && strcmp(framing->length, value) != 0)
            framing->fault = "the headers Content-Length differ";
        framing->length = value;
    }
    if (strcasecmp(name, "Transfer-Encoding") == 0) {
        if (framing->coding != NULL || strcasecmp(value, "chunked") != 0)
            framing->fault = "the only Transfer-Encoding taken is 'chunked', once";
        framing->coding = value;
    }
    return MHD_YES;
}

enum error_code header_check_framing(struct MHD_Connection *connection, struct error *err)
{
    struct framing framing = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look, &framing);
    if (framing.fault == NULL && framing.length != NULL && framing.coding != NULL)
        framing.fault = "Content-Length and Transfer-Encoding exclude each other";
    if (framing.fault == NULL) return ERR_NONE;
    return error_set(err, ERR_REQUEST, 0, "%s", framing.fault);
}

static const char *type_of(struct MHD_Connection *connection)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
}

/* With or without parameters. */
static bool is_type(const char *type, const char *wanted)
{
    if (type == NULL || strncasecmp(type, wanted, strlen(wanted)) != 0) return false;
    char next = type[strlen(wanted)];
    return next == '\0' || next == ';' || next == ' ';
}

bool header_is_lines(struct MHD_Connection *connection)
{
    return is_type(type_of(connection), ROUTES_LINES);
}

enum error_code header_check_body(struct MHD_Connection *connection, enum routes_body takes,
                                  size_t body_bytes_max, struct error *err)
{
    const char *type = type_of(connection);
    bool lines = takes == ROUTES_CASES;
    if (!is_type(type, ROUTES_JSON) && !(lines && is_type(type, ROUTES_LINES)))
        return error_set(err, ERR_MEDIA_TYPE, 0, "Content-Type is %.100s, not " ROUTES_JSON "%s",
                         type != NULL ? type : "absent", lines ? " or " ROUTES_LINES : "");
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    if (length != NULL && strtoull(length, NULL, 10) > body_bytes_max)
        return error_set(err, ERR_BODY_LONG, 0, "the body has %.20s bytes; at most %zu are taken",
                         length, body_bytes_max);
    return ERR_NONE;
}

enum error_code header_check_admin(struct MHD_Connection *connection, const struct admin *admin,
                                   struct error *err)
{
    return admin_check(
        admin, MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization"), err);
}

struct query {
    const struct route *route;
    struct routes_wish wish;
    enum error_code code;
    struct error *err;
};

static enum MHD_Result take_parameter(void *context, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    (void)kind;
    struct query *query = context;
    query->code = routes_wish(query->route, name, value, &query->wish, query->err);
    return query->code == ERR_NONE ? MHD_YES : MHD_NO;
}

/* The share that a coding gets of a list such as "gzip;q=0.5, *;q=0"; -1 where it is not named. */
static double share_of(const char *list, const char *coding)
{
    size_t size = strlen(coding);
    for (const char *at = list; *at != '\0'; at += strcspn(at, ",")) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, coding, size) != 0 || strchr(" \t;,", at[size]) == NULL) continue;
        const char *end = at + strcspn(at, ","), *share = strstr(at, "q=");
        return share != NULL && share < end ? strtod(share + 2, NULL) : 1;
    }
    return -1;
}

/* RFC 9110, 12.5.3: who says nothing takes any. */
static bool takes_gzip(struct MHD_Connection *connection)
{
    const char *list = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept-Encoding");
    if (list == NULL) return true;
    double named = share_of(list, "gzip");
    return named >= 0 ? named > 0 : share_of(list, "*") > 0;
}

bool header_has(struct MHD_Connection *connection, const char *tag)
{
    const char *known = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match");
    return known != NULL && (strcmp(known, "*") == 0 || strstr(known, tag) != NULL);
}

enum error_code header_wish(struct MHD_Connection *connection, const struct route *route,
                            struct routes_wish *out_wish, struct error *err)
{
    struct query query = {.route = route, .wish = routes_wish_default(route), .err = err};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, &query);
    if (query.code != ERR_NONE) return query.code;
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
    query.wish.gzip = takes_gzip(connection);
    query.wish.open_metrics = accept != NULL && strstr(accept, "application/openmetrics-text");
    *out_wish = query.wish;
    return ERR_NONE;
}

bool header_sends_anyway(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect") == NULL &&
           (length == NULL || strtoull(length, NULL, 10) <= DISCARD_BYTES_MAX);
}
