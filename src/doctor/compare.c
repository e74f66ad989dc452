/* compare.c - each difference is tried: one machine is given this one value of the other.
 *
 * A table of weights alone would put swap before memory whether or not it matters
 * in the mode at hand. So the effect is computed: does the verdict turn, and by how
 * many doublings does the largest promise, the number of processes, or the room
 * change? Only differences of equal effect are ordered by the weight of facts.def.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "doctor/judge.h"

enum { DIFFERENCES_MAX = 128 };

/* A verdict that turns counts for more than any number of doublings. */
static const double TURNED = 1000;

struct difference {
    const struct facts_row *row;
    bool turns;  /* the fork verdict of one side */
    bool starts; /* whether serving would start on one side */
    double effect;
};

static double doublings(int64_t from, int64_t to)
{
    /* Nothing and one byte are the same; no limit is as much as can be addressed. */
    const double top = 0x1p47;
    if (from == FACTS_UNSEEN || to == FACTS_UNSEEN) return 0;
    double a = from < 1 ? 1 : (double)from, b = to < 1 ? 1 : (double)to;
    return fabs(log2((a > top ? top : a) / (b > top ? top : b)));
}

static int64_t promise(const struct facts *facts)
{
    enum overcommit_rule rule = overcommit_rule(facts);
    if (rule == OVERCOMMIT_EITHER) rule = OVERCOMMIT_OLD;
    return overcommit_allowed(facts, rule, facts->vm_size);
}

static int64_t least(int64_t a, int64_t b) { return b < 0 || (a >= 0 && a < b) ? a : b; }

static int64_t places(const struct facts *facts)
{
    int64_t room = FACTS_UNLIMITED;
    if (facts->pids_limit >= 0 && facts->pids_limit != FACTS_UNLIMITED && facts->pids_used >= 0)
        room = facts->pids_limit - facts->pids_used;
    if (facts->limit_nproc >= 0 && facts->uid > 0) room = least(room, facts->limit_nproc);
    return room < 0 ? 0 : room;
}

/* MemAvailable decides nothing: fork asks for a promise, not for pages. */
static int64_t space(const struct facts *facts) { return facts->memory_headroom; }

static bool refuses(const struct facts *facts, const struct forkcast_options *options)
{
    struct forkcast cast;
    forkcast_make(&cast, facts, options);
    return cast.verdict == FORKCAST_NO;
}

/* Whether serving our own model would not start, where a snapshot has its plan. */
static bool cannot_serve(const struct facts *facts)
{
    struct finding judged = {0};
    struct checkup checkup = {.facts = facts};
    return judge_own_plan(&checkup, &judged) && judged.severity == FINDING_CAUSE;
}

/* What one's value does to the other. */
static void try_one(struct difference *difference, const struct facts *base,
                    const struct facts *other, const struct forkcast_options *options)
{
    struct facts changed = *base;
    facts_copy_row(&changed, other, difference->row);
    bool turns = refuses(base, options) != refuses(&changed, options);
    bool starts = cannot_serve(base) != cannot_serve(&changed);
    double effect = (turns || starts ? TURNED : 0) + doublings(promise(base), promise(&changed)) +
                    doublings(places(base), places(&changed)) / 2 +
                    doublings(space(base), space(&changed)) / 4;
    difference->turns = difference->turns || turns;
    difference->starts = difference->starts || starts;
    if (effect > difference->effect) difference->effect = effect;
}

static int by_effect(const void *left, const void *right)
{
    const struct difference *a = left, *b = right;
    if (a->effect != b->effect) return a->effect > b->effect ? -1 : 1;
    if (a->row->weight != b->row->weight) return a->row->weight > b->row->weight ? -1 : 1;
    return a->row->offset < b->row->offset ? -1 : 1;
}

static void add_verdict(const struct compare_side *side, const struct forkcast_options *options,
                        const char *id, struct finding_list *list)
{
    struct forkcast cast;
    forkcast_make(&cast, &side->facts, options);
    struct finding *f = finding_add(list, id, "");
    finding_title(f, "%s: fork %s", side->name,
                  cast.verdict == FORKCAST_NO    ? "would fail"
                  : cast.verdict == FORKCAST_YES ? "would succeed"
                                                 : "verdict depends on what was not seen");
    finding_read(f, "%s", overcommit_rule_text(cast.rule));
    finding_means(f, "%s", cast.inequality);
    finding_grade(f, cast.verdict == FORKCAST_NO ? FINDING_CAUSE : FINDING_NOTE);
}

static void add_difference(const struct difference *difference, const struct compare_side *first,
                           const struct compare_side *second, struct finding_list *list)
{
    char buffer[FACTS_TEXT_MAX * 2];
    const struct facts_row *row = difference->row;
    struct finding *f = finding_add(list, row->name, row->name);
    struct writer writer = writer_of(buffer, sizeof buffer);
    facts_show(&first->facts, row, &writer);
    finding_read(f, "%.*s in %s, ", (int)writer.used, buffer, first->name);
    writer = writer_of(buffer, sizeof buffer);
    facts_show(&second->facts, row, &writer);
    finding_read(f, "%.*s in %s (%s)", (int)writer.used, buffer, second->name, row->where);
    if (difference->turns || difference->starts) {
        finding_grade(f, FINDING_CAUSE);
        finding_means(f, "this difference alone turns the verdict on %s",
                      difference->turns ? "fork" : "our own plan: serving would not start");
        finding_todo(f, "make it the same in both%s", difference->turns ? ", or do not fork" : "");
    } else if (difference->effect >= 0.5) {
        finding_grade(f, FINDING_WARNING);
        finding_means(f, "changes what fork may ask for by a factor of %.1f",
                      exp2(difference->effect < 60 ? difference->effect : 60));
    } else if (difference->effect > 0.01 || row->weight >= 30) {
        finding_grade(f, FINDING_NOTE);
        finding_means(f, difference->effect > 0.01
                             ? "a small effect"
                             : "no effect on this verdict; may have on another");
    } else {
        finding_means(f, "no effect on the verdict");
    }
}

static void add_plan(const struct compare_side *side, const char *id, struct finding_list *list)
{
    if (side->facts.plan_memory < 0) return;
    struct checkup checkup = {.facts = &side->facts};
    struct finding *f = finding_add(list, id, "");
    judge_own_plan(&checkup, f);
    finding_title(f, "%s: serving %s start", side->name,
                  f->severity == FINDING_CAUSE ? "would not" : "would");
}

enum error_code compare_findings(const struct compare_side *first,
                                 const struct compare_side *second,
                                 const struct forkcast_options *options, struct finding_list *list,
                                 struct error *err)
{
    _Static_assert(DIFFERENCES_MAX + 4 < FINDINGS_MAX, "all differences fit a list");
    struct difference *differences = NULL;
    TRY(mem_take(&differences, DIFFERENCES_MAX, sizeof *differences, err));
    size_t count = 0;
    for (size_t i = 0; i < facts_row_count() && count < DIFFERENCES_MAX; i++) {
        const struct facts_row *row = facts_row(i);
        if (row->weight == 0 || facts_same(&first->facts, &second->facts, row)) continue;
        struct difference *difference = &differences[count++];
        difference->row = row;
        try_one(difference, &first->facts, &second->facts, options);
        try_one(difference, &second->facts, &first->facts, options);
    }
    qsort(differences, count, sizeof *differences, by_effect);
    for (size_t i = 0; i < count; i++) add_difference(&differences[i], first, second, list);
    add_verdict(first, options, "first.fork", list);
    add_verdict(second, options, "second.fork", list);
    add_plan(first, "first.plan", list);
    add_plan(second, "second.plan", list);
    mem_free(differences);
    return ERR_NONE;
}
