/* The seam between the broker's loop and what carries its messages. An engine receives a batch, sends a batch and says
 * which peer is gone; it knows routing ids and bytes, no verb and no node. io_zmq.c is the one that there is; another
 * one needs these four functions and nothing of the core. */
#ifndef PB_ENGINE_H
#define PB_ENGINE_H

#include "broker/core.h"
#include "schema/pbay_conf.h"

/* What owns a received message that goes on as it came. The engine that sends it may be another one than the one that
 * received it: whoever is done with it calls release. */
struct pb_message {
    void (*release)(struct pb_message *message);
};

/* What an engine asks of its user, with arg first. */
struct pb_engine_user {
    void *arg;
    /* A message has come. ev has rid, p, n and msg, which is NULL or a struct pb_message: what is then left in ev->msg
     * is the engine's to release. */
    void (*take)(void *arg, struct pb_event *ev);
    /* The next message to send; false = none. out->msg is NULL or a struct pb_message, now the engine's. */
    bool (*next)(void *arg, struct pb_out *out);
    /* A routing id cannot be reached any more, or does not take what is sent. All that it had said was taken before. */
    void (*gone)(void *arg, struct pbay_str rid);
};

/* The first member of each engine. None of the functions blocks. */
struct pb_engine {
    /* Take what has come, at most `most` messages, then tell who is gone. true = there may be more. */
    bool (*receive)(struct pb_engine *engine, unsigned most, const struct pb_engine_user *user);
    /* Send all that next gives, each once and in order for each routing id. */
    void (*send)(struct pb_engine *engine, const struct pb_engine_user *user);
    /* A descriptor that becomes readable when receive has something; true in *now = it has already. */
    int (*fd)(struct pb_engine *engine, bool *now);
    /* What was sent goes out within a second; frees the engine. */
    void (*close)(struct pb_engine *engine);
};

/* libzmq's, bound to every endpoint of conf, in a context of the caller. On failure NULL, and *error says which
 * endpoint and why. */
struct pb_engine *pb_io_zmq_open(void *context, const struct pbay_agent_conf *conf, struct pbay_conf_error *error);

/* Options of every socket of the broker; bind for this user only. */
void pb_io_zmq_limits(void *socket, const struct pbay_agent_conf *conf);
enum pbay_err pb_io_zmq_bind(void *socket, const char *endpoint, struct pbay_conf_error *error);

#endif
