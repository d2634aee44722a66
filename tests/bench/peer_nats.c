/* nats-server through libnats, its usual C client. */
#include <nats/nats.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/drive.h"

struct peer {
    natsOptions *options;
    natsConnection *connection;
    natsSubscription *inbox;
    natsMsg *last;
};

static void must(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        bench_die("%s: %s", what, natsStatus_GetText(status));
}

struct peer *peer_open(const struct bench_opts *o, const char *self)
{
    struct peer *p = calloc(1, sizeof *p);
    char url[64];

    if (!p)
        bench_die("no memory");
    must(natsOptions_Create(&p->options), "natsOptions_Create");
    snprintf(url, sizeof url, "nats://%s", o->address);
    must(natsOptions_SetURL(p->options, url), url);
    /* Pings, answers and acknowledgements go out in the call that publishes them; a flood is gathered by the client for
     * up to 1 ms, which is faster. */
    must(natsOptions_SetSendAsap(p->options, strcmp(o->role, "source") != 0), "natsOptions_SetSendAsap");
    must(natsConnection_Connect(&p->connection, p->options), "natsConnection_Connect");
    must(natsConnection_SubscribeSync(&p->inbox, p->connection, self), "natsConnection_SubscribeSync");
    must(natsSubscription_SetPendingLimits(p->inbox, -1, -1), "natsSubscription_SetPendingLimits");
    must(natsConnection_Flush(p->connection), "natsConnection_Flush");
    return p;
}

void peer_close(struct peer *p)
{
    natsConnection_Flush(p->connection);
    natsMsg_Destroy(p->last);
    natsSubscription_Destroy(p->inbox);
    natsConnection_Destroy(p->connection);
    natsOptions_Destroy(p->options);
    nats_Close();
    free(p);
}

void peer_put(struct peer *p, const char *to, const void *bytes, size_t n)
{
    must(natsConnection_Publish(p->connection, to, bytes, (int)n), "natsConnection_Publish");
}

/* libnats has a thread that writes what is gathered, at once when it is idle. */
void peer_flush(struct peer *p)
{
    (void)p;
}

bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms)
{
    natsStatus status;

    natsMsg_Destroy(p->last);
    p->last = NULL;
    status = natsSubscription_NextMsg(&p->last, p->inbox, timeout_ms);
    if (status == NATS_TIMEOUT)
        return false;
    must(status, "natsSubscription_NextMsg");
    *v = (struct drive_view){natsMsg_GetData(p->last), (size_t)natsMsg_GetDataLength(p->last)};
    return true;
}
