/* lstm_test.c - blocks as learning runs them: against the reference, slopes, threads. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/lstm.h"

#include "nn/drop.h"
#include "slope.h"

enum { ROWS = 11, STEPS = 4, INPUTS = 7, UNITS = 21, GATES = 4 * UNITS };
enum { X = STEPS * ROWS * INPUTS, OUT = STEPS * ROWS * UNITS, STATE = ROWS * UNITS };

struct problem {
    struct gemm *gemm;
    struct arena arena;
    struct gemm_matrix input, recurrent;
    struct lstm_block block;
    float w[GATES * INPUTS], u[GATES * UNITS], bias[GATES];
    float x[X], gates[4 * OUT], cells[STATE + OUT], outs[STATE + OUT];
    float factors[STATE], dropped[OUT];
};

static void problem_open(struct problem *p, enum gemm_arithmetic arithmetic, unsigned threads)
{
    struct error err = {0};
    struct rng rng = rng_seed(4);
    const struct drop drop = {.key = 1, .p = 0.3f};
    const struct gemm_room room = {(size_t)STEPS * ROWS, GATES, UNITS};
    *p = (struct problem){.arena = arena_measure()};
    assert_fine(gemm_open(&p->gemm, arithmetic, threads, &err), &err);
    for (int twice = 0; twice < 2; twice++) {
        gemm_lay(p->gemm, &room, &p->arena);
        gemm_matrix_lay(p->gemm, &p->input, p->w, GATES, INPUTS, &p->arena);
        gemm_matrix_lay(p->gemm, &p->recurrent, p->u, GATES, UNITS, &p->arena);
        if (twice == 0) assert_fine(arena_open(&p->arena, p->arena.used, &err), &err);
    }
    slope_fill(&rng, p->w, (size_t)GATES * INPUTS);
    slope_fill(&rng, p->u, (size_t)GATES * UNITS);
    for (size_t i = 0; i < GATES * UNITS; i++) p->u[i] *= 0.4f;
    slope_fill(&rng, p->bias, GATES);
    slope_fill(&rng, p->x, X);
    slope_fill(&rng, p->cells, STATE);
    slope_fill(&rng, p->outs, STATE);
    drop_mask(&drop, 0, STATE, p->factors);
    p->block = (struct lstm_block){.rows = ROWS,
                                   .steps = STEPS,
                                   .units = UNITS,
                                   .gemm = p->gemm,
                                   .input = &p->input,
                                   .recurrent = &p->recurrent,
                                   .bias = p->bias,
                                   .x = p->x,
                                   .gates = p->gates,
                                   .cells = p->cells,
                                   .outs = p->outs,
                                   .factors = p->factors,
                                   .dropped = p->dropped};
}

static void problem_close(struct problem *p)
{
    arena_close(&p->arena);
    gemm_close(p->gemm);
}

static void forward_job(void *context, unsigned worker)
{
    const struct problem *p = context;
    lstm_block_forward(&p->block, worker);
}

static double loss_of(void *context)
{
    struct problem *p = context;
    gemm_renew(p->gemm, &p->input);
    gemm_renew(p->gemm, &p->recurrent);
    team_run(gemm_team(p->gemm), forward_job, p);
    return slope_sum(p->dropped, OUT);
}

/* Each row alone, through the reference. */
static void rows_are_as_the_reference(void **state)
{
    (void)state;
    static struct problem p;
    static const float zeros[GATES];
    problem_open(&p, GEMM_TILED, 2);
    const struct lstm_weights weights = {INPUTS, UNITS, p.w, p.u, p.bias, zeros};
    loss_of(&p);
    for (size_t r = 0; r < ROWS; r++) {
        float x[STEPS * INPUTS], h[UNITS], c[UNITS], gates[STEPS * GATES];
        float cells[STEPS * UNITS], out[STEPS * UNITS];
        struct lstm_trace trace = {gates, cells};
        memcpy(h, p.outs + r * UNITS, sizeof h);
        memcpy(c, p.cells + r * UNITS, sizeof c);
        for (size_t t = 0; t < STEPS; t++)
            memcpy(x + t * INPUTS, p.x + (t * ROWS + r) * INPUTS, INPUTS * sizeof *x);
        lstm_forward(&weights, STEPS, x, h, c, &trace, out);
        for (size_t t = 0; t < STEPS; t++)
            for (size_t u = 0; u < UNITS; u++) {
                size_t at = (t * ROWS + r) * UNITS + u;
                assert_float_equal(p.outs[STATE + at], out[t * UNITS + u], 2e-6f);
                assert_float_equal(p.cells[STATE + at], cells[t * UNITS + u], 2e-6f);
                assert_true(p.dropped[at] == p.outs[STATE + at] * p.factors[r * UNITS + u]);
            }
    }
    problem_close(&p);
}

struct gradients {
    float douts[OUT], dx[X], dw[GATES * INPUTS], du[GATES * UNITS], dbias[GATES], same[GATES];
    float dcells[STATE], sums[4 * GATES];
};

struct both {
    struct problem *problem;
    struct lstm_backward backward;
};

static void backward_job(void *context, unsigned worker)
{
    const struct both *both = context;
    lstm_block_backward(&both->problem->block, &both->backward, worker);
}

/* Gradients of loss_of(), which has run. */
static void backward(struct problem *p, struct gradients *g, bool fresh)
{
    memset(g, 0, sizeof *g);
    slope_gradients(g->douts, OUT);
    for (size_t t = 0; t < STEPS; t++)
        drop_multiply(STATE, g->douts + t * STATE, p->factors, g->douts + t * STATE);
    for (size_t i = 0; i < GATES * UNITS; i++) g->du[i] = fresh ? 100 : 0;
    struct both both = {p,
                        {.douts = g->douts,
                         .dx = g->dx,
                         .dinput = g->dw,
                         .drecurrent = g->du,
                         .dbias_input = g->dbias,
                         .dbias_recurrent = g->same,
                         .fresh_recurrent = fresh,
                         .dcells = g->dcells,
                         .sums = g->sums}};
    team_run(gemm_team(p->gemm), backward_job, &both);
}

static void gradients_are_slopes(void **state)
{
    (void)state;
    static struct problem p;
    static struct gradients g;
    for (int fresh = 0; fresh < 2; fresh++) {
        problem_open(&p, GEMM_TILED, 2);
        loss_of(&p);
        backward(&p, &g, fresh);
        slope_check(loss_of, &p, p.x, g.dx, X, 5, 1e-3);
        slope_check(loss_of, &p, p.w, g.dw, (size_t)GATES * INPUTS, 7, 2e-3);
        slope_check(loss_of, &p, p.u, g.du, (size_t)GATES * UNITS, 19, 2e-3);
        slope_check(loss_of, &p, p.bias, g.dbias, GATES, 1, 2e-3);
        assert_memory_equal(g.dbias, g.same, sizeof g.dbias);
        problem_close(&p);
    }
}

/* More members than groups of rows, too: some have none. */
static void threads_agree(void **state)
{
    (void)state;
    static struct problem one, more;
    static struct gradients wanted, found;
    problem_open(&one, GEMM_TILED, 1);
    double loss = loss_of(&one);
    backward(&one, &wanted, false);
    for (unsigned threads = 2; threads <= 4; threads++) {
        problem_open(&more, GEMM_TILED, threads);
        assert_true(loss_of(&more) == loss);
        assert_memory_equal(one.outs, more.outs, sizeof one.outs);
        backward(&more, &found, false);
        assert_memory_equal(wanted.dx, found.dx, sizeof wanted.dx);
        assert_memory_equal(wanted.dw, found.dw, sizeof wanted.dw);
        assert_memory_equal(wanted.du, found.du, sizeof wanted.du);
        for (size_t i = 0; i < GATES; i++)
            assert_float_equal(wanted.dbias[i], found.dbias[i], 1e-5f);
        problem_close(&more);
    }
    problem_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_as_the_reference),
        cmocka_unit_test(gradients_are_slopes),
        cmocka_unit_test(threads_agree),
    };
    return cmocka_run_group_tests_name("lstm", tests, NULL, NULL);
}
