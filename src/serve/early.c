/* early.c - libmicrohttpd 0.9.75 takes a reply before a body or after it, never while it comes.
 *
 * So who sends a body without end would never hear why it is refused. Closing both ways would
 * not tell it either: bytes that then arrive reset the connection under the answer. Only our
 * way ends, which every client that reads sees, and what it still sends is read.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/early.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "base/check.h"
#include "base/writer.h"

enum { HEAD_MAX = 2048 };

static enum MHD_Result put_header(void *context, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    (void)kind;
    struct writer *head = context;
    writer_format(head, "%s: %s\r\n", name, value);
    return MHD_YES;
}

static void put_date(struct writer *head)
{
    char text[40];
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    writer_format(head, "Date: %s\r\n", text);
}

void early_send(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                struct slice body)
{
    char buffer[HEAD_MAX];
    struct writer head = writer_of(buffer, sizeof buffer);
    writer_format(&head, "HTTP/1.1 %u %s\r\n", status, MHD_get_reason_phrase_for(status));
    put_date(&head);
    MHD_get_response_headers(response, put_header, &head);
    writer_format(&head, "Content-Length: %zu\r\n\r\n", body.size);
    check(!head.cut);
    struct iovec parts[] = {{buffer, head.used}, {(void *)(size_t)body.data, body.size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = sizeof parts / sizeof *parts};
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    (void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    shutdown(fd, SHUT_WR);
}
