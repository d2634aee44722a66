/* Envelopes with their messages decoded; what cannot be decoded is answered as AEA's error skill does. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "node/agent_int.h"
#include "node/pbay.h"
#include "schema/pbay_message.h"
#include "schema/visibility.h"

#define ERROR_PROTOCOL "fetchai/default:1.0.0"

enum { UNSUPPORTED_PROTOCOL = 0, DECODING_ERROR = 1 }; /* of its error codes */

/* AEA writes bytes into error_data as Python's base64.b85encode does: five digits for four bytes, the end cut off. */
static struct pbay_str to_base85(struct pbay_str bytes, char *out)
{
    static const char digits[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    size_t n = 0;

    for (size_t i = 0; i < bytes.n; i += 4) {
        size_t left = bytes.n - i < 4 ? bytes.n - i : 4;
        uint8_t four[4] = {0};
        uint32_t v;

        memcpy(four, bytes.p + i, left);
        v = (uint32_t)four[0] << 24 | (uint32_t)four[1] << 16 | (uint32_t)four[2] << 8 | four[3];
        for (size_t k = 5; k-- > 0; v /= 85)
            out[n + k] = digits[v % 85];
        n += left + 1;
    }
    return (struct pbay_str){out, n};
}

static void set_base85(struct pbay_message *m, const char *key, struct pbay_str bytes)
{
    char *text = pb_alloc(bytes.n / 4 * 5 + 5);

    pbay_message_set_item(m, "error_data", pbay_str(key), to_base85(bytes, text));
    free(text);
}

static void set_envelope(struct pbay_message *m, const struct pbay_protocols *protocols, const struct pbay_envelope *e)
{
    char why[PBAY_MAX_WHY], *memory = NULL;
    struct pbay_str bytes;

    if (pbay_envelope_encode(protocols, e, &bytes, &memory, why) == PBAY_OK)
        set_base85(m, "envelope", bytes);
    free(memory);
}

/* Where there is no room for the answer, its sender still hears how the envelope has ended. */
static void answer(pbay_t agent, const struct pbay_protocols *protocols, const struct pbay_envelope *e, bool unknown)
{
    struct pbay_envelope back = {.to = e->sender,
                                 .sender = e->to,
                                 .protocol_id = pbay_str(ERROR_PROTOCOL),
                                 .origin = e->origin,
                                 .traceparent = e->traceparent};
    struct pbay_message m = {0};
    enum pbay_err err = pbay_message_init(&m, protocols, back.protocol_id, "error");

    assert(!err); /* it is shipped */
    pbay_message_set_int(&m, "error_code", unknown ? UNSUPPORTED_PROTOCOL : DECODING_ERROR);
    pbay_message_set_str(&m, "error_msg", pbay_str(unknown ? "Unsupported protocol." : "Decoding error."));
    if (unknown)
        set_base85(&m, "protocol_id", e->protocol_id);
    set_envelope(&m, protocols, e);
    if (pbay_message_encode(&m, &back.message) == PBAY_OK)
        pbay_put(agent, &back, 0, NULL);
    pbay_message_fini(&m);
}

static enum pbay_err take(pbay_t agent, const struct pbay_protocols *protocols, const struct pbay_envelope *e,
                          struct pbay_message *m)
{
    enum pbay_err err = pbay_message_decode(m, protocols, e->protocol_id, e->message);

    if (err)
        answer(agent, protocols, e, err == PBAY_INVALID);
    return err;
}

PBAY_API enum pbay_err pbay_get_message(pbay_t agent, const struct pbay_protocols *protocols,
                                        struct pbay_envelope *envelope, struct pbay_message *message, uint64_t *lease,
                                        int timeout_ms)
{
    int64_t end = timeout_ms < 0 ? INT64_MAX : pb_now() + timeout_ms;

    for (;;) {
        int64_t left = end == INT64_MAX ? -1 : end - pb_now();
        uint64_t own = 0;
        enum pbay_err err = pbay_get(agent, envelope, &own, end != INT64_MAX && left < 0 ? 0 : (int)left);

        if (err)
            return err;
        err = take(agent, protocols, envelope, message);
        if (!err && !lease)
            return agent_ack_later(agent, own);
        if (!err) {
            *lease = own;
            return PBAY_OK;
        }
        err = agent_finish(agent, own, PBAY_MALFORMED,
                           err == PBAY_INVALID ? "its protocol is not known here" : message->why);
        if (err == PBAY_CLOSED)
            return err;
    }
}
