/* The listener in a connection package: its keys, and the link's timer. */
#ifndef WEB_LINK_H
#define WEB_LINK_H

#include "connections/webhook/web.h"
#include "node/pbay_conn.h"

/* Read the keys of web_limits. PBAY_OK; PBAY_CONFIG = pbay_link_fail has said which. */
enum pbay_err web_limits_load(struct web_limits *limits, struct pbay_link *link);

/* Listen, with the link as opt->process. PBAY_OK; else pbay_link_fail has said why. */
enum pbay_err web_link_start(struct web *w, struct pbay_link *link, const struct web_opt *opt);

/* Set the link's timer for then. */
void web_set_timer(struct pbay_link *link, int64_t due);

#endif
