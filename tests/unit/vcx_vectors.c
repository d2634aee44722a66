#include "tests/unit/vcx_vectors.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

int vcx_vectors_setup(void **state)
{
    json_error_t error;

    assert_true(vcx_init());
    *state = json_load_file(SOURCE_DIR "/schema/vectors/vcx.json", 0, &error);
    if (!*state)
        fail_msg("%s, line %d", error.text, error.line);
    return 0;
}

int vcx_vectors_teardown(void **state)
{
    json_decref(*state);
    return 0;
}

const json_t *vcx_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!value)
        fail_msg("vectors: no member '%s'", key);
    return value;
}

const char *vcx_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(vcx_of(object, key));

    if (!text)
        fail_msg("vectors: '%s' is not a string", key);
    return text;
}

struct pbay_str vcx_str(const json_t *object, const char *key)
{
    return (struct pbay_str){vcx_text(object, key), json_string_length(vcx_of(object, key))};
}

struct pbay_str vcx_view(const struct pb_buf *b)
{
    return (struct pbay_str){(const char *)b->p, b->n};
}

struct pb_buf vcx_hex(const char *digits)
{
    struct pb_buf b = {0};
    size_t n = strlen(digits) / 2;

    pb_buf_grow(&b, n + 1);
    b.n = n;
    assert_int_equal(sodium_hex2bin(b.p, n, digits, 2 * n, NULL, NULL, NULL), 0);
    return b;
}

struct vcx_person vcx_person(const json_t *root, const char *name)
{
    const json_t *all = vcx_of(root, "keys");
    struct pb_buf secret = vcx_hex(vcx_text(vcx_of(all, name), "ed25519_sk_hex"));
    struct vcx_person person;

    assert_int_equal(secret.n, VCX_SECRET);
    memcpy(person.secret, secret.p, VCX_SECRET);
    memcpy(person.key, secret.p + VCX_KEY, VCX_KEY);
    pb_buf_fini(&secret);
    return person;
}

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct vcx_person *person = self;

    return memcmp(person->key, key, VCX_KEY) == 0 ? person->secret : NULL;
}

struct vcx_keys vcx_ring(const struct vcx_person *person)
{
    return (struct vcx_keys){secret_of, person};
}

static void fill(void *self, void *bytes, size_t n)
{
    struct vcx_known *k = self;

    assert_true(k->at + n <= k->bytes.n);
    memcpy(bytes, k->bytes.p + k->at, n);
    k->at += n;
}

void vcx_known_init(struct vcx_known *k, const char *hex)
{
    *k = (struct vcx_known){.bytes = vcx_hex(hex), .random = {fill, k}};
}

void vcx_known_fini(struct vcx_known *k)
{
    pb_buf_fini(&k->bytes);
}

size_t vcx_each_message(const json_t *root, void (*visit)(const json_t *message, void *arg), void *arg)
{
    static const char *const groups[] = {"transcripts_credo_0_5_19", "transcripts_mediation_credo_0_5_19"};
    size_t n = 0, at;

    for (size_t g = 0; g < COUNT(groups); g++) {
        json_t *all = (json_t *)vcx_of(root, groups[g]), *list, *one;
        const char *name;

        json_object_foreach(all, name, list)
        {
            json_array_foreach(list, at, one)
            {
                visit(vcx_of(one, "plaintext"), arg);
                n++;
            }
        }
    }
    return n;
}

void vcx_expect(const char *name, bool refused, const char *why, const char *words)
{
    if (!refused)
        fail_msg("%s: taken, though '%s' was expected", name, words);
    if (!strstr(why, words))
        fail_msg("%s: '%s' expected, found '%s'", name, words, why);
}

void vcx_ran(const char *what, size_t n)
{
    print_message("vcx: %zu vectors: %s\n", n, what);
    assert_true(n > 0);
}
