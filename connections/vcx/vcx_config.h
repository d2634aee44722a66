/* The connection's configuration, checked. To add a key: a member, a row in vcx_config.c, connection.yaml, the table in
 * README.md. */
#ifndef VCX_CONFIG_H
#define VCX_CONFIG_H

#include "connections/vcx/vcx_key.h"
#include "connections/vcx/vcx_sms.h"
#include "connections/webhook/web_link.h"
#include "pbay_message.h"

#define VCX_MAX_KNOWN  64   /* keys in known_keys */
#define VCX_MAX_PHRASE 4096 /* bytes of a passphrase */

enum vcx_accept { VCX_ACCEPT_NEVER, VCX_ACCEPT_KNOWN, VCX_ACCEPT_ALL };

struct vcx_config {
    const char *label, *host, *path, *endpoint, *mediator, *to, *ca_file; /* live as long as the link; NULL = absent */
    char *wallet, *database;                                              /* owned */
    bool listens;
    bool allow_private, has_sms;
    struct vcx_sms sms;
    enum pbay_encoding encoding; /* of events */
    enum vcx_accept accept;
    size_t known_n;
    uint8_t known[VCX_MAX_KNOWN][VCX_KEY];
    struct web_limits limits;
    uint32_t port, expires_in, retry_first, retry_most, max_attempts, message_ttl, max_outbox,
        max_outbox_per_connection, max_events, max_commands, keep_replies, max_replies, max_body_bytes, max_body_total;
};

/* What opens the wallet: read when it is opened, wiped as soon as it is open. */
struct vcx_secret {
    char *text; /* VCX_MAX_PHRASE bytes; owned */
    size_t n;
    bool is_raw; /* a key, not a passphrase */
};

/* Read and check all of it. PBAY_OK; PBAY_CONFIG, PBAY_IO = pbay_link_fail has said which value, and what was
 * expected. *config is fit for fini in any case. */
enum pbay_err vcx_config_load(struct vcx_config *config, struct pbay_link *link);
void vcx_config_fini(struct vcx_config *config);

/* passphrase_file or key_file. The errors above; *secret is fit for fini in any case. */
enum pbay_err vcx_config_secret(struct vcx_secret *secret, struct pbay_link *link);
void vcx_secret_fini(struct vcx_secret *secret);

#endif
