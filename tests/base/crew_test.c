/* crew_test.c - every item once, the same result with any number of threads. */
// SPDX-License-Identifier: Apache-2.0
#include "base/crew.h"

#include <sched.h>
#include <stdatomic.h>

#include "base/limits.h"
#include "base/rng.h"
#include "fail.h"

enum { ITEMS = 5000 };

struct work {
    atomic_int times[ITEMS];
    uint64_t result[ITEMS];
    unsigned size;
    atomic_int wrong_workers;
    size_t fail_from; /* items from here on fail */
    atomic_int done;
};

static enum error_code count_item(void *context, size_t item, unsigned worker, struct error *err)
{
    struct work *work = context;
    if (worker >= work->size) atomic_fetch_add(&work->wrong_workers, 1);
    atomic_fetch_add(&work->times[item], 1);
    atomic_fetch_add(&work->done, 1);
    work->result[item] = rng_mix(item);
    if (item >= work->fail_from)
        return error_set(err, ERR_DATA, item, "item %zu cannot be done", item);
    return ERR_NONE;
}

static struct work *work_of(unsigned size, size_t fail_from)
{
    struct work *work = calloc(1, sizeof *work);
    assert_non_null(work);
    work->size = size;
    work->fail_from = fail_from;
    return work;
}

static void every_item_is_done_once(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 2, 3, 8, 33};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct error err;
        struct crew *crew;
        assert_fine(crew_open(&crew, sizes[s], &err), &err);
        assert_int_equal(crew_size(crew), sizes[s]);
        for (int round = 1; round <= 3; round++) { /* a crew is used again */
            struct work *work = work_of(sizes[s], ITEMS);
            struct crew_step step = {.job = count_item, .context = work, .items = ITEMS};
            assert_fine(crew_run(crew, &step, NULL, &err), &err);
            for (size_t i = 0; i < ITEMS; i++) {
                assert_int_equal(work->times[i], 1);
                assert_int_equal(work->result[i], rng_mix(i));
            }
            assert_int_equal(work->wrong_workers, 0);
            free(work);
        }
        crew_close(crew);
    }
}

static void few_or_no_items(void **state)
{
    (void)state;
    struct error err;
    struct crew *crew;
    assert_fine(crew_open(&crew, 4, &err), &err);
    for (size_t items = 0; items < 6; items++) {
        struct work *work = work_of(4, ITEMS);
        struct crew_step step = {.job = count_item, .context = work, .items = items};
        assert_fine(crew_run(crew, &step, NULL, &err), &err);
        assert_int_equal(work->done, items);
        free(work);
    }
    crew_close(crew);
    crew_close(NULL);
}

/* Item 0 fails some time after item 1 has: it is handed out first, so it is the one told. */
static enum error_code fail_late(void *context, size_t item, unsigned worker, struct error *err)
{
    (void)worker;
    atomic_bool *one_has_failed = context;
    if (item == 0) {
        while (!atomic_load(one_has_failed)) sched_yield();
        usleep(20000);
    }
    atomic_store(one_has_failed, true);
    return error_set(err, ERR_DATA, 0, "item %zu", item);
}

static void the_number_counts_not_the_time(void **state)
{
    (void)state;
    struct error err;
    struct crew *crew;
    atomic_bool one_has_failed = false;
    assert_fine(crew_open(&crew, 2, &err), &err);
    struct crew_step step = {.job = fail_late, .context = &one_has_failed, .items = 2};
    assert_fails(crew_run(crew, &step, NULL, &err), ERR_DATA, "item 0", &err);
    crew_close(crew);
}

/* Of many failures the one with the lowest number is told, whoever was faster. */
static void the_first_failure_wins(void **state)
{
    (void)state;
    struct error err;
    struct crew *crew;
    assert_fine(crew_open(&crew, 8, &err), &err);
    for (size_t from = 0; from < 200; from += 7) {
        struct work *work = work_of(8, from);
        struct crew_step step = {.job = count_item, .context = work, .items = ITEMS};
        assert_int_equal(crew_run(crew, &step, NULL, &err), ERR_DATA);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "item %zu cannot be done", from);
        assert_string_equal(err.detail, wanted);
        assert_int_equal(err.line, from);
        for (size_t i = 0; i < from; i++) assert_int_equal(work->times[i], 1);
        assert_true(work->done < ITEMS); /* the rest was left */
        free(work);
    }
    struct work *work = work_of(8, ITEMS); /* and the crew works on */
    struct crew_step step = {.job = count_item, .context = work, .items = ITEMS};
    assert_fine(crew_run(crew, &step, NULL, &err), &err);
    assert_int_equal(work->done, ITEMS);
    free(work);
    crew_close(crew);
}

struct watcher {
    struct progress progress;
    uint64_t last;
    int reports;
    bool wrong;
};

static void watch(struct progress *self, const char *title, uint64_t done, uint64_t total,
                  const char *unit)
{
    struct watcher *watcher = (struct watcher *)(void *)self;
    watcher->reports++;
    if (done < watcher->last || total != 100) watcher->wrong = true;
    if (strcmp(title, "counting") != 0 || strcmp(unit, "items") != 0) watcher->wrong = true;
    watcher->last = done;
}

static void progress_goes_up_to_the_total(void **state)
{
    (void)state;
    struct error err;
    struct crew *crew;
    assert_fine(crew_open(&crew, 3, &err), &err);
    struct watcher watcher = {.progress = {.report = watch}};
    struct work *work = work_of(3, ITEMS);
    struct crew_step step = {
        .job = count_item, .context = work, .items = 100, .title = "counting", .unit = "items"};
    assert_fine(crew_run(crew, &step, &watcher.progress, &err), &err);
    assert_true(watcher.reports > 0);
    assert_int_equal(watcher.last, 100);
    assert_false(watcher.wrong);
    assert_fine(crew_run(crew, &step, NULL, &err), &err); /* nobody watches */
    int reports = watcher.reports;
    step.title = NULL; /* nothing to tell */
    assert_fine(crew_run(crew, &step, &watcher.progress, &err), &err);
    assert_int_equal(watcher.reports, reports);
    free(work);
    crew_close(crew);
}

static void sizes_have_bounds(void **state)
{
    (void)state;
    struct error err;
    struct crew *crew;
    assert_aborts(if (crew_open(&crew, 0, &err)) _exit(1));
    assert_aborts(if (crew_open(&crew, CREW_THREADS_MAX + 1, &err)) _exit(1));
    assert_fine(crew_open(&crew, CREW_THREADS_MAX, &err), &err);
    crew_close(crew);
}

static void counts_the_cores_it_may_use(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_in_range(crew_cores(), 1, CPU_COUNT(&all));
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &all)) cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(crew_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static enum error_code open_and_run(void *context, struct error *err)
{
    struct crew *crew = context;
    enum error_code code = crew_open(&crew, 4, err);
    if (code != ERR_NONE) {
        assert_ptr_equal(crew, context);
        return code;
    }
    struct work *work = work_of(4, ITEMS);
    struct crew_step step = {.job = count_item, .context = work, .items = 100};
    code = crew_run(crew, &step, NULL, err);
    assert_int_equal(work->done, 100);
    free(work);
    crew_close(crew);
    return code;
}

static void every_failure_of_opening_is_told(void **state)
{
    (void)state;
    assert_int_equal(fail_walk(open_and_run, NULL), 4); /* memory, three threads */
    struct error err;
    struct crew *crew = NULL;
    fault_arm(3);
    assert_fails(crew_open(&crew, 4, &err), ERR_SYSTEM, "thread 3 of 4", &err);
    fault_arm(0);
    assert_null(crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_done_once),
        cmocka_unit_test(few_or_no_items),
        cmocka_unit_test(the_number_counts_not_the_time),
        cmocka_unit_test(the_first_failure_wins),
        cmocka_unit_test(progress_goes_up_to_the_total),
        cmocka_unit_test(sizes_have_bounds),
        cmocka_unit_test(counts_the_cores_it_may_use),
        cmocka_unit_test(every_failure_of_opening_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
