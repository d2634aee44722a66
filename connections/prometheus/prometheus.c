/* A message moves its metric at once. Its answer is READY until the runtime takes it, then GIVEN until the agent has
 * settled it; then the message is settled, too. So nobody can die between the two unseen: the next process is given the
 * message again and answers for itself. */
#include "connections/prometheus/prometheus.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <utlist.h>

#include "connections/prometheus/metrics.h"
#include "connections/webhook/web_link.h"
#include "pbay_dialogue.h"
#include "schema/protocols/prometheus.h"

#define PAGE_TYPE   "text/plain; version=0.0.4; charset=utf-8"
#define PATH        "/metrics"
#define MAX_ANSWERS 1024 /* ready and given; as many as the runtime keeps */
#define PAGES       4    /* as many of the longest may be written at a time */
#define COUNT(t)    (sizeof(t) / sizeof *(t))

struct config {
    uint32_t port, max_metrics, max_series, max_page;
    struct web_limits limits;
};

struct answer {
    uint64_t tag;    /* of the message's envelope */
    uint64_t number; /* of the answer's; 0 = READY */
    struct pb_buf names, message;
    struct pbay_str to, sender, operation, origin_name, origin_instance; /* views into names */
    uint8_t incarnation[PBAY_ID_SIZE];
    struct answer *prev, *next; /* of ready */
    UT_hash_handle hh;          /* of given */
};

struct prometheus {
    struct pbay_link *link;
    struct config config;
    struct web web;
    struct metrics metrics;
    struct pbay_protocols *protocols;
    struct pbay_dialogues *dialogues;
    struct answer *ready, *given; /* ready: the oldest first; given: by number */
    unsigned n;                   /* of both */
    bool full;                    /* `send` has answered AGAIN */
    uint64_t last_number;         /* never begins anew: an outcome may come after the next connect */
};

/* ---- the page ---- */

static void on_complete(void *self, struct web_request *r)
{
    const struct prometheus *s = self;
    struct pb_buf page = {0};

    metrics_write(&s->metrics, &page);
    assert(page.n <= s->metrics.page);
    web_answer(r, MHD_HTTP_OK, PAGE_TYPE, &page);
}

/* ---- answers ---- */

/* What the answer is addressed with: the envelope's views end with its settlement. */
static void keep_names(struct answer *a, const struct pbay_envelope *e)
{
    const struct {
        struct pbay_str *kept, from;
    } names[] = {{&a->to, e->sender},
                 {&a->sender, e->to},
                 {&a->operation, e->operation},
                 {&a->origin_name, e->origin.name},
                 {&a->origin_instance, e->origin.instance}};
    size_t at = 0;

    for (size_t i = 0; i < COUNT(names); i++)
        pb_buf_add(&a->names, names[i].from.p, names[i].from.n);
    for (size_t i = 0; i < COUNT(names); i++) {
        *names[i].kept = (struct pbay_str){(const char *)a->names.p + at, names[i].from.n};
        at += names[i].from.n;
    }
    memcpy(a->incarnation, e->origin.incarnation, sizeof a->incarnation);
}

static void answer_new(struct prometheus *s, const struct pbay_envelope *e, uint64_t tag, struct pbay_str message)
{
    struct answer *a = pb_alloc(sizeof *a);

    a->tag = tag;
    keep_names(a, e);
    pb_buf_add(&a->message, message.p, message.n);
    DL_APPEND(s->ready, a);
    s->n++;
}

static void answer_destroy(struct prometheus *s, struct answer *a)
{
    if (a->number) {
        assert(s->given);
        HASH_DELETE(hh, s->given, a);
    } else {
        DL_DELETE(s->ready, a);
    }
    pb_buf_fini(&a->names);
    pb_buf_fini(&a->message);
    free(a);
    s->n--;
}

/* ---- connect and disconnect ---- */

static void prometheus_disconnect(void *self)
{
    struct prometheus *s = self;
    struct answer *a, *next;

    DL_FOREACH_SAFE (s->ready, a, next)
        answer_destroy(s, a);
    HASH_ITER (hh, s->given, a, next)
        answer_destroy(s, a);
    web_stop(&s->web);
    metrics_fini(&s->metrics);
    pbay_dialogues_destroy(&s->dialogues);
    pbay_protocols_destroy(&s->protocols);
}

static enum pbay_err load(struct prometheus *s)
{
    static const struct pbay_config_number numbers[] = {
        {"port", offsetof(struct config, port), 9090, 0, 65535},
        {"max_metrics", offsetof(struct config, max_metrics), 1000, 1, 65536},
        {"max_series", offsetof(struct config, max_series), 10000, 1, 1U << 20},
        {"max_page_bytes", offsetof(struct config, max_page), 4U << 20, 1024, 256U << 20},
    };
    enum pbay_err err = pbay_link_config_numbers(s->link, numbers, COUNT(numbers), &s->config);

    s->metrics.max_metrics = s->config.max_metrics;
    s->metrics.max_series = s->config.max_series;
    s->metrics.max_page = s->config.max_page;
    return err ? err : web_limits_load(&s->config.limits, s->link);
}

static void begin_dialogues(struct prometheus *s)
{
    struct pbay_dialogues_opt opt = {.protocol_id = pbay_str(PBAY_PROMETHEUS_ID),
                                     .self = pbay_str(pbay_link_public_id(s->link))};
    char why[PBAY_MAX_WHY];

    if (getrandom(&opt.seed, sizeof opt.seed, 0) != sizeof opt.seed)
        abort(); /* the kernel promises so few at once */
    opt.protocols = s->protocols = pbay_protocols_new();
    s->dialogues = pbay_dialogues_new(&opt, why);
    assert(s->dialogues); /* built in */
}

static enum pbay_err prometheus_connect(void *self, struct pbay_link *link)
{
    static const char *const methods[] = {"GET", "HEAD", NULL};
    struct prometheus *s = self;
    const char *host = pbay_link_config(link, "host", "127.0.0.1");
    enum pbay_err err;

    prometheus_disconnect(s);
    s->link = link;
    s->full = false;
    err = *host ? load(s) : pbay_link_expected(link, "host", "an address or a name", "an empty text");
    if (err)
        return err;
    begin_dialogues(s);
    return web_link_start(&s->web, link,
                          &(struct web_opt){.host_key = "config.host",
                                            .host = host,
                                            .port = s->config.port,
                                            .path = PATH,
                                            .methods = methods,
                                            .limits = s->config.limits,
                                            .max_body_total = PAGES * (uint64_t)s->config.max_page,
                                            .complete = on_complete,
                                            .owner = s});
}

/* ---- messages become answers ---- */

/* false = more labels than one message may have. */
static bool read_labels(const struct pbay_message *m, struct metrics_words *words)
{
    size_t n = pbay_message_count(m, PBAY_PROMETHEUS_CONTENT_LABELS);
    struct pbay_value key, value;

    if (n > METRICS_MAX_LABELS)
        return false;
    for (size_t i = 0; i < n; i++) {
        pbay_message_at(m, PBAY_PROMETHEUS_CONTENT_LABELS, i, &key, &value);
        words->labels[i] = (struct metrics_label){key.s, value.s};
    }
    words->n_labels = n;
    return true;
}

/* Do what it says: the code of the response, and its sentence. */
static int perform(struct prometheus *s, const struct pbay_message *m, char why[METRICS_MAX_WHY])
{
    struct metrics_words words = {.title = pbay_message_str(m, PBAY_PROMETHEUS_CONTENT_TITLE)};
    struct pbay_value value = {0};

    if (!read_labels(m, &words)) {
        memcpy(why, "More than 32 labels.", sizeof "More than 32 labels.");
        return MHD_HTTP_BAD_REQUEST;
    }
    if (pbay_message_is(m, PBAY_PROMETHEUS_PERFORMATIVE_ADD_METRIC)) {
        words.type = pbay_message_str(m, PBAY_PROMETHEUS_CONTENT_TYPE);
        words.description = pbay_message_str(m, PBAY_PROMETHEUS_CONTENT_DESCRIPTION);
        return metrics_add(&s->metrics, &words, why);
    }
    words.callable = pbay_message_str(m, PBAY_PROMETHEUS_CONTENT_CALLABLE);
    pbay_message_value(m, PBAY_PROMETHEUS_CONTENT_VALUE, &value);
    return metrics_update(&s->metrics, &words, value.d, why);
}

/* The message is one that may be answered, in this dialogue. */
static void respond(struct prometheus *s, const struct pbay_envelope *e, uint64_t tag, const struct pbay_message *m,
                    uint64_t dialogue)
{
    char why[METRICS_MAX_WHY];
    int code = perform(s, m, why);
    struct pbay_message response = {0};
    struct pbay_str bytes;
    bool good;

    good = pbay_prometheus_response_init(&response, s->protocols, code) == PBAY_OK &&
           pbay_message_set_str(&response, PBAY_PROMETHEUS_CONTENT_MESSAGE, pbay_str(why)) == PBAY_OK &&
           pbay_dialogue_reply(s->dialogues, (uint64_t)web_now(), dialogue, 0, &response) == PBAY_DIALOGUE_OK &&
           pbay_message_encode(&response, &bytes) == PBAY_OK;
    assert(good); /* a response may answer either, and the sentence is UTF-8 */
    pbay_dialogue_end(s->dialogues, dialogue, PBAY_PROMETHEUS_END_STATE_SUCCESSFUL);
    answer_new(s, e, tag, bytes);
    pbay_message_fini(&response);
}

/* Not PBAY_OK = *why nobody could answer this. */
static enum pbay_err read_message(struct prometheus *s, const struct pbay_envelope *e, struct pbay_message *m,
                                  uint64_t *dialogue, const char **why)
{
    enum pbay_dialogue_err err;

    *why = "it is not of " PBAY_PROMETHEUS_ID;
    if (!pbay_str_eq(e->protocol_id, pbay_str(PBAY_PROMETHEUS_ID)))
        return PBAY_FAILED;
    *why = m->why;
    if (pbay_message_decode(m, s->protocols, e->protocol_id, e->message))
        return PBAY_MALFORMED;
    *why = "its operation is not its performative";
    if (e->operation.n && !pbay_str_eq(e->operation, pbay_str(m->performative)))
        return PBAY_FAILED;
    err = pbay_dialogue_take(s->dialogues, (uint64_t)web_now(), e->sender, m, dialogue);
    *why = pbay_dialogue_text(err);
    return err ? PBAY_FAILED : PBAY_OK;
}

static enum pbay_err prometheus_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct prometheus *s = self;
    struct pbay_message m = {0};
    uint64_t dialogue = 0;
    enum pbay_err err;
    const char *why;

    if (s->n >= MAX_ANSWERS) {
        s->full = true;
        return PBAY_AGAIN;
    }
    err = read_message(s, e, &m, &dialogue, &why);
    if (err) {
        err = pbay_link_fail(s->link, err, "no message for Prometheus: %s", why);
    } else {
        respond(s, e, tag, &m, dialogue);
        pbay_link_wake(s->link);
        err = PBAY_PENDING;
    }
    pbay_message_fini(&m);
    return err;
}

/* ---- answers become envelopes ---- */

/* The answer goes to the very process that asked: the dialogue is there. */
static void make_envelope(const struct answer *a, struct pbay_envelope *e)
{
    e->to = a->to;
    e->sender = a->sender;
    e->protocol_id = pbay_str(PBAY_PROMETHEUS_ID);
    e->operation = a->operation;
    e->message = (struct pbay_str){(const char *)a->message.p, a->message.n};
    e->origin.name = a->origin_name;
    e->origin.instance = a->origin_instance;
    memcpy(e->origin.incarnation, a->incarnation, sizeof e->origin.incarnation);
}

static void turn(struct prometheus *s)
{
    web_set_timer(s->link, web_turn(&s->web));
}

static enum pbay_err prometheus_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct prometheus *s = self;
    struct answer *a = s->ready;

    if (!a) {
        turn(s);
        return PBAY_AGAIN;
    }
    DL_DELETE(s->ready, a);
    a->number = ++s->last_number;
    HASH_ADD(hh, s->given, number, sizeof a->number, a);
    make_envelope(a, e);
    *tag = a->number;
    return PBAY_OK;
}

static void prometheus_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct prometheus *s = self;
    struct answer *a;

    HASH_FIND(hh, s->given, &tag, sizeof tag, a);
    if (!a)
        return;
    if (err)
        pbay_link_settle_why(s->link, a->tag, PBAY_OUTCOME_UNKNOWN, "its answer ended with %s", pbay_err_name(err));
    else
        pbay_link_settle(s->link, a->tag, PBAY_OK);
    answer_destroy(s, a);
    if (s->full)
        pbay_link_wake(s->link);
    s->full = false;
}

/* ---- the rest of the loop ---- */

static int prometheus_fd(void *self)
{
    const struct prometheus *s = self;

    return web_fd(&s->web);
}

static void prometheus_serve(void *self)
{
    turn(self);
}

/* Prometheus comes again; the agent's answers are what is waited for. */
static bool prometheus_drain(void *self)
{
    struct prometheus *s = self;

    turn(s);
    return !s->ready;
}

const struct pbay_conn_ops prometheus_ops = {
    .class_name = "PrometheusConnection",
    .state_size = sizeof(struct prometheus),
    .answers = true,
    .connect = prometheus_connect,
    .disconnect = prometheus_disconnect,
    .send = prometheus_send,
    .receive = prometheus_receive,
    .outcome = prometheus_outcome,
    .fd = prometheus_fd,
    .timer = prometheus_serve,
    .serve = prometheus_serve,
    .drain = prometheus_drain,
};
