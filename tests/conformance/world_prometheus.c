/* The metrics: what comes in is the answer to what was sent. */
#include "tests/conformance/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "pbay_message.h"

#define PROTOCOL "fetchai/prometheus:1.0.0"

struct outside {
    struct pbay_protocols *protocols;
    struct pbay_message message; /* of the last envelope that was made */
    unsigned n;                  /* metrics that were added */
};

static void open_world(struct rig *rig)
{
    ((struct outside *)rig->outside)->protocols = pbay_protocols_new();
}

static void close_world(struct rig *rig)
{
    struct outside *o = rig->outside;

    pbay_message_fini(&o->message);
    pbay_protocols_destroy(&o->protocols);
}

static struct pbay_str encode(struct outside *o)
{
    struct pbay_str bytes = {0};

    if (pbay_message_encode(&o->message, &bytes))
        fail_msg("%s", o->message.why);
    return bytes;
}

static struct pbay_str add_metric(struct outside *o, const char *starter)
{
    char title[32];

    snprintf(title, sizeof title, "metric_%u", ++o->n);
    assert_int_equal(pbay_message_init(&o->message, o->protocols, pbay_str(PROTOCOL), "add_metric"), PBAY_OK);
    o->message.starter = pbay_str(starter);
    pbay_message_set_str(&o->message, "type", pbay_str("Gauge"));
    pbay_message_set_str(&o->message, "title", pbay_str(title));
    pbay_message_set_str(&o->message, "description", pbay_str("of the suite"));
    return encode(o);
}

static struct pbay_str response(struct outside *o)
{
    assert_int_equal(pbay_message_init(&o->message, o->protocols, pbay_str(PROTOCOL), "response"), PBAY_OK);
    o->message.starter = pbay_str("a dialogue");
    pbay_message_set_int(&o->message, "code", 200);
    return encode(o);
}

static void address(struct pbay_envelope *e, const char *protocol)
{
    *e = (struct pbay_envelope){.to = pbay_str("fetchai/prometheus:0.9.6"),
                                .sender = pbay_str("test/skill:0.1.0"),
                                .protocol_id = pbay_str(protocol)};
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    (void)received;
    address(e, PROTOCOL);
    e->message = add_metric(rig->outside, "a dialogue");
}

static bool feed(struct rig *rig)
{
    struct pbay_envelope e;

    own(rig, NULL, &e);
    return rig->link.n_pending < FAKE_PENDING && rig_send(rig, &e) == PBAY_PENDING;
}

/* Another protocol; bytes that are no message; an answer; a message without a dialogue; one with another operation. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    struct outside *o = rig->outside;

    address(e, i == 0 ? "fetchai/default:1.0.0" : PROTOCOL);
    if (i < 2)
        e->message = pbay_str("\xff these bytes are no message");
    else if (i == 2)
        e->message = response(o);
    else
        e->message = add_metric(o, i == 3 ? "" : "a dialogue");
    if (i == 4)
        e->operation = pbay_str("update_metric");
    return i < 5;
}

static const struct fake_option good[] = {{"port", "0"}, {NULL, NULL}};

static const struct bad_option bad[] = {
    {{"port", "70000"}, "70000"},
    {{"port", "http"}, "http"},
    {{"host", ""}, "empty"},
    {{"max_metrics", "0"}, "found 0"},
    {{"max_series", "0"}, "found 0"},
    {{"max_page_bytes", "1023"}, "1023"},
    {{"max_connections", "0"}, "found 0"},
    {{"max_connections_per_address", "0"}, "found 0"},
    {{"max_header_bytes", "255"}, "255"},
    {{"request_timeout", "0"}, "found 0"},
    {{NULL, NULL}, NULL},
};

const struct package conformance_package = {.good = good,
                                            .bad = bad,
                                            .outside_size = sizeof(struct outside),
                                            .open = open_world,
                                            .close = close_world,
                                            .feed = feed,
                                            .foreign = foreign,
                                            .own = own};
