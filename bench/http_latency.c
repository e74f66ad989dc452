/* http_latency.c - how long one client waits for an answer on one open connection.
 *
 * A load generator keeps many requests waiting and so measures queues. Here the next request is sent only when the last
 * byte of an answer is read, by a bare socket with TCP_NODELAY: what is left beside the service is two trips through the
 * kernel, a few microseconds, where a client in a scripting language would add more than the service takes.
 *
 * usage: http_latency PORT PATH BODY_FILE REQUESTS      prints one JSON object; exits 1 on any answer but 200
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 1000, MESSAGE_MAX = 1 << 20 };

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int connect_local(unsigned short port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on))
		err(1, "cannot connect");
	return fd;
}

/* Header and body are one buffer, so that they leave in one segment. */
static size_t build_request(char *request, const char *path, const char *body_file)
{
	static char body[MESSAGE_MAX / 2];
	FILE *file = fopen(body_file, "rb");
	if (!file)
		err(1, "cannot open the body's file");
	size_t body_size = fread(body, 1, sizeof body, file);
	fclose(file);
	int head = snprintf(request, MESSAGE_MAX / 2,
	                    "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	                    path, body_size);
	if (head < 0 || head >= MESSAGE_MAX / 2)
		errx(1, "the path is too long");
	memcpy(request + head, body, body_size);
	return (size_t)head + body_size;
}

static void send_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
		if (n < 0)
			err(1, "cannot send");
		bytes += n;
		size -= (size_t)n;
	}
}

/* Reads one answer to its last byte, which its Content-Length tells. */
static void read_answer(int fd)
{
	static char answer[MESSAGE_MAX + 1];
	size_t have = 0, want = 0;
	while (!want || have < want) {
		ssize_t n = recv(fd, answer + have, MESSAGE_MAX - have, 0);
		if (n < 0)
			err(1, "cannot read");
		if (n == 0)
			errx(1, have == MESSAGE_MAX ? "the answer is too long" : "the service closed the connection");
		have += (size_t)n;
		answer[have] = '\0';
		const char *end = want ? NULL : strstr(answer, "\r\n\r\n");
		if (!end)
			continue;
		const char *length = strcasestr(answer, "\r\nContent-Length:");
		if (strncmp(answer, "HTTP/1.1 200 ", 13) || !length || length > end)
			errx(1, "not a 200 with Content-Length: %s", answer);
		want = (size_t)(end + 4 - answer) + strtoul(length + 17, NULL, 10);
	}
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static char request[MESSAGE_MAX];
	long requests = argc == 5 ? strtol(argv[4], NULL, 10) : 0;
	if (requests < 1) {
		fputs("usage: http_latency PORT PATH BODY_FILE REQUESTS\n", stderr);
		return 64;
	}
	size_t size = build_request(request, argv[2], argv[3]);
	double *waited_us = malloc((size_t)requests * sizeof *waited_us);
	if (!waited_us)
		errx(1, "no memory");

	int fd = connect_local((unsigned short)strtoul(argv[1], NULL, 10));
	for (long i = -WARM_UP; i < requests; i++) {
		double start = now_us();
		send_all(fd, request, size);
		read_answer(fd);
		if (i >= 0)
			waited_us[i] = now_us() - start;
	}
	close(fd);

	qsort(waited_us, (size_t)requests, sizeof *waited_us, by_size);
	printf("{\"requests\": %ld, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n", requests,
	       waited_us[requests / 2], waited_us[requests - 1 - requests / 100], waited_us[requests - 1]);
	free(waited_us);
	return 0;
}
