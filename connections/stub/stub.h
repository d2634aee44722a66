/* The stub connection: envelopes from a file and to a file, in the format of AEA's connection of that name. See
 * README.md. */
#ifndef STUB_H
#define STUB_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops stub_ops;

#endif
