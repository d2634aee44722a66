/* Connect to a server. */
#ifndef TCP_DIAL_H
#define TCP_DIAL_H

#include "connections/tcp_server/tcp_config.h"

/* The descriptor of a connection that does not block; -1 = pbay_link_fail has said why. Waits for connect_timeout at
 * most, and a signal ends the wait: until there is a connection there is nothing else to be done for it, and its state
 * is truly `connecting`. Only the lookup of a name is as slow as the system's resolver. */
int tcp_dial(const struct tcp_config *config, struct pbay_link *link);

#endif
