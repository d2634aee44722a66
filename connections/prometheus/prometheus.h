/* The Prometheus connection: metrics that the agent adds and moves, on a page for Prometheus. See README.md. */
#ifndef PROMETHEUS_H
#define PROMETHEUS_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops prometheus_ops;

#endif
