/* serve_test.c - once the service is ready, our code takes nothing from the heap.
 *
 * This program brings malloc and its kin itself: they look at who calls. What is ours lies in
 * the program, what is a library's does not. The service runs in a child; the test, its client,
 * says from when on calls are counted. */
// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../answer/imported.h"
#include "serve/serve.h"
#include "train/tiny.h"

enum { NAMED_MAX = 8, ROUNDS = 20, LONG_BYTES = 40000 };

struct heap {
    atomic_bool counting;
    atomic_ulong ours, theirs;
    _Atomic(const char *) caller[NAMED_MAX]; /* the first of ours */
};

static struct heap *heap; /* shared with the child */

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { COUNTED = false };
#else
enum { COUNTED = true };

extern const char __executable_start, etext;
extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size), *__libc_memalign(size_t align, size_t size);

static void look(const char *caller)
{
    if (heap == NULL || !atomic_load(&heap->counting)) return;
    if (caller < &__executable_start || caller >= &etext) {
        atomic_fetch_add(&heap->theirs, 1);
        return;
    }
    unsigned long number = atomic_fetch_add(&heap->ours, 1);
    if (number < NAMED_MAX) atomic_store(&heap->caller[number], caller);
}

#define CALLER ((const char *)__builtin_return_address(0))

void *malloc(size_t size)
{
    look(CALLER);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    look(CALLER);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    look(CALLER);
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    look(CALLER);
    return __libc_memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    look(CALLER);
    *out = __libc_memalign(align, size);
    return *out == NULL ? ENOMEM : 0;
}
#endif

struct service {
    pid_t child;
    FILE *log;
    uint16_t port;
};

static struct service begin(const char *model)
{
    struct serve_options options = {
        .model = model,
        .listen = "127.0.0.1:0",
        .version = "test",
        .threads = 2,
        .queue_cases_max = 16,
        .queue_bytes_max = 1 << 20,
        .deadline_seconds = 60,
        .body_bytes_max = 1 << 16,
        .batch_cases_max = 8,
        .connections_max = 16,
        .read_seconds_max = 60,
        .drain_seconds_max = 60,
        .canary_seconds = 0.05,
    };
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct service service = {.child = fork()};
    assert_true(service.child >= 0);
    if (service.child == 0) {
        struct error err;
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        enum error_code code = serve_run(&options, &err);
        if (code != ERR_NONE) dprintf(STDERR_FILENO, "%s\n", err.detail);
        _exit(code != ERR_NONE);
    }
    close(ends[1]);
    service.log = fdopen(ends[0], "r");
    char line[1024];
    while (service.port == 0 && fgets(line, sizeof line, service.log) != NULL) {
        char *at = strstr(line, "ready on http://127.0.0.1:");
        if (at != NULL) service.port = (uint16_t)atoi(at + strlen("ready on http://127.0.0.1:"));
    }
    assert_true(service.port != 0);
    return service;
}

static int end(struct service *service)
{
    int status;
    assert_int_equal(kill(service->child, SIGTERM), 0);
    assert_int_equal(waitpid(service->child, &status, 0), service->child);
    fclose(service->log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* On a connection of its own; gives the status. */
static int ask(const struct service *service, const char *method, const char *path,
               const char *body)
{
    char head[512], reply[512] = "";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(service->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    int length = snprintf(head, sizeof head,
                          "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                          method, path, strlen(body));
    assert_int_equal(send(fd, head, (size_t)length, MSG_NOSIGNAL), length);
    /* A body that is refused may find the connection closed. */
    for (size_t sent = 0, size = strlen(body); sent < size;) {
        ssize_t put = send(fd, body + sent, size - sent, MSG_NOSIGNAL);
        if (put <= 0) break;
        sent += (size_t)put;
    }
    size_t used = 0;
    char rest[4096];
    ssize_t got;
    while ((got = recv(fd, rest, sizeof rest, 0)) > 0) {
        size_t room = sizeof reply - 1 - used, more = (size_t)got < room ? (size_t)got : room;
        memcpy(reply + used, rest, more);
        used += more;
    }
    close(fd);
    int status = 0;
    assert_int_equal(sscanf(reply, "HTTP/1.1 %d", &status), 1);
    return status;
}

static void ask_all(const struct service *service)
{
    static char body[LONG_BYTES + 64];
    strcpy(body, "{\"subject\": \"");
    for (size_t at = strlen(body); at < LONG_BYTES; at += 5) memcpy(body + at, "disk ", 6);
    strcat(body, "\"}");
    const struct {
        const char *method, *path, *body;
        int status;
    } rows[] = {
        {"POST", "/classifier/sbr", "{\"subject\": \"yum update\", \"description\": \"x\"}", 200},
        {"POST", "/classifier/sbr?detail=1", "{\"subject\": \"disk \\u00fcber\"}", 200},
        {"POST", "/classifier/sbr?explain=1&detail=1", "{\"subject\": \"the disk is full\"}", 200},
        {"POST", "/classifier/sbr/batch", "[{\"subject\": \"a\"}, {\"subject\": 1}, {}]", 200},
        {"POST", "/classifier/sbr", body, 200},
        {"POST", "/classifier/sbr", "[", 400},
        {"POST", "/classifier/sbr", "{\"subject\": 3}", 400},
        {"GET", "/classifier/sbr", "", 405},
        {"GET", "/health/live", "", 200},
        {"GET", "/health/ready", "", 200},
        {"GET", "/openapi.json", "", 200},
        {"GET", "/apidocs/", "", 200},
        {"GET", "/nowhere", "", 404},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(ask(service, rows[i].method, rows[i].path, rows[i].body), rows[i].status);
}

static void serve_and_count(const char *model)
{
    if (!COUNTED) skip();
    memset(heap, 0, sizeof *heap);
    atomic_store(&heap->counting, true);
    void *volatile seen = malloc(1); /* this program's own */
    free(seen);
    atomic_store(&heap->counting, false);
    assert_int_equal(atomic_exchange(&heap->ours, 0), COUNTED);
    atomic_store(&heap->caller[0], NULL);
    struct service service = begin(model);
    atomic_store(&heap->counting, true);
    for (int i = 0; i < ROUNDS; i++) ask_all(&service);
    atomic_store(&heap->counting, false);
    assert_int_equal(end(&service), 0);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    for (size_t i = 0; i < NAMED_MAX && heap->caller[i] != NULL; i++)
        print_message("taken at %#zx of this program\n",
                      (size_t)(heap->caller[i] - &__executable_start));
#endif
    print_message("libraries took %lu times\n", (unsigned long)heap->theirs);
    assert_true(heap->theirs > 0); /* so we do see who takes */
    assert_int_equal(heap->ours, 0);
}

static void a_linear_model_takes_nothing(void **state)
{
    (void)state;
    static struct corpus corpus;
    static struct fit fit;
    struct error err;
    const char *path = tiny_path("served.air");
    tiny_corpus(&corpus, NULL);
    tiny_fit(&fit, &corpus, 2);
    assert_fine(fit_write(&fit, &corpus, &tiny_options, path, "test", &err), &err);
    fit_close(&fit);
    corpus_close(&corpus);
    serve_and_count(path);
    unlink(path);
}

static void the_ensemble_takes_nothing(void **state)
{
    (void)state;
    const char *path = imported_write(true); /* the ensemble: both members answer */
    serve_and_count(path);
    unlink(path);
}

static int share(void **state)
{
    (void)state;
    void *shared =
        mmap(NULL, sizeof *heap, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return -1;
    heap = shared;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_model_takes_nothing),
        cmocka_unit_test(the_ensemble_takes_nothing),
    };
    return cmocka_run_group_tests(tests, share, NULL);
}
