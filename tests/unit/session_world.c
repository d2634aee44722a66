#include "session_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pbay_str id_of(uint8_t first)
{
    static uint8_t ids[256][PBAY_ID_SIZE];

    ids[first][0] = first;
    return (struct pbay_str){(const char *)ids[first], PBAY_ID_SIZE};
}

struct world *world_new(size_t max_envelopes, size_t max_bytes)
{
    struct world *w = pb_alloc(sizeof *w);
    struct pb_session_conf conf = {.role = PB_AGENT,
                                   .agent = pbay_str("a"),
                                   .name = pbay_str("a"),
                                   .instance = pbay_str("0"),
                                   .public_id = pbay_str(""),
                                   .incarnation = {1},
                                   .max_envelopes = max_envelopes,
                                   .max_bytes = max_bytes};

    w->now = 1000;
    pb_session_init(&w->s, &conf);
    return w;
}

static void forget(struct world *w)
{
    while (w->n_messages)
        pb_buf_fini(&w->messages[--w->n_messages]);
    w->n_heard = 0;
}

void world_free(struct world *w)
{
    forget(w);
    pb_session_fini(&w->s);
    free(w);
}

void world_say(struct world *w, const struct pb_frame *f)
{
    struct pb_buf b = {0};

    pb_frame_write(&b, PB_DOWN, f);
    pb_session_frame(&w->s, w->now, b.p, b.n);
    pb_buf_fini(&b);
}

void world_hear(struct world *w)
{
    forget(w);
    while (pb_session_pack(&w->s, w->now, &w->messages[w->n_messages])) {
        const struct pb_buf *b = &w->messages[w->n_messages++];
        struct pb_rd r = {b->p, b->p + b->n};

        assert_true(w->n_messages < sizeof w->messages / sizeof *w->messages);
        while (r.p < r.end) {
            assert_true(w->n_heard < WORLD_FRAMES);
            assert_true(pb_frame_read(&r, PB_UP, &w->heard[w->n_heard]));
            w->n_heard += w->heard[w->n_heard].verb != PB_PING;
        }
    }
}

const struct pb_frame *world_heard(const struct world *w, enum pb_verb verb)
{
    for (unsigned i = 0; i < w->n_heard; i++) {
        if (w->heard[i].verb == verb)
            return &w->heard[i];
    }
    return NULL;
}

unsigned world_count(const struct world *w, enum pb_verb verb)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n_heard; i++)
        n += w->heard[i].verb == verb;
    return n;
}

void world_link(struct world *w)
{
    pb_session_up(&w->s, w->now);
    world_hear(w);
    assert_int_equal(w->heard[0].verb, PB_HELLO);
    world_say(w, &(struct pb_frame){.verb = PB_WELCOME,
                                    .version_max = PB_VERSION,
                                    .boot = id_of(99),
                                    .attach = 7,
                                    .clock = w->heard[0].clock,
                                    .heartbeat_ms = WORLD_HEARTBEAT,
                                    .timeout_ms = WORLD_TIMEOUT,
                                    .max_envelope = WORLD_ENVELOPE});
    world_hear(w);
    assert_int_equal(world_heard(w, PB_CONFIRM)->attach, 7);
}

void world_expect_gap(struct world *w, enum pbay_err code)
{
    assert_true(w->s.wants_close);
    world_hear(w);
    assert_int_equal(w->n_heard, 1);
    assert_int_equal(w->heard[0].verb, PB_GAP);
    assert_int_equal(w->heard[0].code, code);
}

struct pbay_envelope world_envelope(const char *to, size_t n)
{
    static const char bytes[2 * WORLD_ENVELOPE];

    assert_true(n <= sizeof bytes);
    return (struct pbay_envelope){
        .to = pbay_str(to), .sender = pbay_str("me"), .protocol_id = pbay_str("t/p0:1.0.0"), .message = {bytes, n}};
}

uint64_t world_put(struct world *w, const struct pbay_envelope *e)
{
    uint64_t tag = 0;

    assert_int_equal(pb_session_put(&w->s, w->now, e, &tag), PBAY_OK);
    return tag;
}

void world_opened(struct world *w, uint32_t stream, uint32_t round, uint64_t expect, uint32_t n, uint64_t b,
                  uint8_t receiver)
{
    world_say(w, &(struct pb_frame){.verb = PB_OPENED,
                                    .stream = stream,
                                    .round = round,
                                    .expect = expect,
                                    .credit_n = n,
                                    .credit_b = b,
                                    .incarnation = id_of(receiver),
                                    .replay = PBAY_REPLAY_SAFE});
}

void world_expect_end(struct world *w, uint64_t tag, enum pbay_err err, enum pbay_err cause)
{
    struct pb_outcome o;

    assert_true(pb_session_outcome(&w->s, &o));
    assert_int_equal(o.tag, tag);
    assert_int_equal(o.err, err);
    assert_int_equal(o.cause, cause);
    free(o.text);
}

void world_expect_no_end(struct world *w)
{
    struct pb_outcome o;

    assert_false(pb_session_outcome(&w->s, &o));
}

void world_open(struct world *w, uint32_t no, uint8_t origin, uint32_t round, uint64_t base, uint64_t next)
{
    struct pb_buf list = {0};

    pb_put_str(&list, pbay_str("t/p0:1.0.0"));
    pb_put_str(&list, pbay_str("t/p1:1.0.0"));
    world_say(w, &(struct pb_frame){.verb = PB_OPEN,
                                    .stream = no,
                                    .origin = id_of(origin),
                                    .origin_stream = no,
                                    .round = round,
                                    .base = base,
                                    .next = next,
                                    .name = pbay_str("n"),
                                    .instance = pbay_str("0"),
                                    .to = pbay_str("me"),
                                    .sender = pbay_str("peer"),
                                    .protocols = {2, {(const char *)list.p, list.n}}});
    pb_buf_fini(&list);
}

void world_pub(struct world *w, uint32_t no, uint32_t round, uint64_t seq, uint64_t prev)
{
    world_say(
        w, &(struct pb_frame){
               .verb = PB_PUB, .stream = no, .round = round, .seq = seq, .prev = prev, .payload = pbay_str("payload")});
}

struct pb_held *world_start(struct world *w, uint64_t seq)
{
    struct pb_held *h = pb_session_next(&w->s, w->now);

    assert_non_null(h);
    assert_int_equal(h->seq, seq);
    return h;
}

const char *world_ranges(struct pb_span span)
{
    static char text[1024];
    struct pb_rd r = pb_span_reader(span);
    uint64_t lo, hi;
    int n = 0;

    text[0] = 0;
    while (pb_span_range(&r, &lo, &hi))
        n += snprintf(text + n, sizeof text - (size_t)n, lo == hi ? "%llu " : "%llu-%llu ", (unsigned long long)lo,
                      (unsigned long long)hi);
    return text;
}
