#include "connections/vcx/vcx_conn.h"

#include <assert.h>
#include <sodium.h>
#include <stddef.h>
#include <string.h>

#define FORM      1    /* of what is on the disk */
#define SEEN_B64  2732 /* characters of a full ring in base64url */
#define PERIOD_MS 1000 /* for one answer */

_Static_assert(SEEN_B64 >= (VCX_MAX_SEEN * VCX_SEEN + 2) / 3 * 4, "a full ring has room");

void vcx_conn_fini(struct vcx_conn *c)
{
    json_decref(c->invitation);
    json_decref(c->last);
    c->invitation = c->last = NULL;
}

bool vcx_conn_knows(const struct vcx_conn *c, const uint8_t key[VCX_KEY])
{
    for (size_t i = 0; i < c->theirs.recipient_n; i++) {
        if (memcmp(c->theirs.recipients[i], key, VCX_KEY) == 0)
            return true;
    }
    return false;
}

/* ---- what was seen, and how often ---- */

static void hash_of(struct pbay_str id, uint8_t hash[VCX_SEEN])
{
    crypto_generichash(hash, VCX_SEEN, (const uint8_t *)id.p, id.n, NULL, 0);
}

bool vcx_conn_has_seen(const struct vcx_conn *c, struct pbay_str id)
{
    uint8_t hash[VCX_SEEN];

    hash_of(id, hash);
    for (size_t i = 0; i < c->seen_n; i++) {
        if (memcmp(c->seen[i], hash, VCX_SEEN) == 0)
            return true;
    }
    return false;
}

void vcx_conn_see(struct vcx_conn *c, struct pbay_str id)
{
    assert(c->seen_n <= VCX_MAX_SEEN && c->seen_at < VCX_MAX_SEEN);
    hash_of(id, c->seen[c->seen_at]);
    c->seen_at = (c->seen_at + 1) % VCX_MAX_SEEN;
    if (c->seen_n < VCX_MAX_SEEN)
        c->seen_n++;
    c->dirty = true;
}

/* The clock may have been put back: nothing is owed for longer than a burst takes. */
bool vcx_conn_allows(struct vcx_conn *c, enum vcx_who who, int64_t now)
{
    const int64_t most = now + (int64_t)VCX_MAX_BURST * PERIOD_MS;
    int64_t *free_at = &c->allowance_at[who];

    if (*free_at < now)
        *free_at = now;
    if (*free_at > most)
        *free_at = most;
    if (*free_at + PERIOD_MS > most)
        return false;
    *free_at += PERIOD_MS;
    return true;
}

/* ---- the disk's form ---- */

/* Texts that are left out when they are empty. */
static const struct text_field {
    const char *name;
    size_t offset, size; /* with NUL */
} texts[] = {
#define TEXT(member)                                                                     \
    {                                                                                    \
#member, offsetof(struct vcx_conn, member), sizeof((struct vcx_conn *)0)->member \
    }
    TEXT(id), TEXT(source_id), TEXT(own_did), TEXT(their_did), TEXT(their_label), TEXT(invitation_id), TEXT(request_id),
#undef TEXT
};

/* Small numbers, each with its bound. */
static const struct number_field {
    const char *name;
    size_t offset;
    unsigned max;
} numbers[] = {
#define NUMBER(member, max)                             \
    {                                                   \
#member, offsetof(struct vcx_conn, member), max \
    }
    NUMBER(role, VCX_INVITEE),  NUMBER(wish, VCX_DIDEXCHANGE),  NUMBER(handshake, VCX_DIDEXCHANGE),
    NUMBER(state, VCX_REVOKED), NUMBER(on_expiry, VCX_EXPIRED), NUMBER(resends, 1000),
#undef NUMBER
};

static const struct time_field {
    const char *name;
    size_t offset;
} times[] = {{"expires_at", offsetof(struct vcx_conn, expires_at)},
             {"resend_at", offsetof(struct vcx_conn, resend_at)}};

#define COUNT(table) (sizeof(table) / sizeof *(table))

_Static_assert(sizeof(enum vcx_state) == sizeof(unsigned) && sizeof(enum vcx_role) == sizeof(unsigned) &&
                   sizeof(enum vcx_protocol) == sizeof(unsigned),
               "the enumerations are read and written as numbers");

static const char *at_const(const struct vcx_conn *c, size_t offset)
{
    return (const char *)c + offset;
}

static char *at(struct vcx_conn *c, size_t offset)
{
    return (char *)c + offset;
}

static json_t *save_keys(const uint8_t (*keys)[VCX_KEY], size_t n)
{
    json_t *list = json_array();
    char text[VCX_MAX_VERKEY];

    for (size_t i = 0; i < n; i++) {
        vcx_verkey_text(keys[i], text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

/* In the shape of an invitation's, so that vcx_service_read takes it. */
static json_t *save_service(const struct vcx_service *s)
{
    return json_pack("{s:s, s:o, s:o}", "serviceEndpoint", s->endpoint, "recipientKeys",
                     save_keys(s->recipients, s->recipient_n), "routingKeys", save_keys(s->routing, s->routing_n));
}

/* The oldest first. */
static json_t *save_seen(const struct vcx_conn *c)
{
    struct pb_buf bytes = {0}, text = {0};
    size_t first = c->seen_n < VCX_MAX_SEEN ? 0 : c->seen_at;
    json_t *json;

    for (size_t i = 0; i < c->seen_n; i++)
        pb_buf_add(&bytes, c->seen[(first + i) % VCX_MAX_SEEN], VCX_SEEN);
    vcx_b64_encode(&text, bytes.p, bytes.n, false);
    json = json_stringn(text.n ? (char *)text.p : "", text.n);
    pb_buf_fini(&bytes);
    pb_buf_fini(&text);
    return json;
}

static bool save_fields(const struct vcx_conn *c, json_t *json)
{
    bool good = true;

    for (size_t i = 0; i < COUNT(texts); i++) {
        const char *text = at_const(c, texts[i].offset);

        if (*text)
            good &= json_object_set_new(json, texts[i].name, json_string(text)) == 0;
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        unsigned number;

        memcpy(&number, at_const(c, numbers[i].offset), sizeof number);
        good &= json_object_set_new(json, numbers[i].name, json_integer(number)) == 0;
    }
    for (size_t i = 0; i < COUNT(times); i++) {
        int64_t time;

        memcpy(&time, at_const(c, times[i].offset), sizeof time);
        good &= json_object_set_new(json, times[i].name, json_integer(time)) == 0;
    }
    return good;
}

static const struct flag_field {
    const char *name;
    size_t offset;
} flags[] = {{"ephemeral", offsetof(struct vcx_conn, ephemeral)},
             {"multi_use", offsetof(struct vcx_conn, multi_use)},
             {"queued", offsetof(struct vcx_conn, queued)}};

/* Those that are set. */
static bool save_flags(const struct vcx_conn *c, json_t *json)
{
    bool good = true;

    for (size_t i = 0; i < COUNT(flags); i++) {
        if (*(const bool *)at_const(c, flags[i].offset))
            good &= json_object_set_new(json, flags[i].name, json_true()) == 0;
    }
    return good;
}

static bool load_flags(struct vcx_conn *c, const json_t *json, char *why)
{
    for (size_t i = 0; i < COUNT(flags); i++) {
        const json_t *flag = json_object_get(json, flags[i].name);
        bool set = json_is_true(flag);

        if (flag && !json_is_boolean(flag))
            return vcx_why(why, "%s is neither true nor false", flags[i].name);
        memcpy(at(c, flags[i].offset), &set, sizeof set);
    }
    return true;
}

static bool save_key(json_t *json, const char *name, const uint8_t key[VCX_KEY])
{
    char text[VCX_MAX_VERKEY];

    vcx_verkey_text(key, text);
    return json_object_set_new(json, name, json_string(text)) == 0;
}

json_t *vcx_conn_save(const struct vcx_conn *c)
{
    json_t *json = json_pack("{s:i, s:o, s:O*, s:O*}", "form", FORM, "seen", save_seen(c), "invitation", c->invitation,
                             "last", c->last);
    bool good = json && save_fields(c, json) && save_key(json, "own", c->own) &&
                save_key(json, "inviter", c->inviter) && save_flags(c, json) &&
                (c->theirs.recipient_n == 0 || json_object_set_new(json, "theirs", save_service(&c->theirs)) == 0);

    if (!good) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

static bool load_fields(struct vcx_conn *c, const json_t *json, char *why)
{
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct pbay_str text;

        if (!vcx_json_has(json, texts[i].name))
            continue;
        text = vcx_json_str(json, texts[i].name, texts[i].size - 1, why);
        if (!text.p)
            return false;
        memcpy(at(c, texts[i].offset), text.p, text.n);
    }
    for (size_t i = 0; i < COUNT(numbers); i++) {
        json_int_t found = json_integer_value(json_object_get(json, numbers[i].name));
        unsigned number = (unsigned)found;

        if (found < 0 || found > numbers[i].max)
            return vcx_why(why, "%s is out of range", numbers[i].name);
        memcpy(at(c, numbers[i].offset), &number, sizeof number);
    }
    for (size_t i = 0; i < COUNT(times); i++) {
        int64_t time = json_integer_value(json_object_get(json, times[i].name));

        if (time < 0)
            return vcx_why(why, "%s is out of range", times[i].name);
        memcpy(at(c, times[i].offset), &time, sizeof time);
    }
    return true;
}

static bool load_key(const json_t *json, const char *name, uint8_t key[VCX_KEY], char *why)
{
    struct pbay_str text = vcx_json_str(json, name, VCX_MAX_VERKEY, why);

    return text.p && (vcx_verkey_parse(text, key) || vcx_why(why, "%s is not a verkey", name));
}

static bool load_seen(struct vcx_conn *c, const json_t *json, char *why)
{
    struct pbay_str text = {json_string_value(json), json_string_length(json)};
    struct pb_buf bytes = {0};
    bool good = text.p && text.n <= SEEN_B64 && vcx_b64_decode(&bytes, text, VCX_B64_URL) && bytes.n % VCX_SEEN == 0 &&
                bytes.n <= sizeof c->seen;

    if (good && bytes.n) {
        memcpy(c->seen, bytes.p, bytes.n);
        c->seen_n = bytes.n / VCX_SEEN;
        c->seen_at = c->seen_n % VCX_MAX_SEEN;
    }
    pb_buf_fini(&bytes);
    return good || vcx_why(why, "seen: expected base64url of hashes");
}

static bool load_object(const json_t *json, const char *name, json_t **object, char *why)
{
    json_t *found = json_object_get(json, name);

    if (found && !json_is_object(found))
        return vcx_why(why, "%s is not an object", name);
    *object = json_incref(found);
    return true;
}

/* What the code relies on: whoever waits has something to say again, and somebody to say it to. */
static bool check(const struct vcx_conn *c, char *why)
{
    bool begun = c->state == VCX_REQUESTED || c->state == VCX_ACCEPTED;

    if (!c->id[0] || (c->state == VCX_OFFERED && !c->invitation_id[0]))
        return vcx_why(why, "a connection without an id, or an offer without one");
    if (c->expires_at && c->on_expiry != VCX_UNFULFILLED && c->on_expiry != VCX_EXPIRED)
        return vcx_why(why, "on_expiry is out of range");
    return !begun ||
           (c->theirs.recipient_n && c->request_id[0] && c->handshake != VCX_AUTO &&
            (c->last || c->state == VCX_ACCEPTED)) ||
           vcx_why(why, "a connection in state %d without what belongs to it", (int)c->state);
}

bool vcx_conn_load(struct vcx_conn *c, const json_t *json, char why[VCX_WHY])
{
    const json_t *theirs = json_object_get(json, "theirs");

    *c = (struct vcx_conn){.role = VCX_INVITER};
    if (json_integer_value(json_object_get(json, "form")) != FORM)
        return vcx_why(why, "a connection of another form than %d", FORM);
    return load_object(json, "invitation", &c->invitation, why) && load_object(json, "last", &c->last, why) &&
           load_fields(c, json, why) && load_key(json, "own", c->own, why) &&
           load_key(json, "inviter", c->inviter, why) && load_flags(c, json, why) &&
           (!theirs || vcx_service_read(&c->theirs, theirs, why)) && load_seen(c, json_object_get(json, "seen"), why) &&
           check(c, why);
}
