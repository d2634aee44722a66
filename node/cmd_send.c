/* patchbay send: one envelope, put by an instance of the agent of its own that takes no envelopes for the agent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/cmd.h"
#include "node/link.h"
#include "node/pbay.h"

#define DEFAULT_PROTOCOL "fetchai/default:1.0.0"
#define DEFAULT_TIMEOUT  10000
#define MAX_TIMEOUT      86400000
#define MAX_MESSAGE      (64U << 20) /* as in max_envelope */
#define FAREWELL_MS      500         /* to say BYE after the end of the envelope is known */

struct send {
    const char *to, *agent, *sender, *protocol, *connection, *endpoint, *config, *timeout, *message;
    long timeout_ms;
    char *input; /* what was read */
    size_t n;
    struct pbay_agent_conf *conf; /* only when something was to be looked up */
};

static const struct option {
    const char *name;
    size_t offset;
} options[] = {
    {"--to", offsetof(struct send, to)},
    {"--agent", offsetof(struct send, agent)},
    {"--sender", offsetof(struct send, sender)},
    {"--protocol", offsetof(struct send, protocol)},
    {"--connection", offsetof(struct send, connection)},
    {"--endpoint", offsetof(struct send, endpoint)},
    {"--config", offsetof(struct send, config)},
    {"--timeout", offsetof(struct send, timeout)},
};

static bool set_option(struct send *s, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, name) != 0)
            continue;
        memcpy((char *)s + options[i].offset, &value, sizeof value);
        return true;
    }
    return false;
}

static int read_arguments(struct send *s, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i += 2) {
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        if (i + 1 == argc || !set_option(s, argv[i], argv[i + 1]))
            return cmd_misused("send", "%s: not understood", argv[i]);
    }
    if (i + 1 < argc)
        return cmd_misused("send", "%s: expected one message only", argv[i + 1]);
    if (i < argc && strcmp(argv[i], "-") != 0)
        s->message = argv[i];
    if (!s->to)
        return cmd_misused("send", "expected --to ADDRESS");
    s->timeout_ms = DEFAULT_TIMEOUT;
    if (s->timeout && !cmd_number(s->timeout, 0, MAX_TIMEOUT, &s->timeout_ms))
        return cmd_misused("send", "--timeout %s: expected milliseconds, 0 .. %d", s->timeout, MAX_TIMEOUT);
    return CMD_OK;
}

static const char *choose(const char *option, const char *variable)
{
    const char *v = option ? option : getenv(variable);

    return v && *v ? v : NULL;
}

/* What neither an option nor the environment says, agent.yaml does. */
static int look_up(struct send *s)
{
    char *package_path;
    enum pbay_err err;

    s->agent = choose(s->agent, "PATCHBAY_AGENT");
    s->endpoint = choose(s->endpoint, "PATCHBAY_ENDPOINT");
    if (!s->agent || !s->endpoint || s->config) {
        package_path = cmd_package_path(NULL);
        err = cmd_load(s->config ? s->config : "agent.yaml", package_path, &s->conf);
        free(package_path);
        if (err)
            return CMD_USAGE;
        s->agent = s->agent ? s->agent : s->conf->agent_name;
        s->endpoint = s->endpoint ? s->endpoint : cmd_endpoint(s->conf);
    }
    s->sender = s->sender ? s->sender : s->agent;
    s->protocol = s->protocol ? s->protocol : DEFAULT_PROTOCOL;
    return CMD_OK;
}

static int read_message(struct send *s)
{
    size_t room = 0, got;

    if (s->message)
        return CMD_OK;
    do {
        if (s->n == room) {
            char *grown = realloc(s->input, room = room ? room * 2 : 65536);

            if (!grown)
                return cmd_misused("send", "standard input: out of memory");
            s->input = grown;
        }
        got = fread(s->input + s->n, 1, room - s->n, stdin);
        s->n += got;
        if (s->n > MAX_MESSAGE)
            return cmd_misused("send", "standard input: expected at most %u bytes", MAX_MESSAGE);
    } while (got);
    return ferror(stdin) ? cmd_misused("send", "standard input: %s", strerror(errno)) : CMD_OK;
}

static int say_end(enum pbay_err err, const char *text)
{
    if (err == PBAY_OK)
        puts("settled");
    else
        printf("%s: %s\n", pbay_err_name(err), *text ? text : pbay_err_text(err));
    return err ? CMD_FAILED : CMD_OK;
}

static int say_unknown(const struct send *s, pbay_t agent, enum pbay_err err)
{
    char text[200];

    if (err != PBAY_TIMEOUT)
        return say_end(err, "");
    snprintf(text, sizeof text, "%s within %ld ms; what becomes of the envelope is not known",
             pbay_is_connected(agent) ? "no end" : "no broker answered", s->timeout_ms);
    return say_end(err, text);
}

static int put_and_wait(const struct send *s, pbay_t agent)
{
    struct pbay_envelope e = {.to = pbay_str(s->to),
                              .sender = pbay_str(s->sender),
                              .protocol_id = pbay_str(s->protocol),
                              .message = s->message ? pbay_str(s->message) : (struct pbay_str){s->input, s->n},
                              .connection_id = pbay_str(s->connection)};
    int64_t deadline = pb_now() + s->timeout_ms, left;
    struct pbay_outcome outcome;
    enum pbay_err err = pbay_put(agent, &e, (int)s->timeout_ms, NULL);

    if (err)
        return say_end(err, "");
    left = deadline - pb_now();
    err = pbay_get_outcome(agent, &outcome, left > 0 ? (int)left : 0);
    return err ? say_unknown(s, agent, err) : say_end(outcome.err, outcome.text);
}

static int send_it(const struct send *s)
{
    char instance[32];
    struct pbay_options o = {.endpoint = s->endpoint,
                             .agent = s->agent,
                             .instance = instance,
                             .outbox_bytes = MAX_MESSAGE,
                             .send_only = true};
    enum pbay_err err;
    pbay_t agent;
    int status;

    snprintf(instance, sizeof instance, "cli-%ld", (long)getpid());
    err = pbay_open(&agent, &o);
    if (err == PBAY_INVALID)
        return CMD_USAGE; /* it has said why */
    if (err)
        return say_end(err, "");
    status = put_and_wait(s, agent);
    pbay_close(agent, status == CMD_OK ? FAREWELL_MS : 0, NULL);
    return status;
}

int cmd_send(int argc, char **argv)
{
    struct send s = {0};
    int status = read_arguments(&s, argc, argv);

    if (!status)
        status = look_up(&s);
    if (!status)
        status = read_message(&s);
    if (!status)
        status = send_it(&s);
    pbay_agent_conf_destroy(&s.conf);
    free(s.input);
    return status;
}
