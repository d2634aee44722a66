/* Test connection that misbehaves as its configuration says, on envelopes whose message begins with "bad",
 * or in connect: "hang", or "gate", which is closed until there is a file `open`. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/pbay_conn.h"

struct trouble {
    struct pbay_link *link;
    const char *mode;
};

static enum pbay_err trouble_connect(void *self, struct pbay_link *link)
{
    struct trouble *t = self;
    char *gate;
    bool open;

    t->link = link;
    t->mode = pbay_link_config(link, "mode", "sleep");
    while (strcmp(t->mode, "hang") == 0)
        usleep(1000 * 1000);
    if (strcmp(t->mode, "gate") != 0)
        return PBAY_OK;
    gate = pbay_link_path(link, "mode", "open");
    open = access(gate, F_OK) == 0;
    free(gate);
    return open ? PBAY_OK : pbay_link_fail(link, PBAY_IO, "the gate is not open");
}

static enum pbay_err trouble_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    const char *mode = ((struct trouble *)self)->mode;
    volatile unsigned turns = 0;

    (void)tag;
    if (strcmp(mode, "slow") == 0)
        usleep(1000);
    if (e->message.n < 3 || memcmp(e->message.p, "bad", 3) != 0)
        return PBAY_OK;
    if (strcmp(mode, "abort") == 0)
        _exit(134); /* as abort does, without a core file */
    if (strcmp(mode, "sleep") == 0)
        usleep(3000 * 1000);
    while (strcmp(mode, "loop") == 0)
        turns++;
    if (strcmp(mode, "fail") == 0)
        return pbay_link_fail(((struct trouble *)self)->link, PBAY_FAILED, "no luck today");
    return PBAY_OK;
}

int main(int argc, char **argv)
{
    static const struct pbay_conn_ops ops = {.class_name = "TroubleConnection",
                                             .state_size = sizeof(struct trouble),
                                             .connect = trouble_connect,
                                             .send = trouble_send};

    return pbay_conn_main(argc, argv, &ops);
}
