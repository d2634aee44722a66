/* How an agency begins and ends: its key, its invitations, what is stored. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "connections/agency/agency_int.h"
#include "connections/vcx/vcx_invite.h"
#include "connections/vcx/vcx_store.h"

static const char *const inviter_names[AGENCY_INVITATIONS] = {"invitation", "invitation_1_0"};

static bool load_key(struct agency *a, char why[VCX_WHY])
{
    struct pb_buf key = {0};
    bool found = store_meta(a->conf.db, "key", &key), good;

    if (found && key.n == VCX_KEY)
        memcpy(a->key, key.p, VCX_KEY);
    pb_buf_fini(&key);
    if (found)
        return a->conf.keys.secret(a->conf.keys.self, a->key) ||
               vcx_why(why, "the agency's private key is not in the wallet: it belongs to another database");
    good = a->conf.new_key(a->conf.self, false, a->key, why);
    if (good)
        store_set_meta(a->conf.db, "key", a->key, VCX_KEY);
    return good;
}

/* An old invitation is still followed. */
static bool make_inviter(struct agency *a, int which, int64_t now, char why[VCX_WHY])
{
    const struct vcx_create how = {.source_id = pbay_str(inviter_names[which]),
                                   .wish = which == AGENCY_OOB ? VCX_AUTO : VCX_CONNECTIONS,
                                   .multi_use = true};
    const struct vcx_connect options = {.expires_in = 0};

    if (vcx_core_create(a->core, &how, a->inviters[which], why) ||
        vcx_core_connect(a->core, a->inviters[which], &options, now, why))
        return false;
    store_set_meta(a->conf.db, inviter_names[which], a->inviters[which], VCX_UUID);
    return true;
}

/* Invitations say an address and a label. */
static bool has_moved(struct agency *a)
{
    struct pb_buf stored = {0}, is = {0};
    bool moved;

    pb_buf_add(&is, a->conf.url, strlen(a->conf.url) + 1);
    pb_buf_add(&is, a->conf.label, strlen(a->conf.label));
    moved = !store_meta(a->conf.db, "address", &stored) || stored.n != is.n || memcmp(stored.p, is.p, is.n) != 0;
    if (moved)
        store_set_meta(a->conf.db, "address", is.p, is.n);
    pb_buf_fini(&stored);
    pb_buf_fini(&is);
    return moved;
}

static bool load_inviters(struct agency *a, int64_t now, char why[VCX_WHY])
{
    bool moved = has_moved(a), good = true;

    for (int i = 0; i < AGENCY_INVITATIONS && good; i++) {
        struct pb_buf id = {0};

        if (store_meta(a->conf.db, inviter_names[i], &id) && id.n == VCX_UUID)
            memcpy(a->inviters[i], id.p, VCX_UUID);
        pb_buf_fini(&id);
        a->inviters[i][VCX_UUID - 1] = 0;
        good = (!moved && agency_is_inviter(a, a->inviters[i])) || make_inviter(a, i, now, why);
    }
    return good;
}

static bool load(struct agency *a, int64_t now, char why[VCX_WHY])
{
    bool good;

    if (vcx_store_load(a->conf.db, a->core, why))
        return false;
    vcx_db_begin(a->conf.db);
    good = load_key(a, why) && load_inviters(a, now, why);
    agency_perform(a, now);
    agency_commit(a);
    if (good && a->failure[0])
        good = vcx_why(why, "%s", a->failure);
    return good;
}

/* What peers are told beside what the core has; the last one only if there may be links. */
static const char *const protocols[] = {
    "https://didcomm.org/coordinate-mediation/1.0", "https://didcomm.org/messagepickup/2.0",
    "https://didcomm.org/messagepickup/1.0",        "https://didcomm.org/routing/1.0",
    "https://didcomm.org/report-problem/1.0",       "https://didcomm.org/shorten-url/1.0"};

struct agency *agency_new(const struct agency_conf *conf, int64_t now, char why[VCX_WHY])
{
    struct agency *a = pb_alloc(sizeof *a);
    struct vcx_core_conf core = {.label = conf->label,
                                 .endpoint = conf->url,
                                 .random = conf->random,
                                 .keys = conf->keys,
                                 .protocols = protocols,
                                 .protocol_n = sizeof protocols / sizeof *protocols - !conf->limits.links,
                                 .new_key = conf->new_key,
                                 .self = conf->self};

    assert(conf->limits.envelope <= AGENCY_MAX_ENVELOPE && conf->limits.poll <= AGENCY_MAX_POLL);
    a->conf = *conf;
    a->core = vcx_core_new(&core);
    if (!load(a, now, why))
        agency_destroy(&a);
    return a;
}

/* Whoever waits has been answered, or is nobody any more. */
void agency_destroy(struct agency **agency)
{
    struct agency *a = *agency;
    struct agency_wait *w, *next;
    struct agency_out *out;

    if (!a)
        return;
    DL_FOREACH_SAFE (a->waits, w, next)
        free(w);
    while ((out = agency_take(a)))
        agency_out_destroy(&out);
    pb_buf_fini(&a->dropped);
    vcx_core_destroy(&a->core);
    free(a);
    *agency = NULL;
}

/* ---- what everybody may see ---- */

const uint8_t *agency_key(const struct agency *a)
{
    return a->key;
}

const json_t *agency_invitation(const struct agency *a, enum agency_invitation which)
{
    return vcx_core_find(a->core, a->inviters[which])->invitation;
}

void agency_invitation_url(const struct agency *a, enum agency_invitation which, struct pb_buf *url)
{
    bool good = vcx_invite_url(url, a->conf.url, agency_invitation(a, which));

    assert(good); /* it is one of ours */
}
