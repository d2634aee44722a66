/* The connection's configuration, checked. To add a key: a member, a row in client_config.c, connection.yaml, the table
 * in README.md. */
#ifndef CLIENT_CONFIG_H
#define CLIENT_CONFIG_H

#include "node/pbay_conn.h"

#define CLIENT_MAX_RESPONSE (15U << 20) /* an answer must fit into the runtime's OutBox of 16 MiB */

struct client_config {
    uint32_t timeout, connect_timeout, drain_timeout; /* seconds */
    uint32_t max_redirects, max_requests, max_per_host, max_response, max_header_bytes, max_body_total;
    bool verify_tls;
    char *ca_file; /* absolute; owned; NULL = the system's */
};

/* Read and check all of it. PBAY_OK; PBAY_CONFIG, PBAY_IO = pbay_link_fail has said which value, and what was
 * expected. *config is fit for fini in any case. */
enum pbay_err client_config_load(struct client_config *config, struct pbay_link *link);
void client_config_fini(struct client_config *config);

#endif
