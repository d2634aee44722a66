/* libvcx's calls for an agent's code: what each says, and how its answer comes back. The test plays the broker, and the
 * connection behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/pbay_vcx.h"
#include "node_fake.h"
#include "schema/protocols/vcx_connection.h"

#define SELF     "alice"
#define PEER     "vcx"
#define STREAM   1
#define COMMAND  77
#define ID       "11111111-2222-4333-8444-555555555555"
#define S(text)  pbay_str(text)
#define COUNT(a) (sizeof(a) / sizeof *(a))

struct world {
    struct fake broker;
    pbay_t agent;
    struct pbay_vcx *vcx;
    struct pbay_protocols *protocols;
    struct pbay_message asked, answer;
    unsigned ends, events;
    uint32_t command, err, handle;
    int state;
    char text[128], value[256], extra[256];
    bool valid;
    struct pbay_vcx_event event; /* numbers only */
    char told[256];
    uint64_t seq;
    bool again; /* the callback begins another call */
};

static void copy(char *to, size_t room, struct pbay_str s)
{
    snprintf(to, room, "%.*s", (int)s.n, s.p ? s.p : "");
}

static void done(void *user, uint32_t command, uint32_t err, const struct pbay_vcx_result *r)
{
    struct world *w = user;

    w->ends++;
    w->command = command;
    w->err = err;
    w->handle = r->handle;
    w->state = r->state;
    w->valid = r->valid;
    if (w->again) /* which must not spoil what is still read below */
        assert_int_equal(pbay_vcx_create(w->vcx, (struct pbay_vcx_call){1, done, w}, "another", NULL), 0);
    w->again = false;
    snprintf(w->text, sizeof w->text, "%s", r->text);
    copy(w->value, sizeof w->value, r->value);
    snprintf(w->extra, sizeof w->extra, "%.*s|%.*s|%.*s", (int)r->invite_url.n, r->invite_url.p ? r->invite_url.p : "",
             (int)r->qr_png.n, r->qr_png.p ? r->qr_png.p : "", (int)r->qr_text.n, r->qr_text.p ? r->qr_text.p : "");
}

static void happened(void *user, const struct pbay_vcx_event *e)
{
    struct world *w = user;

    w->events++;
    w->event = *e;
    snprintf(w->told, sizeof w->told, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", (int)e->connection_id.n, e->connection_id.p,
             (int)e->source_id.n, e->source_id.p, (int)e->reason.n, e->reason.p ? e->reason.p : "", (int)e->msg_uid.n,
             e->msg_uid.p ? e->msg_uid.p : "", (int)e->msg_type.n, e->msg_type.p ? e->msg_type.p : "",
             (int)e->message_json.n, e->message_json.p ? e->message_json.p : "");
}

/* ---- life ---- */

static void open_client(struct world *w, int timeout_ms)
{
    struct pbay_vcx_options o = {.agent = SELF, .timeout_ms = timeout_ms, .on_event = happened, .user = w};

    pbay_vcx_close(&w->vcx);
    assert_int_equal(pbay_vcx_open(&w->vcx, w->agent, &o), PBAY_OK);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct pbay_options o = {.agent = SELF};

    *state = w;
    fake_open(&w->broker);
    o.endpoint = w->broker.endpoint;
    assert_int_equal(pbay_open(&w->agent, &o), PBAY_OK);
    assert_int_equal(fake_attach(&w->broker), 1);
    w->protocols = pbay_protocols_new();
    open_client(w, 0);
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    pbay_message_fini(&w->asked);
    pbay_message_fini(&w->answer);
    pbay_vcx_close(&w->vcx);
    pbay_vcx_close(&w->vcx);
    pbay_close(w->agent, 0, NULL);
    pbay_protocols_destroy(&w->protocols);
    fake_close(&w->broker);
    free(w);
    return 0;
}

static struct pbay_vcx_call call_of(struct world *w)
{
    return (struct pbay_vcx_call){COMMAND, done, w};
}

/* ---- the connection ---- */

/* What the next call says, in w->asked. */
static void expect_asked(struct world *w, const char *performative)
{
    struct pb_frame frame;

    if (w->seq == 0) {
        frame = fake_expect(&w->broker, PB_OPEN);
        assert_true(pbay_str_eq(frame.to, S(PEER)));
        assert_true(pbay_str_eq(frame.connection, S(PBAY_VCX_CONNECTION)));
        assert_true(pbay_str_eq(frame.sender, S(SELF)));
        fake_opened(&w->broker, frame.stream, 1, 1 << 16);
    }
    frame = fake_expect(&w->broker, PB_PUB);
    w->seq++;
    if (pbay_message_decode(&w->asked, w->protocols, S(PBAY_VCX_CONNECTION_ID), frame.payload))
        fail_msg("%s", w->asked.why);
    assert_string_equal(w->asked.performative, performative);
    assert_int_equal(w->asked.message_id, 1);
}

static void expect_content(const struct world *w, const char *name, const char *text)
{
    if (!pbay_str_eq(pbay_message_str(&w->asked, name), S(text)))
        fail_msg("%s is not %s", name, text);
}

static struct pbay_message *answer(struct world *w, const char *performative)
{
    assert_int_equal(pbay_message_init(&w->answer, w->protocols, S(PBAY_VCX_CONNECTION_ID), performative), PBAY_OK);
    return &w->answer;
}

static void set(struct world *w, const char *name, const char *text)
{
    assert_int_equal(pbay_message_set_str(&w->answer, name, S(text)), PBAY_OK);
}

static struct pbay_str encode(struct world *w)
{
    struct pbay_str bytes;

    if (pbay_message_encode(&w->answer, &bytes))
        fail_msg("%s", w->answer.why);
    return bytes;
}

static struct pbay_str encode_answer(struct world *w)
{
    pbay_message_answer(&w->answer, &w->asked);
    w->answer.responder = S("theirs");
    return encode(w);
}

static bool feed(struct world *w, const char *origin, const char *protocol, struct pbay_str bytes)
{
    struct pbay_envelope e = {
        .to = S(SELF), .sender = S(PEER), .protocol_id = S(protocol), .message = bytes, .origin.name = S(origin)};

    return pbay_vcx_feed(w->vcx, &e);
}

static void feed_answer(struct world *w)
{
    unsigned before = w->ends;

    assert_true(feed(w, PEER, PBAY_VCX_CONNECTION_ID, encode_answer(w)));
    assert_int_equal(w->ends, before + 1);
    assert_int_equal(w->command, COMMAND);
}

static void answer_created(struct world *w, const char *id, int state)
{
    assert_int_equal(pbay_vcx_connection_created_init(&w->answer, w->protocols, S(id), state, S("did"), S("verkey")),
                     0);
    feed_answer(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(w->state, state);
}

static uint32_t create(struct world *w, const char *id)
{
    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    expect_asked(w, "create");
    answer_created(w, id, 1);
    return w->handle;
}

static void answer_state(struct world *w, int state)
{
    assert_int_equal(pbay_vcx_connection_state_init(&w->answer, w->protocols, S(ID), state), 0);
    feed_answer(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(w->state, state);
}

/* ---- calls ---- */

static void test_create(void **state)
{
    struct world *w = *state;
    const struct pbay_vcx_create_options o = {.handshake = "connections", .ephemeral = true};
    struct pbay_value flag;

    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    expect_asked(w, "create");
    expect_content(w, "source_id", "faber");
    assert_false(pbay_message_has(&w->asked, "handshake"));
    assert_false(pbay_message_has(&w->asked, "ephemeral"));
    answer_created(w, ID, 1);
    assert_int_equal(w->handle, 1);
    assert_true(pbay_str_eq(pbay_vcx_connection_id(w->vcx, 1), S(ID)));

    assert_int_equal(pbay_vcx_create_with_invite(w->vcx, call_of(w), "bob", "{}", &o), 0);
    expect_asked(w, "create_with_invite");
    expect_content(w, "source_id", "bob");
    expect_content(w, "invite", "{}");
    expect_content(w, "handshake", "connections");
    assert_true(pbay_message_value(&w->asked, "ephemeral", &flag) && flag.i);
    answer_created(w, "second", 2);
    assert_int_equal(w->handle, 2);

    /* what was serialized comes back: the same connection, the same handle */
    assert_int_equal(pbay_vcx_deserialize(w->vcx, call_of(w), S("{\"version\":\"1.0\"}")), 0);
    expect_asked(w, "deserialize");
    expect_content(w, "json", "{\"version\":\"1.0\"}");
    answer_created(w, ID, 4);
    assert_int_equal(w->handle, 1);
}

static void test_connect(void **state)
{
    struct world *w = *state;
    uint32_t h = create(w, ID);

    assert_int_equal(pbay_vcx_connect(w->vcx, call_of(w), h, "{\"connection_type\":\"QR\"}"), 0);
    expect_asked(w, "connect");
    expect_content(w, "connection_id", ID);
    expect_content(w, "options", "{\"connection_type\":\"QR\"}");
    assert_int_equal(pbay_vcx_connection_connected_init(&w->answer, w->protocols, S(ID), 2, S("{}"), S("http://i/"),
                                                        S("png"), S("##")),
                     0);
    feed_answer(w);
    assert_int_equal(w->err, 0);
    assert_int_equal(w->state, 2);
    assert_int_equal(w->handle, h);
    assert_string_equal(w->value, "{}");
    assert_string_equal(w->extra, "http://i/|png|##");
    assert_int_equal(pbay_vcx_connect(w->vcx, call_of(w), h, NULL), 0);
    expect_asked(w, "connect");
    assert_false(pbay_message_has(&w->asked, "options"));
}

static void test_states(void **state)
{
    static const struct {
        uint32_t (*call)(struct pbay_vcx *, struct pbay_vcx_call, uint32_t);
        const char *performative;
        bool ends;
    } rows[] = {{pbay_vcx_update_state, "update_state", false},
                {pbay_vcx_get_state, "get_state", false},
                {pbay_vcx_revoke, "revoke", false},
                {pbay_vcx_release, "release", true},
                {pbay_vcx_delete, "delete", true}};
    struct world *w = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t h = pbay_vcx_handle(w->vcx, S(ID));

        assert_true(h > 0);
        assert_int_equal(rows[i].call(w->vcx, call_of(w), h), 0);
        expect_asked(w, rows[i].performative);
        expect_content(w, "connection_id", ID);
        answer_state(w, (int)i);
        assert_int_equal(w->handle, h);
        assert_int_equal(pbay_vcx_connection_id(w->vcx, h).n > 0, !rows[i].ends);
        assert_int_equal(rows[i].call(w->vcx, call_of(w), h), rows[i].ends ? PBAY_VCX_E_HANDLE : 0);
        if (!rows[i].ends)
            expect_asked(w, rows[i].performative);
        assert_int_equal(rows[i].call(w->vcx, call_of(w), 0), PBAY_VCX_E_HANDLE);
    }
}

static void test_json(void **state)
{
    struct world *w = *state;
    uint32_t h = create(w, ID);
    struct pbay_value flag;

    assert_int_equal(pbay_vcx_invite_details(w->vcx, call_of(w), h, true), 0);
    expect_asked(w, "invite_details");
    assert_true(pbay_message_value(&w->asked, "abbreviated", &flag) && flag.i);
    answer(w, "details");
    set(w, "json", "{\"s\":{}}");
    feed_answer(w);
    assert_string_equal(w->value, "{\"s\":{}}");

    assert_int_equal(pbay_vcx_info(w->vcx, call_of(w), h), 0);
    expect_asked(w, "info");
    answer(w, "details");
    set(w, "json", "{\"my\":{}}");
    feed_answer(w);
    assert_string_equal(w->value, "{\"my\":{}}");

    assert_int_equal(pbay_vcx_list(w->vcx, call_of(w)), 0);
    expect_asked(w, "list_connections");
    answer(w, "details");
    set(w, "json", "[]");
    feed_answer(w);
    assert_string_equal(w->value, "[]");
    assert_int_equal(w->handle, 0);

    assert_int_equal(pbay_vcx_serialize(w->vcx, call_of(w), h), 0);
    expect_asked(w, "serialize");
    answer(w, "serialized");
    set(w, "json", "{}");
    feed_answer(w);
    assert_string_equal(w->value, "{}");

    assert_int_equal(pbay_vcx_get_pw_did(w->vcx, call_of(w), h), 0);
    expect_asked(w, "serialize");
    answer(w, "serialized");
    set(w, "json", "{\"version\":\"1.0\",\"data\":{\"source_id\":\"\\\"pw_did\\\":\",\"pw_did\":\"Abc\",\"x\":null}}");
    feed_answer(w);
    assert_int_equal(w->err, 0);
    assert_string_equal(w->value, "Abc");

    assert_int_equal(pbay_vcx_get_pw_did(w->vcx, call_of(w), h), 0);
    expect_asked(w, "serialize");
    answer(w, "serialized");
    set(w, "json", "{\"data\":");
    feed_answer(w);
    assert_int_equal(w->err, PBAY_VCX_E_UNKNOWN);
}

static void answer_sent(struct world *w)
{
    answer(w, "sent");
    set(w, "connection_id", ID);
    set(w, "msg_uid", "uid");
    feed_answer(w);
    assert_int_equal(w->err, 0);
    assert_string_equal(w->value, "uid");
}

static void test_talk(void **state)
{
    struct world *w = *state;
    uint32_t h = create(w, ID);

    assert_int_equal(pbay_vcx_send_message(w->vcx, call_of(w), h, S("hello"), "ref"), 0);
    expect_asked(w, "send_message");
    expect_content(w, "content", "hello");
    expect_content(w, "ref_msg_id", "ref");
    answer_sent(w);
    assert_int_equal(pbay_vcx_send_ping(w->vcx, call_of(w), h, NULL), 0);
    expect_asked(w, "send_ping");
    assert_false(pbay_message_has(&w->asked, "comment"));
    answer_sent(w);
    assert_int_equal(pbay_vcx_send_discovery_features(w->vcx, call_of(w), h, "*", "why"), 0);
    expect_asked(w, "send_discovery_features");
    expect_content(w, "query", "*");
    expect_content(w, "comment", "why");
    answer_sent(w);

    assert_int_equal(pbay_vcx_sign_data(w->vcx, call_of(w), h, S("data")), 0);
    expect_asked(w, "sign");
    expect_content(w, "data", "data");
    answer(w, "signed");
    assert_int_equal(pbay_message_set_bytes(&w->answer, "signature", S("sig")), PBAY_OK);
    feed_answer(w);
    assert_string_equal(w->value, "sig");
    for (int good = 0; good < 2; good++) {
        assert_int_equal(pbay_vcx_verify_signature(w->vcx, call_of(w), h, S("data"), S("sig")), 0);
        expect_asked(w, "verify");
        expect_content(w, "signature", "sig");
        answer(w, "verified");
        assert_int_equal(pbay_message_set_bool(&w->answer, "valid", good), PBAY_OK);
        feed_answer(w);
        assert_int_equal(w->valid, good);
    }
}

/* ---- errors ---- */

static void answer_error(struct world *w, int code, const char *description)
{
    assert_int_equal(pbay_vcx_connection_error_init(&w->answer, w->protocols, code, S(description)), 0);
    feed_answer(w);
}

static void test_errors(void **state)
{
    struct world *w = *state;
    uint32_t h = create(w, ID);

    assert_int_equal(pbay_vcx_delete(w->vcx, call_of(w), h), 0);
    expect_asked(w, "delete");
    answer_error(w, 1005, "Object not ready: later");
    assert_int_equal(w->err, PBAY_VCX_E_NOT_READY);
    assert_string_equal(w->text, "Object not ready: later");
    assert_string_equal(w->value, "");
    assert_int_equal(w->handle, h);
    assert_true(pbay_vcx_connection_id(w->vcx, h).n > 0); /* it was not deleted */

    assert_int_equal(pbay_vcx_get_state(w->vcx, call_of(w), h), 0);
    expect_asked(w, "get_state");
    answer_error(w, 0, "");
    assert_int_equal(w->err, PBAY_VCX_E_UNKNOWN);
    assert_string_equal(w->text, "Unknown Error");

    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "\xff", NULL), PBAY_VCX_E_OPTION);
    assert_int_equal(pbay_vcx_send_ping(w->vcx, call_of(w), 99, NULL), PBAY_VCX_E_HANDLE);
    assert_int_equal(w->ends, 3);
    assert_string_equal(pbay_vcx_error_text(1003), "Invalid Connection Handle");
    assert_string_equal(pbay_vcx_error_text(0), "Success");
    assert_string_equal(pbay_vcx_error_text(4), "Unknown Error");
    assert_string_equal(pbay_vcx_state_text(4), "accepted");
    assert_string_equal(pbay_vcx_state_text(8), "unknown");
}

static void test_options(void **state)
{
    struct world *w = *state;
    struct pbay_vcx *vcx;

    unsetenv("PATCHBAY_AGENT");
    assert_int_equal(pbay_vcx_open(&vcx, w->agent, NULL), PBAY_INVALID);
    assert_null(vcx);
    setenv("PATCHBAY_AGENT", "bob", 1);
    assert_int_equal(pbay_vcx_open(&vcx, w->agent, NULL), PBAY_OK);
    pbay_vcx_close(&vcx);
    assert_null(vcx);
    assert_int_equal(pbay_vcx_open(&vcx, w->agent, &(struct pbay_vcx_options){.connection = "vcx"}), PBAY_INVALID);
    assert_int_equal(pbay_vcx_open(&vcx, w->agent, &(struct pbay_vcx_options){.timeout_ms = -1}), PBAY_INVALID);
}

/* Only that connection's answers, each once. */
static void test_others(void **state)
{
    struct world *w = *state;
    struct pbay_str bytes;

    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    expect_asked(w, "create");
    assert_int_equal(pbay_vcx_connection_created_init(&w->answer, w->protocols, S(ID), 1, S("did"), S("verkey")), 0);
    bytes = encode_answer(w);
    assert_false(feed(w, "stub", PBAY_VCX_CONNECTION_ID, bytes));
    assert_false(feed(w, "", PBAY_VCX_CONNECTION_ID, bytes));
    assert_false(feed(w, PEER, "fetchai/default:1.0.0", bytes));
    assert_false(feed(w, PEER, PBAY_VCX_CONNECTION_ID, S("rubbish")));
    assert_int_equal(w->ends, 0);
    assert_true(feed(w, PEER, PBAY_VCX_CONNECTION_ID, bytes));
    assert_true(feed(w, PEER, PBAY_VCX_CONNECTION_ID, bytes));
    assert_int_equal(w->ends, 1);

    /* a connection without an id */
    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    expect_asked(w, "create");
    assert_int_equal(pbay_vcx_connection_created_init(&w->answer, w->protocols, S(""), 1, S("did"), S("verkey")), 0);
    feed_answer(w);
    assert_int_equal(w->err, PBAY_VCX_E_UNKNOWN);
    assert_int_equal(pbay_vcx_handle(w->vcx, S("")), 0);
}

static void test_call_in_callback(void **state)
{
    struct world *w = *state;
    uint32_t h = create(w, ID);

    assert_int_equal(pbay_vcx_info(w->vcx, call_of(w), h), 0);
    expect_asked(w, "info");
    w->again = true;
    answer(w, "details");
    set(w, "json", "{\"my\":{\"did\":\"a did\"}}");
    feed_answer(w);
    assert_string_equal(w->value, "{\"my\":{\"did\":\"a did\"}}");
    expect_asked(w, "create");
}

/* ---- events ---- */

static void feed_event(struct world *w, const char *reference)
{
    w->answer.message_id = 1;
    w->answer.starter = S(reference);
    assert_true(feed(w, PEER, PBAY_VCX_CONNECTION_ID, encode(w)));
}

static void test_events(void **state)
{
    struct world *w = *state;

    assert_int_equal(pbay_vcx_connection_state_changed_init(&w->answer, w->protocols, S(ID), S("faber"), 3, 4, S("r")),
                     0);
    feed_event(w, "1");
    assert_int_equal(w->events, 1);
    assert_int_equal(w->event.kind, PBAY_VCX_STATE_CHANGED);
    assert_int_equal(w->event.from, 3);
    assert_int_equal(w->event.to, 4);
    assert_int_equal(w->event.handle, 1);
    assert_string_equal(w->told, ID "|faber|r|||");
    feed_event(w, "1");
    assert_int_equal(w->events, 1); /* it has come already */

    assert_int_equal(pbay_vcx_connection_message_received_init(&w->answer, w->protocols, S(ID), S("faber"), S("uid"),
                                                               S("type"), S("{}")),
                     0);
    feed_event(w, "2");
    assert_int_equal(w->event.kind, PBAY_VCX_MESSAGE_RECEIVED);
    assert_string_equal(w->told, ID "|faber||uid|type|{}");
    assert_int_equal(
        pbay_vcx_connection_undelivered_init(&w->answer, w->protocols, S(ID), S("faber"), S("uid"), S("gone")), 0);
    feed_event(w, "3");
    assert_int_equal(w->event.kind, PBAY_VCX_UNDELIVERED);
    assert_string_equal(w->told, ID "|faber|gone|uid||");
    assert_int_equal(w->event.handle, 1);
    assert_int_equal(w->events, 3);
    assert_int_equal(w->ends, 0);
}

/* ---- time, and the end of envelopes ---- */

static void test_timeout(void **state)
{
    struct world *w = *state;

    assert_int_equal(pbay_vcx_tick(w->vcx), -1);
    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    assert_in_range(pbay_vcx_tick(w->vcx), 20000, 30000);
    assert_int_equal(pbay_vcx_wait(w->vcx, 0), PBAY_TIMEOUT);
    assert_int_equal(w->ends, 0);

    open_client(w, 1); /* the call that had no answer has no end either */
    assert_int_equal(w->ends, 0);
    assert_int_equal(pbay_vcx_wait(w->vcx, -1), PBAY_OK);
    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    assert_int_equal(pbay_vcx_wait(w->vcx, -1), PBAY_OK);
    assert_int_equal(w->ends, 1);
    assert_int_equal(w->err, PBAY_VCX_E_POST);
    assert_string_equal(w->text, "the connection has not answered in time");
    assert_int_equal(pbay_vcx_tick(w->vcx), -1);
}

static void test_outcome(void **state)
{
    struct world *w = *state;
    struct pb_frame open;

    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    open = fake_expect(&w->broker, PB_OPEN);
    fake_say(&w->broker, &(struct pb_frame){.verb = PB_END,
                                            .stream = open.stream,
                                            .code = PBAY_DISCONNECTED,
                                            .cause = PBAY_DISCONNECTED,
                                            .text = S("nobody there")});
    assert_int_equal(pbay_vcx_wait(w->vcx, FAKE_GUARD_MS), PBAY_OK);
    assert_int_equal(w->ends, 1);
    assert_int_equal(w->err, PBAY_VCX_E_POST);
    assert_string_equal(w->text, "nobody there");
    assert_false(pbay_vcx_outcome(w->vcx, &(struct pbay_outcome){.tag = 12345, .err = PBAY_FAILED}));
}

/* Through the agent's InBox: what is not the client's is refused. */
static void test_wait(void **state)
{
    struct world *w = *state;

    assert_int_equal(pbay_vcx_create(w->vcx, call_of(w), "faber", NULL), 0);
    expect_asked(w, "create");
    fake_settle(&w->broker, STREAM, 1); /* settled is no answer yet */
    fake_open_to(&w->broker, 1, SELF, "somebody");
    fake_pub(&w->broker, 1, 1, "hello");
    assert_int_equal(pbay_vcx_wait(w->vcx, 100), PBAY_TIMEOUT);
    assert_int_equal(fake_expect(&w->broker, PB_END).code, PBAY_FAILED);
    assert_int_equal(w->ends, 0);

    assert_int_equal(pbay_vcx_connection_created_init(&w->answer, w->protocols, S(ID), 1, S("did"), S("verkey")), 0);
    fake_open_for(&w->broker, 2, SELF, PEER, PEER, PBAY_VCX_CONNECTION_ID);
    fake_pub_bytes(&w->broker, 2, 1, encode_answer(w));
    assert_int_equal(pbay_vcx_wait(w->vcx, FAKE_GUARD_MS), PBAY_OK);
    assert_int_equal(w->ends, 1);
    assert_int_equal(w->err, 0);
    assert_int_equal(w->handle, 1);
    assert_int_equal(pbay_vcx_wait(w->vcx, -1), PBAY_OK); /* none is waiting */
}

static void test_too_many(void **state)
{
    struct world *w = *state;

    for (unsigned i = 0; i < PBAY_VCX_MAX_CALLS; i++)
        assert_int_equal(pbay_vcx_list(w->vcx, call_of(w)), 0);
    assert_int_equal(pbay_vcx_list(w->vcx, call_of(w)), PBAY_VCX_E_NOT_READY);
    expect_asked(w, "list_connections");
    answer_error(w, 1001, "no");
    assert_int_equal(pbay_vcx_list(w->vcx, call_of(w)), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create),  TEST(test_connect),          TEST(test_states), TEST(test_json),     TEST(test_talk),
        TEST(test_errors),  TEST(test_options),          TEST(test_others), TEST(test_events),   TEST(test_timeout),
        TEST(test_outcome), TEST(test_call_in_callback), TEST(test_wait),   TEST(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
