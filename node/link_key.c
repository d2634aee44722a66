/* The keys of a link that goes over tcp (SPEC 2.8.1): the node's own pair, and the broker's public key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/link.h"
#include "schema/harden.h"

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static enum pbay_err refuse(const char *name, const char *why)
{
    fprintf(stderr, "%s: %s\n", name, why);
    return PBAY_CONFIG;
}

enum pbay_err pb_link_load_keys(struct pb_link *l)
{
    const char *own = variable("PATCHBAY_KEY"), *broker = variable("PATCHBAY_BROKER_KEY");
    struct pbay_conf_error error;

    if (strncmp(l->conf.endpoint, "tcp://", 6) != 0 || (!own && !broker))
        return PBAY_OK;
    if (!own || !broker)
        return refuse(own ? "PATCHBAY_BROKER_KEY" : "PATCHBAY_KEY",
                      "expected a certificate, as the other of PATCHBAY_KEY and PATCHBAY_BROKER_KEY is set");
    if (pb_key_is_text(broker))
        memcpy(l->broker_key, broker, sizeof l->broker_key);
    else if (pb_key_read_public(broker, l->broker_key, &error))
        return refuse("PATCHBAY_BROKER_KEY", error.text);
    pb_harden_secrets();
    return pb_key_read_secret(own, &l->keys, &error) ? refuse("PATCHBAY_KEY", error.text) : PBAY_OK;
}

bool pb_link_use_keys(const struct pb_link *l)
{
    return !l->broker_key[0] ||
           (zmq_setsockopt(l->socket, ZMQ_CURVE_SERVERKEY, l->broker_key, sizeof l->broker_key) == 0 &&
            zmq_setsockopt(l->socket, ZMQ_CURVE_PUBLICKEY, l->keys.public_key, PB_KEY_TEXT) == 0 &&
            zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, l->keys.secret_key, PB_KEY_TEXT) == 0);
}
