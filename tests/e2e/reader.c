/* Test agent: takes messages that can be decoded, and answers a request to echo with the same content. */
#include <signal.h>
#include <stdio.h>

#include "node/pbay.h"
#include "schema/pbay_message.h"

#define PATIENCE 100 /* ms */
#define FAREWELL 5000

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void reply(pbay_t agent, const struct pbay_protocols *protocols, const struct pbay_envelope *e,
                  const struct pbay_message *m)
{
    struct pbay_message answer = {0};
    struct pbay_str bytes;

    if (!pbay_message_is(m, "bytes"))
        return;
    pbay_message_init(&answer, protocols, e->protocol_id, "bytes");
    pbay_message_set_bytes(&answer, "content", pbay_message_str(m, "content"));
    if (pbay_message_encode(&answer, &bytes) == PBAY_OK)
        pbay_reply(agent, e, bytes, -1, NULL);
    pbay_message_fini(&answer);
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct pbay_protocols *protocols = pbay_protocols_new();
    struct pbay_message m = {0};
    struct pbay_envelope e;
    enum pbay_err err;
    pbay_t agent;

    sigaction(SIGTERM, &action, NULL);
    err = pbay_open(&agent, NULL);
    while (!err && !stop) {
        err = pbay_get_message(agent, protocols, &e, &m, NULL, PATIENCE);
        if (!err)
            reply(agent, protocols, &e, &m);
        if (err == PBAY_TIMEOUT)
            err = PBAY_OK;
    }
    pbay_close(agent, FAREWELL, NULL);
    pbay_message_fini(&m);
    pbay_protocols_destroy(&protocols);
    return err != PBAY_OK;
}
