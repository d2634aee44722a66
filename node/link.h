/* The I/O thread of a node: one DEALER socket, opened anew after each loss, driving one session. The agent library and
 * the connection runtime both stand on it.
 *
 * The session belongs to whoever holds the mutex. Application threads lock, call session functions and unlock with
 * `kick` when there may be something to send; a kick costs a system call only if the I/O thread sleeps, so that
 * envelopes put while it works go out together in its next message. Not usable in a child after fork.
 */
#ifndef PB_LINK_H
#define PB_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>

#include "schema/session.h"

struct pb_link_conf {
    const char *endpoint;           /* borrowed until close */
    struct pb_session_conf session; /* its incarnation is drawn by open */
    void *self;
    /* Called by the I/O thread once in every turn, the mutex held: take what the session has, return when to be called
     * again at the latest (INT64_MAX = only when something happens). */
    int64_t (*turn)(void *self, int64_t now);
};

struct pb_link {
    struct pb_link_conf conf;
    pthread_mutex_t mutex;
    pthread_cond_t news;
    pthread_t thread;
    bool has_sync, has_thread;

    /* under the mutex */
    struct pb_session session;
    unsigned waiters;
    bool asleep, stopping, bye, changed;

    atomic_bool trace; /* print the verbs of each message */
    int wake_fd;

    /* the I/O thread only */
    void *context, *socket, *monitor;
    struct pb_buf packed;
    zmq_msg_t unsent; /* packed, not taken by the socket yet */
    bool has_unsent, lost;
    unsigned failures, sockets;
    int64_t opened_at, retry_at;
    char told[PB_MAX_TEXT + 1]; /* the last refusal that was logged */
};

/* Milliseconds of the monotonic clock. */
int64_t pb_now(void);

/* n random bytes from the kernel; false = it has none to give. */
bool pb_random(void *p, size_t n);

/* Start the thread; it attaches for ever. On failure l may be passed to close.
 *   PBAY_OK; PBAY_INVALID = the endpoint is not ipc://PATH or tcp://HOST:PORT; PBAY_IO */
enum pbay_err pb_link_open(struct pb_link *l, const struct pb_link_conf *conf);

/* Send what is ready, say BYE if bye, end the thread, free everything; idempotent. Envelopes that the caller has
 * started and not finished are still its own: pb_session_finish frees them and settles nothing. */
void pb_link_close(struct pb_link *l, bool bye);

/* kick: there may be something to send. */
void pb_link_lock(struct pb_link *l);
void pb_link_unlock(struct pb_link *l, bool kick);

/* The same while the mutex stays held. */
void pb_link_kick(struct pb_link *l);

/* Wait, the mutex held, until something has happened on the link. false = the deadline passed (INT64_MAX = none). */
bool pb_link_wait(struct pb_link *l, int64_t deadline);

/* Make all who wait look again; the mutex is held. */
void pb_link_tell(struct pb_link *l);

/* ---- link_socket.c, for link.c: the I/O thread, the mutex not held ---- */
void pb_link_open_socket(struct pb_link *l, int64_t now);
void pb_link_close_socket(struct pb_link *l);

/* How long to wait after a link: refused = by the broker. */
int64_t pb_link_back_off(struct pb_link *l, bool refused, bool had_been_up);

/* A line on standard error, unless it was the last one. */
void pb_link_say_once(struct pb_link *l, const char *text);

/* Send until nothing is left or the socket is full; returns when to wake up, no later than due. */
int64_t pb_link_send(struct pb_link *l, int64_t due);

/* What is packed now, once, if the socket takes it. */
void pb_link_send_last_word(struct pb_link *l);
void pb_link_say_bye(struct pb_link *l);

/* Set lost if the connection is. */
void pb_link_read_monitor(struct pb_link *l);

/* Give the session what has come; true = there may be more. */
bool pb_link_receive(struct pb_link *l);

#endif
