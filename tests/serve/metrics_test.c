/* metrics_test.c - what is counted is told, in its bucket, under its label, within the bound. The
 * format as a whole is judged from outside: tests/service/metrics_test.py. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/metrics.h"

#include <math.h>

#include "../answer/imported.h"

struct fixture {
    struct answer_model model;
    struct arena arena;
    struct metrics metrics;
    struct metrics_now now;
    char text[1 << 18];
};

static const char *written(struct fixture *fixture, bool open_metrics)
{
    struct writer writer = writer_of(fixture->text, metrics_bound(&fixture->model));
    assert_in_range(metrics_bound(&fixture->model), 1, sizeof fixture->text - 1);
    metrics_write(&fixture->metrics, &fixture->now, open_metrics, &writer);
    fixture->text[writer.used] = '\0';
    return fixture->text;
}

static void assert_line(const char *text, const char *line)
{
    size_t size = strlen(line);
    for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
        if ((at == text || at[-1] == '\n') && at[size] == '\n') return;
    fail_msg("no line '%s'", line);
}

static void assert_no(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) fail_msg("there is '%s'", part);
}

static void begin_with(struct fixture *fixture, const struct answer_model *model)
{
    struct error err;
    fixture->arena = arena_measure();
    metrics_lay(&fixture->metrics, model, &fixture->arena);
    assert_fine(arena_open(&fixture->arena, fixture->arena.used, &err), &err);
    metrics_lay(&fixture->metrics, model, &fixture->arena);
    fixture->now = metrics_nothing(model);
}

static void begin(struct fixture *fixture) { begin_with(fixture, &fixture->model); }

static void end(struct fixture *fixture) { arena_close(&fixture->arena); }

static void all_that_can_come_is_there_before_it_came(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    const char *text = written(fixture, false);
    for (size_t i = 0; i < routes_count; i++) {
        char line[200];
        const char *path = routes_table[i].path;
        snprintf(line, sizeof line, "air_classifier_requests_total{route=\"%s\",code=\"200\"} 0",
                 path);
        assert_line(text, line);
        snprintf(line, sizeof line, "air_classifier_requests_total{route=\"%s\",code=\"304\"} 0",
                 path);
        assert_int_equal(strstr(text, line) != NULL, routes_table[i].tagged);
        for (const unsigned *status = routes_table[i].statuses; *status != 0; status++) {
            snprintf(line, sizeof line, "air_classifier_requests_total{route=\"%s\",code=\"%u\"} 0",
                     path, *status);
            assert_line(text, line);
        }
        snprintf(line, sizeof line,
                 "air_classifier_request_duration_seconds_bucket{route=\"%s\",le=\"+Inf\"} 0",
                 path);
        assert_line(text, line);
    }
    assert_line(text, "air_classifier_requests_total{route=\"other\",code=\"404\"} 0");
    for (size_t i = 0; i < METRICS_STATUSES_MAX && fixture->metrics.status[i] != 0; i++) {
        char line[100];
        snprintf(line, sizeof line, "air_classifier_requests_total{route=\"other\",code=\"%u\"} 0",
                 fixture->metrics.status[i]);
        assert_line(text, line);
    }
    assert_line(text, "air_classifier_rejected_total{reason=\"queue-full\"} 0");
    static const char *const never[] = {"usage", "invalid-csv", "unavailable", "system", "stopped"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        char line[100];
        snprintf(line, sizeof line, "reason=\"%s\"", never[i]);
        assert_no(text, line);
    }
    assert_line(text, "air_classifier_connections_shed_total{reason=\"stranger\"} 0");
    assert_line(text, "air_classifier_reload_total{result=\"refused\"} 0");
    for (uint32_t c = 0; c < IMPORTED_LABELS; c++) {
        struct slice label = answer_label(&fixture->model, c);
        char line[200];
        snprintf(line, sizeof line, "air_classifier_predictions_total{sbr=\"%.*s\"} 0",
                 (int)label.size, label.data);
        assert_line(text, line);
    }
    assert_no(text, "# EOF");
    assert_no(text, "nan");
    assert_no(text, "drift_psi"); /* nobody was answered, and the training is not known */
    assert_no(text, "unknown_token_ratio");
    assert_no(text, "process_open_fds"); /* nobody looked it up */
    end(fixture);
}

static void requests_fall_into_their_buckets(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    const struct route *route = &routes_table[0];
    metrics_request(&fixture->metrics, route, 200, 500000); /* on the border */
    metrics_request(&fixture->metrics, route, 200, 500001); /* behind it */
    metrics_request(&fixture->metrics, route, 504, 11000000000u);
    metrics_request(&fixture->metrics, NULL, 404, 1);
    metrics_request(&fixture->metrics, &routes_table[1], 404, 1); /* which it does not answer */
    metrics_unread(&fixture->metrics, 431);
    metrics_unread(&fixture->metrics, 418); /* which nobody gives: as good as 400 */
    const char *text = written(fixture, false);
#define ROUTE "{route=\"/classifier/sbr\","
    assert_line(text, "air_classifier_requests_total" ROUTE "code=\"200\"} 2");
    assert_line(text, "air_classifier_requests_total" ROUTE "code=\"504\"} 1");
    assert_line(text, "air_classifier_requests_total{route=\"other\",code=\"404\"} 2");
    assert_line(text, "air_classifier_requests_total{route=\"other\",code=\"431\"} 1");
    assert_line(text, "air_classifier_requests_total{route=\"other\",code=\"400\"} 1");
    assert_line(text, "air_classifier_request_duration_seconds_bucket" ROUTE "le=\"0.0005\"} 1");
    assert_line(text, "air_classifier_request_duration_seconds_bucket" ROUTE "le=\"0.001\"} 2");
    assert_line(text, "air_classifier_request_duration_seconds_bucket" ROUTE "le=\"10\"} 2");
    assert_line(text, "air_classifier_request_duration_seconds_bucket" ROUTE "le=\"+Inf\"} 3");
    assert_line(text, "air_classifier_request_duration_seconds_count{route=\"/classifier/sbr\"} 3");
    assert_line(text, "air_classifier_request_duration_seconds_sum{route=\"/classifier/sbr\"} "
                      "11.001000001");
    end(fixture);
}

/* All that is counted has its line, however large the numbers, and there is room for it. */
static void the_bound_holds_for_all_that_can_come(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    for (size_t path = 0; path <= routes_count; path++)
        for (size_t i = 0; i < METRICS_STATUSES_MAX && fixture->metrics.status[i] != 0; i++)
            metrics_request(&fixture->metrics, path < routes_count ? &routes_table[path] : NULL,
                            fixture->metrics.status[i], UINT64_MAX / 1000);
    for (size_t i = 0; i < (routes_count + 1) * METRICS_STATUSES_MAX; i++)
        if (fixture->metrics.requests[i] > 0) fixture->metrics.requests[i] = UINT64_MAX;
    unsigned long told = 0;
    const char *at = written(fixture, true);
    for (; (at = strstr(at, "air_classifier_requests_total{")) != NULL; at++) told++;
    assert_in_range(told, 3 * routes_count, METRICS_STATUSES_MAX * (routes_count + 1));
    for (size_t i = 0; i < METRICS_STATUSES_MAX && fixture->metrics.status[i] != 0; i++) {
        char line[100];
        snprintf(line, sizeof line, "requests_total{route=\"other\",code=\"%u\"} ",
                 fixture->metrics.status[i]);
        assert_non_null(strstr(fixture->text, line));
    }
    end(fixture);
}

static void answers_are_counted(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct answer answer = {.model = &fixture->model,
                            .best = 2,
                            .confidence = 0.25f,
                            .abstained = true,
                            .tokens = 20,
                            .unknown = 5,
                            .nanos = {[ANSWER_STAGE_ULMFIT] = 30000000}};
    answer.member[ANSWER_LINEAR].best = 1;
    answer.member[ANSWER_ULMFIT].best = 2;
    metrics_answer(&fixture->metrics, &answer);
    answer.member[ANSWER_LINEAR].best = 2;
    answer.abstained = false;
    answer.tokens = 60;
    answer.confidence = 1;
    metrics_answer(&fixture->metrics, &answer);
    metrics_queued(&fixture->metrics, 2000000);
    metrics_refused(&fixture->metrics, ERR_QUEUE_FULL);
    metrics_refused(&fixture->metrics, ERR_BODY_LONG);
    metrics_refused(&fixture->metrics, ERR_BATCH_LONG);
    metrics_refused(&fixture->metrics, ERR_SOFTWARE);
    metrics_reload(&fixture->metrics, METRICS_RELOAD_DONE);
    for (int i = 0; i < 2; i++)
        metrics_shed(&fixture->metrics,
                     (const unsigned[WATCH_KINDS]){[WATCH_STRANGER] = 2, [WATCH_IDLE] = 1});
    fixture->now.queue_depth = 7;
    fixture->now.budget_bytes = 123456789012;
    const char *text = written(fixture, false);
    struct slice label = answer_label(&fixture->model, 2);
    char line[200];
    snprintf(line, sizeof line, "air_classifier_predictions_total{sbr=\"%.*s\"} 2", (int)label.size,
             label.data);
    assert_line(text, line);
    assert_line(text, "air_classifier_abstained_total 1");
    assert_line(text, "air_classifier_ensemble_disagreement_total 1");
    assert_line(text, "air_classifier_confidence_bucket{le=\"0.2\"} 0");
    assert_line(text, "air_classifier_confidence_bucket{le=\"0.3\"} 1");
    assert_line(text, "air_classifier_confidence_bucket{le=\"1\"} 2");
    assert_line(text, "air_classifier_confidence_sum 1.250000000");
    assert_line(text, "air_classifier_tokens_bucket{le=\"32\"} 1");
    assert_line(text, "air_classifier_tokens_sum 80.000000000");
    assert_line(text, "air_classifier_unknown_tokens_total 10");
    assert_line(text, "air_classifier_unknown_token_ratio 0.125");
    assert_line(text, "air_classifier_drift_window_cases 2");
    assert_line(text,
                "air_classifier_stage_duration_seconds_bucket{stage=\"ulmfit\",le=\"0.05\"} 2");
    assert_line(text, "air_classifier_stage_duration_seconds_sum{stage=\"queue\"} 0.002000000");
    assert_line(text, "air_classifier_rejected_total{reason=\"queue-full\"} 1");
    assert_line(text, "air_classifier_rejected_total{reason=\"too-large\"} 2");
    assert_line(text, "air_classifier_rejected_total{reason=\"internal\"} 1");
    assert_line(text, "air_classifier_connections_shed_total{reason=\"stranger\"} 4");
    assert_line(text, "air_classifier_connections_shed_total{reason=\"idle\"} 2");
    assert_line(text, "air_classifier_connections_shed_total{reason=\"sender\"} 0");
    assert_line(text, "air_classifier_reload_total{result=\"done\"} 1");
    assert_line(text, "air_classifier_queue_depth 7");
    assert_line(text, "air_classifier_memory_budget_bytes 123456789012");
    end(fixture);
}

static void names_follow_the_format(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    fixture->now.cpu_seconds = 1.25;
    const char *text = written(fixture, false);
    assert_line(text, "# TYPE air_classifier_abstained_total counter");
    assert_line(text, "# TYPE process_cpu_seconds_total counter");
    assert_line(text, "process_cpu_seconds_total 1.25");
    text = written(fixture, true);
    assert_line(text, "# TYPE air_classifier_abstained counter");
    assert_line(text, "air_classifier_abstained_total 0");
    assert_line(text, "# TYPE process_cpu_seconds counter");
    assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
    end(fixture);
}

/* Answers in the proportions of training are no drift; all of one label are. */
static void drift_is_told(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t cases[IMPORTED_LABELS] = {100, 100, 100, 100, 100};
    const uint32_t *own = fixture->model.label_cases;
    fixture->model.label_cases = cases;
    begin(fixture);
    struct answer answer = {.model = &fixture->model};
    for (uint32_t i = 0; i < METRICS_WINDOW; i++) {
        answer.best = i % IMPORTED_LABELS;
        metrics_answer(&fixture->metrics, &answer);
    }
    const char *found = strstr(written(fixture, false), "drift_psi{field=\"sbr\"} ");
    assert_non_null(found);
    assert_true(strtod(found + 23, NULL) < 0.001);
    answer.best = 3;
    for (uint32_t i = 0; i < METRICS_WINDOW; i++) metrics_answer(&fixture->metrics, &answer);
    const char *text = written(fixture, false);
    assert_line(text, "air_classifier_drift_window_cases 1024");
    /* (0.998 - 0.2) ln(0.998 / 0.2) for one, (0.0005 - 0.2) ln(0.0005 / 0.2) for four */
    assert_true(fabs(strtod(strstr(text, "drift_psi{field=\"sbr\"} ") + 23, NULL) - 6.08) < 0.05);
    end(fixture);
    fixture->model.label_cases = own;
}

/* A model with the same labels goes on counting; with others it begins anew; more labels than
 * there is room for do no harm. */
static void another_model_is_followed(void **state)
{
    struct fixture *fixture = *state;
    begin(fixture);
    struct answer answer = {.model = &fixture->model, .best = 1};
    metrics_answer(&fixture->metrics, &answer);
    struct answer_model other = fixture->model;
    metrics_follow(&fixture->metrics, &fixture->model, &other);
    assert_line(written(fixture, false), "air_classifier_drift_window_cases 1");
    fixture->now.model = answer.model = &other;
    assert_line(written(fixture, false), "air_classifier_drift_window_cases 1");
    other.label_count--;
    metrics_follow(&fixture->metrics, &fixture->model, &other);
    assert_line(written(fixture, false), "air_classifier_drift_window_cases 0");
    answer.best = fixture->metrics.labels_max;
    metrics_answer(&fixture->metrics, &answer);
    assert_line(written(fixture, false), "air_classifier_drift_window_cases 0");
    end(fixture);
}

/* While one takes over from another, both answer and both are told of: each answer is counted for
 * the model that gave it, and stays; what the seat's model before last had is forgotten. */
static void an_answer_counts_for_the_model_that_gave_it(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t start[] = {0, 1, 2, 3, 4, 5};
    struct answer_model before = fixture->model, after = fixture->model;
    before.label_start = after.label_start = start;
    before.label_text = "abcde";
    after.label_text = "vwxyz";
    begin_with(fixture, &before);
    for (int turn = 0; turn < 2; turn++) {
        struct answer old = {.model = &before, .best = 1}, new = {.model = &after, .best = 2};
        metrics_answer(&fixture->metrics, &old);
        metrics_follow(&fixture->metrics, &before, &after);
        metrics_answer(&fixture->metrics, &new);
        metrics_answer(&fixture->metrics, &old);
        metrics_answer(&fixture->metrics, &new);
        metrics_answer(&fixture->metrics, &new);
        fixture->now.model = &before;
        const char *text = written(fixture, false);
        assert_line(text, "air_classifier_predictions_total{sbr=\"b\"} 2");
        assert_line(text, "air_classifier_predictions_total{sbr=\"c\"} 0");
        assert_line(text, "air_classifier_drift_window_cases 2");
        fixture->now.model = &after;
        text = written(fixture, false);
        assert_line(text, "air_classifier_predictions_total{sbr=\"w\"} 0");
        assert_line(text, "air_classifier_predictions_total{sbr=\"x\"} 3");
        assert_line(text, "air_classifier_drift_window_cases 3");
        metrics_follow(&fixture->metrics, &after, &before);
    }
    end(fixture);
}

static void labels_are_escaped(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t start[] = {0, 1, 3, 4, 5, 6};
    struct answer_model own = fixture->model;
    fixture->model.label_start = start;
    fixture->model.label_text = "\na\"\\bc";
    begin(fixture);
    const char *text = written(fixture, false);
    assert_line(text, "air_classifier_predictions_total{sbr=\"\\n\"} 0");
    assert_line(text, "air_classifier_predictions_total{sbr=\"a\\\"\"} 0");
    assert_line(text, "air_classifier_predictions_total{sbr=\"\\\\\"} 0");
    end(fixture);
    fixture->model = own;
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct error err;
    const char *path = imported_write(true);
    assert_fine(answer_open(&fixture.model, path, NULL, &err), &err);
    unlink(path);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    answer_close(&fixture->model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_can_come_is_there_before_it_came),
        cmocka_unit_test(requests_fall_into_their_buckets),
        cmocka_unit_test(the_bound_holds_for_all_that_can_come),
        cmocka_unit_test(answers_are_counted),
        cmocka_unit_test(names_follow_the_format),
        cmocka_unit_test(drift_is_told),
        cmocka_unit_test(another_model_is_followed),
        cmocka_unit_test(an_answer_counts_for_the_model_that_gave_it),
        cmocka_unit_test(labels_are_escaped),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
