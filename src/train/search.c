/* search.c - two points within, one of which serves the next section again. */
// SPDX-License-Identifier: Apache-2.0
#include "train/search.h"

#include <math.h>

double search_lowest(search_function *at, void *context, double low, double high, unsigned sections)
{
    const double ratio = (sqrt(5) - 1) / 2;
    double left = high - ratio * (high - low), right = low + ratio * (high - low);
    double at_left = at(context, left), at_right = at(context, right);
    for (unsigned i = 0; i < sections; i++) {
        if (at_left < at_right) {
            high = right;
            right = left;
            at_right = at_left;
            left = high - ratio * (high - low);
            at_left = at(context, left);
        } else {
            low = left;
            left = right;
            at_left = at_right;
            right = low + ratio * (high - low);
            at_right = at(context, right);
        }
    }
    return (low + high) / 2;
}
