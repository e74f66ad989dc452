/* header.c - the checks that the HTTP library leaves to us.
 *
 * libmicrohttpd 0.9.75 takes the first of several lengths, lets a transfer coding
 * win over a length, and waits forever for the end of a coding that it does not
 * know. Behind a proxy that decides otherwise, each is a way to smuggle a request.
 *
 * So are lines that it misreads: of a folded one it loses the value, one without a name or
 * that begins with NUL ends its header, and a NUL its value; what follows is then the next
 * request. It tells of none of them, but leaves the header where it was read, with NUL
 * in place of each colon and line end, and that shows all: names and values must follow each
 * other without a gap, from the version to the end of the header.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/header.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A refused body up to here is read and thrown away: the highest --body-max. */
enum { DISCARD_BYTES_MAX = 64 * 1024 * 1024 };

/* Two of these would be taken as one by us and as the other by somebody else. */
enum { LENGTH, CODING, HOST, TYPE, TOKEN, SINGLES };

static const struct {
    const char *name;
    size_t size;
    const char *twice;
} singles[SINGLES] = {
#define SINGLE(name)                                                                               \
    {                                                                                              \
        name, sizeof name - 1, "the header " name " is there twice"                                \
    }
    [LENGTH] = SINGLE("Content-Length"),
    [CODING] = SINGLE("Transfer-Encoding"),
    [HOST] = SINGLE("Host"),
    [TYPE] = SINGLE("Content-Type"),
    [TOKEN] = SINGLE("Authorization"),
#undef SINGLE
};

struct framing {
    const char *at;               /* behind what was seen so far: the first NUL of its line's end */
    struct slice single[SINGLES]; /* data NULL: absent */
    const char *fault;            /* a sentence, or NULL */
};

static bool is_alphanumeric(char c)
{
    return (unsigned char)((c | 0x20) - 'a') < 26 || (unsigned char)(c - '0') < 10;
}

const char *header_behind(const char *target)
{
    while ((unsigned char)*target > ' ' && *target != '\x7f') target++;
    return *target == '\0' ? target + 1 : NULL;
}

size_t header_parameters(const char *target)
{
    const char *at = strchr(target, '?');
    size_t count = at != NULL;
    while (at != NULL && (at = strchr(at + 1, '&')) != NULL) count++;
    return count;
}

const char *header_path(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t size = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], size) != 0) continue;
        const char *path = strchr(target + size, '/');
        return path != NULL ? path : "/";
    }
    return target;
}

/* Whether each byte is a letter, a digit or one of these. */
static bool is_made_of(const char *data, size_t size, const char *others)
{
    for (size_t i = 0; i < size; i++)
        if (!is_alphanumeric(data[i]) && (data[i] == '\0' || strchr(others, data[i]) == NULL))
            return false;
    return true;
}

/* Whether the text is the next line's name and value: LF or CRLF before it, white space alone
 * between them. */
static bool is_next(const char *at, const char *name, size_t name_size, const char *value)
{
    const char *colon = name + name_size;
    if ((name != at + 1 && name != at + 2) || value <= colon) return false;
    return strspn(colon + 1, " \t") >= (size_t)(value - colon - 1);
}

static const char *look_closer(struct framing *framing, const char *name, size_t name_size,
                               struct slice value)
{
    if (!is_next(framing->at, name, name_size, value.data))
        return "a header line is folded, has no name or holds NUL";
    framing->at = value.data + value.size;
    if (name_size == 0 || !is_made_of(name, name_size, "-_!#$%&'*+.^`|~"))
        return "the name of a header holds white space or what no name may hold";
    if (memchr(value.data, '\r', value.size) != NULL) return "a header holds a carriage return";
    for (size_t i = 0; i < SINGLES; i++) {
        if (singles[i].size != name_size || strncasecmp(singles[i].name, name, name_size) != 0)
            continue;
        if (framing->single[i].data != NULL) return singles[i].twice;
        framing->single[i] = value;
    }
    return NULL;
}

static enum MHD_Result look(void *context, enum MHD_ValueKind kind, const char *name,
                            size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    struct framing *framing = context;
    struct slice text = {value, value_size};
    framing->fault =
        value == NULL ? "a header has no value" : look_closer(framing, name, name_size, text);
    return framing->fault == NULL ? MHD_YES : MHD_NO;
}

/* None, or a number that may be one. */
static bool is_port(struct slice digits)
{
    uint16_t port;
    return digits.size == 0 || (slice_port(digits, &port) && port > 0);
}

/* Nothing, or a name, an address or "[IPv6]", and perhaps ":" and a port. */
static bool is_host(struct slice host)
{
    while (host.size > 0 && strchr(" \t", host.data[host.size - 1]) != NULL) host.size--;
    if (host.size == 0) return true; /* of a target without one: RFC 9112, 3.2 */
    const char *bracket = host.data[0] == '[' ? memchr(host.data, ']', host.size) : NULL;
    size_t from = bracket != NULL ? (size_t)(bracket - host.data) + 1 : 0;
    const char *colon = memchr(host.data + from, ':', host.size - from);
    size_t name = colon != NULL ? (size_t)(colon - host.data) : host.size;
    if (!is_port(slice_from(host, name + (colon != NULL)))) return false;
    if (bracket == NULL) return name > 0 && is_made_of(host.data, name, ".-_~!$&'()*+;=%");
    return from == name && name > 2 && is_made_of(host.data + 1, name - 2, ":.%");
}

/* Of a header without a fault in its lines, what they say together. */
static const char *fault_of(const struct framing *framing, const char *version)
{
    struct slice length = framing->single[LENGTH], coding = framing->single[CODING],
                 host = framing->single[HOST];
    bool first_version = strcmp(version, "HTTP/1.0") == 0;
    if (host.data == NULL && !first_version) return "the header Host is absent";
    if (host.data != NULL && !is_host(host))
        return "the header Host is no name with or without a port";
    if (coding.data == NULL) return NULL;
    if (strcasecmp(coding.data, "chunked") != 0)
        return "the only Transfer-Encoding taken is 'chunked', once";
    if (first_version) return "HTTP/1.0 has no Transfer-Encoding";
    if (length.data != NULL) return "Content-Length and Transfer-Encoding exclude each other";
    return NULL;
}

/* As long as nothing else was taken from the library's memory, a body is read to where its header
 * ends, and what follows its last chunk is parsed there. */
static const char *end_of(struct MHD_Connection *connection, const char *line)
{
    return line + MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)
                      ->header_size;
}

enum error_code header_check_framing(struct MHD_Connection *connection, const char *line,
                                     const char *version, bool *out_coded, struct error *err)
{
    struct framing framing = {.at = version + strlen(version)};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look, &framing);
    const char *end = end_of(connection, line);
    /* The line's end and the empty line's, each LF or CRLF. */
    if (framing.fault == NULL && (end < framing.at + 2 || end > framing.at + 4))
        framing.fault = "a header line has no name or begins with NUL";
    if (framing.fault == NULL) framing.fault = fault_of(&framing, version);
    *out_coded = framing.single[CODING].data != NULL;
    if (framing.fault == NULL) return ERR_NONE;
    return error_set(err, ERR_REQUEST, 0, "%s", framing.fault);
}

bool header_ends_oddly(struct MHD_Connection *connection, const char *line)
{
    const char *end = end_of(connection, line);
    return end[0] != '\0' || end[1] != '\0' ||
           MHD_get_connection_values_n(connection, MHD_FOOTER_KIND, NULL, NULL) > 0;
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
    if (length == NULL &&
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") == NULL)
        return error_set(err, ERR_REQUEST, 0, "the header does not tell how long the body is");
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
        const char *end = at + strcspn(at, ","), *share = strcasestr(at, "q=");
        return share != NULL && share < end ? strtod(share + 2, NULL) : 1;
    }
    return -1;
}

/* Of a list that holds a text at all, all. */
static double text_of(const char *list, const char *text)
{
    return strstr(list, text) != NULL ? 1 : -1;
}

struct list {
    const char *name, *wanted; /* a header, and what is looked for in it */
    double (*look)(const char *list, const char *wanted);
    double share; /* -1: not there yet */
};

static enum MHD_Result look_up(void *context, enum MHD_ValueKind kind, const char *name,
                               const char *value)
{
    (void)kind;
    struct list *list = context;
    if (value != NULL && list->share < 0 && strcasecmp(name, list->name) == 0)
        list->share = list->look(value, list->wanted);
    return MHD_YES;
}

/* A list may come in several headers of one name: RFC 9110, 5.3. */
static double share_in(struct MHD_Connection *connection, const char *name, const char *wanted)
{
    struct list list = {name, wanted, share_of, -1};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look_up, &list);
    return list.share;
}

static bool holds(struct MHD_Connection *connection, const char *name, const char *text)
{
    struct list list = {name, text, text_of, -1};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look_up, &list);
    return list.share > 0;
}

/* RFC 9110, 12.5.3: who says nothing takes any. */
static bool takes_gzip(struct MHD_Connection *connection)
{
    static const char name[] = "Accept-Encoding";
    if (MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name) == NULL) return true;
    double named = share_in(connection, name, "gzip");
    return named >= 0 ? named > 0 : share_in(connection, name, "*") > 0;
}

bool header_has(struct MHD_Connection *connection, const char *tag)
{
    static const char name[] = "If-None-Match";
    const char *first = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return (first != NULL && strcmp(first, "*") == 0) || holds(connection, name, tag);
}

enum error_code header_wish(struct MHD_Connection *connection, const struct route *route,
                            struct routes_wish *out_wish, struct error *err)
{
    struct query query = {.route = route, .wish = routes_wish_default(route), .err = err};
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_parameter, &query);
    if (query.code != ERR_NONE) return query.code;
    query.wish.gzip = takes_gzip(connection);
    query.wish.open_metrics = holds(connection, "Accept", "application/openmetrics-text");
    *out_wish = query.wish;
    return ERR_NONE;
}

bool header_sends_anyway(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Expect") == NULL &&
           (length == NULL || header_may_discard(strtoull(length, NULL, 10)));
}

bool header_may_discard(uint64_t bytes) { return bytes <= DISCARD_BYTES_MAX; }
