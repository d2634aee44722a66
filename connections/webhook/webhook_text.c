#include "connections/webhook/webhook_text.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#define PREFIX "sha256="

/* The value under this name in another case, or NULL. */
static json_t *find(json_t *headers, struct pbay_str name)
{
    const char *key;
    json_t *value;

    json_object_foreach(headers, key, value)
    {
        if (strlen(key) == name.n && strncasecmp(key, name.p, name.n) == 0)
            return value;
    }
    return NULL;
}

void webhook_add_header(json_t *headers, struct pbay_str name, struct pbay_str value)
{
    json_t *before = find(headers, name), *text;

    if (before) {
        text = json_sprintf("%s, %.*s", json_string_value(before), (int)value.n, value.p);
        json_string_setn(before, json_string_value(text), json_string_length(text));
        json_decref(text);
        return;
    }
    text = json_sprintf("%.*s", (int)name.n, name.p);
    json_object_set_new(headers, json_string_value(text), json_stringn(value.p, value.n));
    json_decref(text);
}

bool webhook_is_signed(struct pbay_str key, struct pbay_str body, struct pbay_str signature)
{
    uint8_t found[crypto_auth_hmacsha256_BYTES], expected[crypto_auth_hmacsha256_BYTES];
    size_t prefix =
        signature.n >= strlen(PREFIX) && strncmp(signature.p, PREFIX, strlen(PREFIX)) == 0 ? strlen(PREFIX) : 0;
    crypto_auth_hmacsha256_state state;
    size_t n = 0;

    if (signature.n - prefix != 2 * sizeof found ||
        sodium_hex2bin(found, sizeof found, signature.p + prefix, 2 * sizeof found, NULL, &n, NULL) ||
        n != sizeof found)
        return false;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)key.p, key.n);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)body.p, body.n);
    crypto_auth_hmacsha256_final(&state, expected);
    sodium_memzero(&state, sizeof state);
    return sodium_memcmp(found, expected, sizeof found) == 0;
}
