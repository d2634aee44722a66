#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const uint8_t fake_peer[16] = "the other node!";

static const char boot[16] = "a broker's boot";

static struct pbay_str id_str(const void *id)
{
    return (struct pbay_str){id, 16};
}

void fake_bind(struct fake *f)
{
    const int guard = FAKE_GUARD_MS, none = 0, yes = 1;

    f->router = zmq_socket(f->context, ZMQ_ROUTER);
    assert_non_null(f->router);
    zmq_setsockopt(f->router, ZMQ_RCVTIMEO, &guard, sizeof guard);
    zmq_setsockopt(f->router, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(f->router, ZMQ_ROUTER_MANDATORY, &yes, sizeof yes);
    assert_int_equal(zmq_bind(f->router, f->endpoint), 0);
}

void fake_open(struct fake *f)
{
    memset(f, 0, sizeof *f);
    f->max_envelope = 1 << 20;
    f->context = zmq_ctx_new();
    snprintf(f->dir, sizeof f->dir, "/tmp/pbay-node-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->endpoint, sizeof f->endpoint, "ipc://%s/broker", f->dir);
    fake_bind(f);
}

void fake_hang_up(struct fake *f)
{
    zmq_close(f->router);
    f->router = NULL;
    f->said = 0;
    f->rest.p = f->rest.end = NULL;
}

void fake_close(struct fake *f)
{
    char path[96];

    if (f->has_message)
        zmq_msg_close(&f->message);
    if (f->router)
        zmq_close(f->router);
    zmq_ctx_term(f->context);
    snprintf(path, sizeof path, "%s/broker", f->dir);
    unlink(path);
    rmdir(f->dir);
}

static void receive(struct fake *f)
{
    zmq_msg_t id;

    if (f->has_message)
        zmq_msg_close(&f->message);
    zmq_msg_init(&id);
    zmq_msg_init(&f->message);
    f->has_message = true;
    assert_true(zmq_msg_recv(&id, f->router, 0) >= 0);
    assert_true(zmq_msg_size(&id) <= sizeof f->id);
    f->id_n = zmq_msg_size(&id);
    memcpy(f->id, zmq_msg_data(&id), f->id_n);
    zmq_msg_close(&id);
    assert_true(zmq_msg_recv(&f->message, f->router, 0) >= 0);
    f->rest.p = zmq_msg_data(&f->message);
    f->rest.end = f->rest.p + zmq_msg_size(&f->message);
    f->messages++;
}

void fake_say(struct fake *f, const struct pb_frame *frame)
{
    struct pb_buf b = {0};

    pb_frame_write(&b, PB_DOWN, frame);
    assert_true(zmq_send(f->router, f->id, f->id_n, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(f->router, b.p, b.n, 0) >= 0);
    f->said++;
    pb_buf_fini(&b);
}

struct pb_frame fake_next(struct fake *f)
{
    struct pb_frame frame;

    while (f->rest.p == f->rest.end)
        receive(f);
    assert_true(pb_frame_read(&f->rest, PB_UP, &frame));
    return frame;
}

struct pb_frame fake_expect(struct fake *f, enum pb_verb verb)
{
    for (;;) {
        struct pb_frame frame = fake_next(f);

        if (frame.verb == verb)
            return frame;
        if (frame.verb == PB_PING)
            fake_say(f, &(struct pb_frame){.verb = PB_PONG, .count = f->said + 1, .clock = frame.clock});
        if (frame.verb == PB_GAP)
            fail_msg("the node said GAP: %.*s", (int)frame.text.n, frame.text.p);
    }
}

uint64_t fake_attach(struct fake *f)
{
    struct pb_frame hello = fake_expect(f, PB_HELLO), confirm;

    memcpy(f->incarnation, hello.incarnation.p, sizeof f->incarnation);
    f->hello_clock = hello.clock;
    f->said = 0;
    fake_say(f, &(struct pb_frame){.verb = PB_WELCOME,
                                   .version_max = PB_VERSION,
                                   .boot = id_str(boot),
                                   .attach = ++f->attach,
                                   .clock = hello.clock,
                                   .heartbeat_ms = 20000,
                                   .timeout_ms = 60000,
                                   .max_envelope = f->max_envelope});
    confirm = fake_expect(f, PB_CONFIRM);
    assert_int_equal(confirm.attach, f->attach);
    return hello.link;
}

void fake_opened(struct fake *f, uint32_t stream, uint64_t expect, uint32_t credit_n)
{
    fake_say(f, &(struct pb_frame){.verb = PB_OPENED,
                                   .stream = stream,
                                   .round = 1,
                                   .expect = expect,
                                   .credit_n = credit_n,
                                   .credit_b = 1 << 30,
                                   .incarnation = id_str(fake_peer),
                                   .replay = PBAY_REPLAY_SAFE});
}

void fake_settle(struct fake *f, uint32_t stream, uint64_t wm)
{
    fake_say(f, &(struct pb_frame){.verb = PB_SETTLE, .stream = stream, .wm = wm});
}

void fake_open_to(struct fake *f, uint32_t no, const char *to, const char *sender)
{
    fake_open_for(f, no, to, sender, "peer", "fetchai/default:1.0.0");
}

void fake_open_for(struct fake *f, uint32_t no, const char *to, const char *sender, const char *node,
                   const char *protocol)
{
    struct pb_buf list = {0};
    struct pb_frame open = {.verb = PB_OPEN,
                            .stream = no,
                            .origin = id_str(fake_peer),
                            .origin_stream = no,
                            .round = 1,
                            .base = 1,
                            .next = 1,
                            .name = pbay_str(node),
                            .instance = pbay_str("0"),
                            .to = pbay_str(to),
                            .sender = pbay_str(sender)};

    pb_put_str(&list, pbay_str(protocol));
    open.protocols = (struct pb_span){1, {(const char *)list.p, list.n}};
    fake_say(f, &open);
    pb_buf_fini(&list);
    assert_int_equal(fake_expect(f, PB_ANSWER).stream, no);
}

void fake_pub(struct fake *f, uint32_t no, uint64_t seq, const char *message)
{
    fake_pub_bytes(f, no, seq, pbay_str(message));
}

void fake_pub_bytes(struct fake *f, uint32_t no, uint64_t seq, struct pbay_str message)
{
    fake_say(f, &(struct pb_frame){
                    .verb = PB_PUB, .stream = no, .round = 1, .seq = seq, .prev = seq - 1, .payload = message});
}
