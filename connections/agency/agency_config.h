/* The agency's configuration file. */
#ifndef AGENCY_CONFIG_H
#define AGENCY_CONFIG_H

#include "connections/agency/agency.h"
#include "connections/webhook/web.h"
#include "schema/arena.h"
#include "schema/pbay_conf.h"

#define AGENCY_MAX_KNOWN 1024 /* keys */

struct agency_config {
    const char *host, *public_url, *label;
    unsigned port;
    const char *database, *wallet, *passphrase_file, *key_file; /* paths; one of the last two, the other is NULL */
    enum agency_policy mediation;
    uint8_t (*known)[VCX_KEY];
    size_t n_known;
    bool allow_private_endpoints, sandbox;
    struct agency_limits limits;
    struct web_limits web;
    uint64_t max_body_total;
    struct pb_arena arena;
};

/* Read and check a file; relative paths begin where it is. false = one line "file:line: key: ...". On failure too, it
 * is to be ended with agency_config_fini. */
bool agency_config_load(struct agency_config *config, const char *file, struct pbay_conf_error *error);
void agency_config_fini(struct agency_config *config);

#endif
