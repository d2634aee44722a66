#include "tests/unit/vcx_mediate_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIDCOMM "https://didcomm.org/"

/* ---- the client ---- */

static void load_connection(struct mediate_world *w)
{
    struct core_side *s = &w->w.sides[ALICE];
    char own[VCX_MAX_VERKEY], peer[VCX_MAX_VERKEY], why[VCX_WHY];
    json_t *json;

    assert_true(s->conf.new_key(s->conf.self, false, w->own, why));
    vcx_verkey_text(w->own, own);
    vcx_verkey_text(w->w.mediator.key, peer);
    json = json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:i, s:s, s:b, s:{s:s, s:[s]}, s:{}}", "form", 1, "id",
                     "mediation", "own", own, "inviter", peer, "role", VCX_INVITEE, "state", VCX_ACCEPTED, "seen", "",
                     "invitation_id", "i", "handshake", VCX_CONNECTIONS, "request_id", "r", "queued", 1, "theirs",
                     "serviceEndpoint", ENDPOINT, "recipientKeys", peer, "invitation");
    if (vcx_core_load(s->core, json, why))
        fail_msg("%s", why);
    json_decref(json);
}

void mediate_open(struct mediate_world *w, const struct vcx_mediate_conf *conf)
{
    *w = (struct mediate_world){.id = "mediation",
                                .asked = json_array(),
                                .keys = json_object(),
                                .queue = json_array(),
                                .given = json_object(),
                                .links = json_object()};
    world_open(&w->w, 7);
    load_connection(w);
    w->conf = *conf;
    w->conf.random = &w->w.random;
    w->m = vcx_mediate_new(w->w.sides[ALICE].core, w->id, &w->conf);
}

void mediate_restart(struct mediate_world *w)
{
    vcx_mediate_destroy(&w->m);
    w->m = vcx_mediate_new(w->w.sides[ALICE].core, w->id, &w->conf);
}

void mediate_close(struct mediate_world *w)
{
    vcx_mediate_destroy(&w->m);
    vcx_mediate_destroy(&w->m);
    world_close(&w->w);
    json_decref(w->asked);
    json_decref(w->keys);
    json_decref(w->queue);
    json_decref(w->given);
    json_decref(w->links);
}

static void note_question(struct mediate_world *w, const struct vcx_action *a)
{
    struct vcx_keys keys = vcx_ring(&w->w.mediator);
    struct vcx_opened opened = {0};
    json_t *message;
    char why[VCX_WHY];

    assert_string_equal(a->endpoint, ENDPOINT);
    if (!vcx_unpack(vcx_view(&a->envelope), &keys, &opened, why))
        fail_msg("%s", why);
    assert_memory_equal(opened.sender, w->own, VCX_KEY);
    message = vcx_json_read(vcx_view(&opened.message), "question", why);
    assert_string_equal(vcx_text(vcx_of(message, "~transport"), "return_route"), "all");
    assert_string_equal(vcx_text(message, "@id"), a->message_id);
    json_array_append_new(w->asked, message);
    vcx_opened_fini(&opened);
}

static void take_actions(struct mediate_world *w)
{
    struct vcx_action a;

    while (vcx_core_take(w->w.sides[ALICE].core, &a)) {
        if (a.kind == VCX_SEND)
            note_question(w, &a);
        else
            (void)vcx_mediate_receive(w->m, &a, w->w.now);
        vcx_action_fini(&a);
    }
}

static void take_envelopes(struct mediate_world *w)
{
    struct pb_buf envelope;

    while (vcx_mediate_take(w->m, &envelope)) {
        char *text = pb_strndup(vcx_view(&envelope));
        json_int_t times = json_integer_value(json_object_get(w->given, text));

        json_object_set_new(w->given, text, json_integer(times + 1));
        free(text);
        pb_buf_fini(&envelope);
    }
    vcx_mediate_done(w->m);
}

void mediate_turn(struct mediate_world *w)
{
    take_envelopes(w);
    w->due = vcx_mediate_tick(w->m, w->w.now);
    take_actions(w);
}

void mediate_turn_at(struct mediate_world *w, int64_t now)
{
    w->w.now = now;
    mediate_turn(w);
}

/* ---- questions ---- */

const json_t *mediate_question(const struct mediate_world *w)
{
    return json_array_get(w->asked, 0);
}

const char *mediate_asks(const struct mediate_world *w)
{
    const json_t *question = mediate_question(w);

    return question ? vcx_text(question, "@type") + strlen(DIDCOMM) : "";
}

void mediate_lose(struct mediate_world *w, size_t at)
{
    assert_int_equal(json_array_remove(w->asked, at), 0);
}

/* ---- answers ---- */

static void deliver(struct mediate_world *w, json_t *message)
{
    char why[VCX_WHY];
    struct vcx_opened opened = {.has_sender = true};

    memcpy(opened.sender, w->w.mediator.key, VCX_KEY);
    memcpy(opened.recipient, w->own, VCX_KEY);
    assert_true(vcx_json_write(&opened.message, message));
    if (!vcx_core_receive_opened(w->w.sides[ALICE].core, &opened, w->w.now, why))
        fail_msg("%s", why);
    vcx_opened_fini(&opened);
    json_decref(message);
    take_actions(w);
    mediate_turn(w);
}

static json_t *message_of(struct mediate_world *w, const char *type, json_t *json)
{
    char id[32];
    char *name = NULL;

    (void)snprintf(id, sizeof id, "answer-%llu", (unsigned long long)++w->numbers);
    assert_true(asprintf(&name, DIDCOMM "%s", type) > 0);
    assert_non_null(json);
    json_object_set_new(json, "@type", json_string(name));
    json_object_set_new(json, "@id", json_string(id));
    free(name);
    return json;
}

void mediate_say(struct mediate_world *w, const char *type, json_t *json)
{
    deliver(w, message_of(w, type, json));
}

static void answer_at(struct mediate_world *w, size_t at, const char *type, json_t *json)
{
    json_t *message = message_of(w, type, json);

    if (!vcx_json_has(message, "~thread"))
        json_object_set_new(message, "~thread",
                            json_pack("{s:s}", "thid", vcx_text(json_array_get(w->asked, at), "@id")));
    mediate_lose(w, at);
    deliver(w, message);
}

void mediate_answer(struct mediate_world *w, const char *type, json_t *json)
{
    answer_at(w, 0, type, json);
}

/* ---- the mediator ---- */

void mediate_post(struct mediate_world *w, const char *envelope)
{
    char id[32];

    (void)snprintf(id, sizeof id, "queued-%llu", (unsigned long long)++w->numbers);
    json_array_append_new(w->queue, json_pack("{s:s, s:{s:s}}", "id", id, "envelope", "protected", envelope));
}

static json_t *grant(struct mediate_world *w, const json_t *question, const char **type)
{
    char text[VCX_MAX_DID_KEY];

    (void)question;
    if (w->denials) {
        w->denials--;
        *type = "coordinate-mediation/1.0/mediate-deny";
        return json_object();
    }
    vcx_did_key_text(VCX_ED25519, w->w.mediator.key, text);
    *type = "coordinate-mediation/1.0/mediate-grant";
    return json_pack("{s:s, s:[s]}", "endpoint", ENDPOINT, "routing_keys", text);
}

static json_t *update(struct mediate_world *w, const json_t *question, const char **type)
{
    const json_t *updates = vcx_of(question, "updates"), *one;
    json_t *results = json_array();
    size_t i;

    if (json_array_size(updates) > w->update_max)
        w->update_max = json_array_size(updates);
    json_array_foreach(updates, i, one)
    {
        const char *key = vcx_text(one, "recipient_key"), *action = vcx_text(one, "action"), *result;
        bool add = strcmp(action, "add") == 0;

        result = w->result ? w->result : add == (json_object_get(w->keys, key) != NULL) ? "no_change" : "success";
        if (!w->result && add)
            json_object_set_new(w->keys, key, json_true());
        else if (!w->result)
            json_object_del(w->keys, key);
        json_array_append_new(results,
                              json_pack("{s:s, s:s, s:s}", "recipient_key", key, "action", action, "result", result));
    }
    *type = "coordinate-mediation/1.0/keylist-update-response";
    return json_pack("{s:o}", "updated", results);
}

static json_t *status(struct mediate_world *w, const char **type)
{
    *type = "messagepickup/2.0/status";
    return json_pack("{s:i}", "message_count", (int)json_array_size(w->queue));
}

static json_t *attachment_of(const struct mediate_world *w, const json_t *queued)
{
    struct pb_buf text = {0}, base64 = {0};
    json_t *data;

    if (!w->as_base64)
        return json_pack("{s:O, s:{s:O}}", "@id", vcx_of(queued, "id"), "data", "json", vcx_of(queued, "envelope"));
    assert_true(vcx_json_write(&text, vcx_of(queued, "envelope")));
    vcx_b64_encode(&base64, text.p, text.n, true);
    data = json_pack("{s:O, s:{s:s#}}", "@id", vcx_of(queued, "id"), "data", "base64", (char *)base64.p, base64.n);
    pb_buf_fini(&text);
    pb_buf_fini(&base64);
    return data;
}

static json_t *problem(const json_t *question, const char **type)
{
    *type = "notification/1.0/problem-report";
    return json_pack("{s:{s:s}, s:{s:s}}", "~thread", "pthid", vcx_text(question, "@id"), "description", "code",
                     "message-parse-failure");
}

static json_t *delivery(struct mediate_world *w, const json_t *question, const char **type)
{
    json_int_t limit = json_integer_value(vcx_of(question, "limit"));
    json_t *list;

    if (w->new_unknown)
        return problem(question, type);
    if (!json_array_size(w->queue))
        return status(w, type);
    list = json_array();
    for (size_t i = 0; i < json_array_size(w->queue) && (json_int_t)i < limit; i++)
        json_array_append_new(list, attachment_of(w, json_array_get(w->queue, i)));
    *type = "messagepickup/2.0/delivery";
    return json_pack("{s:o}", "~attach", list);
}

static json_t *received(struct mediate_world *w, const json_t *question, const char **type)
{
    const json_t *ids = vcx_of(question, "message_id_list"), *id;
    size_t i;

    json_array_foreach(ids, i, id)
    {
        for (size_t k = json_array_size(w->queue); k-- > 0;) {
            if (json_equal(vcx_of(json_array_get(w->queue, k), "id"), id))
                json_array_remove(w->queue, k);
        }
    }
    return status(w, type);
}

/* credo-ts says "id" where the RFC says "@id". */
static json_t *batch(struct mediate_world *w, const json_t *question, const char **type)
{
    json_int_t size = json_integer_value(vcx_of(question, "batch_size"));
    json_t *list = json_array();

    for (; size > 0 && json_array_size(w->queue); size--) {
        const json_t *queued = json_array_get(w->queue, 0);

        json_array_append_new(list, json_pack("{s:O, s:O}", size % 2 ? "id" : "@id", vcx_of(queued, "id"), "message",
                                              vcx_of(queued, "envelope")));
        json_array_remove(w->queue, 0);
    }
    *type = "messagepickup/1.0/batch";
    return json_pack("{s:o}", "messages~attach", list);
}

static json_t *disclose(struct mediate_world *w, const json_t *question, const char **type)
{
    assert_string_equal(vcx_text(question, "query"), DIDCOMM "shorten-url/*");
    *type = "discover-features/1.0/disclose";
    return json_pack("{s:[{}, n, {s:s}]}", "protocols", "pid", w->offers ? w->offers : DIDCOMM "other/1.0");
}

static json_t *shorten(struct mediate_world *w, const json_t *question, const char **type)
{
    char url[64];

    (void)snprintf(url, sizeof url, ORIGIN "/i/%zu", json_object_size(w->links) + 1);
    json_object_set(w->links, url, (json_t *)(uintptr_t)question);
    *type = "shorten-url/1.0/shortened-url";
    return json_pack("{s:s}", "shortened_url", url);
}

static json_t *invalidate(struct mediate_world *w, const json_t *question, const char **type)
{
    const char *url = vcx_text(question, "shortened_url");

    *type = "notification/1.0/ack";
    if (!json_is_object(json_object_get(w->links, url)))
        return problem(question, type);
    json_object_set_new(w->links, url, json_null());
    return json_pack("{s:s}", "status", "OK");
}

void mediate_serve(struct mediate_world *w, size_t at, bool lost)
{
    static const struct {
        const char *type;
        json_t *(*serve)(struct mediate_world *, const json_t *, const char **);
    } rows[] = {{DIDCOMM "coordinate-mediation/1.0/mediate-request", grant},
                {DIDCOMM "coordinate-mediation/1.0/keylist-update", update},
                {DIDCOMM "messagepickup/2.0/delivery-request", delivery},
                {DIDCOMM "messagepickup/2.0/messages-received", received},
                {DIDCOMM "messagepickup/1.0/batch-pickup", batch},
                {DIDCOMM "discover-features/1.0/query", disclose},
                {DIDCOMM "shorten-url/1.0/request-shortened-url", shorten},
                {DIDCOMM "shorten-url/1.0/invalidate-shortened-url", invalidate}};
    const json_t *question = json_array_get(w->asked, at);
    const char *type = NULL;
    json_t *answer = NULL;

    for (size_t i = 0; i < COUNT(rows) && !answer; i++) {
        if (strcmp(vcx_text(question, "@type"), rows[i].type) == 0)
            answer = rows[i].serve(w, question, &type);
    }
    assert_non_null(answer);
    if (!lost) {
        answer_at(w, at, type, answer);
        return;
    }
    json_decref(answer);
    mediate_lose(w, at);
}

void mediate_settle(struct mediate_world *w)
{
    mediate_turn(w);
    for (int i = 0; i < 1000; i++) {
        size_t at = 0;

        while (at < json_array_size(w->asked) && vcx_json_has(json_array_get(w->asked, at), "wait_ms") &&
               !json_array_size(w->queue))
            at++;
        if (at == json_array_size(w->asked))
            return;
        mediate_serve(w, at, false);
    }
    fail_msg("a storm");
}

void mediate_key(uint8_t key[VCX_KEY], unsigned number)
{
    memset(key, 0, VCX_KEY);
    memcpy(key, &number, sizeof number);
}

/* ---- what tests begin with, and wait for ---- */

void mediate_open_granted(struct mediate_world *w, const struct vcx_mediate_conf *conf)
{
    mediate_open(w, conf);
    mediate_settle(w);
    assert_int_equal(vcx_mediate_state(w->m), VCX_MEDIATE_GRANTED);
}

void mediate_expect_between(int64_t time, int64_t from, int64_t to)
{
    if (time < from || time > to)
        fail_msg("%lld is not in %lld to %lld", (long long)time, (long long)from, (long long)to);
}

/* The next time something is due, from now on, is in this range; be there. */
void mediate_wait_between(struct mediate_world *w, int64_t from, int64_t to)
{
    mediate_expect_between(w->due - w->w.now, from, to);
    mediate_turn_at(w, w->due - 1);
    assert_string_equal(mediate_asks(w), "");
    mediate_turn_at(w, w->due);
}
