/* The agent library and the link below it, against a broker that the test plays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/link.h"
#include "node/pbay.h"
#include "node_fake.h"
#include "pbay_message.h"

#define PROTOCOL "fetchai/default:1.0.0"

struct world {
    struct fake broker;
    pbay_t agent;
    struct pbay_options options;
};

static void open_agent(struct world *w)
{
    w->options.endpoint = w->broker.endpoint;
    w->options.agent = "alice";
    assert_int_equal(pbay_open(&w->agent, &w->options), PBAY_OK);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    *state = w;
    fake_open(&w->broker);
    return 0;
}

static int setup_attached(void **state)
{
    struct world *w;

    setup(state);
    w = *state;
    open_agent(w);
    assert_int_equal(fake_attach(&w->broker), 1);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    pbay_close(w->agent, 0, NULL);
    fake_close(&w->broker);
    free(w);
    return 0;
}

static struct pbay_envelope envelope(const char *message)
{
    return (struct pbay_envelope){.to = pbay_str("bob"),
                                  .sender = pbay_str("alice"),
                                  .protocol_id = pbay_str(PROTOCOL),
                                  .message = pbay_str(message)};
}

static uint64_t put(struct world *w, const char *message)
{
    struct pbay_envelope e = envelope(message);
    uint64_t tag = 0;

    assert_int_equal(pbay_put(w->agent, &e, FAKE_GUARD_MS, &tag), PBAY_OK);
    return tag;
}

static struct pbay_outcome outcome(struct world *w)
{
    struct pbay_outcome o;

    assert_int_equal(pbay_get_outcome(w->agent, &o, FAKE_GUARD_MS), PBAY_OK);
    return o;
}

static bool readable(struct world *w, int timeout)
{
    struct pollfd p = {.fd = pbay_fd(w->agent), .events = POLLIN};

    return poll(&p, 1, timeout) == 1;
}

#define assert_str(s, text) assert_true(pbay_str_eq(s, pbay_str(text)))

/* ---- the link ---- */

static void test_hello(void **state)
{
    struct world *w = *state;
    struct pb_frame hello;

    w->options.instance = "7";
    open_agent(w);
    assert_false(pbay_is_connected(w->agent));
    hello = fake_expect(&w->broker, PB_HELLO);
    assert_int_equal(hello.role, PB_AGENT);
    assert_int_equal(hello.link, 1);
    assert_str(hello.agent, "alice");
    assert_str(hello.name, "alice");
    assert_str(hello.instance, "7");
    assert_int_equal(w->broker.id_n, 16);
    assert_int_not_equal(w->broker.id[0], 0);
}

static void test_attached(void **state)
{
    struct world *w = *state;

    assert_true(pbay_is_connected(w->agent)); /* CONFIRM was sent after the state had changed */
}

/* What was put survives the link; the new link has a new routing id and the next number, and opens the stream again. */
static void test_link_loss(void **state)
{
    struct world *w = *state;
    uint64_t tag = put(w, "stays");
    uint8_t id[16], incarnation[16];
    struct pb_frame open = fake_expect(&w->broker, PB_OPEN);

    assert_int_equal(open.base, 1);
    memcpy(id, w->broker.id, sizeof id);
    memcpy(incarnation, w->broker.incarnation, sizeof incarnation);
    fake_hang_up(&w->broker);
    fake_bind(&w->broker);
    assert_int_equal(fake_attach(&w->broker) > 1, 1);
    assert_memory_not_equal(id, w->broker.id, sizeof id);
    assert_memory_equal(incarnation, w->broker.incarnation, sizeof incarnation);
    open = fake_expect(&w->broker, PB_OPEN);
    fake_opened(&w->broker, open.stream, 1, 10);
    assert_str(fake_expect(&w->broker, PB_PUB).payload, "stays");
    fake_settle(&w->broker, open.stream, 1);
    assert_int_equal(outcome(w).tag, tag);
}

static void test_absent_broker(void **state)
{
    struct world *w = *state;

    fake_hang_up(&w->broker);
    open_agent(w);
    put(w, "early");
    fake_bind(&w->broker);
    fake_attach(&w->broker);
    assert_int_equal(fake_expect(&w->broker, PB_OPEN).next, 2);
}

/* Waiting for a broker that is not there takes no time of the processor. */
static void test_absent_broker_idle(void **state)
{
    struct world *w = *state;
    struct pbay_outcome o;
    clock_t before;

    fake_hang_up(&w->broker);
    open_agent(w);
    assert_int_equal(pbay_get_outcome(w->agent, &o, 200), PBAY_TIMEOUT); /* back-off has grown */
    before = clock();
    assert_int_equal(pbay_get_outcome(w->agent, &o, 1000), PBAY_TIMEOUT);
    assert_true(clock() - before < CLOCKS_PER_SEC / 4);
    fake_bind(&w->broker);
}

static void test_who(void **state)
{
    struct world *w = *state;

    fake_say(&w->broker, &(struct pb_frame){.verb = PB_WHO});
    assert_int_equal(fake_attach(&w->broker), 2);
}

static void test_reject(void **state)
{
    struct world *w = *state;
    int64_t before;

    open_agent(w);
    fake_expect(&w->broker, PB_HELLO);
    before = pb_now();
    fake_say(&w->broker,
             &(struct pb_frame){.verb = PB_REJECT, .code = PBAY_UNKNOWN_NAME, .text = pbay_str("no alice")});
    assert_int_equal(fake_expect(&w->broker, PB_HELLO).link, 2);
    assert_true(pb_now() - before >= 1000);
}

static void test_bad_frame(void **state)
{
    struct world *w = *state;
    struct fake *f = &w->broker;
    struct pb_frame gap;

    assert_true(zmq_send(f->router, f->id, f->id_n, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(f->router, "\x91\xc1", 2, 0) >= 0);
    gap = fake_expect(f, PB_GAP);
    assert_int_equal(gap.code, PBAY_BAD_FRAME);
    assert_int_equal(fake_expect(f, PB_HELLO).link, 2);
}

static void test_fenced(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e = envelope("late");

    fake_say(&w->broker, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_FENCED, .text = pbay_str("a newer one")});
    assert_int_equal(pbay_get(w->agent, &e, NULL, FAKE_GUARD_MS), PBAY_FENCED);
    assert_int_equal(pbay_put(w->agent, &e, -1, NULL), PBAY_FENCED);
    assert_true(readable(w, FAKE_GUARD_MS));
    assert_false(pbay_is_connected(w->agent));
}

/* ---- sending ---- */

static void test_put(void **state)
{
    struct world *w = *state;
    uint64_t tag = put(w, "hello");
    struct pb_frame open = fake_expect(&w->broker, PB_OPEN), pub;
    struct pbay_outcome o;

    assert_str(open.to, "bob");
    assert_str(open.sender, "alice");
    assert_int_equal(pbay_get_outcome(w->agent, &o, 0), PBAY_TIMEOUT);
    fake_opened(&w->broker, open.stream, 1, 10);
    pub = fake_expect(&w->broker, PB_PUB);
    assert_str(pub.payload, "hello");
    assert_false(readable(w, 0));
    fake_settle(&w->broker, pub.stream, 1);
    assert_true(readable(w, FAKE_GUARD_MS));
    o = outcome(w);
    assert_int_equal(o.tag, tag);
    assert_int_equal(o.err, PBAY_OK);
    assert_false(readable(w, 0));
}

static void test_end(void **state)
{
    struct world *w = *state;
    uint64_t tag = put(w, "hello");
    struct pb_frame open = fake_expect(&w->broker, PB_OPEN);
    struct pbay_outcome o;

    fake_say(&w->broker, &(struct pb_frame){.verb = PB_END,
                                            .stream = open.stream,
                                            .code = PBAY_NO_ROUTE,
                                            .cause = PBAY_NO_ROUTE,
                                            .text = pbay_str("agent.yaml:3")});
    o = outcome(w);
    assert_int_equal(o.tag, tag);
    assert_int_equal(o.err, PBAY_NO_ROUTE);
    assert_string_equal(o.text, "agent.yaml:3");
}

static void expect_error(struct pbay_str bytes, uint64_t tag)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    struct pbay_message m = {0};
    char text[24];

    assert_int_equal(pbay_message_decode(&m, protocols, pbay_str(PROTOCOL), bytes), PBAY_OK);
    assert_true(pbay_message_is(&m, "error"));
    assert_int_equal(m.encoding, PBAY_PROTOBUF);
    assert_int_equal(m.message_id, 1);
    assert_int_equal(m.target, 0);
    assert_str(m.starter, "");
    assert_str(m.responder, "");
    assert_int_equal(pbay_message_int(&m, "error_code"), 0);
    assert_str(pbay_message_str(&m, "error_msg"), pbay_err_text(PBAY_REFUSED));
    snprintf(text, sizeof text, "%" PRIu64, tag);
    assert_str(pbay_message_item(&m, "error_data", "code"), "REFUSED");
    assert_str(pbay_message_item(&m, "error_data", "cause"), "REFUSED");
    assert_str(pbay_message_item(&m, "error_data", "tag"), text);
    assert_str(pbay_message_item(&m, "error_data", "to"), "bob");
    assert_str(pbay_message_item(&m, "error_data", "protocol"), PROTOCOL);
    pbay_message_fini(&m);
    pbay_protocols_destroy(&protocols);
}

static void test_error_envelope(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e;
    uint64_t lease, stream, tag;

    w->options.error_envelopes = true;
    open_agent(w);
    fake_attach(&w->broker);
    tag = put(w, "hello");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    fake_say(&w->broker, &(struct pb_frame){
                             .verb = PB_END, .stream = (uint32_t)stream, .code = PBAY_REFUSED, .cause = PBAY_REFUSED});
    assert_int_equal(pbay_get(w->agent, &e, &lease, FAKE_GUARD_MS), PBAY_OK);
    assert_str(e.to, "alice");
    assert_str(e.sender, "bob");
    assert_str(e.protocol_id, PROTOCOL);
    expect_error(e.message, tag);
    assert_int_equal(pbay_ack(w->agent, lease), PBAY_OK);
    assert_int_equal(outcome(w).err, PBAY_REFUSED);
}

static void test_full(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e = envelope("one too many");
    int64_t before;

    w->options.outbox_envelopes = 2;
    open_agent(w);
    put(w, "1");
    put(w, "2");
    assert_int_equal(pbay_put(w->agent, &e, 0, NULL), PBAY_AGAIN);
    before = pb_now();
    assert_int_equal(pbay_put(w->agent, &e, 50, NULL), PBAY_AGAIN);
    assert_true(pb_now() - before >= 50);
}

static void *put_forever(void *arg)
{
    struct world *w = arg;
    struct pbay_envelope e = envelope("3");

    return (void *)(uintptr_t)pbay_put(w->agent, &e, -1, NULL);
}

static void test_waiting_put(void **state)
{
    struct world *w = *state;
    pthread_t thread;
    uint32_t stream;
    void *result;

    w->options.outbox_envelopes = 2;
    open_agent(w);
    fake_attach(&w->broker);
    put(w, "1");
    put(w, "2");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    fake_opened(&w->broker, stream, 1, 10);
    assert_int_equal(pthread_create(&thread, NULL, put_forever, w), 0);
    fake_expect(&w->broker, PB_PUB);
    fake_settle(&w->broker, stream, 1);
    pthread_join(thread, &result);
    assert_int_equal((uintptr_t)result, PBAY_OK);
}

/* All arrive in order, linked by prev, and many to a message. */
static void test_batch(void **state)
{
    enum { N = 1000 };
    struct world *w = *state;
    unsigned messages;
    uint32_t stream;
    char text[16];

    for (int i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%d", i);
        put(w, text);
    }
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    messages = w->broker.messages;
    fake_opened(&w->broker, stream, 1, N);
    for (uint64_t i = 0; i < N; i++) {
        struct pb_frame pub = fake_expect(&w->broker, PB_PUB);

        snprintf(text, sizeof text, "%d", (int)i);
        assert_int_equal(pub.seq, i + 1);
        assert_int_equal(pub.prev, i);
        assert_str(pub.payload, text);
    }
    assert_in_range(w->broker.messages - messages, 1, N / 100);
    fake_settle(&w->broker, stream, N);
    for (uint64_t i = 0; i < N; i++)
        assert_int_equal(outcome(w).tag, i + 1);
}

static void test_large(void **state)
{
    struct world *w = *state;
    size_t n = w->broker.max_envelope;
    char *bytes = malloc(n + 1);
    struct pbay_envelope e = envelope("");
    struct pb_frame pub;

    memset(bytes, 'x', n + 1);
    e.message = (struct pbay_str){bytes, n + 1};
    assert_int_equal(pbay_put(w->agent, &e, 0, NULL), PBAY_TOO_BIG);
    e.message.n = n;
    assert_int_equal(pbay_put(w->agent, &e, 0, NULL), PBAY_OK);
    fake_opened(&w->broker, fake_expect(&w->broker, PB_OPEN).stream, 1, 1);
    pub = fake_expect(&w->broker, PB_PUB);
    assert_true(pbay_str_eq(pub.payload, e.message));
    free(bytes);
}

static void test_invalid(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e = envelope("x");

    e.to = pbay_str("");
    assert_int_equal(pbay_put(w->agent, &e, 0, NULL), PBAY_INVALID);
}

static void test_expires(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e = envelope("short");
    int64_t before = pb_now();

    e.ttl_ms = 20;
    assert_int_equal(pbay_put(w->agent, &e, 0, NULL), PBAY_OK);
    assert_int_equal(outcome(w).err, PBAY_EXPIRED);
    assert_in_range(pb_now() - before, 20, FAKE_GUARD_MS - 1); /* it was told, not found at the end of its patience */
}

/* All that there are and fit, in order; nothing is waited for once there is one. */
static void test_get_outcomes(void **state)
{
    struct world *w = *state;
    struct pbay_outcome o[3];
    uint32_t stream;
    size_t n;

    assert_int_equal(pbay_get_outcomes(w->agent, o, 0, &n, 0), PBAY_INVALID);
    assert_int_equal(pbay_get_outcomes(w->agent, o, 3, &n, 0), PBAY_TIMEOUT);
    assert_int_equal(n, 0);
    for (int i = 0; i < 5; i++)
        put(w, "x");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    fake_opened(&w->broker, stream, 1, 10);
    while (fake_expect(&w->broker, PB_PUB).seq < 5)
        ;
    fake_settle(&w->broker, stream, 5);
    for (uint64_t tag = 1; tag <= 5; tag += n) {
        assert_int_equal(pbay_get_outcomes(w->agent, o, 3, &n, FAKE_GUARD_MS), PBAY_OK);
        assert_int_equal(n, tag == 1 ? 3 : 2);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(o[i].tag, tag + i);
        assert_string_equal(o[0].text, "");
    }
}

/* What is put alone while nobody drives is sent by the one who puts it; what is put after it by the link's thread. Both
 * keep their order, whoever has waited in between. */
static void test_who_sends(void **state)
{
    struct world *w = *state;
    uint32_t stream;
    uint64_t seq = 1;

    put(w, "1");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    fake_opened(&w->broker, stream, 1, 1000);
    for (int round = 0; round < 100; round++) {
        uint64_t last = seq + (uint64_t)round % 3;

        for (uint64_t q = seq; q <= last; q++) {
            if (q > 1)
                put(w, "x");
        }
        for (; seq <= last; seq++)
            assert_int_equal(fake_expect(&w->broker, PB_PUB).seq, seq);
        fake_settle(&w->broker, stream, last);
        for (uint64_t tag = last - (uint64_t)round % 3; tag <= last; tag++)
            assert_int_equal(outcome(w).tag, tag);
    }
}

/* Nobody asks for outcomes: the oldest good one gives way, bad news stays. */
static void test_unclaimed_outcomes(void **state)
{
    struct world *w = *state;
    struct pbay_outcome o;
    uint32_t stream;

    w->options.outbox_envelopes = 2;
    open_agent(w);
    fake_attach(&w->broker);
    put(w, "1");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    fake_opened(&w->broker, stream, 1, 10);
    for (uint64_t seq = 1; seq <= 5; seq++) {
        assert_int_equal(fake_expect(&w->broker, PB_PUB).seq, seq);
        if (seq == 1)
            fake_say(&w->broker,
                     &(struct pb_frame){
                         .verb = PB_END, .stream = stream, .seq = 1, .code = PBAY_FAILED, .cause = PBAY_FAILED});
        else
            fake_settle(&w->broker, stream, seq);
        if (seq < 5)
            put(w, "next");
    }
    fake_say(&w->broker, &(struct pb_frame){.verb = PB_WHO}); /* the last end was read when the new HELLO comes */
    fake_expect(&w->broker, PB_HELLO);
    o = outcome(w);
    assert_int_equal(o.tag, 1);
    assert_int_equal(o.err, PBAY_FAILED);
    for (uint64_t tag = 3; tag <= 5; tag++) /* the second, settled, has given way */
        assert_int_equal(outcome(w).tag, tag);
    assert_int_equal(pbay_get_outcome(w->agent, &o, 0), PBAY_TIMEOUT);
}

/* ---- receiving ---- */

static void test_get_ack(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e;
    struct pb_frame settle;
    uint64_t first, second;

    fake_open_to(&w->broker, 5, "alice", "bob");
    assert_int_equal(pbay_get(w->agent, &e, &first, 0), PBAY_TIMEOUT);
    fake_pub(&w->broker, 5, 1, "one");
    fake_pub(&w->broker, 5, 2, "two");
    assert_true(readable(w, FAKE_GUARD_MS));
    assert_int_equal(pbay_get(w->agent, &e, &first, FAKE_GUARD_MS), PBAY_OK);
    assert_str(e.message, "one");
    assert_str(e.to, "alice");
    assert_str(e.sender, "bob");
    assert_str(e.origin.name, "peer");
    assert_memory_equal(e.origin.incarnation, fake_peer, 16);
    assert_int_equal(pbay_get(w->agent, &e, &second, FAKE_GUARD_MS), PBAY_OK);
    assert_str(e.message, "two");
    assert_false(readable(w, 0));
    assert_int_equal(pbay_ack(w->agent, second), PBAY_OK);
    settle = fake_expect(&w->broker, PB_SETTLE);
    assert_int_equal(settle.wm, 0);
    assert_int_equal(settle.settled.n, 1);
    assert_int_equal(pbay_ack(w->agent, second), PBAY_INVALID);
    assert_int_equal(pbay_ack(w->agent, first), PBAY_OK);
    assert_int_equal(fake_expect(&w->broker, PB_SETTLE).wm, 2);
}

static void test_nack(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e;
    struct pb_frame end;
    uint64_t lease;

    fake_open_to(&w->broker, 5, "alice", "bob");
    fake_pub(&w->broker, 5, 1, "one");
    assert_int_equal(pbay_get(w->agent, &e, &lease, FAKE_GUARD_MS), PBAY_OK);
    assert_int_equal(pbay_nack(w->agent, lease, "cannot"), PBAY_OK);
    end = fake_expect(&w->broker, PB_END);
    assert_int_equal(end.code, PBAY_FAILED);
    assert_str(end.text, "cannot");
}

static void test_auto_ack(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e;

    fake_open_to(&w->broker, 5, "alice", "bob");
    fake_pub(&w->broker, 5, 1, "one");
    assert_int_equal(pbay_get(w->agent, &e, NULL, FAKE_GUARD_MS), PBAY_OK);
    assert_int_equal(pbay_get(w->agent, &e, NULL, 0), PBAY_TIMEOUT);
    assert_int_equal(fake_expect(&w->broker, PB_SETTLE).wm, 1);
}

static void test_reply(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e;
    struct pb_frame open;

    fake_open_to(&w->broker, 5, "alice", "bob");
    fake_pub(&w->broker, 5, 1, "one");
    assert_int_equal(pbay_get(w->agent, &e, NULL, FAKE_GUARD_MS), PBAY_OK);
    assert_int_equal(pbay_reply(w->agent, &e, pbay_str("two"), 0, NULL), PBAY_OK);
    open = fake_expect(&w->broker, PB_OPEN);
    assert_str(open.to, "bob");
    assert_str(open.sender, "alice");
    assert_int_equal(open.origin.n, 16);
    assert_memory_equal(open.origin.p, fake_peer, 16);
}

/* ---- opening and closing ---- */

static void test_options(void **state)
{
    struct pbay_options o = {.endpoint = "udp://x", .agent = "alice"};
    pbay_t agent;

    (void)state;
    unsetenv("PATCHBAY_ENDPOINT");
    unsetenv("PATCHBAY_AGENT");
    assert_int_equal(pbay_open(&agent, NULL), PBAY_INVALID);
    assert_int_equal(pbay_open(&agent, &o), PBAY_INVALID);
    assert_int_equal(pbay_close(agent, 0, NULL), PBAY_CLOSED);
    o.endpoint = "ipc:///tmp/nobody";
    o.agent = NULL;
    assert_int_equal(pbay_open(&agent, &o), PBAY_INVALID);
}

static void test_stale_handle(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e = envelope("x");
    struct pbay_outcome o;
    pbay_t old = w->agent;

    assert_int_equal(pbay_close(w->agent, FAKE_GUARD_MS, NULL), PBAY_OK);
    open_agent(w); /* takes the same place in the table */
    assert_int_not_equal(old.id, w->agent.id);
    assert_int_equal(pbay_put(old, &e, 0, NULL), PBAY_CLOSED);
    assert_int_equal(pbay_get(old, &e, NULL, 0), PBAY_CLOSED);
    assert_int_equal(pbay_get_outcome(old, &o, 0), PBAY_CLOSED);
    assert_int_equal(pbay_ack(old, 1), PBAY_CLOSED);
    assert_int_equal(pbay_fd(old), -1);
    assert_false(pbay_is_connected(old));
    assert_int_equal(pbay_close(old, 0, NULL), PBAY_CLOSED);
    assert_int_equal(pbay_put((pbay_t){0}, &e, 0, NULL), PBAY_CLOSED);
}

static void *get_forever(void *arg)
{
    struct world *w = arg;
    struct pbay_envelope e;
    enum pbay_err err;

    do {
        err = pbay_get(w->agent, &e, NULL, -1);
    } while (err == PBAY_OK);
    return (void *)(uintptr_t)err;
}

/* A thread that waits in a call is sent away before anything is freed. */
static void test_close_while_waiting(void **state)
{
    struct world *w = *state;
    pthread_t thread;
    void *result;

    assert_int_equal(pthread_create(&thread, NULL, get_forever, w), 0);
    fake_open_to(&w->broker, 5, "alice", "bob");
    fake_pub(&w->broker, 5, 1, "one");
    assert_int_equal(fake_expect(&w->broker, PB_SETTLE).wm, 1); /* it was got and waits for the next */
    assert_int_equal(pbay_close(w->agent, 0, NULL), PBAY_OK);
    pthread_join(thread, &result);
    assert_int_equal((uintptr_t)result, PBAY_CLOSED);
}

struct closing {
    struct world *w;
    size_t left;
    enum pbay_err err;
};

static void *close_agent(void *arg)
{
    struct closing *c = arg;

    c->err = pbay_close(c->w->agent, FAKE_GUARD_MS, &c->left);
    return NULL;
}

static void test_close_drains(void **state)
{
    struct world *w = *state;
    struct closing c = {.w = w, .left = 99};
    pthread_t thread;
    uint32_t stream;

    put(w, "last");
    stream = fake_expect(&w->broker, PB_OPEN).stream;
    assert_int_equal(pthread_create(&thread, NULL, close_agent, &c), 0);
    fake_expect(&w->broker, PB_DRAIN);
    fake_opened(&w->broker, stream, 1, 10);
    fake_expect(&w->broker, PB_PUB);
    fake_settle(&w->broker, stream, 1);
    assert_int_equal(fake_expect(&w->broker, PB_BYE).code, PBAY_SHUTDOWN);
    pthread_join(thread, NULL);
    assert_int_equal(c.err, PBAY_OK);
    assert_int_equal(c.left, 0);
}

static void test_close_leaves(void **state)
{
    struct world *w = *state;
    struct pbay_envelope e;
    size_t left = 0;
    uint64_t lease;

    fake_open_to(&w->broker, 5, "alice", "bob");
    fake_pub(&w->broker, 5, 1, "one");
    assert_int_equal(pbay_get(w->agent, &e, &lease, FAKE_GUARD_MS), PBAY_OK);
    put(w, "never settled");
    assert_int_equal(pbay_close(w->agent, 0, &left), PBAY_TIMEOUT);
    assert_int_equal(left, 1);
    fake_expect(&w->broker, PB_BYE);
}

int main(void)
{
#define T(name, before) cmocka_unit_test_setup_teardown(name, before, teardown)
    const struct CMUnitTest tests[] = {T(test_hello, setup),
                                       T(test_attached, setup_attached),
                                       T(test_link_loss, setup_attached),
                                       T(test_absent_broker, setup),
                                       T(test_absent_broker_idle, setup),
                                       T(test_who, setup_attached),
                                       T(test_reject, setup),
                                       T(test_bad_frame, setup_attached),
                                       T(test_fenced, setup_attached),
                                       T(test_put, setup_attached),
                                       T(test_end, setup_attached),
                                       T(test_error_envelope, setup),
                                       T(test_full, setup),
                                       T(test_waiting_put, setup),
                                       T(test_batch, setup_attached),
                                       T(test_large, setup_attached),
                                       T(test_invalid, setup_attached),
                                       T(test_expires, setup_attached),
                                       T(test_get_outcomes, setup_attached),
                                       T(test_who_sends, setup_attached),
                                       T(test_unclaimed_outcomes, setup),
                                       T(test_get_ack, setup_attached),
                                       T(test_nack, setup_attached),
                                       T(test_auto_ack, setup_attached),
                                       T(test_reply, setup_attached),
                                       cmocka_unit_test(test_options),
                                       T(test_stale_handle, setup_attached),
                                       T(test_close_while_waiting, setup_attached),
                                       T(test_close_drains, setup_attached),
                                       T(test_close_leaves, setup_attached)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
