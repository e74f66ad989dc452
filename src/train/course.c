/* course.c - one loop, and one table of what is written down.
 *
 * A checkpoint holds parameters, the optimiser's moments, the state between batches and
 * the place. Orders of texts and masks are not in it: they are drawn from the seed and
 * the place. Writing waits for a twentieth of the time at most. */
// SPDX-License-Identifier: Apache-2.0
#include "train/course.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/stop.h"
#include "base/tick.h"
#include "base/writer.h"
#include "train/schedule.h"
#include "train/snapshot.h"

/* Of struct course's place and sums. */
enum { STAGE, EPOCH, BATCH, STEPS, ADAM_STEPS, HISTORY, STATE_ROWS, ENDED };
enum { EPOCH_LOSS, EPOCH_BATCHES, LAST_LOSS, LAST_VALID };

static const double write_share = 20; /* of the time between two checkpoints */
enum { BLOCKS = 6 };

static void path_of(char out[COURSE_PATH_MAX], const char *output, const char *training)
{
    int length = snprintf(out, COURSE_PATH_MAX, "%s.%s.resume", output, training);
    if (length < 0 || length >= COURSE_PATH_MAX) out[0] = '\0';
}

bool course_begun(const char *output)
{
    char path[COURSE_PATH_MAX];
    path_of(path, output, COURSE_LANGUAGE);
    return path[0] != '\0' && access(path, F_OK) == 0;
}

void course_forget(const char *output, const char *training)
{
    char path[COURSE_PATH_MAX];
    path_of(path, output, training);
    unlink(path);
}

void course_lay(struct course *course, struct net *net, struct arena *arena)
{
    course->net = net;
    adam_lay(&course->adam, net, arena);
}

double course_loss(const struct course *course) { return course->sums[LAST_LOSS]; }

double course_valid(const struct course *course) { return course->sums[LAST_VALID]; }

/* Checkpoints */

static size_t blocks_of(struct course *course, struct snapshot_block blocks[BLOCKS])
{
    struct net *net = course->net;
    const struct snapshot_block all[BLOCKS] = {
        {"place", SAFETENSORS_U64, COURSE_PLACES, course->place},
        {"sums", SAFETENSORS_F64, COURSE_SUMS, course->sums},
        {"parameters", SAFETENSORS_F32, net->count, net->parameters},
        {"average", SAFETENSORS_F32, net->count, course->adam.average},
        {"square", SAFETENSORS_F32, net->count, course->adam.square},
        {"state", SAFETENSORS_F32, net->state_count, net->state},
    };
    size_t count = 0;
    for (size_t i = 0; i < BLOCKS; i++)
        if (all[i].count > 0) blocks[count++] = all[i];
    return count;
}

/* Of the recipe's rates. */
static double factor_of(const struct course_way *way) { return way->rate > 0 ? way->rate : 1; }

/* Everything that the result depends on, as people read it. */
static void write_settings(struct course *course)
{
    const struct weights_shape *shape = &course->net->options.shape;
    const struct recipe *recipe = course->recipe;
    struct writer to = writer_of(course->settings, sizeof course->settings - 1);
    writer_format(&to, "%s: %ux%ux%ux%u", course->lesson->training, shape->vocab, shape->width,
                  shape->hidden, shape->layers);
    bool labels = !weights_headless(shape);
    if (labels) writer_format(&to, " to %zu", weights_classes(shape));
    writer_format(&to, ", seed %" PRIu64 ", %u threads, %s, batches of %zu, dropout %g",
                  course->way->seed, course->way->threads, gemm_name(course->way->arithmetic),
                  recipe->rows, (double)recipe->drop_mult);
    for (size_t i = 0; i < recipe->stage_count; i++)
        writer_format(&to, ", %u at %.3g", recipe->stages[i].epochs, recipe->stages[i].high);
    writer_format(&to, ", rate %.17g", factor_of(course->way));
    if (recipe->cut.percent > 0)
        writer_format(&to, ", %u %% of the batches beginnings of %zu words and more",
                      recipe->cut.percent, recipe->cut.least);
    if (labels && course->way->smoothing > 0)
        writer_format(&to, ", labels smoothed by %.17g", course->way->smoothing);
    if (course->way->clip > 0) writer_format(&to, ", clipped at %.17g", course->way->clip);
    course->settings[to.used] = '\0';
}

static struct snapshot_key key_of(const struct course *course)
{
    return (struct snapshot_key){.settings = course->settings, .data = course->data};
}

/* Whether numbers have run away: what is written down must be worth going on from. */
static bool is_sound(const struct net *net)
{
    for (size_t i = 0; i < net->count; i++)
        if (!isfinite(net->parameters[i])) return false;
    return true;
}

/* what: is no number any more. At the end of all, the last stage is the one that lost it. */
static enum error_code lost(const struct course *course, const char *what, uint64_t step,
                            struct error *err)
{
    bool behind = course->place[STAGE] == course->recipe->stage_count;
    const struct recipe_stage *stage = &course->recipe->stages[course->place[STAGE] - behind];
    uint64_t epoch = behind ? stage->epochs : course->place[EPOCH] + 1;
    bool any = course->written > 0;
    return error_set(err, ERR_DATA, 0,
                     "%s: %s no number any more at step %" PRIu64 " ('%s', epoch %" PRIu64
                     "); begin anew with a lower --rate, or --clip; %s%s",
                     course->lesson->title, what, step, stage->title, epoch,
                     any ? "the last good checkpoint is " : "no checkpoint was written",
                     any ? course->path : "");
}

static enum error_code write_down(struct course *course, struct error *err)
{
    struct snapshot_block blocks[BLOCKS];
    struct snapshot_key key = key_of(course);
    uint64_t begun = tick_now();
    if (!is_sound(course->net))
        return lost(course, "what was learnt is", course->place[STEPS], err);
    if (course->way->history != NULL)
        TRY(history_flush(course->way->history, &course->place[HISTORY], err));
    course->place[ADAM_STEPS] = course->adam.steps;
    course->place[STATE_ROWS] = course->net->state_rows;
    size_t count = blocks_of(course, blocks);
    TRY(snapshot_write(course->path, &key, blocks, count, err));
    course->write_seconds = tick_seconds_since(begun);
    course->written = tick_now();
    return ERR_NONE;
}

static enum error_code take_up(struct course *course, struct error *err)
{
    struct snapshot_block blocks[BLOCKS];
    struct snapshot_key key = key_of(course);
    size_t count = blocks_of(course, blocks);
    bool found;
    TRY(snapshot_read(course->path, &key, blocks, count, &found, err));
    if (!found) return ERR_NONE;
    course->adam.steps = course->place[ADAM_STEPS];
    course->net->state_rows = course->place[STATE_ROWS];
    course->written = tick_now();
    if (course->place[STAGE] > course->recipe->stage_count)
        return error_set(err, ERR_MODEL, 0, "%s tells a stage that is none", course->path);
    if (course->place[ENDED]) return ERR_NONE;
    if (course->way->tell != NULL) {
        char sentence[COURSE_PATH_MAX + 64];
        snprintf(sentence, sizeof sentence, "resume: %s goes on after step %" PRIu64, course->path,
                 course->place[STEPS]);
        course->way->tell(sentence);
    }
    if (course->way->history == NULL) return ERR_NONE;
    return history_rewind(course->way->history, course->place[HISTORY], err);
}

static enum error_code stop_here(struct course *course, struct error *err)
{
    TRY(write_down(course, err));
    return error_set(err, ERR_STOPPED, 0,
                     "%s: stopped after step %" PRIu64 "; all is in %s, and --resume goes on",
                     course->lesson->title, course->place[STEPS], course->path);
}

/* The first is written before the first step: a disk that is full says so at once. */
static bool is_time(const struct course *course)
{
    double pause = course->way->pause_seconds;
    if (pause > 0 && pause < write_share * course->write_seconds)
        pause = write_share * course->write_seconds;
    return course->written == 0 || tick_seconds_since(course->written) >= pause;
}

/* Steps */

struct pace {
    double rates[WEIGHTS_LAYERS_MAX + 2];
    double momentum;
};

static void set_pace(const struct course *course, struct pace *pace)
{
    const struct recipe_stage *stage = &course->recipe->stages[course->place[STAGE]];
    double batches = (double)course->lesson->batches;
    double position = (double)course->place[EPOCH] / stage->epochs +
                      (double)course->place[BATCH] / (stage->epochs * batches);
    double factor = factor_of(course->way);
    size_t groups = course->net->groups;
    check(groups <= sizeof pace->rates / sizeof *pace->rates);
    schedule_spread(stage->low * factor, stage->high * factor, pace->rates, groups);
    for (size_t g = 0; g < groups; g++) pace->rates[g] = schedule_rate(pace->rates[g], position);
    pace->momentum = schedule_momentum(position);
}

static void report(const struct course *course, const struct pace *pace, struct progress *progress)
{
    const struct recipe_stage *stage = &course->recipe->stages[course->place[STAGE]];
    const struct course_lesson *lesson = course->lesson;
    uint64_t epoch = course->place[EPOCH], each = lesson->items, batch = course->place[BATCH];
    double loss = course->sums[EPOCH_LOSS] / course->sums[EPOCH_BATCHES];
    char perplexity[32] = "";
    if (lesson->perplexity) snprintf(perplexity, sizeof perplexity, ", perplexity %.1f", exp(loss));
    progress_note(progress, "%s, epoch %" PRIu64 "/%u, loss %.3f%s, rate %.1e", stage->title,
                  epoch + 1, stage->epochs, loss, perplexity, pace->rates[course->net->groups - 1]);
    uint64_t done = epoch * each + batch * each / lesson->batches;
    progress_report(progress, lesson->title, done, each * stage->epochs, lesson->unit);
}

static enum error_code tell(const struct course *course, const struct history_line *line,
                            struct error *err)
{
    struct history *history = course->way->history;
    return history == NULL ? ERR_NONE : history_add(history, line, err);
}

static struct history_line line_of(const struct course *course)
{
    const struct recipe_stage *stage = &course->recipe->stages[course->place[STAGE]];
    return (struct history_line){.training = course->lesson->training,
                                 .stage = stage->title,
                                 .epoch = (unsigned)course->place[EPOCH] + 1,
                                 .step = course->place[STEPS]};
}

static enum error_code take_step(struct course *course, struct progress *progress,
                                 struct error *err)
{
    struct net_loss loss;
    struct pace pace;
    struct history_line line;
    uint64_t items;
    set_pace(course, &pace);
    TRY(course->lesson->learn(course->lesson->context, course->place[STEPS], &loss, &items, err));
    if (!isfinite(loss.total) || !isfinite(loss.entropy))
        return lost(course, "the loss is", course->place[STEPS] + 1, err);
    double norm = adam_learn(&course->adam, &(struct adam_step){.rates = pace.rates,
                                                                .momentum = pace.momentum,
                                                                .decay = course->recipe->decay,
                                                                .clip = course->way->clip});
    course->place[BATCH]++;
    course->place[STEPS]++;
    course->sums[EPOCH_LOSS] += loss.entropy;
    course->sums[EPOCH_BATCHES]++;
    report(course, &pace, progress);
    line = line_of(course);
    line.loss = loss.entropy;
    line.total = loss.total;
    line.rate = pace.rates[course->net->groups - 1];
    line.momentum = pace.momentum;
    line.norm = norm;
    line.items = items;
    return tell(course, &line, err);
}

static enum error_code end_epoch(struct course *course, struct error *err)
{
    double *sums = course->sums;
    sums[LAST_LOSS] = sums[EPOCH_LOSS] / sums[EPOCH_BATCHES];
    sums[EPOCH_LOSS] = sums[EPOCH_BATCHES] = 0;
    if (course->lesson->judge != NULL) {
        struct history_line line = line_of(course);
        line.loss = sums[LAST_VALID] = course->lesson->judge(course->lesson->context);
        line.validation = true;
        TRY(tell(course, &line, err));
    }
    course->place[BATCH] = 0;
    course->place[EPOCH]++;
    return ERR_NONE;
}

/* Epochs of the stages before, and of this one. */
static unsigned epochs_so_far(const struct course *course)
{
    unsigned epochs = (unsigned)course->place[EPOCH];
    for (size_t i = 0; i < course->place[STAGE]; i++) epochs += course->recipe->stages[i].epochs;
    return epochs;
}

static enum error_code run_stage(struct course *course, struct progress *progress,
                                 struct error *err)
{
    const struct recipe_stage *stage = &course->recipe->stages[course->place[STAGE]];
    const struct course_lesson *lesson = course->lesson;
    unsigned groups = course->net->groups;
    course->net->first = stage->thawed == 0 || stage->thawed > groups ? 0 : groups - stage->thawed;
    if (course->place[EPOCH] == 0 && course->place[BATCH] == 0) adam_clear(&course->adam);
    while (course->place[EPOCH] < stage->epochs) {
        lesson->begin(lesson->context, epochs_so_far(course), course->place[BATCH]);
        while (course->place[BATCH] < lesson->batches) {
            if (stop_asked()) return stop_here(course, err);
            if (is_time(course)) TRY(write_down(course, err));
            TRY(take_step(course, progress, err));
        }
        TRY(end_epoch(course, err));
    }
    course->place[STAGE]++;
    course->place[EPOCH] = 0;
    return ERR_NONE;
}

enum error_code course_run(struct course *course, struct progress *progress, struct error *err)
{
    check(course->lesson->batches > 0 && course->lesson->items > 0);
    memset(course->place, 0, sizeof course->place);
    memset(course->sums, 0, sizeof course->sums);
    course->written = 0;
    write_settings(course);
    path_of(course->path, course->way->output, course->lesson->training);
    if (course->path[0] == '\0')
        return error_set(err, ERR_CREATE, 0, "the path of the file to write is too long");
    file_sweep(course->path);
    if (course->way->resume) TRY(take_up(course, err));
    if (course->place[ENDED]) return ERR_NONE;
    while (course->place[STAGE] < course->recipe->stage_count)
        TRY(run_stage(course, progress, err));
    course->place[ENDED] = 1;
    return write_down(course, err);
}
