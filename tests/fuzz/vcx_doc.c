/* A line with a DID, and behind it JSON: the document that came with it, an invitation, a signature or an
 * attachment of a message. And the line as what a key, base58 or base64 may be: what can be read is written as it was.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "connections/vcx/vcx_did.h"
#include "connections/vcx/vcx_invite.h"
#include "connections/vcx/vcx_sig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_why(const char *why)
{
    assert(*why);
    for (; *why; why++)
        assert(*why >= ' ' && *why <= '~');
}

static void check_service(const struct vcx_service *s)
{
    assert(strlen(s->endpoint) >= 1 && strlen(s->endpoint) <= VCX_MAX_URL);
    assert(s->recipient_n >= 1 && s->recipient_n <= VCX_MAX_SERVICE_KEYS && s->routing_n <= VCX_MAX_ROUTING);
}

static void try_did(struct pbay_str did, const json_t *json)
{
    char why[VCX_WHY] = "", brief[VCX_MAX_SHORT];
    struct vcx_doc doc;

    if (!vcx_did_resolve(&doc, did, json, why)) {
        check_why(why);
    } else {
        assert(doc.key_n <= VCX_MAX_METHODS && doc.service_n <= VCX_MAX_SERVICES);
        for (size_t i = 0; i < doc.service_n; i++) {
            check_service(&doc.services[i]);
            assert(i == 0 || doc.services[i - 1].priority <= doc.services[i].priority);
        }
    }
    (void)vcx_peer4_short(did, brief, why);
    (void)vcx_doc_read(&doc, json, did, why);
}

static void try_json(const json_t *json)
{
    static const uint8_t signer[VCX_KEY] = {0xe5, 0x3a, 0x4f, 0x29, 0x5b, 0x3a, 0x55, 0xd8, 0xc1, 0xe4, 0x10,
                                            0x2c, 0x96, 0xb9, 0x6c, 0x8f, 0x7f, 0xbf, 0xbf, 0xc2, 0xdc, 0x44,
                                            0x6e, 0x0c, 0xe5, 0xac, 0xad, 0x35, 0xc1, 0xd5, 0xed, 0x33};
    struct vcx_service service;
    struct vcx_invite invite;
    char why[VCX_WHY] = "", *text;
    struct pb_buf out = {0};
    int64_t seconds;
    json_t *value;

    if (vcx_service_read(&service, json, why))
        check_service(&service);
    else
        check_why(why);
    why[0] = 0;
    text = json_dumps(json, JSON_COMPACT);
    if (vcx_invite_read(&invite, pbay_str(text), why))
        check_why(why);
    else if (invite.kind != VCX_INVITE_DETAILS)
        check_service(&invite.service);
    vcx_invite_fini(&invite);
    free(text);
    why[0] = 0;
    value = vcx_sig_read(json, signer, &seconds, why);
    if (!value)
        check_why(why);
    json_decref(value);
    why[0] = 0;
    if (!vcx_attach_read(&out, json, signer, why))
        check_why(why);
    pb_buf_fini(&out);
}

static void try_text(struct pbay_str text)
{
    struct pb_buf bytes = {0}, again = {0};
    uint8_t key[VCX_KEY];

    (void)vcx_key_parse(text, key);
    if (vcx_b58_decode(&bytes, text)) {
        assert(vcx_b58_encode(&again, bytes.p, bytes.n));
        assert(again.n == text.n && (text.n == 0 || memcmp(again.p, text.p, text.n) == 0));
    }
    bytes.n = again.n = 0;
    if (vcx_b64_decode(&bytes, text, VCX_B64_URL)) {
        vcx_b64_encode(&again, bytes.p, bytes.n, text.n && text.p[text.n - 1] == '=');
        assert(again.n == text.n && (text.n == 0 || memcmp(again.p, text.p, text.n) == 0));
    }
    pb_buf_fini(&bytes);
    pb_buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *mark = n ? memchr(data, '\n', n) : NULL;
    size_t first = mark ? (size_t)(mark - data) : n;
    struct pbay_str line = {(const char *)data, first},
                    rest = {(const char *)data + first + (mark ? 1 : 0), n - first - (mark ? 1 : 0)};
    char why[VCX_WHY] = "";
    json_t *json;

    if (!vcx_init())
        return 0;
    json = vcx_json_read(rest, "document", why);
    if (!json)
        check_why(why);
    try_text(line);
    try_did(line, json);
    if (json)
        try_json(json);
    json_decref(json);
    return 0;
}
