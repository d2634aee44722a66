/* What credo-ts has really sent, in the order in which it came: a core takes it, in the place of either side. The keys
 * are credo's and their secrets are not known; so the messages come in below the envelope. */
#include "tests/unit/vcx_vectors.h"

#include <string.h>

#include "connections/vcx/vcx_core.h"

#define NOW INT64_C(1795233197000)

struct replay {
    const json_t *list; /* a transcript */
    size_t at;          /* of the request in it */
    struct vcx_core *core;
    const char *own; /* verkey */
    enum vcx_role role;
    size_t said, states;
};

static const uint8_t *any_secret(const void *self, const uint8_t key[VCX_KEY])
{
    (void)key;
    return self;
}

static bool no_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    (void)ephemeral;
    (void)self;
    (void)key;
    return vcx_why(why, "no new keys");
}

static const char *first_to(const json_t *one)
{
    return json_string_value(json_array_get(vcx_of(one, "to"), 0));
}

/* The connection as it is when the request has been sent: an offer, or a request that waits. */
static json_t *stored(const struct replay *r)
{
    const json_t *one = json_array_get(r->list, r->at), *message = vcx_of(one, "plaintext");
    const json_t *thread = vcx_of(message, "~thread");
    bool connections = vcx_json_is_type(vcx_of(message, "@type"), "connections", 1, "request");
    json_t *json =
        json_pack("{s:i, s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:{}, s:I, s:i}", "form", 1, "id", "credo", "own", r->own,
                  "role", (int)r->role, "wish", 0, "state", r->role == VCX_INVITER ? VCX_OFFERED : VCX_REQUESTED,
                  "seen", "", "invitation_id", vcx_text(thread, "pthid"), "invitation", "expires_at",
                  (json_int_t)NOW + 1000, "on_expiry", VCX_EXPIRED);

    json_object_set_new(json, "inviter", json_string(r->own));
    if (r->role == VCX_INVITEE) {
        json_object_set_new(json, "inviter", json_string(first_to(one)));
        json_object_set_new(json, "request_id", json_string(vcx_text(message, "@id")));
        json_object_set_new(json, "handshake", json_integer(connections ? VCX_CONNECTIONS : VCX_DIDEXCHANGE));
        json_object_set(json, "last", (json_t *)message);
        json_object_set_new(
            json, "theirs",
            json_pack("{s:s, s:[s]}", "serviceEndpoint", "http://inviter.example/", "recipientKeys", first_to(one)));
    }
    return json;
}

static void feed(struct replay *r, const json_t *one)
{
    struct vcx_opened opened = {.has_sender = true};
    struct vcx_action a;
    char why[VCX_WHY];

    assert_true(vcx_verkey_parse(vcx_str(one, "from"), opened.sender));
    assert_true(vcx_verkey_parse(pbay_str(r->own), opened.recipient));
    assert_true(vcx_json_write(&opened.message, vcx_of(one, "plaintext")));
    if (!vcx_core_receive_opened(r->core, &opened, NOW, why))
        fail_msg("%s: %s", vcx_text(vcx_of(one, "plaintext"), "@type"), why);
    vcx_opened_fini(&opened);
    while (vcx_core_take(r->core, &a)) {
        r->states += a.kind == VCX_STATE;
        vcx_action_fini(&a);
    }
    r->said++;
}

/* Everything for our key from the request on. Accepted in the end, if anything has come after the handshake's own. */
static size_t replay(const json_t *root, const json_t *list, size_t at, enum vcx_role role)
{
    const struct vcx_person some = vcx_person(root, "alice");
    const struct vcx_core_conf conf = {
        .label = "x", .endpoint = "http://x.example/", .keys = {any_secret, some.secret}, .new_key = no_key};
    const json_t *request = json_array_get(list, at);
    struct replay r = {.list = list, .at = at, .role = role, .core = vcx_core_new(&conf)};
    json_t *json;
    char why[VCX_WHY];

    r.own = role == VCX_INVITER ? first_to(request) : vcx_text(request, "from");
    json = stored(&r);
    if (vcx_core_load(r.core, json, why))
        fail_msg("%s", why);
    for (; at < json_array_size(list); at++) {
        const json_t *one = json_array_get(list, at);

        if (json_is_string(json_object_get(one, "from")) && strcmp(first_to(one), r.own) == 0)
            feed(&r, one);
    }
    assert_true(r.said > 0);
    if (role == VCX_INVITEE || r.said > 1)
        assert_int_equal(vcx_core_find(r.core, "credo")->state, VCX_ACCEPTED);
    assert_int_equal(r.states, role == VCX_INVITEE || r.said == 1 ? 1 : 2);
    json_decref(json);
    vcx_core_destroy(&r.core);
    return r.said;
}

static void test_transcripts(void **state)
{
    static const char *const groups[] = {"transcripts_credo_0_5_19", "transcripts_mediation_credo_0_5_19"};
    size_t said = 0, at;

    for (size_t g = 0; g < COUNT(groups); g++) {
        json_t *all = (json_t *)vcx_of(*state, groups[g]), *list, *one;
        const char *name;

        json_object_foreach(all, name, list)
        {
            json_array_foreach(list, at, one)
            {
                const json_t *type = vcx_of(vcx_of(one, "plaintext"), "@type");

                if (vcx_json_is_type(type, "connections", 1, "request") ||
                    vcx_json_is_type(type, "didexchange", 1, "request"))
                    said += replay(*state, list, at, VCX_INVITER) + replay(*state, list, at, VCX_INVITEE);
            }
        }
    }
    vcx_ran("messages of credo", said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transcripts)};

    return cmocka_run_group_tests(tests, vcx_vectors_setup, vcx_vectors_teardown);
}
