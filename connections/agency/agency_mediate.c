/* Coordinate-mediation 1.0 (RFC 0211): who is granted, and for which keys what comes is queued. */
#include <string.h>

#include "connections/agency/agency_int.h"

#define FAMILY "coordinate-mediation/1.0/"

/* The one routing key of all clients: from an invitation nobody learns which of them it is of. */
static json_t *routing_keys(const struct agency *a)
{
    char text[VCX_MAX_DID_KEY];

    vcx_did_key_text(VCX_ED25519, a->key, text);
    return json_pack("[s]", text);
}

static bool is_known(const struct agency *a, const uint8_t key[VCX_KEY])
{
    for (size_t i = 0; i < a->conf.known_n; i++) {
        if (memcmp(a->conf.known[i], key, VCX_KEY) == 0)
            return true;
    }
    return false;
}

/* What was granted stays granted. */
void agency_on_mediate(struct agency_talk *t)
{
    struct agency *a = t->a;
    char text[VCX_MAX_VERKEY];

    if (a->conf.policy == AGENCY_KNOWN && !t->client->granted && !is_known(a, t->sender)) {
        vcx_verkey_text(t->sender, text);
        agency_note(a, t->now, "mediation is denied to %s, which is not in known_keys", text);
        t->answer = agency_message(a, FAMILY "mediate-deny", t->thid, NULL);
        return;
    }
    store_grant(a->conf.db, t->client->id);
    t->answer = agency_message(a, FAMILY "mediate-grant", t->thid,
                               json_pack("{s:s, s:o}", "endpoint", a->conf.url, "routing_keys", routing_keys(a)));
}

/* ---- keylist-update ---- */

/* A key of our own would be opened here and never be queued. */
static const char *add_key(struct agency_talk *t, const uint8_t key[VCX_KEY], const char *owner, int64_t *n)
{
    const struct agency *a = t->a;

    if (owner[0])
        return strcmp(owner, t->client->id) == 0 ? "no_change" : "client_error";
    if (*n >= a->conf.limits.keys || a->conf.keys.secret(a->conf.keys.self, key))
        return "client_error";
    store_add_route(a->conf.db, key, t->client->id);
    ++*n;
    return "success";
}

/* Another's key is none of this client's. */
static const char *remove_key(struct agency_talk *t, const uint8_t key[VCX_KEY], const char *owner, int64_t *n)
{
    if (strcmp(owner, t->client->id) != 0)
        return "no_change";
    store_drop_route(t->a->conf.db, key);
    --*n;
    return "success";
}

static const char *update_key(struct agency_talk *t, const json_t *update, int64_t *n)
{
    const char *action = json_string_value(json_object_get(update, "action"));
    char owner[VCX_UUID] = "";
    uint8_t key[VCX_KEY];
    bool has;

    if (!action || !agency_read_key(update, "recipient_key", key, &has) || !has)
        return "client_error";
    (void)store_route(t->a->conf.db, key, owner);
    if (strcmp(action, "add") == 0)
        return add_key(t, key, owner, n);
    return strcmp(action, "remove") == 0 ? remove_key(t, key, owner, n) : "client_error";
}

/* Keys and actions come back as they were written. */
void agency_on_keylist_update(struct agency_talk *t)
{
    const json_t *updates = json_object_get(t->message, "updates"), *update;
    int64_t n = t->client->keys;
    json_t *updated;
    size_t i;

    if (!json_is_array(updates) || json_array_size(updates) > AGENCY_MAX_UPDATES) {
        agency_problem(t, "invalid-updates", "updates is no list, or too long");
        return;
    }
    updated = json_array();
    json_array_foreach(updates, i, update)
    {
        json_t *key = json_object_get(update, "recipient_key"), *action = json_object_get(update, "action");

        json_array_append_new(updated, json_pack("{s:O?, s:O?, s:s}", "recipient_key", json_is_string(key) ? key : NULL,
                                                 "action", json_is_string(action) ? action : NULL, "result",
                                                 update_key(t, update, &n)));
    }
    t->answer = agency_message(t->a, FAMILY "keylist-update-response", t->thid, json_pack("{s:o}", "updated", updated));
}

/* ---- keylist-query ---- */

static int64_t number_of(const json_t *object, const char *member, int64_t otherwise, int64_t max)
{
    const json_t *number = json_object_get(object, member);
    int64_t n = json_is_integer(number) ? json_integer_value(number) : otherwise;

    return n < 0 ? 0 : n > max ? max : n;
}

void agency_on_keylist_query(struct agency_talk *t)
{
    const json_t *paginate = json_object_get(t->message, "paginate");
    int64_t limit = number_of(paginate, "limit", AGENCY_MAX_PAGE, AGENCY_MAX_PAGE);
    int64_t offset = number_of(paginate, "offset", 0, t->client->keys), left;
    uint8_t keys[AGENCY_MAX_PAGE][VCX_KEY];
    char text[VCX_MAX_DID_KEY];
    json_t *list = json_array();
    size_t n = store_routes(t->a->conf.db, t->client->id, offset, keys, (size_t)limit);

    for (size_t i = 0; i < n; i++) {
        vcx_did_key_text(VCX_ED25519, keys[i], text);
        json_array_append_new(list, json_pack("{s:s}", "recipient_key", text));
    }
    left = t->client->keys - offset - (int64_t)n;
    t->answer = agency_message(t->a, FAMILY "keylist", t->thid,
                               json_pack("{s:o, s:{s:I, s:I, s:I}}", "keys", list, "pagination", "count", (json_int_t)n,
                                         "offset", (json_int_t)offset, "remaining", (json_int_t)left));
}
