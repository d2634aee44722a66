/* A serialized connection from anywhere: what is read is written so that it is read again, as the same; and a core
 * whose wallet has every key takes it in, or says why not. */
#include <assert.h>
#include <string.h>

#include "connections/vcx/vcx_core.h"
#include "connections/vcx/vcx_serial.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t *any_secret(const void *self, const uint8_t key[VCX_KEY])
{
    static const uint8_t secret[VCX_SECRET] = {1};

    (void)self;
    (void)key;
    return secret;
}

static bool no_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    (void)self;
    (void)ephemeral;
    (void)key;
    return vcx_why(why, "no new keys");
}

static void check_again(const json_t *first)
{
    struct pb_buf text = {0};
    char why[VCX_WHY] = "";
    enum vcx_error code;
    json_t *second;

    assert(vcx_serial_write(&text, first));
    second = vcx_serial_read((struct pbay_str){(char *)text.p, text.n}, &code, why);
    assert(second && json_equal(first, second));
    json_decref(second);
    pb_buf_fini(&text);
}

static void check_core(struct pbay_str text)
{
    const struct vcx_core_conf conf = {
        .label = "x", .endpoint = "http://x/", .keys = {any_secret, NULL}, .new_key = no_key};
    struct vcx_core *core = vcx_core_new(&conf);
    char id[VCX_UUID] = "", why[VCX_WHY] = "";
    struct pb_buf again = {0};

    if (vcx_core_deserialize(core, text, id, why)) {
        assert(*why);
        assert(!vcx_core_next(core, NULL));
    } else {
        assert(vcx_core_find(core, id));
        assert(vcx_core_serialize(core, id, "http://x/", NULL, &again, why) == VCX_OK);
        (void)vcx_core_tick(core, INT64_MAX / 2);
    }
    pb_buf_fini(&again);
    vcx_core_destroy(&core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pbay_str text = {(const char *)data, n};
    char why[VCX_WHY] = "";
    enum vcx_error code;
    json_t *root;

    if (!vcx_init())
        return 0;
    root = vcx_serial_read(text, &code, why);
    if (root)
        check_again(root);
    else
        assert(code && *why);
    json_decref(root);
    check_core(text);
    return 0;
}
