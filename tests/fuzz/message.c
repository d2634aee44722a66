/* Any bytes as a message of each protocol, and as AEA's envelope: what is read once is written in both encodings and
 * read again with the same meaning. */
#include <assert.h>
#include <stdlib.h>

#include "schema/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct pbay_str view(const struct pb_buf *b)
{
    return (struct pbay_str){(const char *)b->p, b->n};
}

static struct pb_buf encoded(struct pbay_message *m, enum pbay_encoding encoding)
{
    struct pb_buf b = {0};
    struct pbay_str bytes;
    enum pbay_err err;

    m->encoding = encoding;
    err = pbay_message_encode(m, &bytes);
    assert(!err);
    pb_buf_add(&b, bytes.p, bytes.n);
    return b;
}

/* bytes are the message in one of both; what they are read as is written as both again. */
static void read_again(const struct pbay_protocols *protocols, const char *id, struct pbay_str bytes,
                       const struct pb_buf both[2])
{
    struct pbay_message m = {0};
    enum pbay_err err = pbay_message_decode(&m, protocols, pbay_str(id), bytes);

    assert(!err);
    for (int i = PBAY_PROTOBUF; i <= PBAY_MSGPACK; i++) {
        struct pb_buf b = encoded(&m, (enum pbay_encoding)i);

        assert(pbay_str_eq(view(&b), view(&both[i])));
        pb_buf_fini(&b);
    }
    pbay_message_fini(&m);
}

static void message(const struct pbay_protocols *protocols, const char *id, struct pbay_str bytes)
{
    struct pbay_message m = {0};
    struct pb_buf both[2];
    enum pbay_err err = pbay_message_decode(&m, protocols, pbay_str(id), bytes);

    if (err) {
        assert(err == PBAY_FAILED && m.why[0] && !m.data);
        return;
    }
    for (int i = PBAY_PROTOBUF; i <= PBAY_MSGPACK; i++)
        both[i] = encoded(&m, (enum pbay_encoding)i);
    for (int i = PBAY_PROTOBUF; i <= PBAY_MSGPACK; i++)
        read_again(protocols, id, view(&both[i]), both);
    for (int i = PBAY_PROTOBUF; i <= PBAY_MSGPACK; i++)
        pb_buf_fini(&both[i]);
    pbay_message_fini(&m);
}

static void envelope(const struct pbay_protocols *protocols, struct pbay_str bytes)
{
    char why[PBAY_MAX_WHY], *memory, *written, *reread;
    struct pbay_envelope e, again;
    struct pbay_str anew;
    enum pbay_err err;

    if (pbay_envelope_decode(protocols, bytes, &e, &memory, why))
        return;
    err = pbay_envelope_encode(protocols, &e, &anew, &written, why);
    assert(!err);
    err = pbay_envelope_decode(protocols, anew, &again, &reread, why);
    assert(!err);
    assert(pbay_str_eq(e.to, again.to) && pbay_str_eq(e.sender, again.sender) && pbay_str_eq(e.uri, again.uri));
    assert(pbay_str_eq(e.protocol_id, again.protocol_id) && pbay_str_eq(e.message, again.message));
    free(memory);
    free(written);
    free(reread);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pbay_protocols *protocols = pbay_protocols_new();
    struct pbay_str bytes = {(const char *)data, n};

    for (size_t i = 0; i < protocols->n; i++)
        message(protocols, protocols->known[i]->protocol->id, bytes);
    envelope(protocols, bytes);
    pbay_protocols_destroy(&protocols);
    return 0;
}
