/* A connection with blocking code: tells the agent the time, every `period` ms, and prints what it answers. */
#include <pbay_sync.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct clock {
    struct pbay_link *link;
};

static enum pbay_err clock_connect(void *self, struct pbay_link *link)
{
    struct clock *c = self;

    c->link = link;
    return PBAY_OK;
}

/* In a worker; may block. The envelope is settled when this returns PBAY_OK; otherwise its sender is told why. */
static enum pbay_err clock_send(void *self, const struct pbay_envelope *e)
{
    const struct clock *c = self;

    if (printf("%.*s: %.*s\n", (int)e->sender.n, e->sender.p, (int)e->message.n, e->message.p) < 0 || fflush(stdout))
        return pbay_link_fail(c->link, PBAY_IO, "standard output is closed");
    return PBAY_OK;
}

/* In a thread of its own, until pbay_link_wait says that it is over. */
static enum pbay_err clock_main(void *self)
{
    const struct clock *c = self;
    int period = (int)pbay_link_config_int(c->link, "period", 1000);
    struct pbay_envelope e = {.to = pbay_str(pbay_link_agent(c->link)),
                              .sender = pbay_str("clock"),
                              .protocol_id = pbay_str("fetchai/default:1.0.0")};
    char text[32];

    while (pbay_link_wait(c->link, period)) {
        time_t now = time(NULL);

        e.message = (struct pbay_str){text, strcspn(ctime_r(&now, text), "\n")};
        pbay_put_envelope(c->link, &e, 0, -1);
    }
    return PBAY_OK;
}

int main(int argc, char **argv)
{
    static const struct pbay_sync_ops ops = {.class_name = "ClockConnection",
                                             .state_size = sizeof(struct clock),
                                             .on_connect = clock_connect,
                                             .on_send = clock_send,
                                             .main = clock_main};

    return pbay_sync_main(argc, argv, &ops);
}
