/* VCX connections: the outside world is the agent itself, whose commands are answered. */
#include "tests/conformance/rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "schema/protocols/vcx_connection.h"

#define PATH 128

struct outside {
    struct pbay_protocols *protocols;
    struct pbay_message message; /* of the last envelope that was made */
    unsigned n;                  /* commands */
    char starter[16];
};

static void write_file(const struct rig *rig, const char *name, const char *text, size_t n, mode_t mode)
{
    char path[PATH];
    int fd;

    snprintf(path, sizeof path, "%s/%s", rig->link.dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void open_world(struct rig *rig)
{
    static const char key[] = "32 bytes, as a key of a wallet is";
    struct outside *o = rig->outside;

    o->protocols = pbay_protocols_new();
    write_file(rig, "key", key, 32, 0600);
    write_file(rig, "short", key, 31, 0600);
    write_file(rig, "open", key, 32, 0644);
}

static void close_world(struct rig *rig)
{
    struct outside *o = rig->outside;

    pbay_message_fini(&o->message);
    pbay_protocols_destroy(&o->protocols);
}

/* ---- envelopes ---- */

static void address(struct pbay_envelope *e, const char *protocol)
{
    *e = (struct pbay_envelope){.to = pbay_str("patchbay/vcx:0.1.0"),
                                .sender = pbay_str("test/skill:0.1.0"),
                                .protocol_id = pbay_str(protocol)};
}

static struct pbay_str encode(struct outside *o, const char *starter)
{
    struct pbay_str bytes = {0};

    o->message.starter = pbay_str(starter);
    if (pbay_message_encode(&o->message, &bytes))
        fail_msg("%s", o->message.why);
    return bytes;
}

/* One that changes something, and then several that do not. */
static struct pbay_str command(struct outside *o, const char *starter)
{
    if (o->n++ % 8 == 0)
        assert_int_equal(pbay_vcx_connection_create_init(&o->message, o->protocols, pbay_str("source")), PBAY_OK);
    else
        assert_int_equal(pbay_vcx_connection_list_connections_init(&o->message, o->protocols), PBAY_OK);
    return encode(o, starter);
}

static void own(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e)
{
    struct outside *o = rig->outside;

    (void)received;
    snprintf(o->starter, sizeof o->starter, "%u", o->n / 64); /* some come again */
    address(e, PBAY_VCX_CONNECTION_ID);
    e->message = command(o, o->starter);
}

static bool feed(struct rig *rig)
{
    struct pbay_envelope e;

    own(rig, NULL, &e);
    return rig->link.n_pending < FAKE_PENDING && rig_send(rig, &e) == PBAY_PENDING;
}

/* Another protocol; bytes that are no message; an answer; a command without a dialogue; one with another operation. */
static bool foreign(struct rig *rig, unsigned i, struct pbay_envelope *e)
{
    struct outside *o = rig->outside;

    address(e, i == 0 ? "fetchai/default:1.0.0" : PBAY_VCX_CONNECTION_ID);
    if (i < 2) {
        e->message = pbay_str("\xff these bytes are no message");
    } else if (i == 2) {
        assert_int_equal(pbay_vcx_connection_state_init(&o->message, o->protocols, pbay_str("x"), 1), PBAY_OK);
        e->message = encode(o, "a dialogue");
    } else {
        e->message = command(o, i == 3 ? "" : "a dialogue");
    }
    if (i == 4)
        e->operation = pbay_str("delete");
    return i < 5;
}

static const struct fake_option good[] = {{"port", "0"},
                                          {"key_file", "key"},
                                          {"max_commands", "64"},
                                          {"sms_url", "https://gateway.example/send"},
                                          {"sms_headers", "Content-Type: application/json"},
                                          {"sms_body_template", "{\"to\": \"{phone}\", \"text\": \"{url}\"}"},
                                          {NULL, NULL}};

static const struct bad_option bad[] = {
    {{"port", NULL}, "a mediator"},
    {{"port", "70000"}, "70000"},
    {{"host", ""}, "an address"},
    {{"path", "here"}, "found here"},
    {{"path", "/here?x"}, "/here?x"},
    {{"endpoint", "ftp://example.org/"}, "ftp://"},
    {{"mediator", "no URL"}, "one of the two"},
    {{"target_skill_id", "no skill"}, "no skill"},
    {{"encoding", "json"}, "json"},
    {{"key_file", NULL}, "nothing"},
    {{"key_file", "short"}, "32 bytes"},
    {{"key_file", "open"}, "chmod 600"},
    {{"passphrase_file", "key"}, "beside"},
    {{"wallet", ""}, "empty"},
    {{"database", ""}, "empty"},
    {{"ca_file", ""}, "empty"},
    {{"auto_accept", "perhaps"}, "perhaps"},
    {{"known_keys", "a key"}, "verkeys"},
    {{"sms_url", "gateway"}, "sms_url"},
    {{"sms_method", "GET"}, "sms_method"},
    {{"sms_headers", "no header"}, "sms_headers"},
    {{"sms_body_template", "no fields"}, "sms_body_template"},
    {{"expires_in", "0"}, "found 0"},
    {{"retry_first", "1"}, "found 1"},
    {{"retry_most", "1"}, "found 1"},
    {{"max_attempts", "0"}, "found 0"},
    {{"message_ttl", "0"}, "found 0"},
    {{"max_outbox", "0"}, "found 0"},
    {{"max_outbox_per_connection", "0"}, "found 0"},
    {{"max_events", "0"}, "found 0"},
    {{"max_commands", "1025"}, "1025"},
    {{"keep_replies", "0"}, "found 0"},
    {{"max_replies", "0"}, "found 0"},
    {{"max_body_bytes", "1048577"}, "1048577"},
    {{"max_body_total", "0"}, "found 0"},
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
