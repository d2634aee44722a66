/* Test connection that misbehaves as its configuration says, on envelopes whose message begins with "bad". */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/pbay_conn.h"

struct trouble {
    const char *mode;
};

static enum pbay_err trouble_connect(void *self, struct pbay_link *link)
{
    ((struct trouble *)self)->mode = pbay_link_config(link, "mode", "sleep");
    return PBAY_OK;
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
