/* http_rate.c - how many requests a second a service answers to clients that ask again at once.
 *
 * CONNECTIONS of them in one thread by epoll, one request under way on each, for SECONDS. All
 * bodies are the same, so all answers are as long as the first one.
 *
 * usage: http_rate PORT PATH BODY_FILE CONNECTIONS SECONDS
 *
 * Prints the requests answered with 200 in a second; exits 1 on any other answer. */
// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 1 << 16, CONNECTIONS_MAX = 256, WARM_UP = 2000 };

static const char fine[] = "HTTP/1.1 200 ";

static char request[MESSAGE_MAX];
static size_t request_size;

struct client {
    int fd;
    size_t have, want;
    char answer[MESSAGE_MAX + 1];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void build(const char *path, const char *body_file)
{
    static char body[MESSAGE_MAX / 2];
    FILE *file = fopen(body_file, "rb");
    if (file == NULL) err(1, "%s", body_file);
    size_t size = fread(body, 1, sizeof body, file);
    fclose(file);
    int head = snprintf(request, sizeof request,
                        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n",
                        path, size);
    if (head < 0 || (size_t)head + size > sizeof request) errx(1, "the request is too long");
    memcpy(request + head, body, size);
    request_size = (size_t)head + size;
}

static void ask(struct client *client)
{
    client->have = client->want = 0;
    ssize_t sent = send(client->fd, request, request_size, MSG_NOSIGNAL);
    if (sent < 0 || (size_t)sent != request_size) err(1, "cannot send");
}

static void enter(struct client *client, uint16_t port, int epoll)
{
    int on = 1;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    client->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        err(1, "cannot connect");
    ask(client);
}

/* Whether the answer is whole now. */
static int is_answered(struct client *client)
{
    ssize_t got = recv(client->fd, client->answer + client->have, MESSAGE_MAX - client->have, 0);
    if (got <= 0) errx(1, "the connection ended");
    client->have += (size_t)got;
    if (client->want == 0) {
        client->answer[client->have] = '\0';
        const char *end = strstr(client->answer, "\r\n\r\n");
        if (end == NULL) return 0;
        const char *length = strcasestr(client->answer, "\r\nContent-Length:");
        if (strncmp(client->answer, fine, strlen(fine)) != 0 || length == NULL || length > end)
            errx(1, "not a 200 with Content-Length: %s", client->answer);
        client->want = (size_t)(end + 4 - client->answer) + strtoul(length + 17, NULL, 10);
    }
    return client->have >= client->want;
}

int main(int count, char **words)
{
    static struct client clients[CONNECTIONS_MAX];
    struct epoll_event events[CONNECTIONS_MAX];
    long connections = count == 6 ? strtol(words[4], NULL, 10) : 0;
    if (connections < 1 || connections > CONNECTIONS_MAX) {
        fputs("usage: http_rate PORT PATH BODY_FILE CONNECTIONS SECONDS\n", stderr);
        return 64;
    }
    double seconds = strtod(words[5], NULL), begun = 0, passed = 0;
    build(words[2], words[3]);
    int epoll = epoll_create1(0);
    for (long i = 0; i < connections; i++)
        enter(&clients[i], (uint16_t)strtoul(words[1], NULL, 10), epoll);
    long answered = 0, before = 0;
    while (begun == 0 || passed < seconds) {
        int ready = epoll_wait(epoll, events, CONNECTIONS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (!is_answered(client)) continue;
            answered++;
            ask(client);
        }
        if (begun == 0 && answered >= WARM_UP) {
            begun = now();
            before = answered;
        }
        if (begun != 0) passed = now() - begun;
    }
    printf("%.0f\n", (double)(answered - before) / passed);
    return 0;
}
