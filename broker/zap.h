/* Who may finish a CURVE handshake: those whose key is in the policy and not expired (ZeroMQ RFC 27). A thread of its
 * own, which only compares keys in memory: a handshake of one peer never waits for anything but another one's.
 *
 * What a peer may then be is the core's to decide, by the key that libzmq gives with each of its messages. */
#ifndef PB_ZAP_H
#define PB_ZAP_H

#include "schema/pbay_conf.h"

struct pb_zap;

/* Bind the handler of this context, before any endpoint: libzmq asks it about every peer of a socket with a domain.
 * NULL = *error says why. */
struct pb_zap *pb_zap_open(void *context, const struct pbay_agent_conf *conf, struct pbay_conf_error *error);

/* From the next handshake on. */
void pb_zap_policy(struct pb_zap *zap, const struct pbay_agent_conf *conf);

/* After every socket of the context was closed; ends with the context: the caller calls zmq_ctx_shutdown before. */
void pb_zap_close(struct pb_zap **zap);

/* Make this socket's next endpoints CURVE with that key pair. false = *error. */
bool pb_zap_guard(void *socket, const struct pbay_agent_conf *conf, struct pbay_conf_error *error);

/* Does a peer with a key that nobody knows get in? libzmq lets everybody in when it finds no handler. false = why. */
bool pb_zap_self_test(void *context, const struct pbay_agent_conf *conf, char why[200]);

#endif
