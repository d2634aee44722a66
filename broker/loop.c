/* The broker's loop: the only file with a clock. It performs what the core decides. */
#include "broker/loop.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/capture.h"
#include "broker/engine.h"
#include "broker/guard.h"
#include "broker/zap.h"
#include "schema/buf.h"

#define DRAIN_MESSAGES 256  /* received in one turn before what was decided is sent */
#define DRAIN_MS       5000 /* how long a drain may take */
#define MAX_SLEEP      1000 /* ms */

struct pb_loop {
    void *context, *events;
    struct pb_zap *zap; /* NULL = nobody comes by tcp with a key */
    struct pb_engine *engine;
    struct pb_capture *capture;
    int signals;
    int64_t now;
    bool stop; /* SIGTERM has come */
    struct pb_core *core;
    struct pb_engine_user user;
    struct pb_guard_counts guarded; /* told of */
};

int64_t pb_loop_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

uint64_t pb_loop_random(void)
{
    uint64_t r;

    if (getrandom(&r, sizeof r, 0) != sizeof r)
        abort();
    return r;
}

/* ---- what the engine asks ---- */

static void take(void *arg, struct pb_event *ev)
{
    struct pb_loop *loop = arg;

    ev->kind = PB_EV_FRAME;
    ev->now = loop->now;
    pb_capture_add(loop->capture, 'u', ev->rid, ev->p, ev->n);
    pb_core_step(loop->core, ev);
}

static bool next(void *arg, struct pb_out *out)
{
    struct pb_loop *loop = arg;

    if (!pb_core_next(loop->core, out))
        return false;
    pb_capture_add(loop->capture, 'd', out->rid, out->p, out->n);
    return true;
}

static void gone(void *arg, struct pbay_str rid)
{
    struct pb_loop *loop = arg;
    struct pb_event ev = {.kind = PB_EV_GONE, .now = loop->now, .rid = rid};

    pb_core_step(loop->core, &ev);
}

/* ---- opening ---- */

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static enum pbay_err open_events(struct pb_loop *loop, const struct pbay_agent_conf *conf,
                                 struct pbay_conf_error *error)
{
    char events[200];

    loop->events = zmq_socket(loop->context, ZMQ_PUB);
    pb_io_zmq_limits(loop->events, conf);
    snprintf(events, sizeof events, "ipc://%s/events.ipc", conf->run_dir);
    return pb_io_zmq_bind(loop->events, events, error);
}

/* Without it the broker is what libzmq is. */
static void test_guard(void *context, const char *run_dir)
{
    char why[200];

    if (!pb_guard_self_test(context, run_dir, why))
        fprintf(stderr, "patchbay-broker: WARNING: no guard against floods of connections and bytes: %s\n", why);
}

/* Before any endpoint, so that none is ever without it. */
static enum pbay_err open_keys(struct pb_loop *loop, const struct pbay_agent_conf *conf, struct pbay_conf_error *error)
{
    char why[200];

    if (!conf->key)
        return PBAY_OK;
    loop->zap = pb_zap_open(loop->context, conf, error);
    if (!loop->zap)
        return PBAY_IO;
    if (pb_zap_self_test(loop->context, conf, why))
        return PBAY_OK;
    snprintf(error->text, sizeof error->text, "keys do not keep anybody out: %s", why);
    return PBAY_IO;
}

enum pbay_err pb_loop_open(const struct pbay_agent_conf *conf, struct pb_loop **out, struct pbay_conf_error *error)
{
    struct pb_loop *loop = pb_alloc(sizeof *loop);
    enum pbay_err err;

    *out = loop;
    loop->user = (struct pb_engine_user){loop, take, next, gone};
    loop->context = zmq_ctx_new();
    test_guard(loop->context, conf->run_dir);
    loop->signals = open_signals();
    loop->capture = pb_capture_open();
    err = open_keys(loop, conf, error);
    if (!err)
        err = open_events(loop, conf, error);
    if (!err && !(loop->engine = pb_io_zmq_open(loop->context, conf, error)))
        err = PBAY_IO;
    if (err)
        pb_loop_close(out);
    return err;
}

void pb_loop_close(struct pb_loop **ploop)
{
    struct pb_loop *loop = *ploop;

    if (!loop)
        return;
    if (loop->engine)
        loop->engine->close(loop->engine);
    if (loop->events)
        zmq_close(loop->events);
    zmq_ctx_shutdown(loop->context);
    pb_zap_close(&loop->zap);
    zmq_ctx_term(loop->context);
    close(loop->signals);
    pb_capture_close(&loop->capture);
    free(loop);
    *ploop = NULL;
}

/* ---- a turn ---- */

static void publish_notes(struct pb_loop *loop, struct pb_admin *admin)
{
    struct pb_note note;
    char topic[64], *text;

    while (pb_core_note(loop->core, &note)) {
        text = pb_admin_note(admin, &note, topic, sizeof topic);
        if (zmq_send(loop->events, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
            zmq_send(loop->events, text, strlen(text), ZMQ_DONTWAIT);
        free(text);
    }
}

/* At most once a tick. */
static void tell_guarded(struct pb_loop *loop)
{
    struct pb_guard_counts now = pb_guard_counts(), *before = &loop->guarded;

    if (now.no_room != before->no_room)
        fprintf(stderr, "patchbay-broker: %llu connections closed: no free descriptors\n",
                (unsigned long long)(now.no_room - before->no_room));
    if (now.strangers != before->strangers)
        fprintf(stderr, "patchbay-broker: %llu connections closed: another user's processes\n",
                (unsigned long long)(now.strangers - before->strangers));
    if (now.cut != before->cut)
        fprintf(stderr, "patchbay-broker: %llu peers cut: they sent too much without one whole message\n",
                (unsigned long long)(now.cut - before->cut));
    *before = now;
}

static int wait_ms(const struct pb_loop *loop, int64_t due, const struct pb_admin *admin)
{
    int64_t ms = due - loop->now, admin_ms = pb_admin_timeout(admin);

    if (admin_ms >= 0 && admin_ms < ms)
        ms = admin_ms;
    return ms < 0 ? 0 : ms > MAX_SLEEP ? MAX_SLEEP : (int)ms;
}

static void take_signals(struct pb_loop *loop, const struct pb_loop_hooks *hooks)
{
    struct signalfd_siginfo info;
    struct pb_event config = {.kind = PB_EV_CONFIG, .now = loop->now, .wall = time(NULL)},
                    drain = {.kind = PB_EV_DRAIN, .now = loop->now};

    while (read(loop->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            if (hooks->reload(hooks->arg, &config.agents, &config.n_agents)) {
                if (loop->zap)
                    pb_zap_policy(loop->zap, config.agents[0]);
                pb_core_step(loop->core, &config);
            }
            continue;
        }
        if (!loop->stop)
            pb_core_step(loop->core, &drain);
        loop->stop = true;
    }
}

/* true = a signal has come. */
static bool wait_for_work(struct pb_loop *loop, const struct pb_admin *admin, int64_t due)
{
    struct pollfd fds[] = {{-1, POLLIN, 0}, {loop->signals, POLLIN, 0}, {pb_admin_fd(admin), POLLIN, 0}};
    bool now;

    fds[0].fd = loop->engine->fd(loop->engine, &now);
    poll(fds, sizeof fds / sizeof *fds, now ? 0 : wait_ms(loop, due, admin));
    loop->now = pb_loop_now();
    return fds[1].revents != 0;
}

/* One turn: wait, take everything, decide, then write. Returns when the core wants to be called again. */
static int64_t turn(struct pb_loop *loop, struct pb_admin *admin, const struct pb_loop_hooks *hooks, int64_t due)
{
    struct pb_event tick = {.kind = PB_EV_TICK};
    bool signal = wait_for_work(loop, admin, due);

    loop->engine->receive(loop->engine, DRAIN_MESSAGES, &loop->user);
    if (signal)
        take_signals(loop, hooks);
    if (loop->now >= due) {
        tick.now = loop->now;
        tick.wall = time(NULL);
        due = pb_core_step(loop->core, &tick);
        tell_guarded(loop);
    }
    pb_core_flush(loop->core);
    loop->engine->send(loop->engine, &loop->user);
    pb_admin_run(admin, loop->core, loop->now);
    pb_core_flush(loop->core);
    loop->engine->send(loop->engine, &loop->user);
    publish_notes(loop, admin);
    pb_capture_flush(loop->capture);
    return due;
}

static void count_left(void *sum, const struct pb_stream_view *v)
{
    *(uint32_t *)sum += v->given + v->parked;
}

uint32_t pb_loop_run(struct pb_loop *loop, struct pb_core *core, struct pb_admin *admin,
                     const struct pb_loop_hooks *hooks)
{
    struct pb_event bye = {.kind = PB_EV_BYE};
    int64_t due = 0, until = INT64_MAX;
    uint32_t left = 0;

    loop->core = core;
    loop->now = pb_loop_now();
    while (!loop->stop || (!pb_core_idle(loop->core) && loop->now < until)) {
        due = turn(loop, admin, hooks, due);
        if (loop->stop && until == INT64_MAX)
            until = loop->now + DRAIN_MS;
    }
    pb_core_each_stream(loop->core, count_left, &left);
    bye.now = loop->now;
    pb_core_step(loop->core, &bye);
    loop->engine->send(loop->engine, &loop->user);
    return left;
}
