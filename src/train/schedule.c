/* schedule.c - half cosines; the share of a phase is computed in f32, as fastai does. */
// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.h"

#include <math.h>

static const float rising = 0.25f;
static const double first_part = 25, last_part = 1e5;
static const double momentum_ends = 0.8, momentum_middle = 0.7;

static double half_cosine(double from, double to, float share)
{
    return from + (1 + cos(M_PI * (1 - (double)share))) * (to - from) / 2;
}

static double cycle(double begin, double middle, double end, double position)
{
    float at = (float)position;
    return at < rising ? half_cosine(begin, middle, at / rising)
                       : half_cosine(middle, end, (at - rising) / (1 - rising));
}

double schedule_rate(double rate_max, double position)
{
    return cycle(rate_max / first_part, rate_max, rate_max / last_part, position);
}

double schedule_momentum(double position)
{
    return cycle(momentum_ends, momentum_middle, momentum_ends, position);
}

void schedule_spread(double low, double high, double *out_rates, size_t groups)
{
    for (size_t i = 0; i < groups; i++)
        out_rates[i] = groups == 1 ? high : low * pow(high / low, (double)i / (double)(groups - 1));
}
