/* The node's end of a link: HELLO, heartbeats, loss, drain (SPEC section 3). */
#include "schema/session_int.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "schema/mutation.h"

#define HELLO_TIMEOUT     1000 /* ms until a HELLO without answer gives the socket up */
#define DEFAULT_HEARTBEAT 1000 /* until WELCOME says otherwise */
#define DEFAULT_TIMEOUT   5000
#define DEFAULT_ENVELOPE  (64U << 20)

void pb_session_init(struct pb_session *s, const struct pb_session_conf *conf)
{
    memset(s, 0, sizeof *s);
    s->conf = *conf;
    s->heartbeat_ms = DEFAULT_HEARTBEAT;
    s->timeout_ms = DEFAULT_TIMEOUT;
    s->max_envelope = DEFAULT_ENVELOPE;
    s->next_no = 1;
    s->next_tag = 1;
    s->lease = INT64_MIN / 2;
    s->next_deadline = INT64_MAX;
    if (conf->send_only)
        pb_session_report(s, PB_ST_DISCONNECTING, PBAY_OK, "sends only", 0);
}

static void free_routed(struct pb_session *s)
{
    for (uint32_t i = 0; i < s->n_routed; i++)
        free(s->routed[i]);
    free(s->routed);
    s->routed = NULL;
    s->n_routed = 0;
}

void pb_session_fini(struct pb_session *s)
{
    pb_send_fini(s);
    pb_recv_fini(s);
    pb_outcomes_fini(&s->outcomes);
    pb_pool_fini(&s->pool);
    free_routed(s);
    pb_buf_fini(&s->ctl);
}

void pb_ctl(struct pb_session *s, const struct pb_frame *f)
{
    pb_frame_write(&s->ctl, PB_UP, f);
}

static struct pbay_str id_str(const uint8_t *id)
{
    return (struct pbay_str){(const char *)id, PBAY_ID_SIZE};
}

/* SPEC 3.2: one HELLO for each socket, with what we still hold as claims. */
void pb_session_up(struct pb_session *s, int64_t now)
{
    struct pb_buf list = {0};
    struct pb_frame f = {.verb = PB_HELLO,
                         .version_min = PB_VERSION,
                         .version_max = PB_VERSION,
                         .role = s->conf.role,
                         .agent = s->conf.agent,
                         .name = s->conf.name,
                         .instance = s->conf.instance,
                         .public_id = s->conf.public_id,
                         .incarnation = id_str(s->conf.incarnation),
                         .link = ++s->link,
                         .clock = (uint64_t)now};

    if (s->has_boot)
        f.boot = id_str(s->boot);
    f.claims.n = pb_recv_claims(s, 0, &list);
    f.claims.raw = (struct pbay_str){(const char *)list.p, list.n};
    s->state = PB_HELLO_SENT;
    s->wants_close = s->broker_draining = s->said_bye = s->ping_due = false;
    s->sent = s->received = 0;
    s->last_received = now;
    s->ctl.n = 0;
    pb_ctl(s, &f);
    pb_buf_fini(&list);
}

void pb_session_down(struct pb_session *s)
{
    s->state = PB_NO_SOCKET;
    s->wants_close = false;
    s->ctl.n = 0;
    pb_send_down(s);
    pb_recv_down(s);
}

static void keep_text(struct pb_session *s, enum pbay_err why, struct pbay_str text)
{
    size_t n = text.n < sizeof s->text ? text.n : sizeof s->text - 1;

    s->why = why;
    if (n)
        memcpy(s->text, text.p, n);
    s->text[n] = 0;
}

/* The link must end; the broker is told so that it need not wait for our silence. */
void pb_session_close_link(struct pb_session *s, enum pbay_err why, struct pbay_str text)
{
    struct pb_frame f = {.verb = PB_GAP, .code = why, .cause = why, .text = text};

    if (s->wants_close)
        return;
    keep_text(s, why, text);
    s->wants_close = true;
    s->ctl.n = 0;
    pb_ctl(s, &f);
}

static void send_claims(struct pb_session *s)
{
    struct pb_buf list = {0};
    struct pb_frame f = {.verb = PB_RESUME};

    for (uint32_t skip = PB_MAX_CLAIMS; skip < PB_MAX_STREAMS && (f.claims.n = pb_recv_claims(s, skip, &list));
         skip += PB_MAX_CLAIMS) {
        f.claims.raw = (struct pbay_str){(const char *)list.p, list.n};
        pb_ctl(s, &f);
        list.n = 0;
    }
    pb_buf_fini(&list);
    pb_recv_claimed(s);
}

static void take_routed(struct pb_session *s, const struct pb_span *routed)
{
    struct pb_rd r = pb_span_reader(*routed);
    struct pbay_str id;

    free_routed(s);
    s->routed = pb_alloc(routed->n * sizeof *s->routed);
    while (s->n_routed < routed->n && pb_span_str(&r, &id))
        s->routed[s->n_routed++] = pb_strndup(id);
}

/* SPEC 3.3: WELCOME may come again when the attach counter has moved; everything is opened anew then. */
static void on_welcome(struct pb_session *s, const struct pb_frame *f)
{
    struct pb_frame confirm = {.verb = PB_CONFIRM, .attach = f->attach};

    memcpy(s->boot, f->boot.p, PBAY_ID_SIZE);
    s->has_boot = true;
    s->heartbeat_ms = f->heartbeat_ms ? f->heartbeat_ms : DEFAULT_HEARTBEAT;
    s->timeout_ms = f->timeout_ms ? f->timeout_ms : DEFAULT_TIMEOUT;
    s->max_envelope = f->max_envelope;
    if (s->lease < (int64_t)f->clock)
        s->lease = (int64_t)f->clock;
    s->next_ping = (int64_t)f->clock;
    take_routed(s, &f->routed);
    pb_send_down(s);
    pb_send_fit(s);
    send_claims(s);
    pb_ctl(s, &confirm);
    s->state = PB_LINKED;
    s->why = PBAY_OK;
    if (s->reported)
        pb_ctl(s, &s->report);
    if (s->draining)
        pb_ctl(s, &(struct pb_frame){.verb = PB_DRAIN});
    pb_send_linked(s);
}

static void on_pong(struct pb_session *s, const struct pb_frame *f)
{
    if (f->count != s->received && !PB_MUT(TRUST_RECONNECT)) {
        pb_session_close_link(s, PBAY_GAP, pbay_str("PONG's count differs"));
        return;
    }
    if (s->lease < (int64_t)f->clock)
        s->lease = (int64_t)f->clock;
}

static void on_bye(struct pb_session *s, const struct pb_frame *f)
{
    keep_text(s, (enum pbay_err)f->code, f->text);
    s->wants_close = true;
    s->ctl.n = 0;
    s->fatal = f->code == PBAY_FENCED;
}

/* SPEC 3.5: the socket is closed without a word; a REJECT is tried again later. */
static void on_refusal(struct pb_session *s, const struct pb_frame *f)
{
    keep_text(s, f->verb == PB_WHO ? PBAY_GAP : (enum pbay_err)f->code, f->text);
    s->wants_close = true;
    s->ctl.n = 0;
}

static void on_drain(struct pb_session *s, const struct pb_frame *f)
{
    (void)f;
    s->broker_draining = true;
}

static const struct {
    void (*handle)(struct pb_session *, const struct pb_frame *);
    bool unlinked; /* also before WELCOME */
} handlers[PB_VERB_COUNT] = {
    [PB_WELCOME] = {on_welcome, true},   [PB_REJECT] = {on_refusal, true},        [PB_WHO] = {on_refusal, true},
    [PB_BYE] = {on_bye, true},           [PB_GAP] = {on_refusal, true},           [PB_PONG] = {on_pong, false},
    [PB_DRAIN] = {on_drain, false},      [PB_OPENED] = {pb_send_opened, false},   [PB_CREDIT] = {pb_send_credit, false},
    [PB_END] = {pb_send_end, false},     [PB_SETTLE] = {pb_send_settle, false},   [PB_OPEN] = {pb_recv_open, false},
    [PB_PUB] = {pb_recv_pub, false},     [PB_RELEASE] = {pb_recv_release, false}, [PB_CLOSE] = {pb_recv_close, false},
    [PB_ENDED] = {pb_recv_ended, false},
};

void pb_session_frame(struct pb_session *s, int64_t now, const uint8_t *p, size_t n)
{
    struct pb_rd r = pb_rd_of(p, n);
    struct pb_frame f;

    s->received++;
    s->last_received = now;
    for (int parts = 0; r.p < r.end && !s->wants_close && s->state != PB_NO_SOCKET; parts++) {
        if (parts == PB_MAX_PARTS || !pb_frame_read(&r, PB_DOWN, &f)) {
            pb_session_close_link(s, PBAY_BAD_FRAME, pbay_str("malformed frame from the broker"));
            return;
        }
        if (handlers[f.verb].handle && (s->state == PB_LINKED || handlers[f.verb].unlinked))
            handlers[f.verb].handle(s, &f);
    }
}

int64_t pb_session_tick(struct pb_session *s, int64_t now)
{
    int64_t due = pb_send_expire(s, now),
            limit = s->last_received + (s->state == PB_LINKED ? s->timeout_ms : HELLO_TIMEOUT);

    if (s->state == PB_NO_SOCKET || s->wants_close)
        return due;
    if (now > limit) {
        pb_session_close_link(s, PBAY_TIMEOUT, pbay_str("the broker is silent"));
        return now;
    }
    if (s->state == PB_LINKED && now >= s->next_ping) {
        s->ping_due = true;
        s->next_ping = now + s->heartbeat_ms;
    }
    if (s->state == PB_LINKED && s->next_ping < due)
        due = s->next_ping;
    return limit + 1 < due ? limit + 1 : due;
}

/* Whole frames from the front of what waits, up to one message's worth (SPEC 2); true = all of it went. */
static bool pack_ctl(struct pb_session *s, struct pb_buf *b)
{
    struct pb_rd r = pb_rd_of(s->ctl.p, s->ctl.n);
    size_t n = s->ctl.n;

    if (n > PB_BATCH) {
        while (r.p - s->ctl.p < PB_BATCH && pb_rd_skip(&r))
            ;
        n = (size_t)(r.p - s->ctl.p);
    }
    pb_buf_add(b, s->ctl.p, n);
    s->ctl.n -= n;
    if (s->ctl.n)
        memmove(s->ctl.p, s->ctl.p + n, s->ctl.n);
    return s->ctl.n == 0;
}

/* PING tells the number of the message that it travels in. */
static void pack_ping(struct pb_session *s, int64_t now, struct pb_buf *b)
{
    struct pb_frame f = {.verb = PB_PING, .count = s->sent + 1, .clock = (uint64_t)now};

    if (!s->ping_due)
        return;
    s->ping_due = false;
    pb_frame_write(b, PB_UP, &f);
}

bool pb_session_pack(struct pb_session *s, int64_t now, struct pb_buf *b)
{
    bool working = s->state == PB_LINKED && !s->wants_close && !s->said_bye;
    size_t before = b->n;

    if (s->state == PB_NO_SOCKET)
        return false;
    if (working && s->ctl.n < PB_BATCH)
        pb_recv_pack(s, &s->ctl);
    if (pack_ctl(s, b) && working) {
        pack_ping(s, now, b);
        if (!s->broker_draining)
            pb_send_pack(s, now, b);
    }
    if (b->n == before)
        return false;
    s->sent++;
    return true;
}

bool pb_session_outcome(struct pb_session *s, struct pb_outcome *o)
{
    return pb_outcomes_pop(&s->outcomes, o);
}

void pb_session_report(struct pb_session *s, enum pb_node_state state, enum pbay_err code, const char *text,
                       uint32_t retry_ms)
{
    size_t n = strnlen(text, PB_MAX_TEXT);

    memcpy(s->report_text, text, n);
    s->report = (struct pb_frame){
        .verb = PB_STATE, .state = state, .code = code, .retry_ms = retry_ms, .text = {s->report_text, n}};
    s->reported = true;
    if (s->state == PB_LINKED)
        pb_ctl(s, &s->report);
}

void pb_session_drain(struct pb_session *s)
{
    if (s->draining)
        return;
    s->draining = true;
    if (s->state == PB_LINKED)
        pb_ctl(s, &(struct pb_frame){.verb = PB_DRAIN});
}

bool pb_session_drained(const struct pb_session *s)
{
    return s->n_started == 0 && s->n_retained == 0 && !s->dirty;
}

void pb_session_bye(struct pb_session *s)
{
    if (s->state != PB_LINKED || s->wants_close || s->said_bye)
        return;
    while (s->dirty)
        pb_recv_pack(s, &s->ctl);
    pb_ctl(s, &(struct pb_frame){.verb = PB_BYE, .code = PBAY_SHUTDOWN, .cause = PBAY_SHUTDOWN});
    s->said_bye = true;
}
