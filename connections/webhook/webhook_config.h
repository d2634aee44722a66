/* The connection's configuration, checked. To add a key: a member, a row in webhook_config.c, connection.yaml, the
 * table in README.md. */
#ifndef WEBHOOK_CONFIG_H
#define WEBHOOK_CONFIG_H

#include "connections/webhook/web_link.h"
#include "pbay_message.h"

#define WEBHOOK_MAX_KEY 4096 /* bytes of a key file */

struct webhook_config {
    const char *address, *path, *target_skill_id, *hmac_header; /* live as long as the link */
    bool at_once;
    enum pbay_encoding encoding;
    char *key; /* of the signatures; owned; NULL = they are not looked at */
    size_t key_n;
    struct web_limits limits;
    uint32_t port, timeout, max_in_flight, max_body_bytes, max_body_total;
};

/* Read and check all of it. PBAY_OK; PBAY_CONFIG, PBAY_IO = pbay_link_fail has said which value, and what was
 * expected. *config is fit for fini in any case. */
enum pbay_err webhook_config_load(struct webhook_config *config, struct pbay_link *link);
void webhook_config_fini(struct webhook_config *config);

#endif
