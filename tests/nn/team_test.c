/* team_test.c - barriers hold, whether there are cores for all members or not. */
// SPDX-License-Identifier: Apache-2.0
#include "nn/team.h"

#include "help.h"

enum { ROUNDS = 2000 };

/* Each member writes its own number before a barrier and reads all others' after it. */
struct rounds {
    struct team *team;
    unsigned size;
    unsigned written[TEAM_THREADS_MAX]; /* no atomics: the barrier alone orders them */
    unsigned late[TEAM_THREADS_MAX];
};

static void play(void *context, unsigned worker)
{
    struct rounds *rounds = context;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        rounds->written[worker] = round;
        team_wait(rounds->team);
        for (unsigned w = 0; w < rounds->size; w++)
            rounds->late[worker] += rounds->written[w] != round;
        team_wait(rounds->team);
    }
}

static void everybody_waits_for_everybody(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 2, 3, TEAM_THREADS_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct error err;
        struct rounds rounds = {.size = sizes[i]};
        assert_fine(team_open(&rounds.team, sizes[i], &err), &err);
        assert_int_equal(team_size(rounds.team), sizes[i]);
        for (int run = 0; run < 3; run++) team_run(rounds.team, play, &rounds);
        for (unsigned w = 0; w < sizes[i]; w++) {
            assert_int_equal(rounds.late[w], 0);
            assert_int_equal(rounds.written[w], ROUNDS);
        }
        team_close(rounds.team);
    }
    team_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_waits_for_everybody)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
