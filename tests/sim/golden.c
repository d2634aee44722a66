/* Scenarios without chance, whose traces are asserted as text: one for each situation that the protocol was made for.
 * Read a changed trace as a reviewer of the protocol before you bless it. */
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { A0, A1, C0, C0_1, C1 }; /* nodes */

#define PLENTY (16U << 20)

struct what {
    int flow, protocol; /* flow: 1 to c1, 2 the reply handle, 3 to c0 */
    bool never, poison;
    size_t n;
};

static struct proc *proc_of(struct world *w, int node)
{
    return w->procs[w->current[node]];
}

static void put(struct world *w, struct what what)
{
    static const char *const protocols[] = {"t/p0:1.0.0", "t/p1:1.0.0"};
    struct proc *p = proc_of(w, A0);
    struct pbay_envelope e = {
        .to = pbay_str("ext"), .sender = pbay_str("A"), .protocol_id = pbay_str(protocols[what.protocol])};
    struct chk_put c = {.flow = what.flow, .protocol = what.protocol, .never = what.never, .poison = what.poison};

    if (what.flow == 2)
        e.origin = p->origin;
    else
        e.connection_id = pbay_str(what.flow == 1 ? "t/c1:1.0.0" : "t/c0:1.0.0");
    e.replay = what.never ? PBAY_REPLAY_NEVER : PBAY_REPLAY_SAFE;
    e.has_id = c.keyed = true; /* c1 takes nothing twice without an id */
    if (!put_envelope(w, p, &e, &c, what.n ? what.n : 40))
        fail("the session did not take it");
}

static void put_to_c1(struct world *w, int count)
{
    while (count--)
        put(w, (struct what){.flow = 1});
}

/* The agent and c1, linked. */
static void both(struct world *w)
{
    spawn(w, A0);
    spawn(w, C1);
    world_until(w, 20);
}

static void crash(struct world *w, int node)
{
    die(w, proc_of(w, node), "kill -9", false);
}

static void hello(struct world *w)
{
    both(w);
    put_to_c1(w, 2);
    world_until(w, 60);
    put_to_c1(w, 1);
    world_until(w, 90);
}

/* The broker is another process, and the sockets did not notice. */
static void who(struct world *w)
{
    both(w);
    pb_core_destroy(&w->core);
    forget_broker(w);
    broker_start(w);
    put_to_c1(w, 1);
    world_until(w, 300);
}

static void broker_killed(struct world *w)
{
    both(w);
    proc_of(w, C1)->work_ms = 60;
    put_to_c1(w, 6); /* four are started, two wait in the receiver */
    world_until(w, 40);
    broker_crash(w);
    close_socket(w, proc_of(w, A0));
    close_socket(w, proc_of(w, C1));
    broker_start(w);
    world_until(w, 250);
}

static void receiver_killed(struct world *w)
{
    both(w);
    proc_of(w, C1)->work_ms = 60;
    put_to_c1(w, 3);
    world_until(w, 40);
    crash(w, C1);
    put_to_c1(w, 1);
    world_until(w, 60);
    spawn(w, C1);
    world_until(w, 160);
}

static void late_receiver(struct world *w)
{
    spawn(w, A0);
    world_until(w, 20);
    put_to_c1(w, 1);
    put(w, (struct what){.flow = 3});
    world_until(w, 300);
    spawn(w, C1);
    world_until(w, 1200); /* c0 never comes: hold is over */
}

static void half_open(struct world *w)
{
    both(w);
    w->pings = true;
    w->socks[proc_of(w, C1)->socket].cut_up = w->socks[proc_of(w, C1)->socket].cut_down = true;
    put_to_c1(w, 1);
    world_until(w, 700);
}

/* One frame of the sender is lost without a trace: its next PING tells. */
static void gap(struct world *w)
{
    both(w);
    w->pings = true;
    w->socks[proc_of(w, A0)->socket].lose_up = 1;
    put_to_c1(w, 1);
    world_until(w, 200);
}

static void fenced(struct world *w)
{
    both(w);
    spawn(w, C1);
    put_to_c1(w, 1);
    world_until(w, 100);
}

static void poison(struct world *w)
{
    both(w);
    put_to_c1(w, 1);
    put(w, (struct what){.flow = 1, .poison = true});
    put_to_c1(w, 1);
    for (int i = 1; i <= 6; i++) {
        world_until(w, 20 + 40 * i);
        if (w->current[C1] < 0)
            spawn(w, C1);
    }
    world_until(w, 320);
}

static void refused(struct world *w)
{
    both(w);
    put(w, (struct what){.flow = 1, .protocol = 1});
    put_to_c1(w, 1);
    world_until(w, 50);
    w->forbid[1][1] = true;
    configure(w);
    put_to_c1(w, 1);
    put(w, (struct what){.flow = 1, .protocol = 1});
    put_to_c1(w, 1);
    world_until(w, 100);
}

/* The receiver itself refuses. */
static void failed(struct world *w)
{
    both(w);
    proc_of(w, C1)->work_ms = -5;
    put_to_c1(w, 1);
    world_until(w, 60);
}

static void never(struct world *w)
{
    both(w);
    proc_of(w, C1)->work_ms = 60;
    put(w, (struct what){.flow = 1, .never = true});
    put_to_c1(w, 1);
    world_until(w, 40);
    crash(w, C1);
    spawn(w, C1);
    world_until(w, 120);
}

static void need(struct world *w)
{
    both(w);
    spawn(w, C0);
    put_to_c1(w, 1);
    world_until(w, 50); /* its stream has been granted the pool, and does not need it */
    put(w, (struct what){.flow = 3, .n = 8000});
    put(w, (struct what){.flow = 3, .n = 8000});
    world_until(w, 100);
    put_to_c1(w, 1);
    world_until(w, 200);
}

static void reply_handle(struct world *w)
{
    both(w);
    choose_origin(w, proc_of(w, A0), C1);
    put(w, (struct what){.flow = 2});
    world_until(w, 50);
    crash(w, C1);
    spawn(w, C1);
    world_until(w, 80);
    put(w, (struct what){.flow = 2});
    world_until(w, 100);
}

static void drain(struct world *w)
{
    struct proc *p;

    both(w);
    p = proc_of(w, C1);
    p->work_ms = 60;
    put_to_c1(w, 6);
    world_until(w, 40);
    p->draining = true;
    p->drain_at = 1000;
    pb_session_drain(&p->s);
    world_until(w, 120);
    spawn(w, C1);
    world_until(w, 200);
}

static void drain_broker(struct world *w)
{
    struct pb_event drain_event = {.kind = PB_EV_DRAIN}, bye = {.kind = PB_EV_BYE};

    both(w);
    proc_of(w, C1)->work_ms = 30;
    put_to_c1(w, 1);
    world_until(w, 40);
    broker_event(w, &drain_event);
    put_to_c1(w, 1);
    world_until(w, 80);
    broker_event(w, &bye);
    world_until(w, 83);
    broker_crash(w);
    broker_start(w);
    world_until(w, 150);
}

static const struct scenario {
    const char *name;
    void (*run)(struct world *);
    uint32_t budget;
} scenarios[] = {
    {"hello", hello, PLENTY},
    {"who", who, PLENTY},
    {"broker_killed", broker_killed, PLENTY},
    {"receiver_killed", receiver_killed, PLENTY},
    {"late_receiver", late_receiver, PLENTY},
    {"half_open", half_open, PLENTY},
    {"gap", gap, PLENTY},
    {"fenced", fenced, PLENTY},
    {"poison", poison, PLENTY},
    {"refused", refused, PLENTY},
    {"failed", failed, PLENTY},
    {"never", never, PLENTY},
    {"need", need, 64U << 10},
    {"reply_handle", reply_handle, PLENTY},
    {"drain", drain, PLENTY},
    {"drain_broker", drain_broker, PLENTY},
};

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "r");
    char *text = pb_alloc(1U << 16);

    *n = f ? fread(text, 1, 1U << 16, f) : 0;
    if (f)
        fclose(f);
    return text;
}

static void write_file(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "w");

    if (!f || fwrite(text, 1, n, f) != n || fclose(f)) {
        perror(path);
        exit(1);
    }
}

/* The first line that differs says where to look. */
static void show_difference(const char *name, const char *is, const char *was)
{
    int line = 1;

    while (*is && *is == *was) {
        line += *is == '\n';
        is++;
        was++;
    }
    while (line > 1 && is[-1] != '\n') {
        is--;
        was--;
    }
    printf("%s differs in line %d:\n  was %.*s\n  is  %.*s\n", name, line, (int)strcspn(was, "\n"), was,
           (int)strcspn(is, "\n"), is);
}

static bool run(const struct scenario *scenario, const char *dir, bool bless)
{
    static struct world w;
    char path[512], *text = NULL, *former;
    size_t n = 0, former_n;
    FILE *out = open_memstream(&text, &n);
    bool same;

    world_script(&w, scenario->budget, out);
    scenario->run(&w);
    world_stop(&w);
    fclose(out);
    snprintf(path, sizeof path, "%s/%s.txt", dir, scenario->name);
    if (bless)
        write_file(path, text, n);
    former = read_file(path, &former_n);
    same = former_n == n && memcmp(former, text, n) == 0;
    if (!same)
        show_difference(scenario->name, text, former);
    if (w.failed)
        printf("%s: %s\n", scenario->name, w.why);
    free(former);
    free(text);
    return same && !w.failed;
}

int golden(const char *dir, bool bless)
{
    int bad = 0;

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        bad += !run(&scenarios[i], dir, bless);
    printf("%zu scenarios, %d differ\n", sizeof scenarios / sizeof *scenarios, bad);
    return bad != 0;
}
