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

static void count(struct world *w, enum fault f)
{
    bool seen[4] = {false};

    if (w->core)
        pb_core_each_stream(w->core, mark, seen);
    for (int i = 0; i < 4; i++)
        fault_hits[f][i] += seen[i];
}

static void cut(struct world *w, struct proc *p)
{
    struct sock *k = &w->socks[p->socket];

    if (rnd(w, 2)) {
        k->cut = true;
        return;
    }
    /* the node sees the loss; what it had sent arrives late, on a socket that is gone */
    for (size_t i = 0; i < w->n_heap; i++) {
        if (w->heap[i].kind == K_UP && w->heap[i].a == p->socket)
            w->heap[i].kind = K_UP;
    }
    k->last_up += rnd(w, 250);
    close_socket(w, p);
}

static void cut_broker(struct world *w, struct proc *p)
{
    struct pb_event ev = {.kind = PB_EV_GONE, .rid = {(const char *)&p->socket, sizeof p->socket}};

    broker_event(w, &ev);
}

static void lose(struct world *w, struct proc *p)
{
    struct sock *k = &w->socks[p->socket];

    if (rnd(w, 2))
        k->lose_up = 1 + (int)rnd(w, 3);
    else
        k->lose_down = 1 + (int)rnd(w, 3);
}

static void restrict_some(struct world *w)
{
    bool *rule = &w->forbid[rnd(w, 3)][rnd(w, CHK_PROTOCOLS)];

    *rule = !*rule;
    configure(w);
}

static void crash(struct world *w, struct proc *p, bool sender)
{
    if ((conn_of(p->node) < 0) == sender)
        die(w, p, "crash", rnd(w, 2));
}

static void apply(struct world *w, enum fault f, struct proc *p)
{
    bool linked = p && p->socket >= 0;

    switch (f) {
    case F_CUT:
        if (linked)
            cut(w, p);
        break;
    case F_CUT_NODE:
        if (linked)
            close_socket(w, p);
        break;
    case F_CUT_BROKER:
        if (linked && w->core)
            cut_broker(w, p);
        break;
    case F_SILENT:
        if (linked)
            lose(w, p);
        break;
    case F_DUPLICATE:
        if (linked)
            w->socks[p->socket].dup_up = 1;
        break;
    case F_CRASH_RECEIVER:
    case F_CRASH_SENDER:
        if (p)
            crash(w, p, f == F_CRASH_SENDER);
        break;
    case F_CRASH_BROKER:
        if (w->core) {
            broker_crash(w);
            schedule(w, w->now + 5 + rnd(w, 200), K_BROKER, 0, NULL, 0);
        }
        break;
    case F_DRAIN:
        if (p && !p->draining) {
            p->draining = true;
            p->drain_at = w->now + 800;
            pb_session_drain(&p->s);
        }
        break;
    case F_DOUBLE:
        if (p) {
            w->doubled[p->node] = true;
            spawn(w, p->node);
        }
        break;
    case F_RESTRICT:
        if (w->core)
            restrict_some(w);
        break;
    case F_ROUTE:
        w->route ^= 1;
        if (w->core)
            configure(w);
        break;
    case F_STALL:
        if (p)
            p->paused = w->now + rnd(w, rnd(w, 2) ? 300 : 1500);
        break;
    case N_FAULTS:
        break;
    }
}

void fault(struct world *w)
{
    static const char *const names[] = {
#define NAME(name) #name,
        FAULTS(NAME)
#undef NAME
    };
    enum fault f = (enum fault)rnd(w, N_FAULTS);
    int node = (int)rnd(w, N_NODES);
    struct proc *p = w->current[node] >= 0 ? w->procs[w->current[node]] : NULL;

    if (!(w->fault_mask & 1 << f))
        return;
    note(w, "FAULT %s node %d", names[f], node);
    count(w, f);
    apply(w, f, p);
}
