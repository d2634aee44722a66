/* An agent that answers each HTTP request with what it holds, and every other envelope with the same message. SIGTERM
 * ends it cleanly. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pbay.h"
#include "pbay_message.h"

#define HTTP "valory/http:1.0.0"

#define FENCED   76   /* a newer process has this agent's name: do not start again */
#define PATIENCE 250  /* ms until the flag is looked at again */
#define FAREWELL 5000 /* ms for what was sent to end */

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* The header line that says what the request's body is; text if it does not say so. */
static struct pbay_str content_type(struct pbay_str headers)
{
    static const char name[] = "Content-Type:";
    const char *end;

    while (headers.n > sizeof name && (end = memchr(headers.p, '\n', headers.n))) {
        size_t n = (size_t)(end - headers.p) + 1;

        if (strncasecmp(headers.p, name, sizeof name - 1) == 0)
            return (struct pbay_str){headers.p, n};
        headers.p += n;
        headers.n -= n;
    }
    return pbay_str("Content-Type: text/plain; charset=utf-8\n");
}

/* 200 with the request's body; without one, with its first line. */
static void respond(const struct pbay_message *request, struct pbay_message *response)
{
    struct pbay_str method = pbay_message_str(request, "method"), url = pbay_message_str(request, "url");
    struct pbay_str body = pbay_message_str(request, "body"), headers = pbay_message_str(request, "headers");
    char *line = NULL;
    int n = 0;

    if (body.n == 0)
        n = asprintf(&line, "%.*s %.*s\n", (int)method.n, method.p, (int)url.n, url.p);
    pbay_message_answer(response, request);
    pbay_message_set_str(response, "version", pbay_message_str(request, "version"));
    pbay_message_set_int(response, "status_code", 200);
    pbay_message_set_str(response, "status_text", pbay_str("OK"));
    pbay_message_set_str(response, "headers", content_type(body.n ? headers : pbay_str("")));
    pbay_message_set_bytes(response, "body", n > 0 ? (struct pbay_str){line, (size_t)n} : body);
    if (n >= 0)
        free(line);
}

/* An answer that finds no room is not lost: its envelope stays unsettled until the next get. */
static enum pbay_err reply(pbay_t agent, const struct pbay_envelope *e, struct pbay_str message)
{
    enum pbay_err err;

    do {
        err = pbay_reply(agent, e, message, PATIENCE, NULL);
    } while (err == PBAY_AGAIN && !stop);
    if (err == PBAY_OK || err == PBAY_FENCED || err == PBAY_CLOSED)
        return err;
    fprintf(stderr, "echo: no answer: %s\n", pbay_err_text(err));
    return PBAY_OK;
}

/* Take one envelope and answer it. */
static enum pbay_err serve(pbay_t agent, const struct pbay_protocols *protocols)
{
    struct pbay_message request = {0}, response = {0};
    struct pbay_envelope e;
    struct pbay_str answer;
    enum pbay_err err = pbay_get(agent, &e, NULL, PATIENCE);

    if (err)
        return err == PBAY_TIMEOUT ? PBAY_OK : err;
    answer = e.message;
    if (pbay_str_eq(e.protocol_id, pbay_str(HTTP)) &&
        pbay_message_decode(&request, protocols, e.protocol_id, e.message) == PBAY_OK &&
        pbay_message_is(&request, "request")) {
        pbay_message_init(&response, protocols, e.protocol_id, "response");
        respond(&request, &response);
        pbay_message_encode(&response, &answer);
    }
    err = reply(agent, &e, answer);
    pbay_message_fini(&request);
    pbay_message_fini(&response);
    return err;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct pbay_protocols *protocols;
    enum pbay_err err;
    size_t left = 0;
    pbay_t agent;

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    err = pbay_open(&agent, NULL);
    if (err)
        return err == PBAY_INVALID ? 2 : 1;
    protocols = pbay_protocols_new();
    while (!err && !stop)
        err = serve(agent, protocols);
    if (err)
        fprintf(stderr, "echo: %s\n", pbay_err_text(err));
    if (pbay_close(agent, FAREWELL, &left) == PBAY_TIMEOUT)
        fprintf(stderr, "echo: left: %zu envelopes\n", left);
    pbay_protocols_destroy(&protocols);
    if (err == PBAY_FENCED)
        return FENCED;
    return err ? 1 : 0;
}
