/* The test connection `loop`: its outside world is what was sent to it. */
#include "tests/conformance/rig.h"

static bool feed(struct rig *rig)
{
    struct pbay_envelope e = {.to = pbay_str("somebody"),
                              .sender = pbay_str("conformance"),
                              .protocol_id = pbay_str("fetchai/default:1.0.0"),
                              .message = pbay_str("round and round")};

    return rig->link.n_pending < FAKE_PENDING && rig_send(rig, &e) == PBAY_PENDING;
}

/* Nothing is foreign to it. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    (void)rig, (void)i, (void)e;
    return false;
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    (void)rig;
    *e = *received;
}

static const struct fake_option good[] = {{NULL, NULL}};
static const struct bad_option bad[] = {{{NULL, NULL}, NULL}};

const struct package conformance_package = {.good = good, .bad = bad, .feed = feed, .foreign = foreign, .own = own};
