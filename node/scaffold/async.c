/* The connection @NAME@: each function is called when there is something to do, and must not block. */
#include <stdio.h>

#include <pbay_conn.h>

struct @NAME@ {
    struct pbay_link *link;
    const char *greeting;
};

/* Open the outside world. If that fails it is tried again later; `patchbay ps` shows the reason meanwhile. */
static enum pbay_err @NAME@_connect(void *self, struct pbay_link *link)
{
    struct @NAME@ *c = self;

    c->link = link;
    c->greeting = pbay_link_config(link, "greeting", "hello");
    return PBAY_OK;
}

/* An envelope for the outside world. PBAY_OK: it is settled, its sender may forget it. */
static enum pbay_err @NAME@_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    const struct @NAME@ *c = self;

    (void)tag;
    if (printf("%s %.*s: %.*s\n", c->greeting, (int)e->sender.n, e->sender.p, (int)e->message.n, e->message.p) < 0 ||
        fflush(stdout))
        return pbay_link_fail(c->link, PBAY_IO, "standard output is closed");
    return PBAY_OK;
}

int main(int argc, char **argv)
{
    static const struct pbay_conn_ops ops = {.class_name = "@CLASS@",
                                             .state_size = sizeof(struct @NAME@),
                                             .connect = @NAME@_connect,
                                             .send = @NAME@_send};

    return pbay_conn_main(argc, argv, &ops);
}
