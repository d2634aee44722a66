/* The connection @NAME@, with blocking code: on_send runs in workers, of which config.max_thread_workers says how many. */
#include <stdio.h>

#include <pbay_sync.h>

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

/* An envelope for the outside world; may block. PBAY_OK: it is settled, its sender may forget it. */
static enum pbay_err @NAME@_send(void *self, const struct pbay_envelope *e)
{
    const struct @NAME@ *c = self;

    if (printf("%s %.*s: %.*s\n", c->greeting, (int)e->sender.n, e->sender.p, (int)e->message.n, e->message.p) < 0 ||
        fflush(stdout))
        return pbay_link_fail(c->link, PBAY_IO, "standard output is closed");
    return PBAY_OK;
}

int main(int argc, char **argv)
{
    static const struct pbay_sync_ops ops = {.class_name = "@CLASS@",
                                             .state_size = sizeof(struct @NAME@),
                                             .on_connect = @NAME@_connect,
                                             .on_send = @NAME@_send};

    return pbay_sync_main(argc, argv, &ops);
}
