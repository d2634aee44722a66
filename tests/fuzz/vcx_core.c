/* Opened messages into a core whose connection is in any state: nobody but the peer moves it, nothing brings back what
 * has ended, and what is stored afterwards can be read again. The input: a byte for the connection (state, role,
 * handshake), a byte for who sends, and messages, a line each. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "connections/vcx/vcx_core.h"

#define NOW INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct persons {
    uint8_t own[VCX_KEY], secret[VCX_SECRET], peer[VCX_KEY], stranger[VCX_KEY];
};

static void make_persons(struct persons *p)
{
    uint8_t seed[VCX_KEY] = {1}, unused[VCX_SECRET];

    assert(vcx_init());
    crypto_sign_seed_keypair(p->own, p->secret, seed);
    seed[0] = 2;
    crypto_sign_seed_keypair(p->peer, unused, seed);
    seed[0] = 3;
    crypto_sign_seed_keypair(p->stranger, unused, seed);
}

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct persons *p = self;

    return memcmp(key, p->own, VCX_KEY) == 0 ? p->secret : NULL;
}

static bool no_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    (void)ephemeral;
    (void)self;
    (void)key;
    return vcx_why(why, "no new keys");
}

static json_t *stored(const struct persons *p, uint8_t shape)
{
    int state = shape % 8, role = shape / 8 % 2, handshake = shape / 16 % 2 ? VCX_CONNECTIONS : VCX_DIDEXCHANGE;
    char own[VCX_MAX_VERKEY], peer[VCX_MAX_VERKEY];
    json_t *json;

    vcx_verkey_text(p->own, own);
    vcx_verkey_text(p->peer, peer);
    json = json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:{}, s:{s:s}}", "form", 1, "id", "c", "own", own,
                     "inviter", peer, "role", role, "state", state, "seen", "", "invitation_id", "i", "invitation",
                     "last", "@id", "l");
    if (state >= VCX_REQUESTED || role == VCX_INVITEE) {
        json_object_set_new(json, "handshake", json_integer(handshake));
        json_object_set_new(json, "request_id", json_string("r"));
        json_object_set_new(json, "theirs",
                            json_pack("{s:s, s:[s]}", "serviceEndpoint", "http://p/", "recipientKeys", peer));
    }
    return json;
}

/* May who sent it have moved the connection? */
static void check_move(const struct vcx_conn *c, enum vcx_state from, uint8_t sender)
{
    if (c->state == from)
        return;
    assert(from == VCX_OFFERED || from == VCX_REQUESTED);
    assert(sender == 1 || (sender == 2 && (from == VCX_OFFERED || c->role == VCX_INVITEE)));
    assert(c->state == VCX_REQUESTED || c->state == VCX_ACCEPTED || c->state == VCX_NONE);
    assert(c->state != VCX_REQUESTED || (c->role == VCX_INVITER && c->theirs.recipient_n));
    assert(sender == 1 || c->state != VCX_NONE);
}

static void check_stored(const struct vcx_conn *c)
{
    struct vcx_conn again;
    json_t *json = vcx_conn_save(c), *twice;
    char why[VCX_WHY];

    assert(json && vcx_conn_load(&again, json, why));
    twice = vcx_conn_save(&again);
    assert(json_equal(json, twice));
    json_decref(json);
    json_decref(twice);
    vcx_conn_fini(&again);
}

static void say(struct vcx_core *core, const struct persons *p, uint8_t sender, const uint8_t *text, size_t n)
{
    const uint8_t *const senders[] = {NULL, p->peer, p->stranger};
    const struct vcx_conn *c = vcx_core_find(core, "c");
    struct vcx_opened opened = {.has_sender = senders[sender] != NULL};
    enum vcx_state from = c->state;
    struct vcx_action action;
    char why[VCX_WHY] = "";
    size_t actions = 0;

    if (senders[sender])
        memcpy(opened.sender, senders[sender], VCX_KEY);
    memcpy(opened.recipient, p->own, VCX_KEY);
    pb_buf_add(&opened.message, text, n);
    if (!vcx_core_receive_opened(core, &opened, NOW, why))
        assert(why[0]);
    check_move(c, from, sender);
    check_stored(c);
    while (vcx_core_take(core, &action)) {
        vcx_action_fini(&action);
        actions++;
    }
    assert(actions <= VCX_MAX_TURN);
    vcx_opened_fini(&opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct persons p;
    struct vcx_core_conf conf = {
        .label = "x", .endpoint = "http://x/", .keys = {secret_of, &p}, .new_key = no_key, .self = &p};
    struct vcx_core *core;
    json_t *json;
    char why[VCX_WHY];

    if (n < 2)
        return -1;
    make_persons(&p);
    core = vcx_core_new(&conf);
    json = stored(&p, data[0]);
    assert(vcx_core_load(core, json, why) == VCX_OK);
    json_decref(json);
    for (size_t at = 2; at < n;) {
        const uint8_t *end = memchr(data + at, '\n', n - at);
        size_t length = end ? (size_t)(end - data) - at : n - at;

        say(core, &p, data[1] % 3, data + at, length);
        at += length + 1;
    }
    vcx_core_destroy(&core);
    return 0;
}
