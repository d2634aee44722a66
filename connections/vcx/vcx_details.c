#include "connections/vcx/vcx_details.h"

#include <stdint.h>
#include <string.h>

#define MAX_DEPTH 8

/* A short key means what its object says: `s` is the sender at the top and a signature in a proof. */
static const struct key {
    const char *in, *full, *brief;
} keys[] = {
    {"", "statusCode", "sc"},
    {"", "connReqId", "id"},
    {"", "senderDetail", "s"},
    {"", "senderAgencyDetail", "sa"},
    {"", "targetName", "t"},
    {"", "statusMsg", "sm"},
    {"senderDetail", "name", "n"},
    {"senderDetail", "agentKeyDlgProof", "dp"},
    {"senderDetail", "DID", "d"},
    {"senderDetail", "logoUrl", "l"},
    {"senderDetail", "verKey", "v"},
    {"agentKeyDlgProof", "agentDID", "d"},
    {"agentKeyDlgProof", "agentDelegatedKey", "k"},
    {"agentKeyDlgProof", "signature", "s"},
    {"senderAgencyDetail", "DID", "d"},
    {"senderAgencyDetail", "verKey", "v"},
    {"senderAgencyDetail", "endpoint", "e"},
};

static const struct key *find(const char *in, const char *name)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].in, in) == 0 && (strcmp(keys[i].full, name) == 0 || strcmp(keys[i].brief, name) == 0))
            return &keys[i];
    }
    return NULL;
}

static json_t *rename_keys(const json_t *object, const char *in, bool brief, unsigned depth)
{
    json_t *copy = json_object(), *value;
    const char *name;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const struct key *key = find(in, name);
        const char *now = !key ? name : brief ? key->brief : key->full;
        json_t *v = !json_is_object(value) ? json_deep_copy(value)
                    : depth < MAX_DEPTH    ? rename_keys(value, key ? key->full : name, brief, depth + 1)
                                           : NULL;

        if (json_object_set_new(copy, now, v)) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

json_t *vcx_details_abbreviate(const json_t *details)
{
    return json_is_object(details) ? rename_keys(details, "", true, 0) : NULL;
}

json_t *vcx_details_expand(const json_t *details)
{
    return json_is_object(details) ? rename_keys(details, "", false, 0) : NULL;
}

bool vcx_details_is_short(const json_t *details)
{
    return json_object_get(details, "s") && !json_object_get(details, "senderDetail");
}
