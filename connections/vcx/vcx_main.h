#ifndef VCX_MAIN_H
#define VCX_MAIN_H

#include "node/pbay_conn.h"

extern const struct pbay_conn_ops vcx_ops;

#endif
