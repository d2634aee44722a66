/* The link of a node: one DEALER socket, opened anew after each loss, driving one session. The agent library and the
 * connection runtime both stand on it.
 *
 * The session belongs to whoever holds the mutex. Application threads lock, call session functions and unlock with
 * `kick` when there may be something to send; a kick costs a system call only if the driver sleeps, so that envelopes
 * put while it works go out together in its next message.
 *
 * The socket belongs to the driver, and the driver is whoever waits: an application thread in pb_link_wait, or the
 * connection runtime in pb_link_drive, between the slots. Then no envelope changes threads. The link's own thread
 * stands in: while a slot takes long, while the application does something else, and when there is more to send than
 * one envelope. Not usable in a child after fork.
 */
#ifndef PB_LINK_H
#define PB_LINK_H

#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>

#include "schema/key_file.h"
#include "schema/session.h"

struct pb_link_conf {
    const char *endpoint;           /* borrowed until close */
    struct pb_session_conf session; /* its incarnation is drawn by open */
    void *self;
    /* Called by the driver once in every turn, the mutex held: take what the session has, return when to be called
     * again at the latest (INT64_MAX = only when something happens). */
    int64_t (*turn)(void *self, int64_t now);
    bool driven;            /* by the caller, with pb_link_drive */
    pthread_mutex_t *mutex; /* of the session; NULL = the link has one of its own */
};

struct pb_link {
    struct pb_link_conf conf;
    pthread_mutex_t *mutex; /* conf.mutex, or own_mutex */
    pthread_mutex_t own_mutex;
    pthread_cond_t news;
    pthread_t thread;
    bool has_sync, has_thread;

    /* under the mutex */
    struct pb_session session;
    unsigned waiters;
    bool sending_away;
    bool asleep, stopping, changed;
    pthread_cond_t call;
    bool driving;             /* somebody is the driver; asleep: it sleeps, or nobody is */
    bool guest;               /* an application thread is, while it waits */
    bool called;              /* the stand-in is to drive */
    bool relieved;            /* the caller of pb_link_drive is back */
    bool missed;              /* and the stand-in was woken in its place */
    bool watched;             /* the stand-in looks after a driver that is away */
    int64_t away_since;       /* there is no driver; 0 = there is one */
    _Atomic uint64_t news_no; /* how often something has happened; the driver reads it without the mutex */

    atomic_bool trace; /* print the verbs of each message */
    int wake_fd;

    /* the driver only */
    void *context, *socket, *monitor;
    int socket_fd, monitor_fd; /* readable when something has come since libzmq was asked last */
    bool monitor_signals;      /* monitor_fd was */
    bool woken;                /* by a kick or pb_link_wake */
    bool unsure;               /* a send may have taken the signal of something that has come */
    struct pb_buf packed;
    zmq_msg_t unsent; /* packed, not taken by the socket yet */
    bool has_unsent, lost;
    unsigned failures, sockets;
    int64_t opened_at, retry_at;
    char told[PB_MAX_TEXT + 1]; /* the last refusal that was logged */

    char broker_key[PB_KEY_TEXT]; /* for tcp; empty = none is used. This and the next do not change */
    struct pb_key_pair keys;
};

/* Milliseconds of the monotonic clock. */
int64_t pb_now(void);

/* The same for loops over envelopes: read anew only when the kernel's tick has moved, so it may be one tick, a few
 * milliseconds, behind. Zero at first. */
struct pb_clock {
    int64_t now;
    long tick;
};
int64_t pb_clock_now(struct pb_clock *c);

/* n random bytes from the kernel; false = it has none to give. */
bool pb_random(void *p, size_t n);

/* Start the thread; the link attaches for ever. On failure l may be passed to close. On tcp, PATCHBAY_KEY (the node's
 * certificate with its secret key) and PATCHBAY_BROKER_KEY (the broker's, or its public key) are used when they are
 * set.
 *   PBAY_OK; PBAY_INVALID = the endpoint is not ipc://PATH or tcp://HOST:PORT; PBAY_CONFIG = a key cannot be used: why
 *   is on standard error; PBAY_IO */
enum pbay_err pb_link_open(struct pb_link *l, const struct pb_link_conf *conf);

/* Send what is ready, say BYE if bye, end the thread, free everything; idempotent. Envelopes that the caller has
 * started and not finished are still its own: pb_session_finish frees them and settles nothing. */
void pb_link_close(struct pb_link *l, bool bye);

/* kick: there may be something to send. */
void pb_link_lock(struct pb_link *l);
void pb_link_unlock(struct pb_link *l, bool kick);

/* The same while the mutex stays held. */
void pb_link_kick(struct pb_link *l);

/* The same for what has a little time: if nobody drives it goes out when somebody waits, or in some milliseconds. */
void pb_link_nudge(struct pb_link *l);

#define PB_LINK_NO_WAIT INT64_MIN

/* Wait, the mutex held, until something has happened on the link, and drive it meanwhile. false = the deadline passed
 * (INT64_MAX = none, PB_LINK_NO_WAIT = at once). */
bool pb_link_wait(struct pb_link *l, int64_t deadline);

/* Make all who wait look again; the mutex is held. */
void pb_link_tell(struct pb_link *l);

/* Make them look again until nobody waits any more; the mutex is held. */
void pb_link_send_away(struct pb_link *l);

/* Drive a driven link: a turn of it, then sleep until something happens on it, it is kicked, fd (-1 = none) is readable
 * or it is `due`; not at all if there are news. Afterwards the caller is away until it comes here again. true = fd is
 * readable. One thread only. */
bool pb_link_drive(struct pb_link *l, int64_t due, int fd);

/* Wake the driver, whatever it does; async-signal-safe. */
void pb_link_wake(struct pb_link *l);

/* ---- link_socket.c, for link.c: the driver, the mutex not held ---- */
void pb_link_open_socket(struct pb_link *l, int64_t now);
void pb_link_close_socket(struct pb_link *l);

/* How long to wait after a link: refused = by the broker. */
int64_t pb_link_back_off(struct pb_link *l, bool refused, bool had_been_up);

/* A line on standard error, unless it was the last one. */
void pb_link_say_once(struct pb_link *l, const char *text);

/* Send until nothing is left or the socket is full; returns when to wake up, no later than due. */
int64_t pb_link_send(struct pb_link *l, int64_t due);

/* Send what there is, one message, the mutex held and nobody driving. false = a driver is needed. */
bool pb_link_send_now(struct pb_link *l);

/* Something has come, or what waited can go out; otherwise socket_fd signals what comes next. */
bool pb_link_has_news(struct pb_link *l);

/* What is packed now, once, if the socket takes it. */
void pb_link_send_last_word(struct pb_link *l);
void pb_link_say_bye(struct pb_link *l);

/* Set lost if the connection is. */
void pb_link_read_monitor(struct pb_link *l);

/* Give the session what has come; true = there may be more. */
bool pb_link_receive(struct pb_link *l);

/* link_key.c: read the keys; give them to l->socket before it connects. */
enum pbay_err pb_link_load_keys(struct pb_link *l);
bool pb_link_use_keys(const struct pb_link *l);

#endif
