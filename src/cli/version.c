/* version.c - its own file, so that a new commit compiles only this anew. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/version.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

const char *const version_text = VERSION;
