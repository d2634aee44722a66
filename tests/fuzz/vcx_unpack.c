/* Any bytes as an envelope, and as the protected header of one. The keys are those of the vectors, so that the corpus
 * can be opened. A refusal has a reason of one line and leaves nothing behind; what was opened may be a forward
 * message. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "connections/vcx/vcx_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct ring {
    uint8_t keys[4][VCX_KEY], secrets[4][VCX_SECRET];
};

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct ring *r = self;

    for (size_t i = 0; i < 4; i++) {
        if (memcmp(r->keys[i], key, VCX_KEY) == 0)
            return r->secrets[i];
    }
    return NULL;
}

static void make_ring(struct ring *r)
{
    static const char seeds[4][VCX_KEY + 1] = {"000000000000000000000000000Alice", "00000000000000000000000000000Bob",
                                               "000000000000000000000000000Carol", "000000000000000000000000Mediator"};

    for (size_t i = 0; i < 4; i++)
        crypto_sign_seed_keypair(r->keys[i], r->secrets[i], (const uint8_t *)seeds[i]);
}

static void check_why(const char *why)
{
    assert(*why);
    for (; *why; why++)
        assert(*why >= ' ' && *why <= '~');
}

static void try_forward(const struct vcx_opened *o)
{
    char why[VCX_WHY] = "";
    json_t *message = vcx_json_read((struct pbay_str){(char *)o->message.p, o->message.n}, "message", why);
    struct vcx_forward forward;

    if (!message || !vcx_forward_read(&forward, message, why))
        check_why(why);
    if (message)
        vcx_forward_fini(&forward);
    json_decref(message);
}

static void try_envelope(const struct ring *r, struct pbay_str text)
{
    struct vcx_keys keys = {secret_of, r};
    char why[VCX_WHY] = "";
    struct vcx_opened o;

    if (vcx_unpack(text, &keys, &o, why)) {
        assert(secret_of(r, o.recipient));
        try_forward(&o);
    } else {
        check_why(why);
        assert(!o.message.p && !o.has_sender);
    }
    vcx_opened_fini(&o);
}

static void try_header(const struct ring *r, const uint8_t *data, size_t n)
{
    static const char begin[] = "{\"protected\":\"",
                      end[] =
                          "\",\"iv\":\"AAAAAAAAAAAAAAAA\",\"ciphertext\":\"AA\",\"tag\":\"AAAAAAAAAAAAAAAAAAAAAA\"}";
    struct pb_buf text = {0};

    pb_buf_add(&text, begin, sizeof begin - 1);
    vcx_b64_encode(&text, data, n, true);
    pb_buf_add(&text, end, sizeof end - 1);
    try_envelope(r, (struct pbay_str){(char *)text.p, text.n});
    pb_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct ring ring;

    if (!vcx_init())
        return 0;
    make_ring(&ring);
    try_envelope(&ring, (struct pbay_str){(const char *)data, n});
    try_header(&ring, data, n);
    return 0;
}
