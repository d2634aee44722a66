/* Requests to the broker: does it answer, which connections are up while somebody waits for them, and which of them are
 * given up. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "node/up_int.h"

#define ASK_AGAIN_MS  100 /* until the next question, unless something happens in the run directory */
#define TELL_AGAIN_MS 500
#define LOOK_AGAIN_MS 50 /* for states */
#define REQUEST_MS    2000
#define MAX_PATH      512

enum up_question { IS_IT_THERE = -1, WHICH_ARE_UP = -2 };

static const char left_out[] = "left out when the agent was started";

/* A fenced one is not failed: somebody else runs it. */
const char *up_failure_of(const struct up *up, const struct up_conn *conn)
{
    const char *reason = conn->left_out ? left_out : NULL;

    for (size_t i = 0; i < up->n_children; i++) {
        const struct up_child *child = &up->children[i];

        if (child->conn != conn || child->leaves)
            continue;
        if (child->sv.state != SV_FAILED)
            return NULL;
        reason = child->reason;
    }
    return reason;
}

/* ---- asking ---- */

static void ask(struct up *up, long about, const char *path, const char *body)
{
    up->asking = true;
    up->asked = about;
    http_call_start(up->http, up->admin_socket, path, body, REQUEST_MS);
}

static void tell(struct up *up, size_t i)
{
    const struct up_conn *conn = &up->conns[i];
    const char *reason = up_failure_of(up, conn);
    char path[MAX_PATH];

    /* names have no character that would need to be escaped */
    snprintf(path, sizeof path, "/v1/connections/%s/failed?agent=%s", conn->conf->name, conn->agent->agent_name);
    ask(up, (long)i, path, reason ? reason : "");
}

/* The first connection about which the broker knows the wrong thing, or n_conns. */
static size_t find_untold(const struct up *up)
{
    size_t i = 0;

    while (i < up->n_conns && up->conns[i].told == (up_failure_of(up, &up->conns[i]) != NULL))
        i++;
    return i;
}

int64_t up_ask(struct up *up, int64_t now)
{
    size_t untold;
    bool look;

    if (up->asking || up->children[0].sv.state != SV_RUNNING || up->phase > UP_RUNS)
        return INT64_MAX;
    if (!up->answers) {
        if (now >= up->ask_at)
            ask(up, IS_IT_THERE, "/v1/nodes", NULL);
        return up->asking ? now : up->ask_at;
    }
    untold = find_untold(up);
    look = up_somebody_waits(up);
    if (untold < up->n_conns && now >= up->ask_at)
        tell(up, untold);
    else if (look && now >= up->look_at)
        ask(up, WHICH_ARE_UP, "/v1/connections", NULL);
    if (up->asking)
        return now;
    return look ? up->look_at : untold < up->n_conns ? up->ask_at : INT64_MAX;
}

void up_ask_cancel(struct up *up)
{
    http_call_cancel(up->http);
    up->asking = false;
}

void up_forget_broker(struct up *up)
{
    up_ask_cancel(up);
    up->answers = false;
    for (size_t i = 0; i < up->n_conns; i++) /* it knew in memory only */
        up->conns[i].told = up->conns[i].connected = false;
}

/* ---- answers ---- */

static bool is_text(const json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value && strcmp(value, text) == 0;
}

static void take_states(struct up *up, const struct http_reply *reply)
{
    json_t *root = reply->body ? json_loadb(reply->body, reply->n, 0, NULL) : NULL, *node;
    size_t k;

    for (size_t i = 0; i < up->n_conns; i++) {
        struct up_conn *conn = &up->conns[i];

        conn->connected = false;
        json_array_foreach(json_object_get(root, "connections"), k, node)
        {
            if (is_text(node, "agent", conn->agent->agent_name) && is_text(node, "name", conn->conf->name) &&
                is_text(node, "state", "connected"))
                conn->connected = true;
        }
    }
    json_decref(root);
}

/* A refusal is final: the broker then ends what waits for that connection when its time is over. */
static void was_told(struct up *up, int64_t now, enum pbay_err err, const struct http_reply *reply)
{
    struct up_conn *conn = &up->conns[up->asked];

    if (!err && reply->status >= 300)
        up_say(up, "broker: refuses to hear about %s: status %ld", conn->conf->name, reply->status);
    else if (err && !up->deaf)
        up_say(up, "broker: it cannot be told about %s: %s", conn->conf->name, reply->error);
    if (!err)
        conn->told = !conn->told;
    else
        up->ask_at = now + TELL_AGAIN_MS;
    up->deaf = err;
}

void up_answered(struct up *up, int64_t now)
{
    struct http_reply reply;
    enum pbay_err err = http_call_end(up->http, &reply);
    bool good = !err && reply.status == 200;

    up->asking = false;
    if (up->asked >= 0) {
        was_told(up, now, err, &reply);
    } else if (up->asked == WHICH_ARE_UP) {
        if (good)
            take_states(up, &reply);
        up->look_at = now + LOOK_AGAIN_MS;
    } else if (good) {
        up->answers = true;
        up_say(up, "broker: answers");
        up_broker_is_there(up, now);
    } else {
        up->ask_at = now + ASK_AGAIN_MS;
    }
    http_reply_fini(&reply);
}
