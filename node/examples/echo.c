/* An agent that answers every envelope with the same message. SIGTERM ends it cleanly. */
#include <signal.h>
#include <stdio.h>

#include "pbay.h"

#define FENCED   76   /* a newer process has this agent's name: do not start again */
#define PATIENCE 250  /* ms until the flag is looked at again */
#define FAREWELL 5000 /* ms for what was sent to end */

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* An answer that finds no room is not lost: its envelope stays unsettled until the next get. */
static enum pbay_err echo(pbay_t agent)
{
    struct pbay_envelope e;
    enum pbay_err err = pbay_get(agent, &e, NULL, PATIENCE);

    if (err)
        return err == PBAY_TIMEOUT ? PBAY_OK : err;
    do {
        err = pbay_reply(agent, &e, e.message, PATIENCE, NULL);
    } while (err == PBAY_AGAIN && !stop);
    if (err == PBAY_OK || err == PBAY_FENCED || err == PBAY_CLOSED)
        return err;
    fprintf(stderr, "echo: no answer: %s\n", pbay_err_text(err));
    return PBAY_OK;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    enum pbay_err err;
    size_t left = 0;
    pbay_t agent;

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    err = pbay_open(&agent, NULL);
    if (err)
        return err == PBAY_INVALID ? 2 : 1;
    while (!err && !stop)
        err = echo(agent);
    if (err)
        fprintf(stderr, "echo: %s\n", pbay_err_text(err));
    if (pbay_close(agent, FAREWELL, &left) == PBAY_TIMEOUT)
        fprintf(stderr, "echo: left: %zu envelopes\n", left);
    if (err == PBAY_FENCED)
        return FENCED;
    return err ? 1 : 0;
}
