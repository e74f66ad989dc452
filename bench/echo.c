/* echo.c - libmicrohttpd alone: what a request costs before anybody answers it.
 *
 * One thread, a body of at most 64 KiB given back as it came.
 *
 * usage: echo        prints its port, ends with its standard input */
// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 64 * 1024, CONNECTIONS = 256 };

struct request {
    size_t used;
    char body[BODY_MAX];
};

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    (void)context, (void)url, (void)method, (void)version;
    struct request *request = *state;
    if (request == NULL) {
        *state = request = malloc(sizeof *request);
        if (request == NULL) return MHD_NO;
        request->used = 0;
        return MHD_YES;
    }
    if (*size > 0) {
        size_t room = sizeof request->body - request->used, take = *size < room ? *size : room;
        memcpy(request->body + request->used, data, take);
        request->used += take;
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(request->used, request->body, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static void end(void *context, struct MHD_Connection *connection, void **state,
                enum MHD_RequestTerminationCode how)
{
    (void)context, (void)connection, (void)how;
    free(*state);
}

int main(void)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, handle, NULL,
                         MHD_OPTION_SOCK_ADDR, &here, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
                         MHD_OPTION_NOTIFY_COMPLETED, end, NULL, MHD_OPTION_END);
    if (daemon == NULL) return 1;
    printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    while (getchar() != EOF) {
    }
    MHD_stop_daemon(daemon);
    return 0;
}
