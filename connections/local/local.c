/* The broker delivers between its agents itself (SPEC 6.7.2), so every envelope that comes here is for nobody. It ends
 * at once, since its sender may wait for that without reading its InBox; the answer for that InBox follows. Every
 * answer is the same message, so only its address is kept. */
#include "connections/local/local.h"

#include <assert.h>
#include <string.h>

#include "schema/protocols/default.h"

#define NODE "oef_local_node" /* AEA's name of who answers */
#define TEXT "Destination not available"

struct address {
    size_t n;
    char p[PBAY_MAX_ADDRESS];
};

struct local {
    struct pbay_link *link;
    struct pbay_protocols *protocols;
    struct pbay_message error;
    struct pbay_str bytes;                     /* of error */
    struct address answers[LOCAL_MAX_ANSWERS]; /* whom they are for: a ring */
    size_t first, n;
    bool full; /* `send` has answered AGAIN */
};

static void local_disconnect(void *self)
{
    struct local *s = self;

    pbay_message_fini(&s->error);
    pbay_protocols_destroy(&s->protocols);
    s->first = s->n = 0;
    s->full = false;
}

static enum pbay_err local_connect(void *self, struct pbay_link *link)
{
    struct local *s = self;
    bool good;

    local_disconnect(s);
    s->link = link;
    s->protocols = pbay_protocols_new();
    good = pbay_default_error_init(&s->error, s->protocols, PBAY_DEFAULT_ENUM_ERRORCODE_INVALID_DIALOGUE,
                                   pbay_str(TEXT)) == PBAY_OK &&
           pbay_message_encode(&s->error, &s->bytes) == PBAY_OK;
    assert(good); /* built in */
    return PBAY_OK;
}

/* Two who answer errors with errors would never come to an end. */
static bool is_error(const struct local *s, const struct pbay_envelope *e)
{
    struct pbay_message m = {0};
    bool is;

    is = pbay_str_eq(e->protocol_id, pbay_str(PBAY_DEFAULT_ID)) &&
         pbay_message_decode(&m, s->protocols, e->protocol_id, e->message) == PBAY_OK &&
         pbay_message_is(&m, PBAY_DEFAULT_PERFORMATIVE_ERROR);
    pbay_message_fini(&m);
    return is;
}

static void answer(struct local *s, struct pbay_str to)
{
    struct address *a = &s->answers[(s->first + s->n) % LOCAL_MAX_ANSWERS];

    assert(s->n < LOCAL_MAX_ANSWERS && to.n <= sizeof a->p);
    memcpy(a->p, to.p, to.n);
    a->n = to.n;
    s->n++;
    pbay_link_wake(s->link);
}

/* Settled, not returned: it is the sender who hears of it, not the log. */
static enum pbay_err local_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct local *s = self;

    if (s->n == LOCAL_MAX_ANSWERS) {
        s->full = true;
        return PBAY_AGAIN;
    }
    if (!is_error(s, e))
        answer(s, e->sender);
    pbay_link_settle_why(s->link, tag, PBAY_FAILED, "%s", TEXT);
    return PBAY_PENDING;
}

static enum pbay_err local_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct local *s = self;
    const struct address *a = &s->answers[s->first];

    (void)tag;
    if (s->n == 0)
        return PBAY_AGAIN;
    e->to = (struct pbay_str){a->p, a->n};
    e->sender = pbay_str(NODE);
    e->protocol_id = pbay_str(PBAY_DEFAULT_ID);
    e->message = s->bytes;
    s->first = (s->first + 1) % LOCAL_MAX_ANSWERS;
    s->n--;
    if (s->full)
        pbay_link_wake(s->link);
    s->full = false;
    return PBAY_OK;
}

static bool local_drain(void *self)
{
    const struct local *s = self;

    return s->n == 0;
}

const struct pbay_conn_ops local_ops = {
    .class_name = "OEFLocalConnection",
    .state_size = sizeof(struct local),
    .answers = true,
    .connect = local_connect,
    .disconnect = local_disconnect,
    .send = local_send,
    .receive = local_receive,
    .drain = local_drain,
};
