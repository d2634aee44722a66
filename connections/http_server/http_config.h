/* The connection's configuration, checked. To add a key: a member, a row in http_config.c, connection.yaml, the table
 * in README.md. */
#ifndef HTTP_CONFIG_H
#define HTTP_CONFIG_H

#include "connections/http_server/api_spec.h"
#include "connections/http_server/http_route.h"
#include "node/pbay_conn.h"
#include "pbay_message.h"

#define HTTP_MAX_PEM 65536 /* bytes of a certificate or key file */

struct http_config {
    const char *host; /* lives as long as the link */
    struct http_routes routes;
    char *ssl_cert, *ssl_key; /* what the files hold; owned; NULL = no TLS */
    struct api_spec *api;     /* owned; NULL = every request goes to the agent */
    char *access_log;         /* its path, or "-"; owned; NULL = none */
    uint32_t timeout_ms;
    enum pbay_encoding encoding;
    bool reuse_port;
    uint32_t port, max_connections, max_connections_per_address, max_in_flight, max_request_line, max_header_bytes,
        max_headers, max_body_bytes, max_body_total, header_timeout, idle_timeout, min_body_rate;
};

/* Read and check all of it. PBAY_OK; PBAY_CONFIG, PBAY_IO = pbay_link_fail has said which value, and what was
 * expected. *config is fit for fini in any case. */
enum pbay_err http_config_load(struct http_config *config, struct pbay_link *link);
void http_config_fini(struct http_config *config);

#endif
