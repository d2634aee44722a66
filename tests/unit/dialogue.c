/* Dialogues: labels, ids, targets, replies, ends, bounds; each refusal, and that it changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/pbay_dialogue.h"

#define DEFAULT  "fetchai/default:1.0.0"
#define HTTP     "valory/http:1.0.0"
#define SIGNING  "open_aea/signing:1.0.0"
#define S(text)  pbay_str(text)
#define COUNT(a) (sizeof(a) / sizeof *(a))
#define OK       PBAY_DIALOGUE_OK

/* Two sides of dialogues in the default protocol. */
struct world {
    struct pbay_protocols *protocols;
    struct pbay_dialogues *a, *b;
    struct pbay_message m;
};

static struct pbay_dialogues *dialogues(const struct world *w, const char *self, size_t max, uint64_t max_age)
{
    struct pbay_dialogues_opt opt = {.protocols = w->protocols,
                                     .protocol_id = S(DEFAULT),
                                     .self = S(self),
                                     .seed = (uint64_t)*self,
                                     .max = max,
                                     .max_age_ms = max_age};
    char why[PBAY_MAX_WHY] = "";
    struct pbay_dialogues *ds = pbay_dialogues_new(&opt, why);

    if (!ds)
        fail_msg("%s", why);
    return ds;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    w->protocols = pbay_protocols_new();
    w->a = dialogues(w, "a", 0, 0);
    w->b = dialogues(w, "b", 0, 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    pbay_message_fini(&w->m);
    pbay_dialogues_destroy(&w->a);
    pbay_dialogues_destroy(&w->a);
    pbay_dialogues_destroy(&w->b);
    pbay_protocols_destroy(&w->protocols);
    free(w);
    return 0;
}

static struct pbay_message *message(struct world *w, const char *performative)
{
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(DEFAULT), performative), PBAY_OK);
    return &w->m;
}

static struct pbay_dialogue_info look(const struct pbay_dialogues *ds, uint64_t id)
{
    struct pbay_dialogue_info info;

    assert_true(pbay_dialogue_look(ds, id, &info));
    return info;
}

static void expect_str(struct pbay_str got, const char *want)
{
    if (!pbay_str_eq(got, S(want)))
        fail_msg("%.*s, not %s", (int)got.n, got.p, want);
}

static void expect_ids(const struct pbay_dialogues *ds, uint64_t id, int32_t incoming, int32_t outgoing)
{
    struct pbay_dialogue_info info = look(ds, id);

    assert_int_equal(info.last_incoming, incoming);
    assert_int_equal(info.last_outgoing, outgoing);
}

/* ---- one dialogue, both sides ---- */

static void test_both_sides(void **state)
{
    struct world *w = *state;
    uint64_t at_a, at_b, again;
    struct pbay_dialogue_info info;

    assert_int_equal(pbay_dialogue_open(w->a, 1, S("b"), message(w, "bytes"), &at_a), OK);
    assert_int_equal(w->m.message_id, 1);
    assert_int_equal(w->m.target, 0);
    assert_int_equal(w->m.responder.n, 0);
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &at_b), OK);
    info = look(w->b, at_b);
    assert_true(!info.self_initiated && !info.over && info.label.responder_reference.n > 0);
    expect_str(info.label.opponent, "a");
    expect_str(info.label.starter, "a");
    assert_string_equal(info.role, "agent");
    info = look(w->a, at_a);
    assert_true(info.self_initiated && !info.over && info.label.responder_reference.n == 0);
    expect_str(info.label.opponent, "b");
    expect_str(info.label.starter, "a");

    assert_int_equal(pbay_dialogue_reply(w->b, 2, at_b, 0, message(w, "bytes")), OK);
    assert_int_equal(w->m.message_id, -1);
    assert_int_equal(w->m.target, 1);
    assert_int_equal(pbay_dialogue_take(w->a, 2, S("b"), &w->m, &again), OK);
    assert_int_equal(again, at_a);
    assert_true(pbay_str_eq(look(w->a, at_a).label.responder_reference, look(w->b, at_b).label.responder_reference));
    assert_true(pbay_str_eq(look(w->a, at_a).label.starter_reference, look(w->b, at_b).label.starter_reference));
    expect_ids(w->a, at_a, -1, 1);

    assert_int_equal(pbay_dialogue_reply(w->a, 3, at_a, 0, message(w, "error")), OK);
    assert_int_equal(w->m.message_id, 2);
    assert_int_equal(w->m.target, -1);
    assert_true(look(w->a, at_a).over);
    assert_int_equal(pbay_dialogue_take(w->b, 3, S("a"), &w->m, &again), OK);
    assert_true(look(w->b, at_b).over);
    assert_int_equal(pbay_dialogue_take(w->b, 3, S("a"), &w->m, &again), PBAY_DIALOGUE_OVER);
    assert_int_equal(pbay_dialogue_reply(w->b, 3, at_b, 1, message(w, "bytes")), PBAY_DIALOGUE_OVER);
    assert_string_equal(pbay_dialogue_performative(w->b, at_b, 1), "bytes");
    assert_string_equal(pbay_dialogue_performative(w->b, at_b, 2), "error");
    assert_string_equal(pbay_dialogue_performative(w->b, at_b, -1), "bytes");
    assert_null(pbay_dialogue_performative(w->b, at_b, 0));
    assert_null(pbay_dialogue_performative(w->b, at_b, -2));
    assert_null(pbay_dialogue_performative(w->b, at_b, INT32_MIN));
    assert_null(pbay_dialogue_performative(w->b, at_b + 1, 1));
}

/* The starter may go on before it has had an answer; then its messages answer its own. */
static void test_before_the_answer(void **state)
{
    struct world *w = *state;
    uint64_t at_a, at_b, again;

    assert_int_equal(pbay_dialogue_open(w->a, 1, S("b"), message(w, "bytes"), &at_a), OK);
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &at_b), OK);
    assert_int_equal(pbay_dialogue_reply(w->a, 1, at_a, 0, message(w, "bytes")), OK);
    assert_int_equal(w->m.message_id, 2);
    assert_int_equal(w->m.target, 1);
    assert_int_equal(w->m.responder.n, 0);
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &again), OK);
    assert_int_equal(again, at_b);
    assert_int_equal(pbay_dialogue_reply(w->b, 1, at_b, 1, message(w, "bytes")), OK); /* an older target */
    assert_int_equal(w->m.target, 1);
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("b"), &w->m, &again), OK);
    assert_int_equal(again, at_a);
}

/* An answer that left the responder's half empty is one all the same; a bad one does not fix the half. */
static void test_reference(void **state)
{
    struct world *w = *state;
    uint64_t id, again;
    char starter[64];
    struct pbay_str mine;

    assert_int_equal(pbay_dialogue_open(w->a, 1, S("b"), message(w, "bytes"), &id), OK);
    mine = look(w->a, id).label.starter_reference;
    assert_true(mine.n < sizeof starter);
    memcpy(starter, mine.p, mine.n);
    mine.p = starter;
    message(w, "bytes");
    w->m.starter = mine;
    w->m.responder = S("wrong");
    w->m.message_id = -2;
    w->m.target = 1;
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("b"), &w->m, &again), PBAY_DIALOGUE_MESSAGE_ID);
    assert_int_equal(look(w->a, id).label.responder_reference.n, 0);
    w->m.responder = S("");
    w->m.message_id = -1;
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("b"), &w->m, &again), OK);
    assert_int_equal(look(w->a, id).label.responder_reference.n, 0);
    w->m.responder = S("right");
    w->m.message_id = -2;
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("b"), &w->m, &again), OK);
    expect_str(look(w->a, id).label.responder_reference, "right");
    w->m.responder = S("other");
    w->m.message_id = -3;
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("b"), &w->m, &again), PBAY_DIALOGUE_UNKNOWN);
    w->m.responder = S("right");
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("c"), &w->m, &again), PBAY_DIALOGUE_UNKNOWN); /* of somebody else */
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("b"), &w->m, &again), OK);
}

/* References of one side differ; one that the other side has used, too, is another dialogue. */
static void test_same_reference(void **state)
{
    struct world *w = *state;
    uint64_t first, second, theirs;

    assert_int_equal(pbay_dialogue_open(w->a, 1, S("b"), message(w, "bytes"), &first), OK);
    assert_int_equal(pbay_dialogue_open(w->a, 1, S("b"), message(w, "bytes"), &second), OK);
    assert_false(pbay_str_eq(look(w->a, first).label.starter_reference, look(w->a, second).label.starter_reference));
    assert_int_equal(pbay_dialogue_take(w->a, 1, S("b"), &w->m, &theirs), OK); /* what we sent, as if it were theirs */
    assert_false(look(w->a, theirs).self_initiated);
    assert_true(pbay_str_eq(look(w->a, theirs).label.starter_reference, look(w->a, second).label.starter_reference));
    expect_ids(w->a, second, 0, 1);
    expect_ids(w->a, theirs, 1, 0);
}

/* An answer is in the encoding of what it answers. */
static void test_encoding(void **state)
{
    struct world *w = *state;
    uint64_t id;

    message(w, "bytes")->encoding = PBAY_MSGPACK;
    w->m.starter = S("x");
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), OK);
    assert_int_equal(pbay_dialogue_reply(w->b, 1, id, 0, message(w, "bytes")), OK);
    assert_int_equal(w->m.encoding, PBAY_MSGPACK);
}

/* ---- refusals ---- */

/* `b` has taken 1 from `a` with the reference "one", answered it with -1, and taken 2. Then this message comes. */
static const struct row {
    const char *sender, *starter, *responder; /* "=": the right one */
    int32_t id, target;
    const char *performative;
    enum pbay_dialogue_err want;
} rows[] = {
    {"a", "one", "=", 3, -1, "bytes", OK},
    {"a", "one", "=", 3, -1, "end", OK},
    {"a", "one", "=", 3, 1, "error", OK}, /* an older one */
    {"a", "one", "=", 3, 2, "bytes", OK}, /* its own */
    {"a", "one", "", 3, -1, "bytes", OK},
    {"a", "two", "", 1, 0, "bytes", OK},
    {"a", "two", "", 1, 0, "error", OK},
    {"c", "one", "", 1, 0, "bytes", OK}, /* of somebody else: another dialogue */
    {"", "one", "=", 3, -1, "bytes", PBAY_DIALOGUE_OPPONENT},
    {"b", "one", "=", 3, -1, "bytes", PBAY_DIALOGUE_OPPONENT},
    {"a", "", "", 1, 0, "bytes", PBAY_DIALOGUE_REFERENCE},
    {"a", "", "=", 3, -1, "bytes", PBAY_DIALOGUE_REFERENCE},
    {"a", "two", "=", 3, -1, "bytes", PBAY_DIALOGUE_UNKNOWN},
    {"a", "one", "other", 3, -1, "bytes", PBAY_DIALOGUE_UNKNOWN},
    {"c", "one", "=", 3, -1, "bytes", PBAY_DIALOGUE_UNKNOWN},
    {"a", "two", "", 2, 1, "bytes", PBAY_DIALOGUE_UNKNOWN},
    {"a", "one", "", 1, 0, "bytes", PBAY_DIALOGUE_DUPLICATE},
    {"a", "one", "=", 1, 0, "bytes", PBAY_DIALOGUE_MESSAGE_ID},
    {"a", "one", "=", 2, -1, "bytes", PBAY_DIALOGUE_MESSAGE_ID},
    {"a", "one", "=", 4, -1, "bytes", PBAY_DIALOGUE_MESSAGE_ID},
    {"a", "one", "=", -2, 2, "bytes", PBAY_DIALOGUE_MESSAGE_ID},
    {"a", "one", "=", 0, -1, "bytes", PBAY_DIALOGUE_MESSAGE_ID},
    {"a", "two", "", 1, 1, "bytes", PBAY_DIALOGUE_TARGET},
    {"a", "one", "=", 3, 0, "bytes", PBAY_DIALOGUE_TARGET},
    {"a", "one", "=", 3, -2, "bytes", PBAY_DIALOGUE_TARGET},
    {"a", "one", "=", 3, 3, "bytes", PBAY_DIALOGUE_TARGET},
    {"a", "one", "=", 3, INT32_MIN, "bytes", PBAY_DIALOGUE_TARGET},
    {"a", "two", "", 1, 0, "end", PBAY_DIALOGUE_INITIATION},
};

static uint64_t prepare(struct world *w)
{
    uint64_t id, again;

    message(w, "bytes")->starter = S("one");
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), OK);
    assert_int_equal(pbay_dialogue_reply(w->b, 1, id, 0, message(w, "bytes")), OK);
    message(w, "bytes")->starter = S("one");
    w->m.message_id = 2;
    w->m.target = -1;
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &again), OK);
    assert_int_equal(again, id);
    return id;
}

static void take_row(struct world *w, const struct row *r, size_t number)
{
    uint64_t id = prepare(w), taken = 99;
    struct pbay_dialogues_count count;
    enum pbay_dialogue_err err;

    message(w, r->performative)->starter = S(r->starter);
    w->m.responder = *r->responder == '=' ? look(w->b, id).label.responder_reference : S(r->responder);
    w->m.message_id = r->id;
    w->m.target = r->target;
    err = pbay_dialogue_take(w->b, 2, S(r->sender), &w->m, &taken);
    if (err != r->want)
        fail_msg("row %zu: %s, not %s", number, pbay_dialogue_text(err), pbay_dialogue_text(r->want));
    pbay_dialogues_count(w->b, &count);
    assert_int_equal(!taken, err != OK);
    if (err) {
        expect_ids(w->b, id, 2, -1);
        assert_int_equal(count.open, 1);
        assert_int_equal(count.over, 0);
    } else {
        assert_int_equal(look(w->b, taken).last_incoming, r->id);
    }
}

static void test_rows(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        take_row(w, &rows[i], i);
        pbay_dialogues_destroy(&w->b);
        w->b = dialogues(w, "b", 0, 0);
    }
}

static void test_wrong_message(void **state)
{
    char reference[PBAY_MAX_REFERENCE + 1];
    struct world *w = *state;
    uint64_t id = 5;

    memset(reference, 'r', sizeof reference);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(HTTP), "response"), PBAY_OK);
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), PBAY_DIALOGUE_PROTOCOL);
    assert_int_equal(id, 0);
    assert_int_equal(pbay_dialogue_open(w->b, 1, S("a"), &w->m, &id), PBAY_DIALOGUE_PROTOCOL);
    assert_int_equal(pbay_dialogue_reply(w->b, 1, 1, 0, &w->m), PBAY_DIALOGUE_PROTOCOL);
    pbay_message_fini(&w->m);
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), PBAY_DIALOGUE_PROTOCOL);
    message(w, "bytes")->starter = (struct pbay_str){reference, sizeof reference};
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), PBAY_DIALOGUE_REFERENCE);
    w->m.responder = w->m.starter;
    w->m.starter = S("x");
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), PBAY_DIALOGUE_REFERENCE);
    w->m.starter = (struct pbay_str){reference, PBAY_MAX_REFERENCE};
    w->m.responder = S("");
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), OK);
    assert_int_equal(pbay_dialogue_take(w->b, 1, (struct pbay_str){"a\0b", 3}, &w->m, &id), PBAY_DIALOGUE_OPPONENT);
}

/* What we send is checked as what comes in is; a refusal leaves the message as it was. */
static void test_outgoing(void **state)
{
    struct world *w = *state;
    uint64_t id;

    assert_int_equal(pbay_dialogue_open(w->a, 1, S("b"), message(w, "end"), &id), PBAY_DIALOGUE_INITIATION);
    assert_int_equal(id, 0);
    assert_int_equal(pbay_dialogue_open(w->a, 1, S("a"), message(w, "bytes"), &id), PBAY_DIALOGUE_OPPONENT);
    assert_int_equal(pbay_dialogue_open(w->a, 1, S(""), message(w, "bytes"), &id), PBAY_DIALOGUE_OPPONENT);
    assert_int_equal(pbay_dialogue_open(w->a, 1, S("b"), message(w, "bytes"), &id), OK);
    message(w, "bytes");
    w->m.message_id = 77;
    assert_int_equal(pbay_dialogue_reply(w->a, 1, id, -1, &w->m), PBAY_DIALOGUE_TARGET);
    assert_int_equal(pbay_dialogue_reply(w->a, 1, id, 2, &w->m), PBAY_DIALOGUE_TARGET);
    assert_int_equal(pbay_dialogue_reply(w->a, 1, id + 1, 0, &w->m), PBAY_DIALOGUE_UNKNOWN);
    assert_int_equal(w->m.message_id, 77);
    assert_int_equal(w->m.starter.n, 0);
    expect_ids(w->a, id, 0, 1);
}

/* A reply that the protocol does not have for the performative of its target. */
static void test_reply(void **state)
{
    struct world *w = *state;
    struct pbay_dialogues_opt opt = {.protocols = w->protocols, .protocol_id = S(SIGNING), .self = S("key")};
    char why[PBAY_MAX_WHY];
    struct pbay_dialogues *ds = pbay_dialogues_new(&opt, why);
    uint64_t id;

    assert_non_null(ds);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(SIGNING), "sign_message"), PBAY_OK);
    w->m.starter = S("x");
    assert_int_equal(pbay_dialogue_take(ds, 1, S("skill"), &w->m, &id), OK);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(SIGNING), "signed_transaction"), PBAY_OK);
    assert_int_equal(pbay_dialogue_reply(ds, 1, id, 0, &w->m), PBAY_DIALOGUE_REPLY);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(SIGNING), "signed_message"), PBAY_OK);
    assert_int_equal(pbay_dialogue_reply(ds, 1, id, 0, &w->m), OK);
    pbay_dialogues_destroy(&ds);
}

static void test_too_long(void **state)
{
    struct world *w = *state;
    uint64_t id, again;

    message(w, "bytes")->starter = S("one");
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &id), OK);
    for (int32_t i = 2; i <= PBAY_MAX_DIALOGUE_MESSAGES; i++) {
        w->m.message_id = i;
        w->m.target = i - 1;
        assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &again), OK);
    }
    w->m.message_id = PBAY_MAX_DIALOGUE_MESSAGES + 1;
    w->m.target = 1;
    assert_int_equal(pbay_dialogue_take(w->b, 1, S("a"), &w->m, &again), PBAY_DIALOGUE_TOO_LONG);
    assert_int_equal(pbay_dialogue_reply(w->b, 1, id, 0, message(w, "end")), OK); /* the other side has its own bound */
    assert_int_equal(w->m.target, PBAY_MAX_DIALOGUE_MESSAGES);
}

/* ---- ends ---- */

static void test_ends(void **state)
{
    struct world *w = *state;
    uint64_t id = prepare(w), own;

    assert_int_equal(pbay_dialogue_end(w->b, id, "successful"), PBAY_DIALOGUE_NOT_OVER);
    assert_int_equal(pbay_dialogue_end(w->b, id + 1, "successful"), PBAY_DIALOGUE_UNKNOWN);
    assert_int_equal(pbay_dialogue_reply(w->b, 1, id, 0, message(w, "end")), OK);
    assert_null(look(w->b, id).end_state);
    assert_int_equal(pbay_dialogue_end(w->b, id, "splendid"), PBAY_DIALOGUE_END_STATE);
    assert_int_equal(pbay_dialogue_end(w->b, id, "successful"), OK);
    assert_int_equal(pbay_dialogue_end(w->b, id, "failed"), PBAY_DIALOGUE_END_STATE);
    assert_string_equal(look(w->b, id).end_state, "successful"); /* the protocol keeps what is over */
    assert_int_equal(pbay_dialogue_open(w->b, 1, S("a"), message(w, "error"), &own), OK);
    assert_int_equal(pbay_dialogue_end(w->b, own, "failed"), OK);
    assert_int_equal(pbay_dialogues_ended(w->b, "successful", false), 1);
    assert_int_equal(pbay_dialogues_ended(w->b, "successful", true), 0);
    assert_int_equal(pbay_dialogues_ended(w->b, "failed", true), 1);
    assert_int_equal(pbay_dialogues_ended(w->b, "splendid", true), 0);
}

/* http does not keep dialogues that are over: they go when their end has been told. Its roles are two. */
static void test_not_kept(void **state)
{
    struct world *w = *state;
    struct pbay_dialogues_opt opt = {.protocols = w->protocols, .protocol_id = S(HTTP), .self = S("server")};
    char why[PBAY_MAX_WHY];
    struct pbay_dialogues *ds = pbay_dialogues_new(&opt, why);
    struct pbay_dialogue_info info;
    uint64_t id;

    assert_non_null(ds);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(HTTP), "request"), PBAY_OK);
    w->m.starter = S("x");
    assert_int_equal(pbay_dialogue_take(ds, 1, S("client"), &w->m, &id), OK);
    assert_string_equal(look(ds, id).role, "server");
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(HTTP), "response"), PBAY_OK);
    assert_int_equal(pbay_dialogue_reply(ds, 1, id, 0, &w->m), OK);
    assert_true(look(ds, id).over);
    assert_int_equal(pbay_dialogue_end(ds, id, "successful"), OK);
    assert_false(pbay_dialogue_look(ds, id, &info));
    assert_int_equal(pbay_dialogues_ended(ds, "successful", false), 1);
    pbay_dialogues_destroy(&ds);
}

/* ---- bounds ---- */

static bool is_there(const struct pbay_dialogues *ds, uint64_t id)
{
    struct pbay_dialogue_info info;

    return pbay_dialogue_look(ds, id, &info);
}

/* Three at most. The one that has been over the longest makes room, then the one that was silent the longest. */
static void test_displaced(void **state)
{
    struct world *w = *state;
    struct pbay_dialogues *ds = dialogues(w, "d", 3, 0);
    struct pbay_dialogues_count count;
    uint64_t id[8];

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pbay_dialogue_open(ds, i, S("x"), message(w, "bytes"), &id[i]), OK);
    assert_int_equal(pbay_dialogue_reply(ds, 5, id[2], 0, message(w, "end")), OK);
    assert_int_equal(pbay_dialogue_reply(ds, 6, id[1], 0, message(w, "end")), OK);
    assert_int_equal(pbay_dialogue_open(ds, 7, S("x"), message(w, "bytes"), &id[3]), OK);
    assert_true(is_there(ds, id[0]) && is_there(ds, id[1]) && !is_there(ds, id[2]));
    assert_int_equal(pbay_dialogue_open(ds, 8, S("x"), message(w, "bytes"), &id[4]), OK);
    assert_true(is_there(ds, id[0]) && !is_there(ds, id[1]));
    assert_int_equal(pbay_dialogue_reply(ds, 9, id[0], 0, message(w, "bytes")), OK); /* silent no longer */
    assert_int_equal(pbay_dialogue_open(ds, 10, S("x"), message(w, "bytes"), &id[5]), OK);
    assert_true(is_there(ds, id[0]) && !is_there(ds, id[3]) && is_there(ds, id[4]));
    assert_int_equal(pbay_dialogue_reply(ds, 11, id[3], 0, message(w, "bytes")), PBAY_DIALOGUE_UNKNOWN);
    pbay_dialogues_count(ds, &count);
    assert_int_equal(count.open, 3);
    assert_int_equal(count.over, 0);
    assert_int_equal(count.displaced, 3);
    assert_int_equal(count.expired, 0);
    pbay_dialogues_destroy(&ds);
}

static void test_expired(void **state)
{
    struct world *w = *state;
    struct pbay_dialogues *ds = dialogues(w, "d", 0, 100);
    struct pbay_dialogues_count count;
    uint64_t id[3];

    assert_int_equal(pbay_dialogue_open(ds, 1000, S("x"), message(w, "bytes"), &id[0]), OK);
    assert_int_equal(pbay_dialogue_open(ds, 1050, S("x"), message(w, "error"), &id[1]), OK);
    assert_int_equal(pbay_dialogues_expire(ds, 1100), 0);
    assert_int_equal(pbay_dialogue_reply(ds, 1100, id[0], 0, message(w, "bytes")), OK); /* young again */
    assert_int_equal(pbay_dialogues_expire(ds, 1151), 1);
    assert_true(is_there(ds, id[0]) && !is_there(ds, id[1]));
    assert_int_equal(pbay_dialogue_open(ds, 1201, S("x"), message(w, "bytes"), &id[2]), OK);
    assert_false(is_there(ds, id[0]));
    pbay_dialogues_count(ds, &count);
    assert_int_equal(count.expired, 2);
    assert_int_equal(count.open, 1);
    assert_int_equal(pbay_dialogues_expire(ds, 5), 0); /* earlier than the age: nothing is older */
    pbay_dialogues_destroy(&ds);
}

/* ---- options and words ---- */

static void test_options(void **state)
{
    struct world *w = *state;
    char address[PBAY_MAX_ADDRESS + 2], why[PBAY_MAX_WHY];
    const struct {
        const char *protocol, *self;
        size_t max;
        const char *starter, *responder, *why;
    } cases[] = {
        {"acme/none:1.0.0", "a", 0, NULL, NULL, "dialogues: no such protocol"},
        {HTTP, "", 0, NULL, NULL, "dialogues: self: expected an address"},
        {HTTP, address, 0, NULL, NULL, "dialogues: self: expected an address"},
        {HTTP, "a", PBAY_MAX_DIALOGUES + 1, NULL, NULL, "dialogues: max: expected at most 65536"},
        {HTTP, "a", 0, "boss", NULL, "dialogues: expected one of the protocol's roles"},
        {HTTP, "a", 0, "client", "boss", "dialogues: expected one of the protocol's roles"},
    };
    struct pbay_performative one = {.name = "x", .field = 5};
    struct pbay_protocol bare = {.name = "bare", .id = "acme/bare:1.0.0", .n = 1, .performatives = &one};
    struct pbay_dialogues_opt opt = {.protocols = w->protocols, .self = S("a"), .protocol_id = S("acme/bare:1.0.0")};

    memset(address, 'x', sizeof address - 1);
    address[sizeof address - 1] = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pbay_dialogues_opt bad = {.protocols = w->protocols,
                                         .protocol_id = S(cases[i].protocol),
                                         .self = S(cases[i].self),
                                         .max = cases[i].max,
                                         .starter_role = cases[i].starter,
                                         .responder_role = cases[i].responder};

        assert_null(pbay_dialogues_new(&bad, why));
        assert_string_equal(why, cases[i].why);
    }
    assert_int_equal(pbay_protocols_add(w->protocols, &bare), PBAY_OK);
    assert_null(pbay_dialogues_new(&opt, why));
    assert_string_equal(why, "dialogues: the protocol has no rules for dialogues");
}

static void test_roles(void **state)
{
    struct world *w = *state;
    struct pbay_dialogues_opt opt = {.protocols = w->protocols,
                                     .protocol_id = S(SIGNING),
                                     .self = S("me"),
                                     .starter_role = "skill",
                                     .responder_role = "decision_maker"};
    char why[PBAY_MAX_WHY];
    struct pbay_dialogues *ds = pbay_dialogues_new(&opt, why);
    uint64_t id;

    assert_non_null(ds);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S(SIGNING), "sign_message"), PBAY_OK);
    assert_int_equal(pbay_dialogue_open(ds, 1, S("x"), &w->m, &id), OK);
    assert_string_equal(look(ds, id).role, "skill");
    w->m.starter = S("theirs");
    assert_int_equal(pbay_dialogue_take(ds, 1, S("x"), &w->m, &id), OK);
    assert_string_equal(look(ds, id).role, "decision_maker");
    pbay_dialogues_destroy(&ds);
}

static void test_texts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PBAY_DIALOGUE_ERR_COUNT; i++)
        assert_true(strlen(pbay_dialogue_text((enum pbay_dialogue_err)i)) > 1);
    assert_string_equal(pbay_dialogue_text(PBAY_DIALOGUE_ERR_COUNT), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_sides),    TEST(test_before_the_answer),
        TEST(test_reference),     TEST(test_same_reference),
        TEST(test_encoding),      TEST(test_rows),
        TEST(test_wrong_message), TEST(test_outgoing),
        TEST(test_reply),         TEST(test_too_long),
        TEST(test_ends),          TEST(test_not_kept),
        TEST(test_displaced),     TEST(test_expired),
        TEST(test_options),       TEST(test_roles),
        TEST(test_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
