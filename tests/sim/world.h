/* The simulated world: a broker core, node sessions and small applications around them, one event heap, one seed. */
#ifndef WORLD_H
#define WORLD_H

#include <stdio.h>

#include "broker/core.h"
#include "check.h"
#include "schema/session.h"

#define N_NODES     7 /* agent A twice, connection c0 twice, c1; agent B, its connection c2 */
#define MAX_PROCS   192
#define MAX_SOCKETS 2048
#define MAX_UIDS    4096
#define MAX_WORK    4
#define MAX_FLOWS   512

#define STEPS_PER_SUM 8 /* credit is added up after so many steps of the broker */

#define HEARTBEAT 100
#define TIMEOUT   500
#define GONE      1100
#define HOLD      900
#define GRACE     300
#define FAULT_END 2500  /* then faults stop */
#define RUN_END   20000 /* by then everything must have ended (I8) */

/* X(name, function in faults.c); README.md says what each one does */
#define FAULTS(X)                     \
    X(CUT, cut)                       \
    X(CUT_UP, cut_up)                 \
    X(CUT_DOWN, cut_down)             \
    X(CUT_NODE, cut_node)             \
    X(CUT_BROKER, cut_broker)         \
    X(LATE, late)                     \
    X(LOSE, lose)                     \
    X(DUPLICATE, duplicate)           \
    X(HELLO_AGAIN, hello_again)       \
    X(CRASH_RECEIVER, crash_receiver) \
    X(CRASH_SENDER, crash_sender)     \
    X(CRASH_BROKER, crash_broker)     \
    X(DRAIN, drain)                   \
    X(DRAIN_BROKER, drain_broker)     \
    X(DOUBLE, start_double)           \
    X(RESTRICT, restrict_some)        \
    X(ROUTE, change_route)            \
    X(STALL, stall)                   \
    X(STUCK, stuck)                   \
    X(FLAP, flap)                     \
    X(FAILED, give_up)
enum fault {
#define FAULT_ENUM(name, function) F_##name,
    FAULTS(FAULT_ENUM)
#undef FAULT_ENUM
        N_FAULTS
};

struct work {
    struct pb_held *held;
    uint32_t uid;
    int64_t done;
};

struct proc {
    int id, node;
    bool alive, draining, poisoned, reported;
    bool dead;       /* declared dead by the present broker */
    bool fenced;     /* another process has taken its name from it */
    bool returned;   /* fenced, and the broker that knew has crashed */
    int socket;      /* -1 = none */
    int64_t work_ms; /* scripted: how long it works on an envelope; below 0 = it refuses them */
    int64_t open_at, connect_at, paused, stuck, drain_at;
    struct pb_session s;
    struct work work[MAX_WORK];
    uint32_t uid_of_tag[MAX_UIDS];
    int flow[4];
    struct pbay_origin origin; /* of flow 2 */
    char origin_name[8], origin_instance[4];
};

struct sock {
    int proc;
    bool open, cut_up, cut_down; /* open at the node's side; cut: nothing arrives there any more */
    bool loses, duplicates;
    int64_t last_up, last_down, late; /* late: how much later arrives what was sent before late_order */
    uint64_t late_order;
    int lose_up, lose_down, dup_up;
    uint8_t hello[512];
    size_t hello_n;
};

enum kind { K_UP, K_DOWN, K_WAKE, K_TICK, K_FAULT, K_RESTART, K_BROKER, K_BYE, K_FORGIVE };

struct ev {
    int64_t at;
    uint64_t order;
    enum kind kind;
    int a;
    uint8_t *p;
    size_t n;
};

struct world {
    uint64_t random;
    int64_t now;
    FILE *out; /* the trace; NULL = none */
    bool quiet_traffic;
    bool scripted; /* golden.c leads: no random traffic, delays or restarts */
    bool pings;    /* scripted: trace PING and PONG too */
    int fault_mask;
    int64_t broker_drain;  /* when a draining broker ends at the latest; 0 = it does not drain */
    int attached[N_NODES]; /* process that has the name, in the broker's eyes; -1 = none yet */
    struct pb_core *core;  /* NULL = the broker is down */
    uint64_t boots;
    struct proc *procs[MAX_PROCS];
    int n_procs, current[N_NODES]; /* -1 = none */
    bool finished[N_NODES];        /* exit 76: not restarted */
    bool doubled[N_NODES];         /* somebody started a second process by mistake: SPEC 3.9 */
    struct sock socks[MAX_SOCKETS];
    int n_socks;
    struct ev *heap;
    size_t n_heap, cap_heap;
    uint64_t order;
    uint32_t n_uids;
    int put_by[MAX_UIDS];
    int n_flows;
    uint64_t budget;
    bool forbid[CHK_CONNS][CHK_PROTOCOLS];
    int route;
    bool failed;
    char why[200];
    uint64_t trace_hash, steps;
};

extern uint64_t fault_hits[N_FAULTS][4]; /* by the broker's stream states: waiting asking open releasing */

/* Run one seed; false = an invariant broke and w->why says which. */
bool world_run(struct world *w, uint64_t seed, int n_faults, int fault_mask, FILE *out);

/* The same world for golden.c: a broker with this budget and nothing else; then on to a time; and its end. */
void world_script(struct world *w, uint64_t budget, FILE *out);
void world_until(struct world *w, int64_t at);
void world_stop(struct world *w);

/* golden DIR [--bless]: run all scenarios and compare their traces with those in DIR, or write them. */
int golden(const char *dir, bool bless);

/* ---- between world.c, nodes.c, faults.c and main.c ---- */
uint32_t rnd(struct world *w, uint32_t n);
void fail(const char *text);
void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_message(struct world *w, enum pb_dir dir, const struct proc *proc, const uint8_t *p, size_t n);
void schedule(struct world *w, int64_t at, enum kind kind, int a, uint8_t *p, size_t n);
void configure(struct world *w);
void broker_event(struct world *w, struct pb_event *ev);
void broker_start(struct world *w);
void broker_crash(struct world *w);
void fault(struct world *w);
void make_late(struct world *w, int socket);
void supervise(struct world *w, int node,
               const char *text); /* the supervisor gave a connection up; "" = not any more */
void learn(struct world *w, const struct pb_note *n, const struct proc *from);
void forget_broker(struct world *w);
const char *node_name(int node);
int agent_of(int node);
int conn_of(int node);
const struct pbay_agent_conf *const *world_agents(struct world *w);
struct proc *spawn(struct world *w, int node);
void die(struct world *w, struct proc *p, const char *why, bool last_words);
void close_socket(struct world *w, struct proc *p);
bool put_envelope(struct world *w, struct proc *p, struct pbay_envelope *e, struct chk_put *c, size_t n);
bool choose_origin(struct world *w, struct proc *p, int node);
uint32_t delay(struct world *w, uint32_t n, uint32_t scripted);
void proc_step(struct world *w, struct proc *p);
void deliver_down(struct world *w, int socket, const uint8_t *p, size_t n);

#endif
