#include "connections/vcx/vcx_mediate_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct vcx_mediate *vcx_mediate_new(struct vcx_core *core, const char *connection, const struct vcx_mediate_conf *conf)
{
    struct vcx_mediate *m = pb_alloc(sizeof *m);

    assert(strlen(connection) < sizeof m->connection);
    assert(conf->wait_ms >= 0 && conf->wait_ms <= VCX_MEDIATE_MAX_WAIT);
    m->core = core;
    memcpy(m->connection, connection, strlen(connection) + 1);
    m->conf = *conf;
    m->old_pickup = conf->pickup_1;
    m->stored = json_array();
    if (conf->known) {
        m->grant = *conf->known;
        m->granted = true;
    }
    m->conf.known = NULL;
    return m;
}

void vcx_mediate_destroy(struct vcx_mediate **m)
{
    if (!*m)
        return;
    mediate_keys_fini(*m);
    mediate_pickup_fini(*m);
    mediate_links_fini(*m);
    json_decref((*m)->stored);
    free(*m);
    *m = NULL;
}

enum vcx_mediate_state vcx_mediate_state(const struct vcx_mediate *m)
{
    const struct vcx_conn *conn = vcx_core_find(m->core, m->connection);

    if (!conn || conn->state < VCX_INITIALIZED || conn->state > VCX_ACCEPTED)
        return VCX_MEDIATE_ENDED;
    if (m->granted)
        return VCX_MEDIATE_GRANTED;
    return m->denied ? VCX_MEDIATE_DENIED : VCX_MEDIATE_ASKING;
}

const struct vcx_mediate_grant *vcx_mediate_grant(const struct vcx_mediate *m)
{
    return m->granted ? &m->grant : NULL;
}

/* ---- requests ---- */

static int64_t less_jitter(const struct vcx_mediate *m, int64_t pause)
{
    uint32_t chance;

    vcx_random_fill(m->conf.random, &chance, sizeof chance);
    return pause - (int64_t)(chance % (uint32_t)(pause / 4 + 1));
}

void mediate_free(struct mediate_slot *slot, int64_t now)
{
    slot->ask = MEDIATE_IDLE;
    slot->failures = 0;
    slot->not_before = now;
}

void mediate_back_off(struct vcx_mediate *m, struct mediate_slot *slot, int64_t now, int64_t first, int64_t last)
{
    int64_t pause = first;

    for (unsigned i = 0; i < slot->failures && pause < last; i++)
        pause *= 2;
    if (pause < last)
        slot->failures++;
    else
        pause = last;
    slot->ask = MEDIATE_IDLE;
    slot->not_before = now + less_jitter(m, pause);
}

bool mediate_send(struct vcx_mediate *m, struct mediate_slot *slot, enum mediate_ask ask, json_t *message, int64_t now)
{
    struct pb_buf text = {0};
    char why[VCX_WHY];
    bool good = message && vcx_json_write(&text, message);
    enum vcx_error code = VCX_E_UNKNOWN;

    assert(slot->ask == MEDIATE_IDLE);
    if (good)
        code =
            vcx_core_send(m->core, m->connection, (struct pbay_str){(char *)text.p, text.n}, NULL, now, slot->id, why);
    json_decref(message);
    pb_buf_fini(&text);
    if (!code) {
        slot->ask = ask;
        slot->sent_at = now;
        slot->until = now + slot->wait + VCX_MEDIATE_ANSWER_MS;
    } else if (code != VCX_E_NOT_READY) { /* which says that actions are to be taken first */
        mediate_back_off(m, slot, now, VCX_MEDIATE_FIRST_MS, VCX_MEDIATE_LAST_MS);
    }
    return !code;
}

static void give_up(struct vcx_mediate *m, struct mediate_slot *slot, int64_t now)
{
    if (slot == &m->shorten) {
        mediate_shorten_lost(m, now);
        return;
    }
    if (slot == &m->tidy) {
        mediate_tidy_lost(m, now);
        return;
    }
    if (slot->ask == MEDIATE_UPDATE)
        mediate_keys_forget(m);
    mediate_back_off(m, slot, now, VCX_MEDIATE_FIRST_MS, VCX_MEDIATE_LAST_MS);
}

void vcx_mediate_lost(struct vcx_mediate *m, const char *message_id, int64_t now)
{
    struct mediate_slot *const slots[] = {&m->talk, &m->pickup, &m->tidy, &m->shorten};

    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        if (slots[i]->ask && strcmp(slots[i]->id, message_id) == 0)
            give_up(m, slots[i], now);
    }
}

/* ---- answers ---- */

bool mediate_is_thread(const struct mediate_slot *slot, const json_t *message, const char *member)
{
    const char *id = json_string_value(json_object_get(json_object_get(message, "~thread"), member));

    return id && strcmp(id, slot->id) == 0;
}

bool mediate_answers(const struct mediate_slot *slot, enum mediate_ask ask, const json_t *message)
{
    return slot->ask == ask &&
           (mediate_is_thread(slot, message, "thid") || !vcx_json_has(json_object_get(message, "~thread"), "thid"));
}

static bool read_grant(struct vcx_mediate_grant *grant, const json_t *message)
{
    char why[VCX_WHY];
    struct pbay_str endpoint = vcx_json_str(message, "endpoint", VCX_MAX_URL, why);
    const json_t *keys = json_object_get(message, "routing_keys"), *key;
    size_t i;

    *grant = (struct vcx_mediate_grant){.routing_n = json_array_size(keys)};
    if (!endpoint.p || (vcx_json_has(message, "routing_keys") && !json_is_array(keys)) ||
        grant->routing_n > VCX_MAX_ROUTING)
        return false;
    memcpy(grant->endpoint, endpoint.p, endpoint.n);
    json_array_foreach(keys, i, key)
    {
        struct pbay_str text = {json_string_value(key), json_string_length(key)};

        if (!text.p || !vcx_key_parse(text, grant->routing[i]))
            return false;
    }
    return true;
}

/* Also a late one: whatever request it answers, it was ours. */
static void on_grant(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    struct vcx_mediate_grant grant;

    if (m->granted || !m->asked_once)
        return;
    if (!read_grant(&grant, message)) {
        if (mediate_answers(&m->talk, MEDIATE_REQUEST, message))
            give_up(m, &m->talk, now);
        return;
    }
    m->grant = grant;
    m->granted = true;
    m->denied = false;
    m->unknown = 0;
    m->answered = m->offered = false;
    mediate_free(&m->talk, now);
    mediate_free(&m->pickup, now);
}

static void on_deny(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    if (!mediate_answers(&m->talk, MEDIATE_REQUEST, message))
        return;
    if (!m->denied)
        m->talk.failures = 0;
    m->denied = true;
    mediate_back_off(m, &m->talk, now, VCX_MEDIATE_DENIED_MS, VCX_MEDIATE_MAX_DENIED);
}

static void on_updated(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    if (!mediate_answers(&m->talk, MEDIATE_UPDATE, message))
        return;
    m->unknown = 0;
    if (mediate_keys_answer(m, message, now))
        mediate_free(&m->talk, now);
    else
        mediate_back_off(m, &m->talk, now, VCX_MEDIATE_FIRST_MS, VCX_MEDIATE_LAST_MS);
}

/* A mediator that knows nothing of our keys any more may have forgotten that it is our mediator. */
static void on_talk_problem(struct vcx_mediate *m, int64_t now)
{
    if (m->talk.ask == MEDIATE_UPDATE && ++m->unknown >= VCX_MEDIATE_UNKNOWN_MAX)
        m->granted = false;
    give_up(m, &m->talk, now);
}

/* Some problem reports say in pthid what they are about. */
static bool is_about(const struct mediate_slot *slot, const json_t *message)
{
    return slot->ask && (mediate_is_thread(slot, message, "thid") || mediate_is_thread(slot, message, "pthid"));
}

/* There are many types of them: of each protocol, and of none. */
static bool on_problem(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    const struct {
        const struct mediate_slot *slot;
        void (*handle)(struct vcx_mediate *, int64_t);
    } rows[] = {{&m->talk, on_talk_problem},
                {&m->pickup, mediate_pickup_problem},
                {&m->tidy, mediate_tidy_problem},
                {&m->shorten, mediate_shorten_lost}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (is_about(rows[i].slot, message)) {
            rows[i].handle(m, now);
            return true;
        }
    }
    return false;
}

static bool is_problem(const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "@type"));
    const char *name = type ? strrchr(type, '/') : NULL;

    return name && (strcmp(name, "/problem-report") == 0 || strcmp(name, "/problem_report") == 0);
}

bool vcx_mediate_receive(struct vcx_mediate *m, const struct vcx_action *action, int64_t now)
{
    static const struct {
        const char *family;
        unsigned major;
        const char *name;
        void (*handle)(struct vcx_mediate *, const json_t *, int64_t);
    } rows[] = {{"coordinate-mediation", 1, "mediate-grant", on_grant},
                {"coordinate-mediation", 1, "mediate-deny", on_deny},
                {"coordinate-mediation", 1, "keylist-update-response", on_updated},
                {"messagepickup", 2, "status", mediate_on_status},
                {"messagepickup", 2, "delivery", mediate_on_delivery},
                {"messagepickup", 1, "batch", mediate_on_batch}};

    if ((action->kind != VCX_MESSAGE && action->kind != VCX_PROBLEM_IN && action->kind != VCX_FEATURES) ||
        strcmp(action->id, m->connection) != 0)
        return false;
    if (is_problem(action->message))
        return on_problem(m, action->message, now);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (vcx_json_is_type(json_object_get(action->message, "@type"), rows[i].family, rows[i].major, rows[i].name)) {
            rows[i].handle(m, action->message, now);
            return true;
        }
    }
    return mediate_links_receive(m, action->message, now);
}

/* ---- time ---- */

static int64_t talk_next(const struct vcx_mediate *m)
{
    return m->granted ? mediate_keys_next(m) : INT64_MIN;
}

static void talk_send(struct vcx_mediate *m, int64_t now)
{
    if (m->granted)
        mediate_keys_send(m, now);
    else if (mediate_send(m, &m->talk, MEDIATE_REQUEST,
                          json_pack("{s:s}", "@type", "https://didcomm.org/coordinate-mediation/1.0/mediate-request"),
                          now))
        m->asked_once = true;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t tick_slot(struct vcx_mediate *m, struct mediate_slot *slot, int64_t (*next)(const struct vcx_mediate *),
                         void (*send)(struct vcx_mediate *, int64_t), int64_t now)
{
    if (slot->ask && now >= slot->until)
        give_up(m, slot, now);
    if (!slot->ask && now >= later(slot->not_before, next(m)))
        send(m, now);
    return slot->ask ? slot->until : later(slot->not_before, next(m));
}

int64_t vcx_mediate_tick(struct vcx_mediate *m, int64_t now)
{
    const struct vcx_conn *conn = vcx_core_find(m->core, m->connection);
    int64_t talk, pickup, tidy, shorten;

    if (!conn || conn->state != VCX_ACCEPTED)
        return INT64_MAX;
    mediate_links_expire(m, now);
    talk = tick_slot(m, &m->talk, talk_next, talk_send, now);
    pickup = tick_slot(m, &m->pickup, mediate_pickup_next, mediate_pickup_send, now);
    tidy = tick_slot(m, &m->tidy, mediate_tidy_next, mediate_tidy_send, now);
    shorten = tick_slot(m, &m->shorten, mediate_shorten_next, mediate_shorten_send, now);
    return earlier(earlier(talk, pickup), earlier(tidy, shorten));
}
