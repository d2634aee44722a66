/* What libzmq does not look after, at the two doors through which strangers' bytes come in: accept4 and recv. libzmq
 * calls both through the dynamic linker, so the definitions of the executable are found first.
 *
 *   accept4  Without a free descriptor, libzmq 4.3.4 aborts (ipc) or spins (tcp). So a new connection is closed at once
 *            when it would leave fewer than a reserve for the broker's own files. On ipc, another user's process is
 *            closed too, whatever the directory allows.
 *   recv     A message is one to libzmq's limits when its last frame has come: one that never ends may grow without a
 *            bound. So a peer that has sent more than it may without one whole message that was taken is cut.
 *
 * There is one process and one pair of doors: this is the broker's only state with file scope. Counters may be read by
 * any thread; everything else is for the thread that called pb_guard_start. */
#ifndef PB_GUARD_H
#define PB_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pb_guard_limits {
    uint64_t each; /* bytes of one peer, beside as many as it had taken from it before; never more than all */
    uint64_t all;  /* of all of them together; then whoever sends the next bytes is cut */
};

struct pb_guard_counts {
    uint64_t accepted, no_room, strangers, cut; /* connections; cut: peers */
};

/* Before the first socket: raise the limit of descriptors, as far as it is allowed and counted here, and seed what
 * libzmq draws the routing ids of peers without one from. The calling thread's own sockets are not counted. */
void pb_guard_start(const struct pb_guard_limits *limits);

/* A message from this descriptor (ZMQ_SRCFD) was taken; negative = nobody knows. */
void pb_guard_taken(int fd);

struct pb_guard_counts pb_guard_counts(void);

/* Are both doors ours? Makes a socket in `dir` and sends itself a message. false = why: libzmq was linked in another
 * way. */
bool pb_guard_self_test(void *context, const char *dir, char why[200]);

#endif
