/* Envelopes: other libraries' and our own, good and refused; forwarding. */
#include "tests/unit/vcx_vectors.h"

#include <sodium.h>
#include <string.h>

#include "connections/vcx/vcx_pack.h"

#define MAX_TO 8

/* ---- other libraries' ---- */

static struct pb_buf dump(const json_t *json)
{
    struct pb_buf text = {0};

    assert_true(vcx_json_write(&text, json));
    return text;
}

static void check_opened(const json_t *root, const json_t *row, struct pbay_str envelope, const char *to)
{
    const char *sender = json_string_value(vcx_of(row, "sender"));
    struct vcx_person person = vcx_person(root, to);
    struct vcx_keys keys = vcx_ring(&person);
    struct vcx_opened o;
    char why[VCX_WHY];

    if (!vcx_unpack(envelope, &keys, &o, why))
        fail_msg("%s, for %s: %s", vcx_text(row, "name"), to, why);
    assert_true(pbay_str_eq(vcx_view(&o.message), vcx_str(row, "plaintext")));
    assert_memory_equal(o.recipient, person.key, VCX_KEY);
    assert_int_equal(o.has_sender, sender != NULL);
    if (sender) {
        person = vcx_person(root, sender);
        assert_memory_equal(o.sender, person.key, VCX_KEY);
    }
    vcx_opened_fini(&o);
    vcx_opened_fini(&o);
}

static void test_vectors(void **state)
{
    const json_t *rows = vcx_of(*state, "vectors"), *row, *to;
    size_t i, j;

    json_array_foreach(rows, i, row)
    {
        struct pb_buf text = dump(vcx_of(row, "packed"));

        json_array_foreach(vcx_of(row, "recipients"), j, to)
        {
            check_opened(*state, row, vcx_view(&text), json_string_value(to));
        }
        pb_buf_fini(&text);
    }
    vcx_ran("envelopes of other libraries", json_array_size(rows));
}

static void refuse(const json_t *root, const char *name, struct pbay_str text, const char *to, const char *words)
{
    struct vcx_person person = vcx_person(root, to);
    struct vcx_keys keys = vcx_ring(&person);
    struct vcx_opened o;
    char why[VCX_WHY] = "";
    bool good = vcx_unpack(text, &keys, &o, why);

    assert_null(o.message.p);
    assert_false(o.has_sender);
    vcx_expect(name, !good, why, words);
}

static void test_negative(void **state)
{
    static const char *const words[][2] = {{"AEAD fails", "the content is not what was packed"},
                                           {"Authcrypt without sender must be refused", "Authcrypt without a sender"},
                                           {"unknown enc must be refused", "enc is not one that is known here"}};
    const json_t *rows = vcx_of(*state, "negative"), *row;
    size_t i, w;

    json_array_foreach(rows, i, row)
    {
        struct pb_buf text = dump(vcx_of(row, "packed"));

        for (w = 0; strcmp(words[w][0], vcx_text(row, "why")) != 0;)
            assert_true(++w < COUNT(words));
        refuse(*state, vcx_text(row, "name"), vcx_view(&text), vcx_text(row, "to"), words[w][1]);
        pb_buf_fini(&text);
    }
    vcx_ran("envelopes that other libraries refuse", json_array_size(rows));
}

static void test_refused(void **state)
{
    const json_t *rows = vcx_of(*state, "refused"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        refuse(*state, vcx_text(row, "name"), vcx_str(row, "text"), vcx_text(row, "to"), vcx_text(row, "error"));
    }
    vcx_ran("envelopes that are refused", json_array_size(rows));
}

/* Those of the transcripts are for keys that were thrown away: all that can be seen is that their headers are read. */
static void test_transcripts(void **state)
{
    json_t *all = (json_t *)vcx_of(*state, "transcripts_credo_0_5_19"), *list, *row;
    const char *name;
    size_t i, n = 0;

    json_object_foreach(all, name, list)
    {
        json_array_foreach(list, i, row)
        {
            struct pb_buf text = dump(vcx_of(row, "envelope"));

            refuse(*state, name, vcx_view(&text), "bob", "none of its 1 recipients is a key of ours");
            pb_buf_fini(&text);
            n++;
        }
    }
    vcx_ran("envelopes of transcripts, for others", n);
}

/* ---- our own ---- */

/* Everybody in a list of names. */
static size_t people(const json_t *root, const json_t *names, uint8_t (*keys)[VCX_KEY])
{
    const json_t *name;
    size_t i;

    json_array_foreach(names, i, name)
    {
        struct vcx_person person = vcx_person(root, json_string_value(name));

        assert_true(i < MAX_TO);
        memcpy(keys[i], person.key, VCX_KEY);
    }
    return json_array_size(names);
}

/* Byte for byte what another program makes of the same random numbers, and it can be opened by all. */
static void check_exactly(const json_t *root, const json_t *row)
{
    const json_t *names = vcx_of(row, "recipients"), *name;
    const char *sender = json_string_value(vcx_of(row, "sender"));
    struct vcx_person from = vcx_person(root, sender ? sender : "alice");
    uint8_t to[MAX_TO][VCX_KEY];
    struct vcx_known known;
    struct pb_buf out = {0};
    char why[VCX_WHY];
    size_t i;

    vcx_known_init(&known, vcx_text(row, "random_hex"));
    pb_buf_add(&out, "#", 1);
    assert_true(vcx_pack(&out,
                         &(struct vcx_packing){.message = vcx_str(row, "plaintext"),
                                               .sender = sender ? from.secret : NULL,
                                               .recipients = (const uint8_t(*)[VCX_KEY])to,
                                               .recipient_n = people(root, names, to),
                                               .random = &known.random},
                         why));
    assert_int_equal(known.at, known.bytes.n);
    assert_int_equal(out.n, 1 + vcx_str(row, "packed").n);
    assert_memory_equal(out.p + 1, vcx_text(row, "packed"), out.n - 1);
    json_array_foreach(names, i, name)
    {
        check_opened(root, row, vcx_str(row, "packed"), json_string_value(name));
    }
    pb_buf_fini(&out);
    vcx_known_fini(&known);
}

static void test_exactly(void **state)
{
    const json_t *rows = vcx_of(*state, "packed_exactly"), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        check_exactly(*state, row);
    }
    vcx_ran("envelopes from known random numbers", json_array_size(rows));
}

/* An envelope from alice, or from nobody, to bob; with libsodium's random numbers. */
static struct pb_buf pack_for_bob(const json_t *root, struct pbay_str message, bool sign)
{
    struct vcx_person alice = vcx_person(root, "alice"), bob = vcx_person(root, "bob");
    struct pb_buf out = {0};
    char why[VCX_WHY];

    assert_true(vcx_pack(&out,
                         &(struct vcx_packing){.message = message,
                                               .sender = sign ? alice.secret : NULL,
                                               .recipients = (const uint8_t(*)[VCX_KEY])bob.key,
                                               .recipient_n = 1},
                         why));
    return out;
}

/* There is no byte that could be another one, and none that could be missing. */
static void spoil(const json_t *root, bool sign)
{
    struct pb_buf text = pack_for_bob(root, pbay_str("{}"), sign);
    struct vcx_person bob = vcx_person(root, "bob");
    struct vcx_keys keys = vcx_ring(&bob);
    struct vcx_opened o;
    char why[VCX_WHY];

    assert_true(vcx_unpack(vcx_view(&text), &keys, &o, why));
    vcx_opened_fini(&o);
    for (size_t i = 0; i < text.n; i++) {
        for (uint8_t bit = 1; bit; bit = (uint8_t)(bit << 1)) {
            text.p[i] ^= bit;
            if (vcx_unpack(vcx_view(&text), &keys, &o, why))
                fail_msg("byte %zu, bit %02x", i, bit);
            text.p[i] ^= bit;
        }
        assert_false(vcx_unpack((struct pbay_str){(char *)text.p, i}, &keys, &o, why));
    }
    pb_buf_fini(&text);
}

static void test_spoiled(void **state)
{
    spoil(*state, true);
    spoil(*state, false);
}

static void test_never_the_same(void **state)
{
    struct pb_buf one = pack_for_bob(*state, pbay_str("{}"), true), other = pack_for_bob(*state, pbay_str("{}"), true);

    assert_int_equal(one.n, other.n);
    assert_memory_not_equal(one.p, other.p, one.n);
    pb_buf_fini(&one);
    pb_buf_fini(&other);
}

static void refuse_packing(const struct vcx_packing *p, const char *words)
{
    struct pb_buf out = {0};
    char why[VCX_WHY] = "";

    pb_buf_add(&out, "#", 1);
    vcx_expect(words, !vcx_pack(&out, p, why), why, words);
    assert_int_equal(out.n, 1);
    pb_buf_fini(&out);
}

static void test_cannot_pack(void **state)
{
    static const uint8_t nobody[2][VCX_KEY] = {{1}, {2}}; /* of low order; no point */
    struct vcx_person bob = vcx_person(*state, "bob");
    uint8_t to[VCX_MAX_RECIPIENTS + 1][VCX_KEY];
    struct vcx_packing p = {.message = pbay_str("x"), .recipients = (const uint8_t(*)[VCX_KEY])to};
    char *big = pb_alloc(VCX_MAX_ENVELOPE + 1);

    for (size_t i = 0; i <= VCX_MAX_RECIPIENTS; i++)
        memcpy(to[i], bob.key, VCX_KEY);
    refuse_packing(&p, "expected 1 to 64 recipients, found 0");
    p.recipient_n = VCX_MAX_RECIPIENTS + 1;
    refuse_packing(&p, "expected 1 to 64 recipients, found 65");
    p.recipient_n = 2;
    for (size_t i = 0; i < 2; i++) {
        memcpy(to[1], nobody[i], VCX_KEY);
        refuse_packing(&p, "recipient 1: its key is no point of the curve");
    }
    p.recipient_n = 1;
    p.message = (struct pbay_str){big, VCX_MAX_ENVELOPE + 1};
    refuse_packing(&p, "the message has more than 1048576 bytes");
    p.message.n = VCX_MAX_ENVELOPE / 4 * 3;
    refuse_packing(&p, "the envelope has more than 1048576 bytes");
    free(big);
}

/* As many as there may be, as large as it may be; and what is one byte larger is not read. */
static void test_bounds(void **state)
{
    struct vcx_person alice = vcx_person(*state, "alice"), bob = vcx_person(*state, "bob");
    uint8_t to[VCX_MAX_RECIPIENTS][VCX_KEY];
    struct vcx_packing p = {
        .sender = alice.secret, .recipients = (const uint8_t(*)[VCX_KEY])to, .recipient_n = COUNT(to)};
    struct vcx_keys keys = vcx_ring(&bob);
    struct pb_buf out = {0};
    struct vcx_opened o;
    char why[VCX_WHY], *big = pb_alloc(VCX_MAX_ENVELOPE);

    for (size_t i = 0; i < COUNT(to); i++)
        memcpy(to[i], i == COUNT(to) - 1 ? bob.key : alice.key, VCX_KEY);
    p.message = (struct pbay_str){big, (VCX_MAX_ENVELOPE - 40000) / 4 * 3};
    assert_true(vcx_pack(&out, &p, why));
    assert_true(out.n > VCX_MAX_ENVELOPE - 40000);
    while (out.n < VCX_MAX_ENVELOPE)
        pb_buf_add(&out, " ", 1);
    assert_true(vcx_unpack(vcx_view(&out), &keys, &o, why));
    assert_int_equal(o.message.n, p.message.n);
    vcx_opened_fini(&o);
    pb_buf_add(&out, " ", 1);
    refuse(*state, "too large", vcx_view(&out), "bob", "envelope: more than 1048576 bytes");
    pb_buf_fini(&out);
    free(big);
}

/* ---- forwarding ---- */

static struct vcx_forward open_layer(struct pbay_str envelope, const struct vcx_person *mediator)
{
    struct vcx_keys keys = vcx_ring(mediator);
    struct vcx_forward forward;
    struct vcx_opened o;
    char why[VCX_WHY];
    json_t *message;

    assert_true(vcx_unpack(envelope, &keys, &o, why));
    assert_false(o.has_sender);
    message = vcx_json_read(vcx_view(&o.message), "forward", why);
    assert_non_null(message);
    assert_int_equal(strlen(vcx_text(message, "@id")), VCX_UUID - 1);
    assert_true(vcx_is_forward(message));
    assert_true(vcx_forward_read(&forward, message, why));
    json_decref(message);
    vcx_opened_fini(&o);
    return forward;
}

static void test_forward(void **state)
{
    struct vcx_person bob = vcx_person(*state, "bob"), carol = vcx_person(*state, "carol"),
                      mediator = vcx_person(*state, "mediator");
    struct pb_buf plain = pack_for_bob(*state, pbay_str("{}"), true), wrapped = {0};
    struct vcx_forward outer, inner;
    uint8_t routing[2][VCX_KEY];
    char why[VCX_WHY];

    memcpy(routing[0], carol.key, VCX_KEY); /* nearest to bob */
    memcpy(routing[1], mediator.key, VCX_KEY);
    pb_buf_add(&wrapped, plain.p, plain.n);
    assert_true(vcx_forward_wrap(&wrapped, bob.key, NULL, 0, NULL, why));
    assert_true(pbay_str_eq(vcx_view(&wrapped), vcx_view(&plain)));
    assert_true(vcx_forward_wrap(&wrapped, bob.key, (const uint8_t(*)[VCX_KEY])routing, 2, NULL, why));
    outer = open_layer(vcx_view(&wrapped), &mediator);
    assert_memory_equal(outer.to, carol.key, VCX_KEY);
    inner = open_layer(vcx_view(&outer.envelope), &carol);
    assert_memory_equal(inner.to, bob.key, VCX_KEY);
    assert_true(pbay_str_eq(vcx_view(&inner.envelope), vcx_view(&plain)));
    vcx_forward_fini(&outer);
    vcx_forward_fini(&inner);
    pb_buf_fini(&plain);
    pb_buf_fini(&wrapped);
}

/* After a failure the envelope is what it was. */
static void test_forward_refused(void **state)
{
    struct vcx_person bob = vcx_person(*state, "bob");
    uint8_t routing[VCX_MAX_ROUTING + 1][VCX_KEY];
    struct pb_buf text = {0};
    char why[VCX_WHY], *big = pb_alloc(VCX_MAX_ENVELOPE);

    for (size_t i = 0; i < COUNT(routing); i++)
        memcpy(routing[i], bob.key, VCX_KEY);
    pb_buf_add(&text, "{}", 2);
    assert_false(vcx_forward_wrap(&text, bob.key, (const uint8_t(*)[VCX_KEY])routing, COUNT(routing), NULL, why));
    assert_string_equal(why, "expected at most 8 routing keys, found 9");
    memset(routing[1], 0, VCX_KEY);
    assert_false(vcx_forward_wrap(&text, bob.key, (const uint8_t(*)[VCX_KEY])routing, 2, NULL, why));
    assert_true(pbay_str_eq(vcx_view(&text), pbay_str("{}")));
    pb_buf_add(&text, big, VCX_MAX_ENVELOPE - 2);
    assert_false(vcx_forward_wrap(&text, bob.key, (const uint8_t(*)[VCX_KEY])routing, 1, NULL, why));
    assert_int_equal(text.n, VCX_MAX_ENVELOPE);
    pb_buf_fini(&text);
    free(big);
}

#define FORWARD "\"@type\":\"https://didcomm.org/routing/1.0/forward\""
#define VERKEY  "9zobAYAZtf7Abuj2SpuhBwH9jTggWBcGhyay1JRa62zg"

static void test_forward_read(void **state)
{
    static const struct {
        const char *text, *words; /* NULL = good */
    } rows[] = {
        {"{" FORWARD ",\"to\":\"" VERKEY "\",\"msg\":{}}", NULL},
        {"{" FORWARD ",\"to\":\"did:key:z6MkoT4dknR1ECbdiQZj8PsY32q9Z2xXv4rdPzVtqaPb1Fn4\",\"msg\":{}}", NULL},
        {"{\"@type\":\"did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/routing/1.0/forward\",\"to\":\"" VERKEY "\",\"msg\":{}}",
         NULL},
        {"{\"to\":\"" VERKEY "\",\"msg\":{}}", "@type is not that of a forward message"},
        {"{" FORWARD ",\"msg\":{}}", "to is missing"},
        {"{" FORWARD ",\"to\":\"HWNto2ZDob83JgtVs2FfUE\",\"msg\":{}}", "to is neither a verkey nor a did:key"},
        {"{" FORWARD ",\"to\":\"" VERKEY "\"}", "msg is not an envelope"},
        {"{" FORWARD ",\"to\":\"" VERKEY "\",\"msg\":\"{}\"}", "msg is not an envelope"},
    };
    struct vcx_person bob = vcx_person(*state, "bob");

    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[VCX_WHY] = "";
        json_t *message = vcx_json_read(pbay_str(rows[i].text), "message", why);
        struct vcx_forward forward;
        bool good = vcx_forward_read(&forward, message, why);

        if (rows[i].words) {
            vcx_expect(rows[i].text, !good, why, rows[i].words);
        } else {
            assert_true(good);
            assert_memory_equal(forward.to, bob.key, VCX_KEY);
        }
        vcx_forward_fini(&forward);
        json_decref(message);
    }
}

static void visit_forward(const json_t *message, void *arg)
{
    struct vcx_forward forward;
    char why[VCX_WHY];
    size_t *n = arg;
    json_t *inner;

    if (!vcx_is_forward(message))
        return;
    assert_true(vcx_forward_read(&forward, message, why));
    inner = vcx_json_read(vcx_view(&forward.envelope), "msg", why);
    assert_true(json_equal(inner, vcx_of(message, "msg")));
    json_decref(inner);
    vcx_forward_fini(&forward);
    ++*n;
}

static void test_forward_transcripts(void **state)
{
    size_t n = 0;

    vcx_each_message(*state, visit_forward, &n);
    vcx_ran("forward messages of transcripts", n);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_negative),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_transcripts),
        cmocka_unit_test(test_exactly),
        cmocka_unit_test(test_spoiled),
        cmocka_unit_test(test_never_the_same),
        cmocka_unit_test(test_cannot_pack),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_forward_refused),
        cmocka_unit_test(test_forward_read),
        cmocka_unit_test(test_forward_transcripts),
    };

    return cmocka_run_group_tests_name("vcx_pack", tests, vcx_vectors_setup, vcx_vectors_teardown);
}
