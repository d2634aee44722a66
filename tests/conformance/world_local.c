/* The local connection: what comes in is the answer to what was sent, and nothing that is sent is taken. */
#include "tests/conformance/rig.h"

#include <stddef.h>

static void address(struct pbay_envelope *e, const char *protocol, const char *message)
{
    *e = (struct pbay_envelope){.to = pbay_str("nobody"),
                                .sender = pbay_str("asker"),
                                .protocol_id = pbay_str(protocol),
                                .message = pbay_str(message)};
}

/* What is not taken any more has no answer. */
static bool feed(struct rig *rig)
{
    struct pbay_envelope e;

    address(&e, "fetchai/default:1.0.0", "a message");
    return rig_send(rig, &e) == PBAY_FAILED;
}

/* Another protocol, a message that nobody can read, none at all. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    static const char *const messages[] = {"a search", "\xff", ""};

    (void)rig;
    if (i == sizeof messages / sizeof *messages)
        return false;
    address(e, i ? "fetchai/default:1.0.0" : "fetchai/oef_search:1.0.0", messages[i]);
    return true;
}

static const struct fake_option good[] = {{NULL, NULL}};

static const struct bad_option bad[] = {{{NULL, NULL}, NULL}};

const struct package conformance_package = {.good = good, .bad = bad, .feed = feed, .foreign = foreign};
