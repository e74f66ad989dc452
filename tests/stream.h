/* stream.h - bytes as a file descriptor: all at once, in pieces, or without end. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include <poll.h>
#include <pthread.h>

#include "base/slice.h"
#include "fail.h"

/* An unnamed file in the test's folder that holds text, at its beginning. */
static inline int stream_of(struct slice text)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/stream.XXXXXX", test_folder());
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, text.data, text.size), (ssize_t)text.size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* A pipe that a thread fills: with head, then count times piece, then tail. The first
 * `apart` bytes of head are written alone, and taken before the rest follows. */
struct stream {
    int fd; /* to read from */
    int end;
    struct slice head, piece, tail;
    size_t count, apart;
    pthread_t thread;
};

/* Whether all of it went out; not when the reader closed. */
static inline bool stream_put(int fd, struct slice text)
{
    while (text.size > 0) {
        ssize_t done = write(fd, text.data, text.size);
        if (done < 0) return false;
        text = slice_from(text, (size_t)done);
    }
    return true;
}

static inline void *stream_fill(void *argument)
{
    struct stream *stream = argument;
    struct slice head = stream->head;
    bool open = true;
    for (size_t i = 0; i < stream->apart && open; i++) {
        struct pollfd empty = {.fd = stream->fd, .events = POLLIN};
        open = stream_put(stream->end, (struct slice){head.data, 1});
        head = slice_from(head, 1);
        while (poll(&empty, 1, 0) == 1 && (empty.revents & POLLIN) != 0) usleep(100);
    }
    open = open && stream_put(stream->end, head);
    for (size_t i = 0; i < stream->count && open; i++)
        open = stream_put(stream->end, stream->piece);
    if (open) stream_put(stream->end, stream->tail);
    close(stream->end);
    return NULL;
}

/* Its fields but fd, end and thread are filled. */
static inline void stream_open(struct stream *stream)
{
    int ends[2];
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    stream->fd = ends[0];
    stream->end = ends[1];
    fcntl(stream->end, F_SETPIPE_SZ, 1024 * 1024);
    assert_int_equal(pthread_create(&stream->thread, NULL, stream_fill, stream), 0);
}

static inline void stream_close(struct stream *stream)
{
    close(stream->fd);
    pthread_join(stream->thread, NULL);
}

#endif
