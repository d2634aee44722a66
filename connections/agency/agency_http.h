/* The agency's HTTP: which path is what, and answers from the agency back to the requests that wait for them. */
#ifndef AGENCY_HTTP_H
#define AGENCY_HTTP_H

#include "connections/agency/agency.h"
#include "connections/agency/agency_config.h"
#include "connections/vcx/vcx_post.h"

struct agency_http {
    struct agency *agency;
    struct vcx_post *post;
    const struct agency_config *config;
    struct web web;
    bool woken; /* a turn of the listener is due at once */
    void (*log)(const char *line);
};

/* The milliseconds that the agency is told. */
int64_t agency_now(void);

/* Listen. PBAY_OK; else why. `http` has its first members already. */
enum pbay_err agency_http_start(struct agency_http *http, char why[WEB_WHY]);

/* Answer and send what has come out of the agency. */
void agency_http_flush(struct agency_http *http);

#endif
