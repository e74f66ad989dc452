/* check.h - assertions that stay on.
 *
 * check(c) holds in every build: arguments at folder borders, indices read from
 * files, pairs around hand-overs. A broken one prints where and aborts; the
 * service manager starts anew. dcheck(c) is for inner loops, on with -DDCHECK
 * (tests and fuzzing).
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

_Noreturn void check_failed(const char *file, int line, const char *condition);

#define check(c) ((c) ? (void)0 : check_failed(__FILE__, __LINE__, #c))

#ifdef DCHECK
#define dcheck(c) check(c)
#else
#define dcheck(c) ((void)sizeof(!(c)))
#endif

#endif
