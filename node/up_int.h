/* Between the files of `patchbay up`: cmd_up.c (set-up and the loop), up_plan.c (which children there are), up_reload.c
 * (a new plan), up_child.c (one child), up_ask.c (requests to the broker), up_phase.c (what is to be done now),
 * up_control.c (requests to us), up_files.c (the run directory), up_log.c (output).
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

#define UP_MAX_AGENTS 64 /* of one broker */
#define UP_MAX_REASON 300
#define UP_MAX_ANSWER 4096 /* bytes that a request to us is answered with */

/* In the order of their start. */
enum up_role { UP_BROKER, UP_CONNECTION, UP_AGENT };

/* A connection of an agent, which may have several children. */
struct up_conn {
    const struct pbay_agent_conf *agent;
    const struct pbay_conn_conf *conf;
    bool left_out;  /* by --connections or --exclude-connections */
    bool told;      /* the broker holds it for failed */
    bool connected; /* as the broker said; asked only while somebody waits for it */
    int64_t since;  /* those that wait for it begin to count; 0 = not yet */
};

struct up_child {
    struct sv sv;
    enum up_role role;
    const struct pbay_agent_conf *agent; /* not of the broker */
    struct up_conn *conn;                /* of a connection */
    char instance[12];
    char *label; /* "stub.0" */
    char **argv; /* ends with NULL */
    pid_t pid;   /* 0 = none */
    int out;     /* what it prints; -1 = none */
    struct up_lines lines;
    char reason[UP_MAX_REASON]; /* how it ended last; empty = never */
    bool leaves;                /* the configuration does not have it any more: it goes once it has ended */
    int64_t kill_at;            /* it was asked to end; INT64_MAX = it was not */
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
    char *files[UP_MAX_AGENTS];
    struct pbay_agent_conf *agents[UP_MAX_AGENTS]; /* the first one has the broker's settings */
    size_t n_agents;
    const char *only, *without; /* --connections, --exclude-connections; NULL = not given */
    char *package_path;
    char bin_dir[PATH_MAX], admin_socket[PATH_MAX];
    struct up_conn *conns; /* in the order of the files */
    size_t n_conns;
    struct up_child *children; /* broker, connections, agents, and what leaves */
    size_t n_children;
    struct up_log log;
    struct http_call *http;
    long asked;      /* the connection that the request under way is about, or one of enum up_question */
    bool asking;     /* a request is under way */
    bool answers;    /* the broker has answered since it was started */
    bool deaf;       /* it could not be told, and that was said */
    int64_t ask_at;  /* next request at the earliest */
    int64_t look_at; /* next question for states at the earliest */
    enum up_phase phase;
    int64_t deadline; /* of the phase */
    bool hurry;       /* asked to stop a second time */
    bool dirty;       /* up.json is behind */
    bool save_failed; /* and that was said */
    int lock_fd, signal_fd, watch_fd, control_fd, client_fd;
    unsigned killed;
    int status;
};

/* A line of our own. */
void up_say(struct up *up, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Why it will not go on: said, and everything is stopped, to end with status. */
void up_give_up(struct up *up, int64_t now, int status, const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- up_plan.c ---- */

/* Make connections and children, none of them started. false = --connections names one that there is not; said. */
bool up_plan(struct up *up);
void up_plan_fini(struct up *up);
void up_child_fini(struct up_child *child);
const char *up_role_name(enum up_role role);
const char *up_child_name(const struct up_child *child);

/* ---- up_reload.c ---- */

/* Load the files again: start what is new, stop what is gone, start again what has changed. text says what was done,
 * or why nothing was; false = nothing. */
bool up_reload(struct up *up, int64_t now, char text[UP_MAX_ANSWER]);

/* Ask the children of this name (or label) to end, to be started again. false = there is none. */
bool up_restart(struct up *up, int64_t now, const char *name, char text[UP_MAX_ANSWER]);

/* Forget those that have left. */
void up_sweep(struct up *up);

/* ---- up_child.c ---- */

/* Start it; when that fails it has died at once. */
void up_child_start(struct up *up, struct up_child *child, int64_t now);

/* Ask it to end; it is killed when it does not. */
void up_child_end(struct up *up, struct up_child *child, int64_t now);

/* Kill those whose time is over; returns when the next one's is. */
int64_t up_child_kill_due(struct up *up, int64_t now);

/* Read what it has printed; at its end the pipe is closed. */
void up_child_read(struct up *up, struct up_child *child);

/* Take note of all children that have ended. */
void up_reap(struct up *up, int64_t now);

/* ---- up_ask.c ---- */

/* Start the next request if there is one to make; returns when to look again. */
int64_t up_ask(struct up *up, int64_t now);

/* The request under way has its answer. */
void up_answered(struct up *up, int64_t now);

/* Give up the request under way. */
void up_ask_cancel(struct up *up);

/* The broker has ended, and with it what it was told. */
void up_forget_broker(struct up *up);

/* Why a connection cannot work: NULL = at least one of its children is not given up. */
const char *up_failure_of(const struct up *up, const struct up_conn *conn);

/* ---- up_phase.c ---- */

/* Do what is due; returns when to be called again at the latest. */
int64_t up_advance(struct up *up, int64_t now);

/* The broker answers for the first time since it was started. */
void up_broker_is_there(struct up *up, int64_t now);

/* Does a child wait for a connection? */
bool up_somebody_waits(const struct up *up);

/* Begin to stop; once it has begun, make it shorter. */
void up_stop(struct up *up, int64_t now);

/* A child has ended, its restart is decided. */
void up_child_ended(struct up *up, struct up_child *child, int64_t now, int status);

/* ---- up_control.c: a socket in the run directory ---- */

/* false = errno. */
bool up_control_open(struct up *up);
void up_control_close(struct up *up);

/* Somebody is there, or has said something. */
void up_control_turn(struct up *up, int64_t now);

/* The other end: one request of words, and its answer. PBAY_OK; PBAY_INVALID = it was refused; PBAY_IO = nobody is
 * there. text says what was done, or why not. */
enum pbay_err up_control_ask(const char *run_dir, const char *const *words, size_t n, char text[UP_MAX_ANSWER]);

/* ---- up_files.c ---- */

/* What a process prints need not be UTF-8, which JSON has to be: replace what is not, and control characters. */
void up_make_plain(char *text);

/* Rewrite up.json. */
void up_save(struct up *up);

#endif
