/* Which keys the mediator has been told. */
#include "connections/vcx/vcx_mediate_int.h"

#include <stdlib.h>
#include <string.h>

static struct mediate_key *find(const struct vcx_mediate *m, const uint8_t key[VCX_KEY])
{
    struct mediate_key *k;

    HASH_FIND(hh, m->keys, key, VCX_KEY, k);
    return k;
}

static void forget(struct vcx_mediate *m, struct mediate_key *k)
{
    HASH_DEL(m->keys, k);
    free(k);
}

void mediate_keys_fini(struct vcx_mediate *m)
{
    struct mediate_key *k, *next;

    for (k = m->keys; k; k = next) {
        next = k->hh.next;
        forget(m, k);
    }
}

static bool set(struct vcx_mediate *m, const uint8_t key[VCX_KEY], bool wanted)
{
    struct mediate_key *k = find(m, key);

    if (!k) {
        if (HASH_COUNT(m->keys) >= VCX_MEDIATE_KEYS)
            return false;
        k = pb_alloc(sizeof *k);
        memcpy(k->key, key, VCX_KEY);
        HASH_ADD(hh, m->keys, key, VCX_KEY, k);
    }
    k->wanted = wanted;
    k->refused = k->given_up = false;
    k->again_at = INT64_MIN;
    return true;
}

bool vcx_mediate_want(struct vcx_mediate *m, const uint8_t key[VCX_KEY])
{
    return set(m, key, true);
}

bool vcx_mediate_drop(struct vcx_mediate *m, const uint8_t key[VCX_KEY])
{
    return set(m, key, false);
}

enum vcx_mediate_key vcx_mediate_key(const struct vcx_mediate *m, const uint8_t key[VCX_KEY])
{
    const struct mediate_key *k = find(m, key);

    if (!k || !k->wanted)
        return VCX_MEDIATE_NONE;
    if (k->known == MEDIATE_PRESENT)
        return VCX_MEDIATE_HAS;
    return k->refused ? VCX_MEDIATE_REFUSED : VCX_MEDIATE_TOLD;
}

bool vcx_mediate_has(const struct vcx_mediate *m, const uint8_t key[VCX_KEY])
{
    return vcx_mediate_key(m, key) == VCX_MEDIATE_HAS;
}

/* ---- asking ---- */

static bool is_due(const struct mediate_key *k)
{
    return !k->given_up && k->known != (k->wanted ? MEDIATE_PRESENT : MEDIATE_ABSENT);
}

int64_t mediate_keys_next(const struct vcx_mediate *m)
{
    int64_t next = INT64_MAX;

    for (const struct mediate_key *k = m->keys; k; k = k->hh.next) {
        if (is_due(k) && k->again_at < next)
            next = k->again_at;
    }
    return next;
}

static json_t *update_of(const struct mediate_key *k)
{
    char text[VCX_MAX_DID_KEY];

    vcx_did_key_text(VCX_ED25519, k->key, text);
    return json_pack("{s:s, s:s}", "recipient_key", text, "action", k->asked_add ? "add" : "remove");
}

void mediate_keys_forget(struct vcx_mediate *m)
{
    for (struct mediate_key *k = m->keys; k; k = k->hh.next)
        k->asked = false;
}

void mediate_keys_send(struct vcx_mediate *m, int64_t now)
{
    json_t *updates = json_array();

    for (struct mediate_key *k = m->keys; k && json_array_size(updates) < VCX_MEDIATE_UPDATE; k = k->hh.next) {
        if (!is_due(k) || now < k->again_at)
            continue;
        k->asked = true;
        k->asked_add = k->wanted;
        json_array_append_new(updates, update_of(k));
    }
    if (!mediate_send(m, &m->talk, MEDIATE_UPDATE,
                      json_pack("{s:s, s:o}", "@type", "https://didcomm.org/coordinate-mediation/1.0/keylist-update",
                                "updates", updates),
                      now))
        mediate_keys_forget(m);
}

/* ---- the answer ---- */

static bool is(const json_t *object, const char *member, const char *text)
{
    const char *value = json_string_value(json_object_get(object, member));

    return value && strcmp(value, text) == 0;
}

/* What was asked of the key and what the mediator says of that. What it must not be told again is not due any more,
 * and what is neither wanted nor there is forgotten. */
static void take_result(struct vcx_mediate *m, const json_t *result, int64_t now)
{
    const json_t *text = json_object_get(result, "recipient_key");
    struct pbay_str name = {json_string_value(text), json_string_length(text)};
    uint8_t key[VCX_KEY];
    struct mediate_key *k = name.p && vcx_key_parse(name, key) ? find(m, key) : NULL;

    if (!k || !k->asked || !is(result, "action", k->asked_add ? "add" : "remove"))
        return;
    k->asked = false;
    if (is(result, "result", "success") || is(result, "result", "no_change")) {
        k->known = k->asked_add ? MEDIATE_PRESENT : MEDIATE_ABSENT;
        k->refused = false;
    } else if (k->asked_add == k->wanted) {
        k->refused = true;
        k->given_up = is(result, "result", "client_error");
        k->again_at = now + VCX_MEDIATE_LAST_MS;
    }
    if (!k->wanted && (k->known == MEDIATE_ABSENT || k->given_up))
        forget(m, k);
}

/* Those that had no answer go behind all others: they must not keep the mediator from hearing of those. */
static bool put_off(struct vcx_mediate *m)
{
    struct mediate_key *k = m->keys, *next;
    bool any = false;

    for (size_t left = HASH_COUNT(m->keys); left > 0; left--, k = next) {
        next = k->hh.next;
        if (!k->asked)
            continue;
        k->asked = false;
        HASH_DEL(m->keys, k);
        HASH_ADD(hh, m->keys, key, VCX_KEY, k);
        any = true;
    }
    return any;
}

bool mediate_keys_answer(struct vcx_mediate *m, const json_t *message, int64_t now)
{
    const json_t *results = json_object_get(message, "updated"), *result;
    size_t i;

    json_array_foreach(results, i, result)
    {
        take_result(m, result, now);
    }
    return !put_off(m);
}
