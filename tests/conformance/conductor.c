/* Test agent that is led by lines on standard input, and tells on standard output what it sees.
 *
 * in:  to ADDRESS CONNECTION PROTOCOL OPERATION   where the next envelopes go; "-" = nothing there
 *      url URL             these are requests from here on: GET URL/NUMBER with a body
 *      send COUNT SIZE     so many more, as the OutBox takes them; each begins with its number in eight digits
 *                          to Prometheus' protocol: metrics, each with the number as its name and the rest as its
 *                          description
 *      say TEXT            one with this message
 *      fill SIZE           as many as the OutBox takes now
 * out: full COUNT          it takes no more; so many were put so far
 *      ended NUMBER CODE TEXT
 *      got TEXT            an envelope, acknowledged by the next get
 *      replied STATUS BODY the answer to such a request; to such a metric: its code, and /NUMBER
 *      asked PATH          an HTTP request, answered with its path as the body
 *      answered CODE TEXT  how such an answer has ended
 *      left COUNT          the end of standard input: closed, with so many envelopes whose end is not known
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/pbay.h"
#include "schema/pbay_message.h"

#define HTTP       "valory/http:1.0.0"
#define PROMETHEUS "fetchai/prometheus:1.0.0"
#define VCX        "patchbay/vcx_connection:1.0.0"
#define MAX_LINE   512
#define MAX_SIZE   65536
#define MAX_TAGS   65536 /* more than end between two looks */
#define MAX_TEXT   96    /* bytes of a message that are told */
#define MAX_OPEN   900   /* ends that are not told yet; the library keeps 1,024 */
#define DIGITS     8
#define LOOK_MS    10    /* until the OutBox is tried again */
#define FAREWELL   20000 /* ms for what was put to end */
#define FENCED     76

struct conductor {
    pbay_t agent;
    struct pbay_protocols *protocols;
    char line[MAX_LINE];
    size_t n;
    bool over;
    char to[MAX_LINE], connection[MAX_LINE], protocol[MAX_LINE], operation[MAX_LINE], url[MAX_LINE], message[MAX_SIZE];
    unsigned put, wanted, told; /* numbers: put so far, to be put, those whose end was told */
    size_t size;
    unsigned number_of_tag[MAX_TAGS]; /* 0 = an answer */
};

static void fail(const char *what)
{
    fprintf(stderr, "conductor: %s\n", what);
    exit(3);
}

/* ---- out ---- */

static struct pbay_str field(const char *text)
{
    return pbay_str(strcmp(text, "-") == 0 ? "" : text);
}

/* The next number, with this message. */
static enum pbay_err put(struct conductor *c, struct pbay_str message)
{
    struct pbay_envelope e = {.to = pbay_str(c->to),
                              .sender = pbay_str(getenv("PATCHBAY_AGENT")),
                              .protocol_id = pbay_str(c->protocol),
                              .connection_id = field(c->connection),
                              .operation = field(c->operation),
                              .message = message};
    enum pbay_err err;
    uint64_t tag;

    err = pbay_put(c->agent, &e, 0, &tag);
    if (err == PBAY_OK)
        c->number_of_tag[tag % MAX_TAGS] = ++c->put;
    else if (err != PBAY_AGAIN)
        fail(pbay_err_name(err));
    return err;
}

static enum pbay_err put_request(struct conductor *c, struct pbay_str body)
{
    struct pbay_message m = {0};
    struct pbay_str bytes;
    char url[MAX_LINE + 16];
    enum pbay_err err;

    snprintf(url, sizeof url, "%s/%u", c->url, c->put + 1);
    if (pbay_message_init(&m, c->protocols, pbay_str(HTTP), "request"))
        fail("no message");
    m.starter = pbay_str(url);
    pbay_message_set_str(&m, "method", pbay_str("get"));
    pbay_message_set_str(&m, "url", pbay_str(url));
    pbay_message_set_str(&m, "version", pbay_str(""));
    pbay_message_set_str(&m, "headers", pbay_str(""));
    pbay_message_set_bytes(&m, "body", body);
    if (pbay_message_encode(&m, &bytes))
        fail(m.why);
    err = put(c, bytes);
    pbay_message_fini(&m);
    return err;
}

static enum pbay_err put_metric(struct conductor *c, struct pbay_str description)
{
    struct pbay_message m = {0};
    struct pbay_str bytes;
    char number[16], title[32];
    enum pbay_err err;

    snprintf(number, sizeof number, "/%u", c->put + 1);
    snprintf(title, sizeof title, "metric_%u", c->put + 1);
    if (pbay_message_init(&m, c->protocols, pbay_str(PROMETHEUS), "add_metric"))
        fail("no message");
    m.starter = pbay_str(number);
    pbay_message_set_str(&m, "type", pbay_str("Counter"));
    pbay_message_set_str(&m, "title", pbay_str(title));
    pbay_message_set_str(&m, "description", description);
    if (pbay_message_encode(&m, &bytes))
        fail(m.why);
    err = put(c, bytes);
    pbay_message_fini(&m);
    return err;
}

/* Whatever is in it, it is no JSON: there is one answer to it. */
static enum pbay_err put_connection(struct conductor *c, struct pbay_str json)
{
    struct pbay_message m = {0};
    struct pbay_str bytes;
    char number[16];
    enum pbay_err err;

    snprintf(number, sizeof number, "/%u", c->put + 1);
    if (pbay_message_init(&m, c->protocols, pbay_str(VCX), "deserialize"))
        fail("no message");
    m.starter = pbay_str(number);
    pbay_message_set_str(&m, "json", json);
    if (pbay_message_encode(&m, &bytes))
        fail(m.why);
    err = put(c, bytes);
    pbay_message_fini(&m);
    return err;
}

static enum pbay_err put_numbered(struct conductor *c, size_t size)
{
    struct pbay_str message = {c->message, size};
    char digits[DIGITS + 1];

    snprintf(digits, sizeof digits, "%08u", (c->put + 1) % 100000000);
    memset(c->message, '.', size);
    memcpy(c->message, digits, DIGITS);
    if (strcmp(c->protocol, PROMETHEUS) == 0)
        return put_metric(c, message);
    if (strcmp(c->protocol, VCX) == 0)
        return put_connection(c, message);
    return c->url[0] ? put_request(c, message) : put(c, message);
}

static void put_some(struct conductor *c)
{
    while (c->put < c->wanted && c->put - c->told < MAX_OPEN && put_numbered(c, c->size) == PBAY_OK)
        ;
}

/* ---- what it is told ---- */

static void on_to(struct conductor *c, const char *arguments)
{
    if (sscanf(arguments, "%511s %511s %511s %511s", c->to, c->connection, c->protocol, c->operation) != 4)
        fail("to: expected four words");
}

static void on_url(struct conductor *c, const char *arguments)
{
    snprintf(c->url, sizeof c->url, "%s", arguments);
}

static void on_send(struct conductor *c, const char *arguments)
{
    unsigned count;

    if (sscanf(arguments, "%u %zu", &count, &c->size) != 2 || c->size < DIGITS || c->size > MAX_SIZE)
        fail("send: expected a count and a size");
    c->wanted += count;
}

static void on_say(struct conductor *c, const char *arguments)
{
    if (put(c, pbay_str(arguments)) != PBAY_OK)
        fail("say: no room");
    c->wanted++;
}

static void on_fill(struct conductor *c, const char *arguments)
{
    size_t size = strtoul(arguments, NULL, 10);

    if (size < DIGITS || size > MAX_SIZE)
        fail("fill: expected a size");
    while (put_numbered(c, size) == PBAY_OK)
        ;
    c->wanted = c->put;
    printf("full %u\n", c->put);
}

static const struct command {
    const char *name;
    void (*run)(struct conductor *, const char *arguments);
} commands[] = {{"to ", on_to}, {"url ", on_url}, {"send ", on_send}, {"say ", on_say}, {"fill ", on_fill}};

static void obey(struct conductor *c, const char *line)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        size_t n = strlen(commands[i].name);

        if (strncmp(line, commands[i].name, n) == 0) {
            commands[i].run(c, line + n);
            return;
        }
    }
    fail(line);
}

static void read_lines(struct conductor *c)
{
    struct pollfd in = {.fd = 0, .events = POLLIN};
    char *end;
    ssize_t n;

    while (!c->over && poll(&in, 1, 0) > 0) {
        n = read(0, c->line + c->n, sizeof c->line - 1 - c->n);
        c->over = n <= 0;
        c->n += n > 0 ? (size_t)n : 0;
        while ((end = memchr(c->line, '\n', c->n))) {
            *end = 0;
            obey(c, c->line);
            c->n -= (size_t)(end + 1 - c->line);
            memmove(c->line, end + 1, c->n);
        }
        if (c->n == sizeof c->line - 1)
            fail("a line is too long");
    }
}

/* ---- in ---- */

static void tell(const char *what, struct pbay_str s)
{
    char text[MAX_TEXT + 1];
    size_t n = s.n < MAX_TEXT ? s.n : MAX_TEXT;

    for (size_t i = 0; i < n; i++)
        text[i] = s.p[i];
    for (size_t i = 0; i < n; i++) {
        if (text[i] < ' ' || text[i] > '~')
            text[i] = '?';
    }
    printf("%s %.*s\n", what, (int)n, text);
}

/* From the slash behind the host on. */
static struct pbay_str path_of(struct pbay_str url)
{
    const char *host = memmem(url.p, url.n, "://", 3);
    const char *slash = host ? memchr(host + 3, '/', url.n - (size_t)(host + 3 - url.p)) : NULL;

    return slash ? (struct pbay_str){slash, url.n - (size_t)(slash - url.p)} : pbay_str("/");
}

static void answer(struct conductor *c, const struct pbay_envelope *e, const struct pbay_message *request)
{
    struct pbay_str path = path_of(pbay_message_str(request, "url")), bytes;
    struct pbay_message m = {0};
    uint64_t tag;

    tell("asked", path);
    if (pbay_message_init(&m, c->protocols, e->protocol_id, "response"))
        fail("no message");
    pbay_message_answer(&m, request);
    pbay_message_set_str(&m, "version", pbay_str(""));
    pbay_message_set_int(&m, "status_code", 200);
    pbay_message_set_str(&m, "status_text", pbay_str("OK"));
    pbay_message_set_str(&m, "headers", pbay_str(""));
    pbay_message_set_bytes(&m, "body", path);
    if (pbay_message_encode(&m, &bytes) || pbay_reply(c->agent, e, bytes, FAREWELL, &tag))
        fail("no answer");
    c->number_of_tag[tag % MAX_TAGS] = 0;
    pbay_message_fini(&m);
}

/* What came; an answer or a request is told as what it says. */
static void show(struct conductor *c, const struct pbay_envelope *e)
{
    struct pbay_message m = {0};
    char what[32];
    bool is_coded = pbay_str_eq(e->protocol_id, pbay_str(PROMETHEUS)) || pbay_str_eq(e->protocol_id, pbay_str(VCX));
    bool is_known = (is_coded || pbay_str_eq(e->protocol_id, pbay_str(HTTP))) &&
                    pbay_message_decode(&m, c->protocols, e->protocol_id, e->message) == PBAY_OK;

    if (is_known && pbay_message_is(&m, "request")) {
        answer(c, e, &m);
    } else if (is_known) {
        snprintf(what, sizeof what, "replied %d", (int)pbay_message_int(&m, is_coded ? "code" : "status_code"));
        tell(what, is_coded ? m.starter : pbay_message_str(&m, "body"));
    } else {
        tell("got", e->message);
    }
    pbay_message_fini(&m);
}

static enum pbay_err take(struct conductor *c, int timeout)
{
    struct pbay_envelope e;
    enum pbay_err err = pbay_get(c->agent, &e, NULL, timeout);

    if (!err)
        show(c, &e);
    return err;
}

static void take_outcomes(struct conductor *c, int timeout)
{
    struct pbay_outcome o;

    for (; pbay_get_outcome(c->agent, &o, timeout) == PBAY_OK; timeout = 0) {
        unsigned number = c->number_of_tag[o.tag % MAX_TAGS];

        c->told += number != 0;
        if (number)
            printf("ended %u %s %s\n", number, pbay_err_name(o.err), o.text);
        else
            printf("answered %s %s\n", pbay_err_name(o.err), o.text);
    }
}

/* ---- loop ---- */

static enum pbay_err serve(struct conductor *c)
{
    enum pbay_err err = PBAY_OK;

    while ((err == PBAY_OK || err == PBAY_TIMEOUT) && !c->over) {
        struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = pbay_fd(c->agent), .events = POLLIN}};

        if (err == PBAY_TIMEOUT)
            poll(fds, 2, c->put < c->wanted ? LOOK_MS : -1);
        read_lines(c);
        put_some(c);
        take_outcomes(c, 0);
        err = take(c, 0);
    }
    return err;
}

int main(void)
{
    static struct conductor c;
    enum pbay_err err;
    size_t left = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!getenv("PATCHBAY_AGENT") || pbay_open(&c.agent, NULL) != PBAY_OK)
        return 2;
    c.protocols = pbay_protocols_new();
    c.size = DIGITS;
    err = serve(&c);
    pbay_close(c.agent, err == PBAY_FENCED ? 0 : FAREWELL, &left);
    printf("left %zu\n", left);
    pbay_protocols_destroy(&c.protocols);
    return err == PBAY_FENCED ? FENCED : left > 0;
}
