/* The certificates that a connection asks for: checked before each connect, and given to the package. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/cert.h"
#include "node/conn_int.h"
#include "schema/visibility.h"

#define RETRY_MS 5000  /* until they are looked at again: somebody has to issue them, or time has to pass */
#define WATCH_MS 60000 /* longest wait for an expiry: the wall clock may be set meanwhile */

static int64_t wall_clock(void)
{
    return (int64_t)time(NULL);
}

/* The wait until the first of them expires, or until it is looked at again. */
static int64_t wait_of(const struct pbay_link *link, int64_t wall)
{
    int64_t wait = WATCH_MS;

    for (size_t i = 0; i < link->conf->n_cert_requests; i++) {
        int64_t left = link->conf->cert_requests[i].valid_to - wall;

        if (left < wait / 1000)
            wait = left > 0 ? left * 1000 : 0;
    }
    return wait;
}

/* Down, and not because of the outside world: what waits for it need not wait. */
static void hold_down(struct pbay_link *link, const char *why)
{
    link->connect_at = pb_now() + RETRY_MS;
    if (strcmp(link->report.text, why) != 0) /* nobody else reports while it is not connected */
        pbay_link_log(link, "%s", why);
    conn_report(link, PB_ST_FAILED, PBAY_CONFIG, why, RETRY_MS);
}

static void forget(struct pbay_link *link)
{
    for (size_t i = 0; link->certs && i < link->conf->n_cert_requests; i++)
        pb_cert_fini(&link->certs[i]);
    free(link->certs);
    link->certs = NULL;
}

bool conn_certs_ready(struct pbay_link *link)
{
    const struct pb_cert_place place = {link->agent_conf, link->data_dir};
    char why[PB_CERT_WHY];
    int64_t wall = wall_clock();

    forget(link);
    link->cert_at = INT64_MAX;
    if (link->conf->n_cert_requests == 0)
        return true;
    link->certs = pb_alloc(link->conf->n_cert_requests * sizeof *link->certs);
    for (size_t i = 0; i < link->conf->n_cert_requests; i++) {
        if (!pb_cert_check(&place, &link->conf->cert_requests[i], wall, &link->certs[i], why)) {
            hold_down(link, why);
            return false;
        }
    }
    link->cert_at = pb_now() + wait_of(link, wall);
    return true;
}

void conn_certs_watch(struct pbay_link *link, int64_t now)
{
    int64_t wall = wall_clock();

    if (now < link->cert_at)
        return;
    link->cert_at = now + wait_of(link, wall);
    for (size_t i = 0; i < link->conf->n_cert_requests; i++) {
        if (!pb_cert_in_time(&link->conf->cert_requests[i], wall, link->why)) {
            conn_reconnect(link, PBAY_CONFIG); /* and conn_certs_ready keeps it down */
            return;
        }
    }
}

void conn_certs_fini(struct pbay_link *link)
{
    forget(link);
}

/* ---- what a package calls ---- */

static void show(const struct pb_cert *c, struct pbay_certificate *cert)
{
    *cert = (struct pbay_certificate){.ledger_id = c->facts[PB_FACT_LEDGER_ID],
                                      .identifier = c->facts[PB_FACT_IDENTIFIER],
                                      .not_before = c->facts[PB_FACT_NOT_BEFORE],
                                      .not_after = c->facts[PB_FACT_NOT_AFTER],
                                      .public_key = c->facts[PB_FACT_PUBLIC_KEY],
                                      .signer = c->facts[PB_FACT_SIGNER],
                                      .signature = c->signature,
                                      .message = {(const char *)c->message.p, c->message.n}};
}

PBAY_API enum pbay_err pbay_link_certificate(struct pbay_link *link, const char *identifier, size_t nth,
                                             struct pbay_certificate *cert)
{
    char why[PB_CERT_WHY];

    *cert = (struct pbay_certificate){0};
    for (size_t i = 0; link->certs && i < link->conf->n_cert_requests; i++) {
        const struct pbay_cert_request *request = &link->conf->cert_requests[i];

        if (strcmp(request->identifier, identifier) != 0 || nth-- > 0)
            continue;
        if (!pb_cert_in_time(request, wall_clock(), why))
            return pbay_link_fail(link, PBAY_EXPIRED, "%s", why);
        show(&link->certs[i], cert);
        return PBAY_OK;
    }
    return PBAY_INVALID;
}
