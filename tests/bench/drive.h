/* A peer as the common driver (drive.c) sees it: named inboxes, the sink's is "k", a source's is "s" and its number.
 * Each peer_NAME.c implements these functions once and is linked with drive.c into one program. Whatever goes wrong
 * ends the process with bench_die. */
#ifndef BENCH_DRIVE_H
#define BENCH_DRIVE_H

#include "tests/bench/common.h"

#define DRIVE_SINK "k"

struct peer;

struct drive_view {
    const void *p;
    size_t n;
};

/* self: the name of our own inbox, open for messages when this returns. */
struct peer *peer_open(const struct bench_opts *o, const char *self);
void peer_close(struct peer *p);

/* Send, or keep for a later flush, where the peer's client does so. */
void peer_put(struct peer *p, const char *to, const void *bytes, size_t n);
void peer_flush(struct peer *p);

/* The next message of our inbox; the view lives until the next call. false = none within timeout_ms. */
bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms);

#endif
