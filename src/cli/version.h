/* version.h - which program this is. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_VERSION_H
#define CLI_VERSION_H

extern const char *const version_text;

#endif
