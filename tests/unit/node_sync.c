/* Packages with blocking slots: this program started again as a connection process, against a broker that the test
 * plays.
 *
 * The package's on_send does with an envelope what its message says: "fail", "block" (until the test writes a byte to
 * the gate), "put" (puts an envelope itself); everything else it prints. Its main does what `main` in config says:
 * "loop" (turns until it is told to end), "lines" (each line on standard input is an envelope to the agent), "fail",
 * "done".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/pbay_sync.h"
#include "node_world.h"

struct package {
    struct pbay_link *link;
    atomic_bool out; /* on_disconnect was called */
};

static void wait_at_gate(void)
{
    struct pollfd gate = {.fd = WORLD_GATE, .events = POLLIN};
    char c;

    while (poll(&gate, 1, -1) != 1)
        ;
    assert_int_equal(read(WORLD_GATE, &c, 1), 1);
}

static enum pbay_err put(struct package *p, struct pbay_str message, uint64_t tag)
{
    const struct pbay_envelope e = {.to = pbay_str(pbay_link_agent(p->link)),
                                    .sender = pbay_str("outside"),
                                    .protocol_id = pbay_str("fetchai/default:1.0.0"),
                                    .message = message};

    return pbay_put_envelope(p->link, &e, tag, -1);
}

static void say(const char *text, struct pbay_str value)
{
    printf("%s %.*s\n", text, (int)value.n, value.p);
    fflush(stdout);
}

static enum pbay_err on_connect(void *self, struct pbay_link *link)
{
    struct package *p = self;

    p->link = link;
    p->out = false;
    return PBAY_OK;
}

static void on_disconnect(void *self)
{
    struct package *p = self;

    p->out = true;
}

static enum pbay_err on_send(void *self, const struct pbay_envelope *e)
{
    struct package *p = self;

    assert_false(p->out);
    if (pbay_str_eq(e->message, pbay_str("fail")))
        return pbay_link_fail(p->link, PBAY_IO, "the printer is on fire");
    if (pbay_str_eq(e->message, pbay_str("block")))
        wait_at_gate();
    if (pbay_str_eq(e->message, pbay_str("put")))
        return put(p, pbay_str("from a worker"), 'w');
    say("sent", e->message);
    return PBAY_OK;
}

static enum pbay_err read_lines(struct package *p)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    enum pbay_err err = PBAY_OK;
    char c;

    while (!err && pbay_link_wait(p->link, 0)) {
        if (poll(&in, 1, 10) == 1 && read(0, &c, 1) == 1 && c != '\n')
            err = put(p, (struct pbay_str){&c, 1}, (uint64_t)c);
    }
    return err == PBAY_CLOSED ? PBAY_OK : err;
}

static enum pbay_err package_main(void *self)
{
    struct package *p = self;
    const char *what = pbay_link_config(p->link, "main", "done");

    if (strcmp(what, "fail") == 0)
        return pbay_link_fail(p->link, PBAY_IO, "no signal");
    if (strcmp(what, "lines") == 0)
        return read_lines(p);
    while (strcmp(what, "loop") == 0 && pbay_link_wait(p->link, 0))
        ;
    return PBAY_OK;
}

static void on_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    (void)self;
    printf("%c %s\n", (char)tag, pbay_err_name(err));
    fflush(stdout);
}

static const struct pbay_sync_ops ops = {.class_name = "PackageConnection",
                                         .state_size = sizeof(struct package),
                                         .on_connect = on_connect,
                                         .on_disconnect = on_disconnect,
                                         .on_send = on_send,
                                         .main = package_main,
                                         .on_outcome = on_outcome};

/* ---- the test's side ---- */

static void start(struct world *w, const char *config)
{
    world_config(w, "PackageConnection", config);
    world_start(w);
    fake_attach(&w->broker);
}

static void start_connected(struct world *w, const char *config)
{
    start(w, config);
    world_state(w, PB_ST_CONNECTED);
}

static void settled_up_to(struct world *w, uint64_t last)
{
    while (fake_expect(&w->broker, PB_SETTLE).wm < last)
        ;
}

/* One worker keeps the order; an envelope is settled only when on_send has returned. */
static void test_order(void **state)
{
    struct world *w = *state;
    char line[32];

    start_connected(w, "max_thread_workers: 1");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    for (unsigned i = 2; i <= 200; i++) {
        snprintf(line, sizeof line, "%u", i);
        fake_pub(&w->broker, 5, i, line);
    }
    assert_int_equal(write(w->gate, "x", 1), 1);
    world_assert_line(w, "sent block\n");
    for (unsigned i = 2; i <= 200; i++) {
        snprintf(line, sizeof line, "sent %u\n", i);
        world_assert_line(w, line);
    }
    settled_up_to(w, 200);
}

/* What blocks one worker does not block the others, and is not settled by them. */
static void test_pool(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    start_connected(w, "max_thread_workers: 2");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    fake_pub(&w->broker, 5, 2, "second");
    world_assert_line(w, "sent second\n");
    do {
        f = fake_expect(&w->broker, PB_SETTLE);
    } while (f.settled.n == 0);
    assert_int_equal(f.wm, 0);
    assert_int_equal(write(w->gate, "x", 1), 1);
    world_assert_line(w, "sent block\n");
    settled_up_to(w, 2);
}

/* The sender is told, the state shows it, and the next success takes it back. */
static void test_on_send_fails(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    start_connected(w, "max_thread_workers: 1");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "fail");
    f = world_state(w, PB_ST_CONNECTED);
    assert_int_equal(f.code, PBAY_FAILED);
    assert_str(f.text, "the printer is on fire");
    f = fake_expect(&w->broker, PB_END);
    assert_int_equal(f.code, PBAY_FAILED);
    assert_str(f.text, "the printer is on fire");
    fake_pub(&w->broker, 5, 2, "fine");
    assert_int_equal(world_state(w, PB_ST_CONNECTED).code, PBAY_OK);
    world_assert_line(w, "sent fine\n");
}

static void test_stuck(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    start_connected(w, "max_thread_workers: 2");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    f = world_state(w, PB_ST_CONNECTED);
    assert_int_equal(f.code, PBAY_TIMEOUT);
    assert_str(f.text, "stuck: on_send for 1 s");
    assert_int_equal(write(w->gate, "x", 1), 1);
    assert_int_equal(world_state(w, PB_ST_CONNECTED).code, PBAY_OK);
}

/* AEA: with one worker a looping main takes it, and nothing is ever sent. */
static void test_looping_main_starves_nobody(void **state)
{
    struct world *w = *state;

    start_connected(w, "{max_thread_workers: 1, main: loop}");
    fake_open_to(&w->broker, 5, "outside", "alice");
    for (unsigned i = 1; i <= 50; i++)
        fake_pub(&w->broker, 5, i, "x");
    for (unsigned i = 1; i <= 50; i++)
        world_assert_line(w, "sent x\n");
    settled_up_to(w, 50);
}

/* AEA: an exception in main is a line in the log, and the connection stays `connected`. */
static void test_main_dies(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    start(w, "main: fail");
    do {
        f = world_state(w, PB_ST_CONNECTING);
    } while (f.code == PBAY_OK);
    assert_int_equal(f.code, PBAY_IO);
    assert_str(f.text, "main: no signal");
    do { /* it is tried again */
        f = world_state(w, PB_ST_CONNECTING);
    } while (f.code == PBAY_OK);
    assert_str(f.text, "main: no signal");
}

/* A main that has done its work is no failure. */
static void test_main_ends(void **state)
{
    struct world *w = *state;

    start_connected(w, "main: done");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "x");
    settled_up_to(w, 1);
}

static void test_put(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    start_connected(w, "main: lines");
    world_say(w, "a\n");
    f = fake_expect(&w->broker, PB_OPEN);
    assert_str(f.to, "alice");
    fake_opened(&w->broker, f.stream, 1, 10);
    f = fake_expect(&w->broker, PB_PUB);
    assert_str(f.payload, "a");
    fake_settle(&w->broker, f.stream, 1);
    world_assert_line(w, "a OK\n");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "put");
    f = fake_expect(&w->broker, PB_PUB);
    assert_str(f.payload, "from a worker");
    fake_settle(&w->broker, f.stream, 2);
    world_assert_line(w, "w OK\n");
}

/* put blocks while the OutBox is full, and loses nothing. */
static void test_put_full(void **state)
{
    enum { N = 3000 };
    struct world *w = *state;
    uint64_t seq = 0;
    uint32_t stream;

    start_connected(w, "main: lines");
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

/* SIGTERM: main is told, a running on_send finishes and is settled, and the process says BYE. */
static void test_drain(void **state)
{
    struct world *w = *state;
    bool settled = false, disconnected = false;
    struct pb_frame f;

    start_connected(w, "main: loop");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    while (world_state(w, PB_ST_CONNECTED).code != PBAY_TIMEOUT)
        ;
    kill(w->pid, SIGTERM);
    world_state(w, PB_ST_DISCONNECTING);
    assert_int_equal(write(w->gate, "x", 1), 1);
    world_assert_line(w, "sent block\n");
    while ((f = fake_next(&w->broker)).verb != PB_BYE) { /* in which order the two are said is nobody's business */
        settled |= f.verb == PB_SETTLE && f.wm == 1;
        disconnected |= f.verb == PB_STATE && f.state == PB_ST_DISCONNECTED;
    }
    assert_true(settled && disconnected);
    assert_int_equal(world_end_status(w), 0);
}

static void test_stuck_drain(void **state)
{
    struct world *w = *state;

    setenv("PATCHBAY_DRAIN_MS", "10", 1);
    start_connected(w, "main: loop");
    unsetenv("PATCHBAY_DRAIN_MS");
    fake_open_to(&w->broker, 5, "outside", "alice");
    fake_pub(&w->broker, 5, 1, "block");
    while (world_state(w, PB_ST_CONNECTED).code != PBAY_TIMEOUT)
        ;
    kill(w->pid, SIGTERM);
    assert_int_equal(world_end_status(w), 1);
}

static void test_bad_workers(void **state)
{
    struct world *w = *state;
    struct pb_frame f;

    start(w, "max_thread_workers: 0");
    do {
        f = world_state(w, PB_ST_CONNECTING);
    } while (f.code == PBAY_OK);
    assert_int_equal(f.code, PBAY_CONFIG);
    assert_str(f.text, "config.max_thread_workers: expected 1 to 64, found 0");
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {T(test_order),
                                       T(test_pool),
                                       T(test_on_send_fails),
                                       T(test_stuck),
                                       T(test_looping_main_starves_nobody),
                                       T(test_main_dies),
                                       T(test_main_ends),
                                       T(test_put),
                                       T(test_put_full),
                                       T(test_drain),
                                       T(test_stuck_drain),
                                       T(test_bad_workers)};

    if (argc > 1 && strcmp(argv[1], "connection") == 0)
        return pbay_sync_main(1, argv, &ops);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
