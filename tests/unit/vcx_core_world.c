#include "tests/unit/vcx_core_world.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char *const endpoints[SIDES] = {"http://alice.example/", "http://bob.example/"};

/* ---- chance ---- */

static uint64_t next(struct core_world *w)
{
    uint64_t x = w->seed += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void fill(void *self, void *bytes, size_t n)
{
    uint8_t *p = bytes;

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)next(self);
}

unsigned world_dice(struct core_world *w, unsigned n)
{
    return (unsigned)(next(w) % n);
}

/* ---- sides ---- */

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct core_side *s = self;

    for (size_t i = 0; i < s->key_n; i++) {
        if (memcmp(s->secrets[i] + VCX_KEY, key, VCX_KEY) == 0)
            return s->secrets[i];
    }
    return NULL;
}

static bool new_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct core_side *s = self;
    uint8_t seed[VCX_KEY];

    (void)ephemeral;
    if (s->key_n == MAX_SIDE_KEYS)
        return vcx_why(why, "the test's wallet is full");
    fill(s->world, seed, sizeof seed);
    crypto_sign_seed_keypair(key, s->secrets[s->key_n++], seed);
    return true;
}

static void open_side(struct core_world *w, int side)
{
    struct core_side *s = &w->sides[side];

    s->world = w;
    s->disk = json_object();
    s->conf = (struct vcx_core_conf){.label = side == ALICE ? "Alice" : "Bob",
                                     .endpoint = endpoints[side],
                                     .random = &w->random,
                                     .keys = {secret_of, s},
                                     .new_key = new_key,
                                     .self = s};
    if (side == BOB) {
        s->conf.routing = (const uint8_t(*)[VCX_KEY])w->mediator.key;
        s->conf.routing_n = 1;
    }
    s->core = vcx_core_new(&s->conf);
}

void world_open(struct core_world *w, uint64_t seed)
{
    uint8_t bytes[VCX_KEY] = {1};

    *w = (struct core_world){.seed = seed, .now = START, .random = {fill, w}};
    crypto_sign_seed_keypair(w->mediator.key, w->mediator.secret, bytes);
    open_side(w, ALICE);
    open_side(w, BOB);
}

void world_close(struct core_world *w)
{
    while (w->mail_n)
        world_drop(w, 0);
    for (int i = 0; i < SIDES; i++) {
        vcx_core_destroy(&w->sides[i].core);
        json_decref(w->sides[i].disk);
        json_decref(w->sides[i].message);
    }
}

/* ---- the network ---- */

/* The mediator takes off what was put around the envelope for it. */
static void forward(const struct core_world *w, struct pb_buf *envelope)
{
    struct vcx_keys keys = vcx_ring(&w->mediator);
    struct vcx_opened opened = {0};
    struct vcx_forward f;
    json_t *message;
    char why[VCX_WHY];

    if (!vcx_unpack(vcx_view(envelope), &keys, &opened, why))
        fail_msg("mediator: %s", why);
    assert_false(opened.has_sender);
    message = vcx_json_read(vcx_view(&opened.message), "forward", why);
    if (!vcx_forward_read(&f, message, why))
        fail_msg("mediator: %s", why);
    pb_buf_fini(envelope);
    *envelope = f.envelope;
    json_decref(message);
    vcx_opened_fini(&opened);
}

static void post(struct core_world *w, struct core_side *from, struct vcx_action *a)
{
    int to = strcmp(a->endpoint, endpoints[ALICE]) == 0 ? ALICE : strcmp(a->endpoint, endpoints[BOB]) == 0 ? BOB : -1;

    if (to < 0) {
        from->lost++;
        return;
    }
    assert_true(w->mail_n < MAX_MAIL);
    if (to == BOB)
        forward(w, &a->envelope);
    w->mail[w->mail_n++] = (struct core_mail){.to = to, .envelope = a->envelope};
    a->envelope = (struct pb_buf){0};
}

static void note(struct core_world *w, struct core_side *s, struct vcx_action *a)
{
    static const char *const words[] = {"", "", "message", "pinged", "ponged", "features", "problem"};
    char word[32];

    if (a->kind == VCX_SEND) {
        post(w, s, a);
        return;
    }
    if (a->kind == VCX_STATE) {
        (void)snprintf(word, sizeof word, "%d>%d ", (int)a->from, (int)a->to);
        memcpy(s->reason, a->reason, sizeof s->reason);
    } else {
        (void)snprintf(word, sizeof word, "%s ", words[a->kind]);
        json_decref(s->message);
        s->message = json_incref(a->message);
    }
    if (strlen(s->trace) + strlen(word) < sizeof s->trace)
        strcat(s->trace, word);
}

void world_store(struct core_world *w, int side)
{
    struct core_side *s = &w->sides[side];
    const struct vcx_conn *conn;

    while ((conn = vcx_core_dirty(s->core))) {
        json_t *json = vcx_conn_save(conn);

        assert_non_null(json);
        json_object_set_new(s->disk, conn->id, json);
        vcx_core_stored(s->core, conn->id);
    }
}

void world_turn(struct core_world *w, int side)
{
    struct vcx_action a;

    world_store(w, side);
    while (vcx_core_take(w->sides[side].core, &a)) {
        note(w, &w->sides[side], &a);
        vcx_action_fini(&a);
    }
}

void world_drop(struct core_world *w, size_t at)
{
    assert_true(at < w->mail_n);
    pb_buf_fini(&w->mail[at].envelope);
    w->mail_n--;
    memmove(&w->mail[at], &w->mail[at + 1], (w->mail_n - at) * sizeof w->mail[0]);
}

bool world_deliver(struct core_world *w, size_t at, bool keep, char why[VCX_WHY])
{
    int to = w->mail[at].to;
    bool good = vcx_core_receive(w->sides[to].core, vcx_view(&w->mail[at].envelope), w->now, why);

    if (!keep)
        world_drop(w, at);
    world_turn(w, to);
    return good;
}

void world_settle(struct core_world *w)
{
    char why[VCX_WHY];

    for (int i = 0; w->mail_n; i++) {
        assert_true(i < 100); /* a storm */
        (void)world_deliver(w, 0, false, why);
    }
}

int64_t world_tick(struct core_world *w)
{
    int64_t due = INT64_MAX;

    for (int i = 0; i < SIDES; i++) {
        int64_t one = vcx_core_tick(w->sides[i].core, w->now);

        due = one < due ? one : due;
        world_turn(w, i);
    }
    return due;
}

void world_restart(struct core_world *w, int side)
{
    struct core_side *s = &w->sides[side];
    const char *id;
    json_t *json;
    char why[VCX_WHY];

    vcx_core_destroy(&s->core);
    s->core = vcx_core_new(&s->conf);
    json_object_foreach(s->disk, id, json)
    {
        if (vcx_core_load(s->core, json, why))
            fail_msg("%s: %s", id, why);
    }
}

/* ---- connections ---- */

void world_offer(struct core_world *w, struct core_pair *p, enum vcx_protocol wish)
{
    struct vcx_core *core = w->sides[p->inviter].core;
    const struct vcx_connect options = {.expires_in = 3600};
    char why[VCX_WHY] = "";

    p->invitee = 1 - p->inviter;
    assert_int_equal(vcx_core_create(core, &(struct vcx_create){.source_id = pbay_str("inviter's"), .wish = wish},
                                     p->inviter_id, why),
                     VCX_OK);
    assert_int_equal(vcx_core_connect(core, p->inviter_id, &options, w->now, why), VCX_OK);
    world_turn(w, p->inviter);
}

void world_follow(struct core_world *w, struct core_pair *p, enum vcx_protocol wish)
{
    struct vcx_core *core = w->sides[p->invitee].core;
    const struct vcx_connect options = {.expires_in = 3600, .on_expiry = VCX_EXPIRED};
    struct pb_buf text = {0};
    json_t *invitation;
    char why[VCX_WHY] = "";

    assert_int_equal(vcx_core_invite(w->sides[p->inviter].core, p->inviter_id, &invitation, why), VCX_OK);
    assert_true(vcx_invite_url(&text, "https://invite.example/", invitation));
    json_decref(invitation);
    if (vcx_core_create_with_invite(core, &(struct vcx_create){.source_id = pbay_str("invitee's"), .wish = wish},
                                    vcx_view(&text), p->invitee_id, why) ||
        vcx_core_connect(core, p->invitee_id, &options, w->now, why))
        fail_msg("%s", why);
    pb_buf_fini(&text);
    world_turn(w, p->invitee);
}

void world_connect(struct core_world *w, struct core_pair *p, enum vcx_protocol handshake)
{
    world_offer(w, p, VCX_AUTO);
    world_follow(w, p, handshake);
    world_settle(w);
    world_expect(w, p, VCX_ACCEPTED, VCX_ACCEPTED);
}

enum vcx_state world_state(const struct core_world *w, int side, const char *id)
{
    const struct vcx_conn *conn = vcx_core_find(w->sides[side].core, id);

    assert_non_null(conn);
    return conn->state;
}

void world_expect(const struct core_world *w, const struct core_pair *p, enum vcx_state inviter, enum vcx_state invitee)
{
    assert_int_equal(world_state(w, p->inviter, p->inviter_id), inviter);
    assert_int_equal(world_state(w, p->invitee, p->invitee_id), invitee);
}

json_t *world_read(const struct core_world *w, size_t at)
{
    struct vcx_opened opened = {0};
    json_t *message;
    char why[VCX_WHY];

    if (!vcx_unpack(vcx_view(&w->mail[at].envelope), &w->sides[w->mail[at].to].conf.keys, &opened, why))
        fail_msg("%s", why);
    message = vcx_json_read(vcx_view(&opened.message), "letter", why);
    vcx_opened_fini(&opened);
    assert_non_null(message);
    return message;
}

bool world_say(struct core_world *w, int side, const uint8_t *from, const uint8_t *to, const json_t *message,
               char why[VCX_WHY])
{
    struct vcx_opened opened = {.has_sender = from != NULL};
    bool good;

    if (from)
        memcpy(opened.sender, from, VCX_KEY);
    memcpy(opened.recipient, to, VCX_KEY);
    assert_true(vcx_json_write(&opened.message, message));
    good = vcx_core_receive_opened(w->sides[side].core, &opened, w->now, why);
    vcx_opened_fini(&opened);
    world_turn(w, side);
    return good;
}

/* ---- attacks ---- */

struct vcx_person world_stranger(void)
{
    const uint8_t seed[VCX_KEY] = {66};
    struct vcx_person p;

    crypto_sign_seed_keypair(p.key, p.secret, seed);
    return p;
}

void world_set(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, json_string(text));
}

void world_refused(struct core_world *w, int side, const char *id, const uint8_t *from, const json_t *message,
                   const char *words, enum vcx_state state)
{
    char why[VCX_WHY] = "";
    const struct vcx_conn *c = vcx_core_find(w->sides[side].core, id);
    bool taken = world_say(w, side, from, c->own, message, why);

    vcx_expect(words, !taken, why, words);
    assert_int_equal(world_state(w, side, id), state);
}

json_t *world_request(struct core_world *w, struct core_pair *p, enum vcx_protocol handshake, uint8_t bob[VCX_KEY])
{
    *p = (struct core_pair){.inviter = ALICE};
    world_open(w, 11);
    world_offer(w, p, VCX_AUTO);
    world_follow(w, p, handshake);
    memcpy(bob, vcx_core_find(w->sides[BOB].core, p->invitee_id)->own, VCX_KEY);
    return world_read(w, 0);
}

void world_end(struct core_world *w, json_t *message)
{
    json_decref(message);
    world_close(w);
}
