/* The connection runtime: this program started again as a connection process, against a broker that the test plays.
 *
 * The package below does with an envelope what its message says: "ok", "early" (settled before send returns PENDING),
 * "never" (PENDING for ever), "pending" (settled by another thread), "again" (once), "fail", "block" (until the test
 * writes a byte to the gate). Each line on standard input is
 * an envelope to the agent; how it ended is a line on standard output.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/pbay_conn.h"
#include "node_world.h"

#define STOOD_IN_FOR 50000 /* us; the stand-in comes after 10 ms */

/* ---- the package ---- */

struct package {
    struct pbay_link *link;
    unsigned connects, agains, receives;
    int64_t gone;
    bool draining;
    uint64_t pending;
    pthread_t thread;
    bool has_thread;
    char line[256];
    size_t n;
};

static enum pbay_err package_connect(void *self, struct pbay_link *link)
{
    struct package *p = self;

    p->link = link;
    if (pbay_link_config_bool(link, "shy", false) && p->connects++ == 0)
        return pbay_link_fail(link, PBAY_IO, "not at the first attempt");
    if (pbay_link_config_bool(link, "calls", false)) {
        usleep(STOOD_IN_FOR);
        pbay_link_wake(link);
        usleep(STOOD_IN_FOR);
    }
    if (pbay_link_config_int(link, "tick", 0))
        pbay_link_timer(link, (int)pbay_link_config_int(link, "tick", 0));
    return PBAY_OK;
}

static void package_disconnect(void *self)
{
    struct package *p = self;

    if (p->has_thread)
        pthread_join(p->thread, NULL);
    p->has_thread = false;
}

static void *settle(void *self)
{
    struct package *p = self;

    while (pbay_link_settle(p->link, p->pending, PBAY_OK))
        ;
    return NULL;
}

static void wait_at_gate(void)
{
    struct pollfd gate = {.fd = WORLD_GATE, .events = POLLIN};
    char c;

    while (poll(&gate, 1, -1) != 1) /* a signal ends the poll, not the wait */
        ;
    assert_int_equal(read(WORLD_GATE, &c, 1), 1);
}

static enum pbay_err package_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct package *p = self;

    if (pbay_str_eq(e->message, pbay_str("pending"))) {
        p->pending = tag;
        p->has_thread = pthread_create(&p->thread, NULL, settle, p) == 0;
        return PBAY_PENDING;
    }
    if (pbay_str_eq(e->message, pbay_str("early")))
        assert_int_equal(pbay_link_settle(p->link, tag, PBAY_OK), PBAY_OK);
    if (pbay_str_eq(e->message, pbay_str("early")) || pbay_str_eq(e->message, pbay_str("never")))
        return PBAY_PENDING;
    if (pbay_str_eq(e->message, pbay_str("again")) && p->agains++ == 0)
        return PBAY_AGAIN;
    if (pbay_str_eq(e->message, pbay_str("block")))
        wait_at_gate();
    if (pbay_str_eq(e->message, pbay_str("fail")))
        return pbay_link_fail(p->link, PBAY_IO, "no such luck");
    return PBAY_OK;
}

static enum pbay_err package_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct package *p = self;
    struct pollfd in = {.fd = 0, .events = POLLIN};
    bool called = pbay_link_config_bool(p->link, "calls", false) && p->receives++ == 1;

    p->n = called ? (size_t)snprintf(p->line, sizeof p->line, "called\n") : 0;
    while (!called && poll(&in, 1, 0) == 1 && p->n < sizeof p->line && read(0, p->line + p->n, 1) == 1) {
        if (p->line[p->n++] == '\n')
            break;
    }
    if (p->n == 0)
        return PBAY_AGAIN;
    p->n--;
    if (p->n == 3 && memcmp(p->line, "die", 3) == 0)
        return pbay_link_fail(p->link, PBAY_IO, "the outside world is gone");
    p->gone += p->draining;
    *tag = (uint64_t)p->line[0];
    e->to = pbay_str(p->line[0] == '!' ? "" : pbay_link_agent(p->link));
    e->sender = pbay_str("outside");
    e->protocol_id = pbay_str("fetchai/default:1.0.0");
    e->message = (struct pbay_str){p->line, p->n};
    return PBAY_OK;
}

static void package_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    (void)self;
    printf("%c %s\n", (char)tag, pbay_err_name(err));
    fflush(stdout);
}

static int package_fd(void *self)
{
    (void)self;
    return 0;
}

static void package_timer(void *self)
{
    (void)self;
    printf("tick\n");
    fflush(stdout);
}

/* With "guests: N" in config, N guests are inside, and each line is one that leaves. */
static void package_serve(void *self)
{
    struct package *p = self;
    char line[2];

    if (read(0, line, sizeof line) != 2)
        return;
    printf("gone %d\n", (int)++p->gone);
    fflush(stdout);
}

static bool package_drain(void *self)
{
    struct package *p = self;

    if (!p->draining && pbay_link_config_int(p->link, "guests", 0)) {
        printf("draining\n");
        fflush(stdout);
    }
    p->draining = true;
    return p->gone >= pbay_link_config_int(p->link, "guests", 0);
}

static const struct pbay_conn_ops ops = {.class_name = "PackageConnection",
                                         .state_size = sizeof(struct package),
                                         .connect = package_connect,
                                         .disconnect = package_disconnect,
                                         .send = package_send,
                                         .receive = package_receive,
                                         .outcome = package_outcome,
                                         .fd = package_fd,
                                         .timer = package_timer,
                                         .drain = package_drain};

/* The same, with an outside world that is served at all times. */
static int run_package(char **argv)
{
    struct pbay_conn_ops serving = ops;

    if (getenv("SERVE"))
        serving.serve = package_serve;
    serving.answers = getenv("ANSWERS") != NULL;
    return pbay_conn_main(1, argv, &serving);
}

/* ---- tests ---- */

static void test_hello(void **state)
{
    struct world *w = *state;
    struct pb_frame hello;

    world_start(w);
    hello = fake_expect(&w->broker, PB_HELLO);
    assert_int_equal(hello.role, PB_CONNECTION);
    assert_str(hello.agent, "alice");
    assert_str(hello.name, "package");
    assert_str(hello.instance, "0");
    assert_str(hello.public_id, "tester/package:0.1.0");
}

static void test_retry(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    world_config(w, "PackageConnection", "shy: true");
    world_start(w);
    fake_attach(&w->broker);
    do { /* the report before the first attempt may or may not be seen on the link */
        f = world_state(w, PB_ST_CONNECTING);
    } while (f.code == PBAY_OK);
    assert_int_equal(f.code, PBAY_IO);
    assert_str(f.text, "not at the first attempt");
    assert_in_range(f.retry_ms, 50, 100);
    assert_int_equal(world_state(w, PB_ST_CONNECTED).code, PBAY_OK);
}

static void test_send(void **state)
{
    static const char *const messages[] = {"ok", "pending", "again", "ok"};
    struct world *w = *state;
    uint64_t wm = 0;

    fake_open_to(&w->broker, 5, "outside", "alice");
    for (unsigned i = 0; i < 4; i++)
        fake_pub(&w->broker, 5, i + 1, messages[i]);
    while (wm < 4)
        wm = fake_expect(&w->broker, PB_SETTLE).wm;
    assert_int_equal(wm, 4);
}

/* It was woken in `connect`, while the stand-in drove: then `receive` is called a second time. */
static void test_called_while_away(void **state)
{
    struct world *w = *state;

    world_config(w, "PackageConnection", "calls: true");
    world_start(w);
    fake_attach(&w->broker);
    fake_opened(&w->broker, fake_expect(&w->broker, PB_OPEN).stream, 1, 10);
    assert_str(fake_expect(&w->broker, PB_PUB).payload, "called");
}

static void test_pending(void **state)
{
    static const char *const messages[] = {"early", "never", "ok"};
    struct world *w = *state;
    struct pb_frame settle;

    fake_open_to(&w->broker, 5, "outside", "alice");
    for (unsigned i = 0; i < 3; i++)
        fake_pub(&w->broker, 5, i + 1, messages[i]);
    do {
        settle = fake_expect(&w->broker, PB_SETTLE);
    } while (settle.settled.n == 0);
    assert_int_equal(settle.wm, 1);
}

static void test_send_fails(void **state)
{
    struct world *w = *state;
    struct pb_frame end;

    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "fail");
    end = fake_expect(&w->broker, PB_END);
    assert_int_equal(end.code, PBAY_FAILED);
    assert_str(end.text, "no such luck");
}

/* What waits behind a slow one for longer than its time to live is not given to the package any more. */
static void test_expires_unstarted(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e = {.ttl_ms = 1};
    struct pb_buf meta = {0};
    struct pb_frame end = {0}, settle = {0}, f;

    pb_meta_write(&meta, &e);
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    for (uint64_t seq = 2; seq <= 3; seq++)
        fake_say(&w->broker, &(struct pb_frame){.verb = PB_PUB,
                                                .stream = 5,
                                                .round = 1,
                                                .seq = seq,
                                                .prev = seq - 1,
                                                .flags = seq == 3 ? PB_FLAG_REDELIVERED : 0,
                                                .meta = {(const char *)meta.p, meta.n},
                                                .payload = pbay_str("ok")});
    while (world_state(w, PB_ST_CONNECTED).code != PBAY_TIMEOUT) /* a second has passed */
        ;
    assert_int_equal(write(w->gate, "x", 1), 1);
    while (!end.verb || !settle.verb) { /* they may come in one message or in two */
        f = fake_next(&w->broker);
        if (f.verb == PB_END)
            end = f;
        else if (f.verb == PB_SETTLE)
            settle = f;
    }
    assert_int_equal(end.seq, 2);
    assert_int_equal(end.code, PBAY_EXPIRED);
    assert_int_equal(settle.wm, 1);
    assert_int_equal(settle.settled.n, 0); /* the third waits for the answer to that END */
    fake_say(&w->broker, &(struct pb_frame){.verb = PB_ENDED, .stream = 5, .seq = 2});
    while (fake_expect(&w->broker, PB_SETTLE).wm < 3) /* somebody may have had it before: it is given */
        ;
    pb_buf_fini(&meta);
}

/* A blocked slot is reported, the link lives on, and the report is taken back. */
static void test_stuck(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    f = world_state(w, PB_ST_CONNECTED);
    assert_int_equal(f.code, PBAY_TIMEOUT);
    assert_str(f.text, "stuck: send for 1 s");
    assert_int_equal(write(w->gate, "x", 1), 1);
    assert_int_equal(world_state(w, PB_ST_CONNECTED).code, PBAY_OK);
}

static void test_receive(void **state)
{
    struct world *w = *state;
    struct pb_frame open, pub;

    world_say(w, "a\nb\n!\n");
    world_assert_line(w, "! INVALID\n");
    open = fake_expect(&w->broker, PB_OPEN);
    assert_str(open.to, "alice");
    fake_opened(&w->broker, open.stream, 1, 10);
    pub = fake_expect(&w->broker, PB_PUB);
    assert_str(pub.payload, "a");
    fake_say(
        &w->broker,
        &(struct pb_frame){.verb = PB_END, .stream = pub.stream, .seq = 1, .code = PBAY_DENIED, .cause = PBAY_DENIED});
    world_assert_line(w, "a DENIED\n");
    fake_settle(&w->broker, pub.stream, 2);
    world_assert_line(w, "b OK\n");
}

/* More than the OutBox holds waits in the outside world, and comes when there is room. */
static void test_receive_full(void **state)
{
    enum { N = 3000 };
    struct world *w = *state;
    uint64_t seq = 0;
    uint32_t stream;

    for (int i = 0; i < N; i++)
        world_say(w, "a\n");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    fake_opened(&w->broker, stream, 1, N);
    while (seq < N) {
        seq = fake_expect(&w->broker, PB_PUB).seq;
        if (seq % 1000 == 0)
            fake_settle(&w->broker, stream, seq);
    }
    for (int i = 0; i < N; i++)
        world_assert_line(w, "a OK\n");
}

static void test_reconnect(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    world_say(w, "die\n");
    f = world_state(w, PB_ST_CONNECTING);
    assert_int_equal(f.code, PBAY_IO);
    assert_str(f.text, "the outside world is gone");
    world_state(w, PB_ST_CONNECTED);
}

/* What has begun is finished and settled before the end. */
static void test_drain(void **state)
{
    struct world *w = *state;

    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    world_state(w, PB_ST_CONNECTED); /* stuck: it is inside */
    kill(w->pid, SIGTERM);
    assert_int_equal(write(w->gate, "x", 1), 1);
    world_state(w, PB_ST_DISCONNECTING);
    world_state(w, PB_ST_DISCONNECTED);
    fake_expect(&w->broker, PB_BYE);
    assert_int_equal(world_end_status(w), 0);
}

/* The process stays until its package is quiet, and its outside world is served meanwhile. */
static void test_drain_serves(void **state)
{
    struct world *w = *state;

    world_config(w, "PackageConnection", "guests: 2");
    setenv("SERVE", "1", 1);
    world_start(w);
    unsetenv("SERVE");
    fake_attach(&w->broker);
    world_state(w, PB_ST_CONNECTED);
    kill(w->pid, SIGTERM);
    world_assert_line(w, "draining\n");
    world_say(w, "x\n");
    world_assert_line(w, "gone 1\n");
    fake_open_to(&w->broker, 5, "outside", "alice"); /* an answer that somebody waits for */
    fake_pub(&w->broker, 5, 1, "ok");
    while (fake_expect(&w->broker, PB_SETTLE).wm < 1)
        ;
    world_say(w, "y\n");
    world_assert_line(w, "gone 2\n");
    fake_expect(&w->broker, PB_DRAIN);
    world_state(w, PB_ST_DISCONNECTED);
    assert_int_equal(world_end_status(w), 0);
}

/* What receive gives are answers: they still come while it drains, and are settled before the end. */
static void test_drain_answers(void **state)
{
    struct world *w = *state;
    struct pb_frame open;

    world_config(w, "PackageConnection", "guests: 2");
    setenv("ANSWERS", "1", 1);
    world_start(w);
    unsetenv("ANSWERS");
    fake_attach(&w->broker);
    world_state(w, PB_ST_CONNECTED);
    kill(w->pid, SIGTERM);
    world_assert_line(w, "draining\n");
    world_say(w, "a\nb\n");
    open = fake_expect(&w->broker, PB_OPEN);
    fake_opened(&w->broker, open.stream, 1, 10);
    assert_str(fake_expect(&w->broker, PB_PUB).payload, "a");
    assert_str(fake_expect(&w->broker, PB_PUB).payload, "b");
    fake_settle(&w->broker, open.stream, 2);
    world_assert_line(w, "a OK\n");
    world_assert_line(w, "b OK\n");
    world_state(w, PB_ST_DISCONNECTED);
    assert_int_equal(world_end_status(w), 0);
}

static void test_second_term(void **state)
{
    struct world *w = *state;

    world_say(w, "a\n");
    fake_expect(&w->broker, PB_OPEN);
    kill(w->pid, SIGTERM);
    world_state(w, PB_ST_DISCONNECTING); /* waits for the end of what it has put */
    kill(w->pid, SIGTERM);
    assert_int_equal(world_end_status(w), 1);
}

/* The deadline of the drain holds for a slot that never returns as well. */
static void test_stuck_drain(void **state)
{
    struct world *w = *state;

    setenv("PATCHBAY_DRAIN_MS", "10", 1);
    world_start(w);
    unsetenv("PATCHBAY_DRAIN_MS");
    fake_attach(&w->broker);
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    while (world_state(w, PB_ST_CONNECTED).code != PBAY_TIMEOUT)
        ;
    kill(w->pid, SIGTERM);
    assert_int_equal(world_end_status(w), 1);
}

static void test_fenced(void **state)
{
    struct world *w = *state;

    fake_say(&w->broker, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_FENCED});
    assert_int_equal(world_end_status(w), 76);
}

static void test_bad_class(void **state)
{
    struct world *w = *state;

    world_config(w, "OtherConnection", "shy: true");
    world_start(w);
    assert_int_equal(world_end_status(w), 2);
}

static void test_no_config(void **state)
{
    struct world *w = *state;
    char path[128];

    snprintf(path, sizeof path, "%s/connection.yaml", w->dir);
    unlink(path);
    world_start(w);
    assert_int_equal(world_end_status(w), 2);
}

/* The package's own file says 0, which sets no timer; the agent's says otherwise. */
static void test_override_and_timer(void **state)
{
    struct world *w = *state;

    world_config(w, "PackageConnection", "tick: 0");
    world_start_with_agent(w, "tick: 1");
    world_assert_line(w, "tick\n");
}

static void test_override_kind(void **state)
{
    struct world *w = *state;

    world_config(w, "PackageConnection", "tick: 0");
    world_start_with_agent(w, "tick: soon");
    assert_int_equal(world_end_status(w), 2);
}

static void test_other_parent(void **state)
{
    struct world *w = *state;

    setenv("PATCHBAY_PARENT", "1", 1);
    world_start(w);
    unsetenv("PATCHBAY_PARENT");
    assert_int_equal(world_end_status(w), 1);
}

int main(int argc, char **argv)
{
#define T(name, before) cmocka_unit_test_setup_teardown(name, before, world_teardown)
    const struct CMUnitTest tests[] = {T(test_hello, world_setup),
                                       T(test_retry, world_setup),
                                       T(test_send, world_setup_connected),
                                       T(test_called_while_away, world_setup),
                                       T(test_pending, world_setup_connected),
                                       T(test_send_fails, world_setup_connected),
                                       T(test_expires_unstarted, world_setup_connected),
                                       T(test_stuck, world_setup_connected),
                                       T(test_receive, world_setup_connected),
                                       T(test_receive_full, world_setup_connected),
                                       T(test_reconnect, world_setup_connected),
                                       T(test_drain, world_setup_connected),
                                       T(test_drain_serves, world_setup),
                                       T(test_drain_answers, world_setup),
                                       T(test_second_term, world_setup_connected),
                                       T(test_stuck_drain, world_setup),
                                       T(test_fenced, world_setup_connected),
                                       T(test_bad_class, world_setup),
                                       T(test_no_config, world_setup),
                                       T(test_override_and_timer, world_setup),
                                       T(test_override_kind, world_setup),
                                       T(test_other_parent, world_setup)};

    if (argc > 1 && strcmp(argv[1], "connection") == 0)
        return run_package(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
