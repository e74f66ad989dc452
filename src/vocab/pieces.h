/* pieces.h - a word that a vocabulary lacks, as the known words it is made of.
 *
 * A desk's words are names of options, commands, objects ("nova_libvirt_flag",
 * "cronjobcontroller"), compounds and forms of other words. Each is met too seldom to be learnt,
 * its parts are not. From the left, the longest known word is taken at each place; what none covers
 * is left out. A word of which less than half is covered stays unknown.
 *
 * In      a word in UTF-8
 * Bound   words of more than PIECES_WORD_BYTES are not looked into
 * Time    at most PIECE_BYTES look-ups a byte
 * Threads any number
 * Source  longest match first, as WordPiece does: Schuster and Nakajima 2012
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef VOCAB_PIECES_H
#define VOCAB_PIECES_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct vocab; /* vocab.h */

enum {
    PIECES_WORD_BYTES = 64,
    PIECE_CHARACTERS = 3, /* at least; shorter words are found everywhere, and say nothing */
    PIECE_BYTES = 20,     /* at most: longer words are seldom parts of others */
    PIECES_MAX = PIECES_WORD_BYTES / PIECE_CHARACTERS,
};

/* How many there are; none where the word stays unknown. */
size_t pieces_find(const struct vocab *vocab, struct slice word, uint32_t out_ids[PIECES_MAX]);

#endif
