/* The HTTP server connection: requests become envelopes for the agent, its replies are the answers. See README.md. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops http_server_ops;

#endif
