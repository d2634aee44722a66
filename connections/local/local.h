/* The local connection: what is for no agent of this broker is answered so. See README.md. */
#ifndef LOCAL_H
#define LOCAL_H

#include "node/pbay_conn.h"

#define LOCAL_MAX_ANSWERS 256 /* that the runtime has not taken; then what is sent waits */

extern const struct pbay_conn_ops local_ops;

#endif
