/* The TCP client connection: connects to a TCP server, says who it is, and exchanges envelopes with the agent there.
 * See README.md. */
#ifndef TCP_CLIENT_H
#define TCP_CLIENT_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops tcp_client_ops;

#endif
