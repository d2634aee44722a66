/* The simulated world: a broker core, node sessions and small applications around them, one event heap, one seed. */
#ifndef WORLD_H
#define WORLD_H

#include "broker/core.h"
#include "check.h"
#include "schema/session.h"

#define N_NODES     7 /* agent A twice, connection c0 twice, c1; agent B, its connection c2 */
#define MAX_PROCS   192
#define MAX_SOCKETS 2048
#define MAX_UIDS    4096
#define MAX_WORK    4
#define MAX_FLOWS   512

#define HEARTBEAT 100
#define TIMEOUT   500
#define GONE      1100
#define HOLD      900
#define GRACE     300
#define FAULT_END 2500  /* then faults stop */
#define RUN_END   20000 /* by then everything must have ended (I8) */

#define FAULTS(X)                                                                                                      \
    X(CUT) X(CUT_NODE) X(CUT_BROKER) X(SILENT) X(DUPLICATE) X(CRASH_RECEIVER) X(CRASH_SENDER) X(CRASH_BROKER) X(DRAIN)  \
    X(DOUBLE) X(RESTRICT) X(ROUTE) X(STALL)
enum fault {
#define FAULT_ENUM(name) F_##name,
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
    bool alive, draining, poisoned, reported, replaced;
    int socket; /* -1 = none */
    int64_t open_at, connect_at, paused, drain_at;
    struct pb_session s;
    struct work work[MAX_WORK];
    uint32_t uid_of_tag[MAX_UIDS];
    int flow[4];
    struct pbay_origin origin; /* of flow 2 */
    char origin_name[8], origin_instance[4];
};

struct sock {
    int proc;
    bool open, cut;        /* open at the node's side; cut: nothing arrives any more */
    int64_t last_up, last_down;
    int lose_up, lose_down, dup_up;
};

enum kind { K_UP, K_DOWN, K_WAKE, K_TICK, K_FAULT, K_RESTART, K_BROKER };

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
    bool verbose, quiet_traffic;
    int faults_left, fault_mask;
    struct pb_core *core; /* NULL = the broker is down */
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
    uint64_t trace_hash;
};

extern uint64_t fault_hits[N_FAULTS][4]; /* by the broker's stream states: waiting asking open releasing */

/* Run one seed; false = an invariant broke and w->why says which. */
bool world_run(struct world *w, uint64_t seed, int n_faults, int fault_mask, bool verbose);

/* ---- between world.c, nodes.c, faults.c and main.c ---- */
uint32_t rnd(struct world *w, uint32_t n);
void fail(const char *text);
void note(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_message(struct world *w, enum pb_dir dir, int node, const uint8_t *p, size_t n);
void schedule(struct world *w, int64_t at, enum kind kind, int a, uint8_t *p, size_t n);
void configure(struct world *w);
void broker_event(struct world *w, struct pb_event *ev);
void broker_start(struct world *w);
void broker_crash(struct world *w);
void fault(struct world *w);
int agent_of(int node);
int conn_of(int node);
const struct pbay_agent_conf *const *world_agents(struct world *w);
struct proc *spawn(struct world *w, int node);
void die(struct world *w, struct proc *p, const char *why, bool last_words);
void close_socket(struct world *w, struct proc *p);
void proc_step(struct world *w, struct proc *p);
void deliver_down(struct world *w, int socket, const uint8_t *p, size_t n);

#endif
