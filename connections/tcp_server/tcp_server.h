/* The TCP server connection: AEA agents connect, say who they are, and exchange envelopes with the agent. See
 * README.md. */
#ifndef TCP_SERVER_H
#define TCP_SERVER_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops tcp_server_ops;

#endif
