/* listen.c - numeric addresses only: a name would need a resolver, which needs files and threads.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slice.h"

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static enum error_code parse(union address *out, const char *text, struct error *err)
{
    char host[LISTEN_TEXT_MAX];
    const char *colon = strrchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : 0;
    uint16_t port;
    if (size == 0 || size >= sizeof host || !slice_port(slice_of(colon + 1), &port))
        return error_set(err, ERR_USAGE, 0, "--listen: '%s' is not ADDRESS:PORT", text);
    bool brackets = text[0] == '[' && text[size - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? size - 2 : size), text + brackets);
    memset(out, 0, sizeof *out);
    if (brackets && inet_pton(AF_INET6, host, &out->six.sin6_addr) == 1) {
        out->six.sin6_family = AF_INET6;
        out->six.sin6_port = htons(port);
        return ERR_NONE;
    }
    if (!brackets && inet_pton(AF_INET, host, &out->four.sin_addr) == 1) {
        out->four.sin_family = AF_INET;
        out->four.sin_port = htons(port);
        return ERR_NONE;
    }
    return error_set(err, ERR_USAGE, 0, "--listen: '%s' is no numeric address (IPv6 in brackets)",
                     host);
}

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET) return ntohl(address->four.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address->six.sin6_addr);
}

static void print(char *out, size_t size, const union address *address)
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->four.sin_addr, host, sizeof host);
        snprintf(out, size, "%s:%u", host, ntohs(address->four.sin_port));
    } else {
        inet_ntop(AF_INET6, &address->six.sin6_addr, host, sizeof host);
        snprintf(out, size, "[%s]:%u", host, ntohs(address->six.sin6_port));
    }
}

static enum error_code address_of(union address *out, const char *text, bool open,
                                  struct error *err)
{
    TRY(parse(out, text, err));
    if (!open && !is_loopback(out))
        return error_set(err, ERR_USAGE, 0,
                         "--listen: other hosts can reach %s; add --open if they shall", text);
    return ERR_NONE;
}

enum error_code listen_check(const char *text, bool open, struct error *err)
{
    union address address;
    return address_of(&address, text, open, err);
}

enum error_code listen_open(struct listen *out_listen, const char *text, bool open,
                            struct error *err)
{
    union address address;
    TRY(address_of(&address, text, open, err));
    socklen_t size = address.any.sa_family == AF_INET ? sizeof address.four : sizeof address.six;
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;
    bool fine = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                bind(fd, &address.any, size) == 0 && listen(fd, BACKLOG) == 0 &&
                getsockname(fd, &address.any, &size) == 0;
    if (!fine) {
        int reason = errno;
        if (fd >= 0) close(fd);
        return error_set(err, ERR_UNAVAILABLE, 0, "cannot listen on %s: %s", text,
                         strerror(reason));
    }
    struct listen listening = {.fd = fd};
    print(listening.text, sizeof listening.text, &address);
    *out_listen = listening;
    return ERR_NONE;
}

/* Of a socket that listens, the kernel tells it in the place of what is not yet acknowledged. */
unsigned listen_waiting(const struct listen *listen)
{
    struct pollfd waits = {.fd = listen->fd, .events = POLLIN};
    if (poll(&waits, 1, 0) <= 0) return 0;
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    getsockopt(listen->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_unacked > 0 ? info.tcpi_unacked : 1;
}

void listen_close(struct listen *listen)
{
    if (listen->fd >= 0) close(listen->fd);
    listen->fd = -1;
}
