/* plan.c - rows in the order of their size in a usual service.
 *
 * All that is mapped counts as memory, touched or not, so that no order of requests can pass
 * the plan. glibc's allocator would make that hard to say: a heap a thread, of 64 MiB of address
 * space each, and a threshold between heap and mappings that moves. plan_tame fixes both:
 * one heap, and whatever has PLAN_CONNECTION_BYTES is a mapping of its own.
 *
 * Where a limit is too tight the plan is made again with options halved, the one first that
 * saves most, until it fits: what is left of them is the advice. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/plan.h"

#include <malloc.h>
#include <string.h>
#include <sys/resource.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/writer.h"
#include "serve/server.h"

enum {
    KIB = 1024,

    /* Beside its pool (CONNECTION_BYTES) the library takes some 560 bytes for a connection, and
     * 900 for a reply's headers, in pieces: twice that, as they may lie badly. */
    CONNECTION_PIECES = 3 * KIB,

    /* Descriptions and tables made at start, what the library takes once: twice what was seen. */
    HEAP_LATER = 256 * KIB,

    MAIN_STACK = 256 * KIB,  /* frames are 16 KiB at most */
    KERNEL_PAGES = 64 * KIB, /* what the kernel maps into each process: vdso, vvar */

    /* What the kernel takes for us, and counts against the group: a thread's stack and task; a
     * connection's socket, file and event, without bytes that wait in it, which it refuses when
     * memory ends; page tables, 8 bytes for 4096, twice. */
    KERNEL_TASK = 32 * KIB,
    KERNEL_CONNECTION = 6 * KIB,
    KERNEL_ONCE = 512 * KIB,
    KERNEL_TABLES_PART = 256,

    DESCRIPTORS_ONCE = 24,    /* beside connections */
    DESCRIPTORS_A_THREAD = 4, /* of HTTP: what it waits at, and its pulse */
    CONNECTIONS_LEAST = 4,
};

void plan_tame(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, PLAN_CONNECTION_BYTES);
}

static unsigned descriptors_beside(unsigned threads)
{
    return DESCRIPTORS_ONCE + DESCRIPTORS_A_THREAD * threads;
}

unsigned plan_files(unsigned connections, unsigned threads)
{
    return connections + descriptors_beside(threads);
}

uint64_t plan_files_allowed(void)
{
    struct rlimit files;
    return getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_max : UINT64_MAX;
}

uint64_t plan_raise_files(unsigned needed)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return UINT64_MAX;
    if (files.rlim_cur >= needed) return files.rlim_cur;
    /* Often 1024, for programs that use select(), below a far higher one. */
    struct rlimit raised = {needed < files.rlim_max ? needed : files.rlim_max, files.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : files.rlim_cur;
}

enum error_code plan_connections(unsigned *connections, unsigned threads, uint64_t files,
                                 struct error *err)
{
    unsigned needed = plan_files(*connections, threads);
    unsigned least = plan_files(CONNECTIONS_LEAST, threads);
    if (files >= needed) return ERR_NONE;
    if (files < least)
        return error_set(err, ERR_SYSTEM, 0,
                         "%llu files may be open (RLIMIT_NOFILE); serving takes %u, and %u with "
                         "as few connections as may be",
                         (unsigned long long)files, needed, least);
    *connections = (unsigned)files - descriptors_beside(threads);
    return ERR_NONE;
}

static struct contract_bytes measured_context(const struct server *server,
                                              const struct answer_model *model)
{
    struct answer_context context;
    struct arena arena = arena_measure();
    unsigned contexts = server_contexts(server, model);
    answer_lay_room(&context, model, server_room(server), &arena);
    return contract_plus(contract_times(contract_block(arena.used), contexts),
                         contract_block(contexts * sizeof context));
}

/* All threads, the first one included. */
static unsigned tasks(const struct server *server)
{
    unsigned answering = server_room(server).threads;
    return 1 + server_loops(server, server->model) + answering + 1; /* the last one reloads */
}

static struct contract_bytes page_tables(size_t address)
{
    return (struct contract_bytes){.memory = contract_mapping(address / KERNEL_TABLES_PART).memory};
}

/* Its pages in our address space are few. */
static void add_kernel(struct contract *contract, unsigned connections)
{
    size_t serving = contract_serving(contract).address;
    size_t more = contract_reloading(contract).address - serving;
    size_t each = (size_t)contract->tasks * KERNEL_TASK + (size_t)connections * KERNEL_CONNECTION;
    struct contract_bytes bytes = contract_mapping(KERNEL_ONCE + each);
    bytes.address = KERNEL_PAGES;
    contract_add(contract, "kernel", contract_plus(bytes, page_tables(serving)), page_tables(more),
                 "its tasks, sockets and page tables for us");
}

/* Of the heap, or of many small pieces. */
static struct contract_bytes heap(size_t bytes) { return contract_mapping(bytes); }

static void add_answering(struct contract *contract, const struct server *server,
                          const struct answer_model *next)
{
    size_t weights = server->model->bundle.file.map.bytes.size;
    contract_add(contract, "weights", contract_mapping(weights),
                 contract_mapping(next->bundle.file.map.bytes.size),
                 "the model file, mapped read-only");
    struct answer_room room = server_room(server);
    struct contract_bytes contexts = measured_context(server, server->model);
    if (server_at_once(server->model))
        contract_add(contract, "arenas", contexts, measured_context(server, next), "%u contexts",
                     server_contexts(server, server->model));
    else
        contract_add(contract, "arenas", contexts, measured_context(server, next),
                     "one context: %u cases a pass, %u threads", room.slots, room.threads);
}

static void add_requests(struct contract *contract, const struct server *server)
{
    static const struct contract_bytes none;
    const struct serve_options *options = server->options;
    size_t connections = options->connections_max;
    struct batcher_options queue = server_batcher_options(server);
    contract_add(contract, "queue",
                 contract_block(batcher_bytes(&queue, server_room(server).slots)), none,
                 "%zu cases", options->queue_cases_max);
    contract_add(contract, "bodies",
                 contract_mapping(body_store_bytes(options->queue_bytes_max,
                                                   options->body_bytes_max, server_beside(server))),
                 none, "%zu bytes held, one body of %zu read, and its reply and reasons",
                 options->queue_bytes_max, options->body_bytes_max);
    static struct server measured; /* too large for a stack; one at a time */
    measured.options = options;
    measured.model = server->model;
    struct arena arena = arena_measure();
    server_lay(&measured, &arena);
    contract_add(contract, "requests", contract_block(arena.used), none, "%zu, one a connection",
                 connections);
    struct contract_bytes pool = contract_mapping(PLAN_CONNECTION_BYTES + 16);
    size_t all = connections + server_loops(server, server->model); /* a pulse each */
    pool = contract_plus(contract_times(pool, all), heap(all * CONNECTION_PIECES));
    contract_add(contract, "connections", pool, none, "%zu of the HTTP library", all);
    contract_add(contract, "replies", heap(connections * ROUTES_REPLY_MAX), none,
                 "%zu, copied until they are sent", connections);
}

void plan_make(struct contract *out_contract, const struct server *server,
               const struct answer_model *next)
{
    static const struct contract_bytes none;
    if (next == NULL) next = server->model;
    unsigned loops = server_loops(server, server->model);
    unsigned connections = server->options->connections_max, threads = server->options->threads;
    struct contract contract = {.tasks = tasks(server),
                                .descriptors = plan_files(connections, threads),
                                .descriptors_least = plan_files(CONNECTIONS_LEAST, threads)};
    add_answering(&contract, server, next);
    add_requests(&contract, server);
    struct contract_bytes stacks = contract_mapping(CREW_STACK_BYTES);
    stacks.address += contract_mapping(1).address;
    stacks =
        contract_plus(contract_times(stacks, contract.tasks - 1), contract_mapping(MAIN_STACK));
    contract_add(&contract, "stacks", stacks, none, "%u threads", contract.tasks);
    contract_add(&contract, "rehearsal",
                 contract_block(recent_bytes(server->options->rehearsed_cases)), none,
                 "%zu of the last cases", server->options->rehearsed_cases);
    struct mallinfo2 now = mallinfo2();
    contract_add(&contract, "heap", heap(now.arena + now.hblkhd + HEAP_LATER), none,
                 "the C library's, of all libraries");
    contract_add_program(&contract);
    add_kernel(&contract, connections + 2 * loops); /* a pulse's two ends */
    *out_contract = contract;
}

void plan_reload(struct contract *out_contract, const struct server *server,
                 const struct answer_model *next)
{
    struct contract contract = {.tasks = server->contract.tasks,
                                .descriptors = server->contract.descriptors,
                                .descriptors_least = server->contract.descriptors_least};
    add_answering(&contract, server, next);
    while (contract.count < server->contract.count) {
        contract.rows[contract.count] = server->contract.rows[contract.count];
        contract.count++;
    }
    *out_contract = contract;
}

/* Options that take memory, and how low the advice goes. */
enum knob { KNOB_CONNECTIONS, KNOB_QUEUE_BYTES, KNOB_BODY, KNOB_BATCH, KNOB_THREADS, KNOBS };

static const struct {
    const char *name;
    size_t least;
} knobs[KNOBS] = {
    [KNOB_CONNECTIONS] = {"connections", 16}, [KNOB_QUEUE_BYTES] = {"queue-bytes", 64 * KIB},
    [KNOB_BODY] = {"body-max", 16 * KIB},     [KNOB_BATCH] = {"batch-max", 1},
    [KNOB_THREADS] = {"threads", 1},
};

struct setting {
    size_t value[KNOBS];
};

static struct setting setting_of(const struct serve_options *options)
{
    return (struct setting){.value = {[KNOB_CONNECTIONS] = options->connections_max,
                                      [KNOB_QUEUE_BYTES] = options->queue_bytes_max,
                                      [KNOB_BODY] = options->body_bytes_max,
                                      [KNOB_BATCH] = options->batch_cases_max,
                                      [KNOB_THREADS] = options->threads}};
}

static struct contract_bytes try_setting(const struct server *server, const struct setting *setting)
{
    struct serve_options options = *server->options;
    options.connections_max = (unsigned)setting->value[KNOB_CONNECTIONS];
    options.queue_bytes_max = setting->value[KNOB_QUEUE_BYTES];
    options.body_bytes_max = setting->value[KNOB_BODY];
    options.batch_cases_max = setting->value[KNOB_BATCH];
    options.threads = (unsigned)setting->value[KNOB_THREADS];
    static struct server other; /* too large for a stack */
    other.options = &options;
    other.model = server->model;
    other.detail_bytes = server->detail_bytes;
    struct contract contract;
    plan_make(&contract, &other, NULL);
    other.options = NULL;
    return contract_serving(&contract);
}

static bool fits(struct contract_bytes need, const struct contract_limits *limits)
{
    struct error err;
    return contract_check(need, "", limits, &err) == ERR_NONE;
}

/* Halves the one that saves most; false where none may be less. */
static bool turn_down(const struct server *server, struct setting *setting)
{
    struct contract_bytes best = {SIZE_MAX, SIZE_MAX};
    struct setting chosen = *setting;
    for (int k = 0; k < KNOBS; k++) {
        if (setting->value[k] / 2 < knobs[k].least) continue;
        struct setting less = *setting;
        less.value[k] /= 2;
        struct contract_bytes need = try_setting(server, &less);
        if (need.memory >= best.memory) continue;
        best = need;
        chosen = less;
    }
    *setting = chosen;
    return best.memory != SIZE_MAX;
}

/* What would fit, as it would be typed. */
static void advise(const struct server *server, const struct contract_limits *limits,
                   struct writer *advice)
{
    struct setting begun = setting_of(server->options), setting = begun;
    struct contract_bytes need = try_setting(server, &setting);
    while (!fits(need, limits) && turn_down(server, &setting)) need = try_setting(server, &setting);
    if (!fits(need, limits)) {
        writer_format(advice,
                      "; with the smallest options it takes %zu of memory, %zu of address "
                      "space",
                      need.memory, need.address);
        return;
    }
    writer_text(advice, "; this fits:");
    for (int k = 0; k < KNOBS; k++)
        if (setting.value[k] != begun.value[k])
            writer_format(advice, " --%s %zu", knobs[k].name, setting.value[k]);
}

enum error_code plan_check(const struct contract *contract, const struct server *server,
                           const struct contract_limits *limits, struct error *err)
{
    struct error found;
    if (contract_check(contract_serving(contract), "serving", limits, &found) == ERR_NONE)
        return ERR_NONE;
    char text[256];
    struct writer advice = writer_of(text, sizeof text);
    advise(server, limits, &advice);
    return error_set(err, ERR_MEMORY, 0, "%.250s%.*s", found.detail, (int)advice.used, text);
}
