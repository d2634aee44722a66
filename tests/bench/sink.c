/* The product's sink: a connection whose send checks the order by the number in each message, and measures how old it
 * is. A message with BENCH_ECHO goes back at once. SIGTERM makes it say what it has seen. */
#include <stdlib.h>
#include <string.h>

#include "node/pbay_conn.h"
#include "tests/bench/common.h"

struct sink {
    struct bench_tally tally;
    struct pbay_link *link;
    char *echo; /* one message that waits to be received */
    size_t echo_n;
};

static enum pbay_err sink_connect(void *self, struct pbay_link *link)
{
    struct sink *s = self;

    s->link = link;
    s->echo = malloc(BENCH_MAX_SIZE);
    puts("ready");
    fflush(stdout);
    return s->echo ? PBAY_OK : PBAY_NOMEM;
}

/* One is enough: of pings there is one under way, and a later acknowledgement says all that an earlier one does. */
static enum pbay_err keep_echo(struct sink *s, struct pbay_str message)
{
    if (message.n > BENCH_MAX_SIZE)
        bench_die("a message of %zu bytes", message.n);
    memcpy(s->echo, message.p, message.n);
    s->echo_n = message.n;
    pbay_link_wake(s->link);
    return PBAY_OK;
}

static enum pbay_err sink_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct sink *s = self;
    struct bench_stamp stamp;

    (void)tag;
    if (!pbay_str_eq(e->protocol_id, pbay_str("fetchai/default:1.0.0")))
        bench_die("an envelope of a protocol that the restrictions exclude");
    bench_take(&s->tally, e->message.p, e->message.n, &stamp);
    return stamp.flags & (BENCH_ECHO | BENCH_ACK) ? keep_echo(s, e->message) : PBAY_OK;
}

static enum pbay_err sink_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct sink *s = self;

    if (s->echo_n == 0)
        return PBAY_AGAIN;
    *e = (struct pbay_envelope){.to = pbay_str("bench"),
                                .sender = pbay_str("peer"),
                                .protocol_id = pbay_str("fetchai/default:1.0.0"),
                                .message = {s->echo, s->echo_n}};
    *tag = 0;
    s->echo_n = 0;
    return PBAY_OK;
}

static void sink_disconnect(void *self)
{
    struct sink *s = self;

    if (s->tally.measured)
        bench_tally_json(&s->tally, stdout);
    free(s->echo);
    memset(s, 0, sizeof *s);
}

int main(int argc, char **argv)
{
    static const struct pbay_conn_ops ops = {.class_name = "BenchSink",
                                             .state_size = sizeof(struct sink),
                                             .connect = sink_connect,
                                             .disconnect = sink_disconnect,
                                             .send = sink_send,
                                             .receive = sink_receive};

    return pbay_conn_main(argc, argv, &ops);
}
