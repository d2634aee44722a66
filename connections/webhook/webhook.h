/* The webhook connection: what is posted to one path becomes envelopes for the agent. See README.md. */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops webhook_ops;

#endif
