/* Messages of a client: whatever it says, another client's keys, messages and links stay what they are and are not
 * told, and its own stay within the limits. The input: a byte (granted or not), and messages, a line each. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connections/agency/agency_int.h"

#define NOW    INT64_C(1700000000000)
#define SECRET "ciphertextofanother"
#define UID    "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct ring {
    uint8_t secrets[8][VCX_SECRET];
    size_t n;
};

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct ring *r = self;

    for (size_t i = 0; i < r->n; i++) {
        if (memcmp(r->secrets[i] + VCX_KEY, key, VCX_KEY) == 0)
            return r->secrets[i];
    }
    return NULL;
}

static bool new_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct ring *r = self;
    uint8_t seed[VCX_KEY] = {(uint8_t)r->n};

    (void)ephemeral;
    (void)why;
    assert(r->n < sizeof r->secrets / sizeof *r->secrets);
    crypto_sign_seed_keypair(key, r->secrets[r->n++], seed);
    return true;
}

static void drop_key(void *self, const uint8_t key[VCX_KEY])
{
    (void)self;
    (void)key;
}

/* One for all inputs: each of them is rolled back. */
static struct agency *the_agency(void)
{
    static struct ring ring;
    static struct agency *agency;
    struct agency_conf conf = {
        .label = "x",
        .url = "https://x",
        .keys = {secret_of, &ring},
        .new_key = new_key,
        .drop_key = drop_key,
        .self = &ring,
        .limits = {.clients = 4, .keys = 3, .messages = 9, .links = 2, .link_hours = 1, .poll = 9}};
    char path[] = "/tmp/fuzz_agency_XXXXXX", wal[sizeof path + 4], why[VCX_WHY];
    int fd;

    if (agency)
        return agency;
    assert(vcx_init());
    fd = mkstemp(path);
    assert(fd >= 0);
    close(fd);
    conf.db = store_open(path, why);
    assert(conf.db);
    agency = agency_new(&conf, NOW, why);
    assert(agency);
    snprintf(wal, sizeof wal, "%s-wal", path);
    unlink(path);
    unlink(wal);
    return agency;
}

/* What everybody has: two keys, two messages, a link. */
static void add_client(struct agency *a, const char *id, uint8_t key, const char *text, const char *uid)
{
    uint8_t bytes[VCX_KEY];
    char envelope[128];

    (void)vcx_db_do(a->conf.db, "INSERT INTO connection (id, json) VALUES (?1, '{}')", "s", id);
    store_add_client(a->conf.db, id, NOW);
    snprintf(envelope, sizeof envelope, "{\"protected\":\"p\",\"iv\":\"i\",\"ciphertext\":\"%s\",\"tag\":\"t\"}", text);
    for (uint8_t i = 0; i < 2; i++) {
        memset(bytes, key + i, sizeof bytes);
        store_add_route(a->conf.db, bytes, id);
        store_queue(a->conf.db, id, bytes, pbay_str(envelope), NOW - 1000);
    }
    store_add_link(a->conf.db, uid, id, pbay_str("https://x?oob=" SECRET), NOW + 1000);
}

static void check_answer(json_t *answer)
{
    char *text = answer ? json_dumps(answer, 0) : NULL;
    struct pb_buf encoded = {0};

    if (!answer)
        return;
    assert(text && json_is_string(json_object_get(answer, "@type")) && json_is_string(json_object_get(answer, "@id")));
    vcx_b64_encode(&encoded, "{\"protected\":\"p\",\"iv\":\"i\",\"ciphertext\":\"" SECRET, 54, false);
    pb_buf_add(&encoded, "", 1);
    assert(!strstr(text, SECRET) && !strstr(text, (char *)encoded.p));
    pb_buf_fini(&encoded);
    free(text);
    json_decref(answer);
}

static void say(struct agency *a, const uint8_t *text, size_t n)
{
    static const uint8_t sender[VCX_KEY] = {1};
    struct agency_client client;
    char why[VCX_WHY];
    json_t *message = vcx_json_read((struct pbay_str){(const char *)text, n}, "the message", why);
    struct agency_talk t = {
        .a = a, .client = &client, .sender = sender, .message = message, .thid = "t", .routed = true, .now = NOW};

    if (message && json_is_string(json_object_get(message, "@type"))) { /* the core has seen to that */
        assert(store_client(a->conf.db, "a", &client));
        agency_talk(&t);
        assert(!t.answer || !t.wait);
        check_answer(t.answer);
        free(t.wait);
    }
    json_decref(message);
}

static void check(struct agency *a)
{
    struct agency_client own, other;
    struct agency_link link;

    assert(store_client(a->conf.db, "a", &own) && store_client(a->conf.db, "b", &other));
    assert(own.keys <= 3 && own.links <= 2 && own.messages >= 0 && own.messages <= 2 && own.bytes >= 0);
    assert(other.keys == 2 && other.links == 1 && other.messages == 2 && !other.granted);
    assert(store_link(a->conf.db, UID, &link) && !link.used && link.url.n);
    pb_buf_fini(&link.url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct agency *a = the_agency();

    if (n < 1 || memmem(data, n, SECRET, strlen(SECRET)))
        return -1; /* keys and actions come back as they were written */
    vcx_db_begin(a->conf.db);
    add_client(a, "a", 1, "own", "fedcba9876543210fedcba9876543210");
    add_client(a, "b", 101, SECRET, UID);
    if (data[0] & 1)
        store_grant(a->conf.db, "a");
    for (size_t at = 1; at < n;) {
        const uint8_t *end = memchr(data + at, '\n', n - at);
        size_t length = end ? (size_t)(end - data) - at : n - at;

        say(a, data + at, length);
        at += length + 1;
    }
    check(a);
    vcx_db_rollback(a->conf.db);
    return 0;
}
