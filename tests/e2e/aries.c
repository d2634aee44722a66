/* An Aries agent that cannot be reached, led by lines of JSON: a real core, whose envelopes are posted, and which takes
 * the answers from the replies. It stores nothing.
 *
 *     {"do": "join", "url": URL}                                   follow an invitation
 *     {"do": "say", "type": FAMILY/VERSION/NAME, "members": {}}    on that connection
 *     {"do": "forward", "to": VERKEY, "via": VERKEY, "url": URL, "text": CIPHERTEXT, "tag": N}
 *
 * It says {"event": "state", "to"}, {"event": "message", "message"} and, for every post, {"event": "posted", "tag",
 * "status"}; status 0 = there was no answer. The connection's own posts have the tag 0. */
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "connections/vcx/vcx_core.h"
#include "connections/vcx/vcx_post.h"
#include "tests/e2e/talk.h"

#define MAX_KEYS 8
#define LOOK     100 /* milliseconds between two looks at the core's clock */

struct aries {
    struct talk talk;
    struct vcx_core *core;
    struct vcx_post *post;
    char id[VCX_UUID];
    uint8_t secrets[MAX_KEYS][VCX_SECRET];
    size_t n;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void need(bool good, const char *why)
{
    if (good)
        return;
    fprintf(stderr, "aries: %s\n", why);
    exit(3);
}

static const uint8_t *secret_of(const void *self, const uint8_t key[VCX_KEY])
{
    const struct aries *a = self;

    for (size_t i = 0; i < a->n; i++) {
        if (memcmp(a->secrets[i] + VCX_KEY, key, VCX_KEY) == 0)
            return a->secrets[i];
    }
    return NULL;
}

static bool new_key(void *self, bool ephemeral, uint8_t key[VCX_KEY], char why[VCX_WHY])
{
    struct aries *a = self;

    (void)ephemeral;
    if (a->n == MAX_KEYS)
        return vcx_why(why, "too many keys");
    crypto_sign_keypair(key, a->secrets[a->n++]);
    return true;
}

/* ---- posts ---- */

static void say_posted(uint64_t tag, unsigned status)
{
    talk_say(json_pack("{s:s, s:I, s:i}", "event", "posted", "tag", (json_int_t)tag, "status", (int)status));
}

static void on_posted(void *user, uint64_t tag, const struct vcx_post_reply *reply)
{
    struct aries *a = user;
    char why[VCX_WHY];

    if (tag == 0 && reply->result == VCX_POST_OK && reply->body.n)
        need(vcx_core_receive(a->core, reply->body, now_ms(), why), why);
    say_posted(tag, reply->status);
}

static void post(struct aries *a, uint64_t tag, const char *url, const struct pb_buf *envelope)
{
    char why[VCX_WHY];

    if (vcx_post_envelope(a->post, tag, pbay_str(url), (struct pbay_str){(char *)envelope->p, envelope->n}, why) !=
        VCX_POST_OK)
        say_posted(tag, 0);
}

/* ---- commands ---- */

static void do_join(struct aries *a, const json_t *command)
{
    const struct vcx_create how = {.wish = VCX_AUTO, .queued = true};
    const struct vcx_connect options = {.expires_in = 0};
    char why[VCX_WHY];

    need(!vcx_core_create_with_invite(a->core, &how, pbay_str(talk_text(command, "url")), a->id, why), why);
    need(!vcx_core_connect(a->core, a->id, &options, now_ms(), why), why);
}

static void do_say(struct aries *a, const json_t *command)
{
    json_t *message = json_object();
    struct pb_buf text = {0};
    char type[128], why[VCX_WHY];

    snprintf(type, sizeof type, "https://didcomm.org/%s", talk_text(command, "type"));
    json_object_set_new(message, "@type", json_string(type));
    json_object_update(message, json_object_get(command, "members"));
    need(vcx_json_write(&text, message), "no message");
    need(!vcx_core_send(a->core, a->id, (struct pbay_str){(char *)text.p, text.n}, NULL, now_ms(), NULL, why), why);
    pb_buf_fini(&text);
    json_decref(message);
}

static void do_forward(struct aries *a, const json_t *command)
{
    uint8_t to[VCX_KEY], via[1][VCX_KEY];
    struct pb_buf envelope = {0};
    json_t *inner = json_pack("{s:s, s:s, s:s, s:s}", "protected", "p", "iv", "i", "ciphertext",
                              talk_text(command, "text"), "tag", "t");
    char why[VCX_WHY];

    need(vcx_key_parse(pbay_str(talk_text(command, "to")), to) &&
             vcx_key_parse(pbay_str(talk_text(command, "via")), via[0]),
         "no key");
    need(vcx_json_write(&envelope, inner), "no envelope");
    need(vcx_forward_wrap(&envelope, to, (const uint8_t(*)[VCX_KEY])via, 1, NULL, why), why);
    post(a, (uint64_t)json_integer_value(json_object_get(command, "tag")), talk_text(command, "url"), &envelope);
    pb_buf_fini(&envelope);
    json_decref(inner);
}

static void perform(struct aries *a, const json_t *command)
{
    static const struct {
        const char *name;
        void (*run)(struct aries *, const json_t *);
    } rows[] = {{"join", do_join}, {"say", do_say}, {"forward", do_forward}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(talk_text(command, "do"), rows[i].name) == 0) {
            rows[i].run(a, command);
            return;
        }
    }
    need(false, "no such command");
}

/* ---- the loop ---- */

static void take(struct aries *a)
{
    const struct vcx_conn *conn;
    struct vcx_action action;

    while ((conn = vcx_core_dirty(a->core)))
        vcx_core_stored(a->core, conn->id);
    while (vcx_core_take(a->core, &action)) {
        if (action.kind == VCX_SEND)
            post(a, 0, action.endpoint, &action.envelope);
        else if (action.kind == VCX_STATE)
            talk_say(json_pack("{s:s, s:i}", "event", "state", "to", (int)action.to));
        else if (action.message)
            talk_say(json_pack("{s:s, s:O}", "event", "message", "message", action.message));
        vcx_action_fini(&action);
    }
}

static void serve(struct aries *a)
{
    while (!a->talk.over) {
        struct pollfd fds[] = {{0, POLLIN, 0}, {vcx_post_fd(a->post), POLLIN, 0}};
        int ms = vcx_post_wait(a->post);
        const json_t *command;

        (void)poll(fds, 2, ms < 0 || ms > LOOK ? LOOK : ms);
        while ((command = talk_next(&a->talk)))
            perform(a, command);
        vcx_post_turn(a->post);
        (void)vcx_core_tick(a->core, now_ms());
        take(a);
    }
}

int main(void)
{
    static struct aries a;
    const struct vcx_post_options options = {.done = on_posted, .user = &a, .allow_private = true, .timeout = 60000};
    const struct vcx_core_conf conf = {.label = "aries",
                                       .endpoint = "didcomm:transport/queue",
                                       .keys = {secret_of, &a},
                                       .new_key = new_key,
                                       .self = &a};

    signal(SIGPIPE, SIG_IGN);
    need(vcx_init(), "libsodium does not work");
    a.core = vcx_core_new(&conf);
    a.post = vcx_post_new(&options);
    need(a.post, "libcurl does not work");
    serve(&a);
    vcx_post_destroy(&a.post);
    vcx_core_destroy(&a.core);
    talk_fini(&a.talk);
    return 0;
}
