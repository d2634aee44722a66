/* The faults. Each says whether it could do anything; only then it is counted, by the states that the broker's streams
 * were in. */
#include <string.h>

#include "world.h"

static int state_index(const char *state)
{
    static const char *const names[] = {"waiting", "asking", "open", "releasing"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(names[i], state) == 0)
            return i;
    }
    return 0;
}

static void mark(void *seen, const struct pb_stream_view *v)
{
    ((bool *)seen)[state_index(v->state)] = true;
}

static struct sock *socket_of(struct world *w, const struct proc *p)
{
    return p && p->socket >= 0 ? &w->socks[p->socket] : NULL;
}

/* ---- the link ---- */

/* Nothing arrives any more in either direction; the node may be told, or find out by silence. */
static bool cut(struct world *w, struct proc *p)
{
    struct sock *k = socket_of(w, p);

    if (!k)
        return false;
    k->cut_up = k->cut_down = true;
    return true;
}

static bool cut_up(struct world *w, struct proc *p)
{
    struct sock *k = socket_of(w, p);

    if (!k)
        return false;
    k->cut_up = true;
    return true;
}

static bool cut_down(struct world *w, struct proc *p)
{
    struct sock *k = socket_of(w, p);

    if (!k)
        return false;
    k->cut_down = true;
    return true;
}

/* The node sees the loss; what it had sent arrives late, after the frames of its next socket. */
static bool late(struct world *w, struct proc *p)
{
    if (!socket_of(w, p))
        return false;
    make_late(w, p->socket);
    close_socket(w, p);
    return true;
}

static bool cut_node(struct world *w, struct proc *p)
{
    if (!socket_of(w, p))
        return false;
    close_socket(w, p);
    return true;
}

static bool cut_broker(struct world *w, struct proc *p)
{
    struct pb_event ev = {.kind = PB_EV_GONE};

    if (!socket_of(w, p) || !w->core)
        return false;
    ev.rid = (struct pbay_str){(const char *)&p->socket, sizeof p->socket};
    broker_event(w, &ev);
    return true;
}

/* A link that loses does not duplicate as well: in PING's count the two would cancel out, and no transport does both.
 */
static bool lose(struct world *w, struct proc *p)
{
    struct sock *k = socket_of(w, p);

    if (!k || k->duplicates)
        return false;
    k->loses = true;
    *(rnd(w, 2) ? &k->lose_up : &k->lose_down) = 1 + (int)rnd(w, 3);
    return true;
}

static bool duplicate(struct world *w, struct proc *p)
{
    struct sock *k = socket_of(w, p);

    if (!k || k->loses)
        return false;
    k->duplicates = true;
    k->dup_up = 1;
    return true;
}

static bool hello_again(struct world *w, struct proc *p)
{
    struct sock *k = socket_of(w, p);

    if (!k || k->hello_n == 0 || k->loses)
        return false;
    k->duplicates = true;
    schedule(w, w->now + rnd(w, 250), K_UP, p->socket, memcpy(pb_alloc(k->hello_n), k->hello, k->hello_n), k->hello_n);
    return true;
}

/* ---- processes ---- */

static bool crash_receiver(struct world *w, struct proc *p)
{
    if (!p || conn_of(p->node) < 0)
        return false;
    die(w, p, "crash", rnd(w, 2));
    return true;
}

static bool crash_sender(struct world *w, struct proc *p)
{
    if (!p || conn_of(p->node) >= 0)
        return false;
    die(w, p, "crash", rnd(w, 2));
    return true;
}

static bool drain(struct world *w, struct proc *p)
{
    if (!p || p->draining)
        return false;
    p->draining = true;
    p->drain_at = w->now + 800;
    pb_session_drain(&p->s);
    return true;
}

static bool start_double(struct world *w, struct proc *p)
{
    if (!p)
        return false;
    w->doubled[p->node] = true;
    return spawn(w, p->node) != NULL;
}

/* The whole process stands still; what comes meanwhile lies in its socket. Longer than the broker waits before it
 * declares death. */
static bool stall(struct world *w, struct proc *p)
{
    if (!p)
        return false;
    p->paused = w->now + rnd(w, rnd(w, 2) ? 300 : 3000);
    return true;
}

/* Its application holds what it has started; its link lives. */
static bool stuck(struct world *w, struct proc *p)
{
    if (!p)
        return false;
    p->stuck = w->now + 500 + rnd(w, 2500);
    return true;
}

/* It says that its own connection is lost, or has failed for good, and connects again. */
static bool flap(struct world *w, struct proc *p)
{
    if (!p || conn_of(p->node) < 0)
        return false;
    p->reported = false;
    p->connect_at = w->now + rnd(w, 300);
    if (rnd(w, 3))
        pb_session_report(&p->s, PB_ST_CONNECTING, PBAY_IO, "lost", 100);
    else
        pb_session_report(&p->s, PB_ST_FAILED, PBAY_FAILED, "failed", 0);
    return true;
}

/* The supervisor gives a connection up for a while. */
static bool give_up(struct world *w, struct proc *p)
{
    if (!p || conn_of(p->node) < 0 || !w->core)
        return false;
    supervise(w, p->node, "it was given up");
    schedule(w, w->now + rnd(w, 400), K_FORGIVE, p->node, NULL, 0);
    return true;
}

/* ---- the broker ---- */

static bool crash_broker(struct world *w, struct proc *p)
{
    (void)p;
    if (!w->core)
        return false;
    broker_crash(w);
    schedule(w, w->now + 5 + rnd(w, 200), K_BROKER, 0, NULL, 0);
    return true;
}

static bool drain_broker(struct world *w, struct proc *p)
{
    struct pb_event ev = {.kind = PB_EV_DRAIN};

    (void)p;
    if (!w->core || w->broker_drain)
        return false;
    w->broker_drain = w->now + 200;
    broker_event(w, &ev);
    schedule(w, w->now + 10, K_BYE, 0, NULL, 0);
    return true;
}

static bool restrict_some(struct world *w, struct proc *p)
{
    bool *rule = &w->forbid[rnd(w, 3)][rnd(w, CHK_PROTOCOLS)];

    (void)p;
    if (!w->core)
        return false;
    *rule = !*rule;
    configure(w);
    return true;
}

static bool change_route(struct world *w, struct proc *p)
{
    (void)p;
    if (!w->core)
        return false;
    w->route ^= 1;
    configure(w);
    return true;
}

static const struct {
    const char *name;
    bool (*apply)(struct world *, struct proc *); /* false = it could not, this time */
} faults[N_FAULTS] = {
#define ROW(name, function) {#name, function},
    FAULTS(ROW)
#undef ROW
};

/* On a few nodes in turn, until one is fit for it. */
static bool apply(struct world *w, enum fault f)
{
    for (int i = 0; i < 4; i++) {
        int node = (int)rnd(w, N_NODES);
        struct proc *p = w->current[node] >= 0 ? w->procs[w->current[node]] : NULL;

        note(w, "FAULT %s at %s", faults[f].name, node_name(node));
        if (faults[f].apply(w, p))
            return true;
    }
    return false;
}

void fault(struct world *w)
{
    enum fault f = (enum fault)rnd(w, N_FAULTS);
    bool seen[4] = {false};

    while (!(w->fault_mask & 1 << f))
        f = (enum fault)((f + 1) % N_FAULTS);
    if (w->core)
        pb_core_each_stream(w->core, mark, seen);
    if (!apply(w, f))
        return;
    for (int i = 0; i < 4; i++)
        fault_hits[f][i] += seen[i];
}
