/* Test connection: what an agent sends comes back to it, and is settled only when it has arrived there. */
#include <string.h>

#include "node/pbay_conn.h"

#define MAX_KEPT 8192

struct kept {
    const struct pbay_envelope *e; /* lives until settled */
    uint64_t tag;
};

struct loop {
    struct pbay_link *link;
    struct kept kept[MAX_KEPT]; /* a ring: [first, next) wait to be received */
    unsigned first, next;
};

static enum pbay_err loop_connect(void *self, struct pbay_link *link)
{
    ((struct loop *)self)->link = link;
    return PBAY_OK;
}

static void loop_disconnect(void *self)
{
    struct loop *l = self;

    l->first = l->next = 0;
}

static enum pbay_err loop_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct loop *l = self;

    if (l->next - l->first == MAX_KEPT)
        return PBAY_AGAIN;
    l->kept[l->next++ % MAX_KEPT] = (struct kept){e, tag};
    pbay_link_wake(l->link);
    return PBAY_PENDING;
}

static enum pbay_err loop_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct loop *l = self;
    struct kept *k = &l->kept[l->first % MAX_KEPT];

    if (l->first == l->next)
        return PBAY_AGAIN;
    *e = (struct pbay_envelope){
        .to = k->e->sender, .sender = k->e->to, .protocol_id = k->e->protocol_id, .message = k->e->message};
    *tag = k->tag;
    l->first++;
    return PBAY_OK;
}

static void loop_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    pbay_link_settle(((struct loop *)self)->link, tag, err);
}

int main(int argc, char **argv)
{
    static const struct pbay_conn_ops ops = {.class_name = "LoopConnection",
                                             .state_size = sizeof(struct loop),
                                             .connect = loop_connect,
                                             .disconnect = loop_disconnect,
                                             .send = loop_send,
                                             .receive = loop_receive,
                                             .outcome = loop_outcome};

    return pbay_conn_main(argc, argv, &ops);
}
