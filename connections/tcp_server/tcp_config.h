/* The configuration of the server and of the client, checked. To add a key: a member, a row in tcp_config.c,
 * connection.yaml, the table in README.md. */
#ifndef TCP_CONFIG_H
#define TCP_CONFIG_H

#include "node/pbay_conn.h"

#define TCP_NAMES 8192U /* bytes of a frame that are not its message: the fields of an envelope at their limits */

struct tcp_config {
    const char *address; /* lives as long as the link */
    struct pbay_str own; /* the client's: what it says who it is */
    bool error_envelopes;
    uint32_t port, max_frame, frame_timeout, idle_timeout, send_timeout, peer_timeout, drain_timeout;
    uint32_t max_clients, max_input_total, hello_timeout, client_grace; /* the server's */
    uint32_t connect_timeout;                                           /* the client's */
};

/* Read and check all of it; a key that the package does not have gets its default. PBAY_OK; PBAY_CONFIG =
 * pbay_link_fail has said which value, and what was expected. */
enum pbay_err tcp_config_load(struct tcp_config *config, struct pbay_link *link);

#endif
