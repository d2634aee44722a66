/* Test agent: puts what it is told to and tells how each envelope ends, in lines of JSON (talk.h).
 *
 * usage: refused [errors]      errors: ends come as envelopes of the default protocol, too
 *
 * in:  {"do": "put", ENVELOPE}; {"do": "reply", "lease": N, "message": TEXT}; {"do": "ack", "lease": N};
 *      {"do": "nack", "lease": N, "text": TEXT}
 * out: {"put": CODE, "tag": N}; {"outcome": CODE, "cause": CODE, "tag": N, "text": TEXT}; {"got": MESSAGE, "lease": N,
 *      "to": ..., "sender": ...}; {"error": NUMBER, "text": ..., "to": ..., "sender": ..., "data": {...}};
 *      {"linked": BOOL}
 * What it got stays leased until it is told what to do with it. The end of standard input ends it: 0, 1 with envelopes
 * left, 76 when another process has its name. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/pbay.h"
#include "schema/pbay_message.h"
#include "tests/e2e/talk.h"

#define MAX_LEASES 64
#define LOOK_MS    20   /* between two looks at the link */
#define FAREWELL   5000 /* ms for what was put to end */
#define FENCED     76

struct refused {
    pbay_t agent;
    struct pbay_protocols *protocols;
    struct talk talk;
    struct lease {
        uint64_t id; /* 0 = free */
        struct pbay_envelope e;
    } leases[MAX_LEASES];
    bool linked;
};

/* ---- what it is told ---- */

static struct lease *lease_of(struct refused *r, uint64_t id)
{
    for (unsigned i = 0; i < MAX_LEASES; i++) {
        if (r->leases[i].id == id)
            return &r->leases[i];
    }
    fprintf(stderr, "refused: no such lease, or too many of them\n");
    exit(3);
}

static struct lease *lease_named(struct refused *r, const json_t *command)
{
    return lease_of(r, (uint64_t)json_integer_value(json_object_get(command, "lease")));
}

static void say_put(enum pbay_err err, uint64_t tag)
{
    talk_say(json_pack("{s:s, s:I}", "put", pbay_err_name(err), "tag", (json_int_t)tag));
}

static void do_put(struct refused *r, const json_t *command)
{
    struct pbay_envelope e;
    uint64_t tag = 0;
    enum pbay_err err;

    talk_envelope(&r->talk, command, &e);
    err = pbay_put(r->agent, &e, 0, &tag);
    say_put(err, tag);
}

static void do_reply(struct refused *r, const json_t *command)
{
    uint64_t tag = 0;
    enum pbay_err err =
        pbay_reply(r->agent, &lease_named(r, command)->e, pbay_str(talk_text(command, "message")), 0, &tag);

    say_put(err, tag);
}

static void do_ack(struct refused *r, const json_t *command)
{
    struct lease *l = lease_named(r, command);

    pbay_ack(r->agent, l->id);
    l->id = 0;
}

static void do_nack(struct refused *r, const json_t *command)
{
    struct lease *l = lease_named(r, command);

    pbay_nack(r->agent, l->id, talk_text(command, "text"));
    l->id = 0;
}

static const struct {
    const char *name;
    void (*run)(struct refused *, const json_t *);
} commands[] = {{"put", do_put}, {"reply", do_reply}, {"ack", do_ack}, {"nack", do_nack}};

static void obey(struct refused *r, const json_t *command)
{
    const char *name = talk_text(command, "do");

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            commands[i].run(r, command);
            return;
        }
    }
    fprintf(stderr, "refused: no command '%s'\n", name);
    exit(3);
}

/* ---- what it tells ---- */

static json_t *data_of(const struct pbay_message *m)
{
    static const char *const keys[] = {"code", "cause", "tag", "to", "protocol"};
    json_t *data = json_object();

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_set_new(data, keys[i], talk_json(pbay_message_item(m, "error_data", keys[i])));
    return data;
}

/* true = it was an end as an envelope, read as any handler of the default protocol would read it. */
static bool say_error(struct refused *r, const struct pbay_envelope *e)
{
    struct pbay_message m = {0};
    bool is =
        pbay_message_decode(&m, r->protocols, e->protocol_id, e->message) == PBAY_OK && pbay_message_is(&m, "error");

    if (is)
        talk_say(json_pack("{s:I, s:o, s:o, s:o, s:o}", "error", (json_int_t)pbay_message_int(&m, "error_code"), "text",
                           talk_json(pbay_message_str(&m, "error_msg")), "to", talk_json(e->to), "sender",
                           talk_json(e->sender), "data", data_of(&m)));
    pbay_message_fini(&m);
    return is;
}

static enum pbay_err take_envelopes(struct refused *r)
{
    struct pbay_envelope e;
    enum pbay_err err;
    uint64_t id;

    while ((err = pbay_get(r->agent, &e, &id, 0)) == PBAY_OK) {
        if (say_error(r, &e)) {
            pbay_ack(r->agent, id);
            continue;
        }
        *lease_of(r, 0) = (struct lease){id, e};
        talk_say(json_pack("{s:o, s:I, s:o, s:o}", "got", talk_shown(e.message), "lease", (json_int_t)id, "to",
                           talk_json(e.to), "sender", talk_json(e.sender)));
    }
    return err;
}

static void take_outcomes(struct refused *r)
{
    struct pbay_outcome o;

    while (pbay_get_outcome(r->agent, &o, 0) == PBAY_OK)
        talk_say(json_pack("{s:s, s:s, s:I, s:o}", "outcome", pbay_err_name(o.err), "cause", pbay_err_name(o.cause),
                           "tag", (json_int_t)o.tag, "text", talk_json(pbay_str(o.text))));
}

static void look_at_link(struct refused *r)
{
    bool linked = pbay_is_connected(r->agent);

    if (linked != r->linked)
        talk_say(json_pack("{s:b}", "linked", linked));
    r->linked = linked;
}

static enum pbay_err serve(struct refused *r)
{
    enum pbay_err err = PBAY_TIMEOUT;

    while (err == PBAY_TIMEOUT && !r->talk.over) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = pbay_fd(r->agent), .events = POLLIN}};
        const json_t *command;

        poll(fds, 2, LOOK_MS);
        while ((command = talk_next(&r->talk)))
            obey(r, command);
        take_outcomes(r);
        err = take_envelopes(r);
        look_at_link(r);
    }
    return err;
}

int main(int argc, char **argv)
{
    const struct pbay_options options = {.error_envelopes = argc > 1 && strcmp(argv[1], "errors") == 0};
    static struct refused r;
    enum pbay_err err;
    size_t left = 0;

    if (pbay_open(&r.agent, &options) != PBAY_OK)
        return 2;
    r.protocols = pbay_protocols_new();
    err = serve(&r);
    pbay_close(r.agent, FAREWELL, &left);
    pbay_protocols_destroy(&r.protocols);
    talk_fini(&r.talk);
    if (err == PBAY_FENCED)
        return FENCED;
    return left > 0;
}
