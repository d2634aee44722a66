/* The HTTP client connection: envelopes become requests, their answers envelopes for the agent. See README.md. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops http_client_ops;

#endif
