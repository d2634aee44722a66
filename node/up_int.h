/* Between the files of `patchbay up`: cmd_up.c (set-up and the loop), up_plan.c (which children there are), up_child.c
 * (one child), up_phase.c (what is to be done now), up_files.c (the run directory), up_log.c (output).
 *
 * One thread, one poll. It must be the main thread that forks: the signal that ends an orphan comes when the thread
 * that forked it ends. */
#ifndef PB_UP_INT_H
#define PB_UP_INT_H

#include <limits.h>
#include <sys/types.h>

#include "node/cmd.h"
#include "node/http_unix.h"
#include "node/supervise.h"
#include "node/up_files.h"
#include "node/up_log.h"

#define UP_MAX_CHILDREN (PBAY_MAX_CONNECTIONS * PBAY_MAX_INSTANCES + 2)
#define UP_MAX_REASON   300

/* In the order of their start. */
enum up_role { UP_BROKER, UP_CONNECTION, UP_AGENT };

struct up_child {
    struct sv sv;
    enum up_role role;
    const struct pbay_conn_conf *conn; /* of a connection */
    char instance[12];
    char *label; /* "stub.0" */
    char **argv; /* ends with NULL */
    pid_t pid;   /* 0 = none */
    int out;     /* what it prints; -1 = none */
    struct up_lines lines;
    char reason[UP_MAX_REASON]; /* how it ended last; empty = never */
};

/* What happens in which order; a phase ends when its children have, or at its deadline. */
enum up_phase {
    UP_BROKER_STARTS, /* until it answers */
    UP_RUNS,
    UP_AGENT_STOPS,
    UP_CONNECTIONS_STOP,
    UP_BROKER_STOPS,
    UP_REST_IS_KILLED,
    UP_DONE
};

struct up {
    struct pbay_agent_conf *conf;
    char *package_path;
    char bin_dir[PATH_MAX], admin_socket[PATH_MAX];
    struct up_child *children; /* broker, connections in the order of the file, agent */
    size_t n_children;
    bool *told; /* by connection: the broker holds it for failed */
    struct up_log log;
    struct http_call *http;
    long telling;   /* which connection the request under way is about; -1 = it asks whether the broker answers */
    bool asking;    /* a request is under way */
    bool answers;   /* the broker has answered since it was started */
    bool deaf;      /* it could not be told, and that was said */
    int64_t ask_at; /* next request at the earliest */
    enum up_phase phase;
    int64_t deadline; /* of the phase */
    bool hurry;       /* asked to stop a second time */
    bool dirty;       /* up.json is behind */
    bool save_failed; /* and that was said */
    int lock_fd, signal_fd, watch_fd;
    unsigned killed;
    int status;
};

/* A line of our own. */
void up_say(struct up *up, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- up_plan.c ---- */

/* Make the children, none of them started. */
void up_plan(struct up *up);
void up_plan_fini(struct up *up);
const char *up_role_name(enum up_role role);
const char *up_child_name(const struct up *up, const struct up_child *child);

/* ---- up_child.c ---- */

/* Start it; when that fails it has died at once. */
void up_child_start(struct up *up, struct up_child *child, int64_t now);

/* Read what it has printed; at its end the pipe is closed. */
void up_child_read(struct up *up, struct up_child *child);

/* Take note of all children that have ended. */
void up_reap(struct up *up, int64_t now);

/* ---- up_phase.c ---- */

/* Do what is due; returns when to be called again at the latest. */
int64_t up_advance(struct up *up, int64_t now);

/* Begin to stop; once it has begun, make it shorter. */
void up_stop(struct up *up, int64_t now);

/* A child has ended, its restart is decided. */
void up_child_ended(struct up *up, struct up_child *child, int64_t now);

/* The request under way has its answer. */
void up_answered(struct up *up, int64_t now);

/* ---- up_files.c ---- */

/* What a process prints need not be UTF-8, which JSON has to be: replace what is not, and control characters. */
void up_make_plain(char *text);

/* Rewrite up.json. */
void up_save(struct up *up);

#endif
