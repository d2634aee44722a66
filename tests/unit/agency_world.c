#include "tests/unit/agency_world.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill(void *self, void *bytes, size_t n)
{
    struct agency_world *w = self;
    uint8_t *p = bytes;

    for (size_t i = 0; i < n; i++) {
        uint64_t x = w->seed += UINT64_C(0x9e3779b97f4a7c15);

        x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        p[i] = (uint8_t)(x >> 40);
    }
}

/* ---- keys ---- */

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct world_ring *r = self;

    for (size_t i = 0; i < r->n; i++) {
        if (memcmp(r->secrets[i] + VCX_KEY, key, VCX_KEY) == 0)
            return r->secrets[i];
    }
    return NULL;
}

const uint8_t *world_secret(const struct world_ring *ring, const uint8_t key[VCX_KEY])
{
    return secret_of(ring, key);
}

static bool new_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct world_ring *r = self;
    uint8_t seed[VCX_KEY];

    (void)ephemeral;
    if (r->n == WORLD_KEYS)
        return vcx_why(why, "the test's wallet is full");
    fill(r->world, seed, sizeof seed);
    crypto_sign_seed_keypair(key, r->secrets[r->n++], seed);
    return true;
}

static void drop_key(void *self, const uint8_t key[VCX_KEY])
{
    struct world_ring *r = self;

    for (size_t i = 0; i < r->n; i++) {
        if (memcmp(r->secrets[i] + VCX_KEY, key, VCX_KEY) == 0) {
            memcpy(r->secrets[i], r->secrets[--r->n], VCX_SECRET);
            return;
        }
    }
    fail_msg("a key was dropped that is not there");
}

/* ---- the agency ---- */

void agency_world_open(struct agency_world *w)
{
    int fd;

    *w = (struct agency_world){.now = WORLD_START, .seed = 1};
    snprintf(w->path, sizeof w->path, "/tmp/agency_test_XXXXXX");
    fd = mkstemp(w->path);
    assert_true(fd >= 0);
    close(fd);
    w->random = (struct vcx_random){fill, w};
    w->ring.world = w;
    w->conf = (struct agency_conf){.label = "Agency",
                                   .url = WORLD_URL,
                                   .random = &w->random,
                                   .keys = {secret_of, &w->ring},
                                   .new_key = new_key,
                                   .drop_key = drop_key,
                                   .self = &w->ring,
                                   .limits = {.clients = 3,
                                              .keys = 3,
                                              .messages = 5,
                                              .links = 2,
                                              .envelope = AGENCY_MAX_ENVELOPE,
                                              .bytes = 4 << 20,
                                              .total_bytes = 8 << 20,
                                              .ttl_hours = 24,
                                              .link_hours = 24,
                                              .ungranted_hours = 1,
                                              .idle_days = 30,
                                              .poll = 20000}};
}

void agency_world_start(struct agency_world *w)
{
    char why[VCX_WHY];

    w->conf.db = store_open(w->path, why);
    if (!w->conf.db)
        fail_msg("%s", why);
    w->agency = agency_new(&w->conf, w->now, why);
    if (!w->agency)
        fail_msg("%s", why);
}

static void stop(struct agency_world *w)
{
    agency_destroy(&w->agency);
    vcx_db_close(&w->conf.db);
}

void agency_world_restart(struct agency_world *w)
{
    stop(w);
    agency_world_start(w);
}

void agency_world_close(struct agency_world *w)
{
    char path[sizeof w->path + 8];

    stop(w);
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        vcx_core_destroy(&w->clients[i].core);
        json_decref(w->clients[i].message);
    }
    unlink(w->path);
    snprintf(path, sizeof path, "%s-wal", w->path);
    unlink(path);
}

/* ---- the wire ---- */

static void told(struct world_client *c, struct vcx_action *a)
{
    if (!a->message)
        return;
    json_decref(c->message);
    c->message = json_incref(a->message);
}

static void receive(struct world_client *c, const struct pb_buf *envelope)
{
    char why[VCX_WHY];

    if (!vcx_core_receive(c->core, vcx_view(envelope), c->world->now, why))
        fail_msg("the client: %s", why);
}

static struct world_client *client_at(struct agency_world *w, const char *endpoint)
{
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        char url[32];

        snprintf(url, sizeof url, "http://client%zu/", i);
        if (strcmp(endpoint, url) == 0)
            return &w->clients[i];
    }
    return NULL;
}

static void take_one(struct agency_world *w, struct agency_out *out)
{
    bool is_client = (char *)out->tag >= (char *)w->clients && (char *)out->tag < (char *)(w->clients + WORLD_CLIENTS);
    struct world_client *c = is_client ? out->tag : NULL;

    if (out->kind == AGENCY_LOG) {
        snprintf(w->log, sizeof w->log, "%s", out->why);
        return;
    }
    if (out->kind == AGENCY_POST) {
        c = client_at(w, out->endpoint);
        assert_non_null(c);
        c->posted++;
    } else if (c) {
        c->status = out->status;
    } else {
        w->status = out->status;
    }
    if (out->envelope.n)
        receive(c, &out->envelope);
}

static void pump(struct world_client *c);

void world_deliver(struct agency_world *w)
{
    struct agency_out *out;

    while ((out = agency_take(w->agency))) {
        take_one(w, out);
        agency_out_destroy(&out);
    }
    for (size_t i = 0; i < WORLD_CLIENTS; i++) {
        if (w->clients[i].core)
            pump(&w->clients[i]);
    }
}

static void pump(struct world_client *c)
{
    struct agency_world *w = c->world;
    struct vcx_action a;
    const struct vcx_conn *conn;

    while ((conn = vcx_core_dirty(c->core)))
        vcx_core_stored(c->core, conn->id);
    while (vcx_core_take(c->core, &a)) {
        if (a.kind == VCX_SEND) {
            if (w->crashes)
                agency_world_restart(w);
            c->status = 0;
            agency_receive(w->agency, c, vcx_view(&a.envelope), w->now);
            world_deliver(w);
        } else {
            told(c, &a);
        }
        vcx_action_fini(&a);
    }
}

/* ---- clients ---- */

static struct vcx_core *make_core(struct agency_world *w, size_t which)
{
    static const char *const endpoints[WORLD_CLIENTS] = {"http://client0/", "http://client1/", "http://client2/",
                                                         "http://client3/"};
    struct world_client *c = &w->clients[which];
    struct vcx_core_conf conf = {.label = "Client",
                                 .endpoint = endpoints[which],
                                 .random = &w->random,
                                 .keys = {secret_of, &c->ring},
                                 .new_key = new_key,
                                 .self = &c->ring};

    return vcx_core_new(&conf);
}

struct world_client *world_join(struct agency_world *w, size_t which, enum agency_invitation invitation,
                                enum vcx_protocol handshake, bool reachable)
{
    struct world_client *c = &w->clients[which];
    const struct vcx_create how = {.wish = handshake, .queued = !reachable};
    const struct vcx_connect options = {.expires_in = 0};
    struct pb_buf url = {0};
    char why[VCX_WHY];

    assert_null(c->core);
    c->world = c->ring.world = w;
    c->core = make_core(w, which);
    assert_true(new_key(&c->ring, false, c->key, why));
    agency_invitation_url(w->agency, invitation, &url);
    assert_int_equal(vcx_core_create_with_invite(c->core, &how, vcx_view(&url), c->id, why), VCX_OK);
    pb_buf_fini(&url);
    assert_int_equal(vcx_core_connect(c->core, c->id, &options, w->now, why), VCX_OK);
    pump(c);
    return c;
}

const json_t *world_ask(struct world_client *c, const char *type, json_t *members)
{
    json_t *message = members ? members : json_object();
    struct pb_buf text = {0};
    char full[128], why[VCX_WHY];

    snprintf(full, sizeof full, "https://didcomm.org/%s", type);
    json_object_set_new(message, "@type", json_string(full));
    json_decref(c->message);
    c->message = NULL;
    assert_true(vcx_json_write(&text, message));
    if (vcx_core_send(c->core, c->id, vcx_view(&text), NULL, c->world->now, NULL, why))
        fail_msg("%s", why);
    pb_buf_fini(&text);
    json_decref(message);
    pump(c);
    return c->message;
}

bool world_is(const json_t *answer, const char *type)
{
    char full[128];

    snprintf(full, sizeof full, "https://didcomm.org/%s", type);
    return answer && strcmp(vcx_text(answer, "@type"), full) == 0;
}

const char *world_problem(const json_t *answer)
{
    if (!world_is(answer, "report-problem/1.0/problem-report"))
        return "";
    return vcx_text(vcx_of(answer, "description"), "code");
}

const char *world_update(struct world_client *c, const char *action, const char *key)
{
    const json_t *answer = world_ask(c, "coordinate-mediation/1.0/keylist-update",
                                     json_pack("{s:[{s:s, s:s}]}", "updates", "recipient_key", key, "action", action));
    const json_t *one;

    assert_true(world_is(answer, "coordinate-mediation/1.0/keylist-update-response"));
    one = json_array_get(vcx_of(answer, "updated"), 0);
    assert_string_equal(vcx_text(one, "recipient_key"), key);
    assert_string_equal(vcx_text(one, "action"), action);
    return vcx_text(one, "result");
}

struct world_client *world_mediated(struct agency_world *w, size_t which)
{
    struct world_client *c = world_join(w, which, AGENCY_OOB, VCX_AUTO, false);
    char text[VCX_MAX_DID_KEY];

    assert_true(world_is(world_ask(c, "coordinate-mediation/1.0/mediate-request", NULL),
                         "coordinate-mediation/1.0/mediate-grant"));
    vcx_did_key_text(VCX_ED25519, c->key, text);
    assert_string_equal(world_update(c, "add", text), "success");
    return c;
}

/* ---- others ---- */

unsigned world_post(struct agency_world *w, const uint8_t *sender, const uint8_t key[VCX_KEY], const json_t *message)
{
    struct pb_buf text = {0}, envelope = {0};
    uint8_t keys[1][VCX_KEY];
    struct vcx_packing p = {.sender = sender, .recipients = (const uint8_t(*)[VCX_KEY])keys, .recipient_n = 1};
    char why[VCX_WHY];

    memcpy(keys[0], key, VCX_KEY);
    p.random = &w->random;
    assert_true(vcx_json_write(&text, message));
    p.message = vcx_view(&text);
    if (!vcx_pack(&envelope, &p, why))
        fail_msg("%s", why);
    if (w->crashes)
        agency_world_restart(w);
    w->status = 0;
    agency_receive(w->agency, w, vcx_view(&envelope), w->now);
    world_deliver(w);
    pb_buf_fini(&text);
    pb_buf_fini(&envelope);
    return w->status;
}

unsigned world_forward_json(struct agency_world *w, const uint8_t to[VCX_KEY], json_t *envelope)
{
    char text[VCX_MAX_VERKEY];
    json_t *message;
    unsigned status;

    vcx_verkey_text(to, text);
    message = json_pack("{s:s, s:s, s:s, s:o}", "@type", "https://didcomm.org/routing/1.0/forward", "@id", "f", "to",
                        text, "msg", envelope);
    status = world_post(w, NULL, agency_key(w->agency), message);
    json_decref(message);
    return status;
}

unsigned world_forward(struct agency_world *w, const uint8_t to[VCX_KEY], const char *text)
{
    return world_forward_json(
        w, to, json_pack("{s:s, s:s, s:s, s:s}", "protected", "p", "iv", "i", "ciphertext", text, "tag", "t"));
}

int64_t world_count(struct world_client *c)
{
    const json_t *answer = world_ask(c, "messagepickup/2.0/status-request", NULL);

    assert_true(world_is(answer, "messagepickup/2.0/status"));
    assert_true(json_is_false(vcx_of(answer, "live_delivery")));
    return json_integer_value(vcx_of(answer, "message_count"));
}

static const json_t *attachment(const json_t *delivery, size_t at)
{
    const json_t *one = json_array_get(vcx_of(delivery, "~attach"), at);

    assert_non_null(one);
    return one;
}

char *world_delivered(const json_t *delivery, size_t at)
{
    struct pb_buf text = {0};
    json_t *envelope;
    char *copy;

    assert_true(vcx_b64_decode(&text, vcx_str(vcx_of(attachment(delivery, at), "data"), "base64"), VCX_B64_ANY));
    envelope = json_loadb((char *)text.p, text.n, 0, NULL);
    assert_non_null(envelope);
    copy = strdup(vcx_text(envelope, "ciphertext"));
    json_decref(envelope);
    pb_buf_fini(&text);
    return copy;
}

const char *world_id(const json_t *delivery, size_t at)
{
    return vcx_text(attachment(delivery, at), "@id");
}
