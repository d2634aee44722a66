/* What SPEC.md must agree with, from the code itself, for spec.py:
 *
 *     spec_rows rows      the table of frames: VERB NUMBER DIR, then INDEX NAME TYPE BOUND for each field
 *     spec_rows codes     NUMBER NAME
 *     spec_rows session   SPEC 12.3: an agent and a connection, driven against the broker's core, as hex and as fields
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core.h"
#include "schema/session.h"

/* ---- tables ---- */

static void print_row(unsigned verb, enum pb_dir dir)
{
    struct pb_field_info info[PB_MAX_FIELDS];
    int n = pb_frame_fields(verb, dir, info);

    if (n < 0)
        return;
    printf("%s %u %s\n", pb_verb_name(verb), verb, dir == PB_UP ? "up" : "down");
    for (int i = 0; i < n; i++)
        printf("  %d %s %s %" PRIu32 "\n", i + 1, info[i].name, info[i].type, info[i].bound);
}

static void print_rows(void)
{
    for (unsigned verb = 1; verb < PB_VERB_COUNT; verb++) {
        print_row(verb, PB_UP);
        print_row(verb, PB_DOWN);
    }
}

static void print_codes(void)
{
    for (int code = 0; code < PBAY_ERR_COUNT; code++)
        printf("%d %s\n", code, pbay_err_name((enum pbay_err)code));
}

/* ---- frames as text ---- */

static void print_hex(struct pbay_str s)
{
    for (size_t i = 0; i < s.n; i++)
        printf("%02x", (uint8_t)s.p[i]);
}

static void print_list(const char *type, struct pb_span span)
{
    struct pb_rd r = pb_span_reader(span);
    struct pbay_str s;
    uint64_t lo, hi;
    uint32_t stream;

    printf("[");
    for (uint32_t i = 0; i < span.n; i++) {
        printf("%s", i ? ", " : "");
        if (strcmp(type, "[str]") == 0 && pb_span_str(&r, &s))
            printf("\"%.*s\"", (int)s.n, s.p);
        else if (strcmp(type, "[range]") == 0 && pb_span_range(&r, &lo, &hi))
            printf("[%" PRIu64 ", %" PRIu64 "]", lo, hi);
        else if (pb_span_claim(&r, &s, &stream))
            printf("(%" PRIu32 ")", stream);
    }
    printf("]");
}

static void print_value(const struct pb_field_info *info, const void *at)
{
    const struct pbay_str *s = at;

    if (strcmp(info->type, "u64") == 0)
        printf("%" PRIu64, *(const uint64_t *)at);
    else if (info->type[0] == 'u')
        printf("%" PRIu32, *(const uint32_t *)at);
    else if (info->type[0] == '[')
        print_list(info->type, *(const struct pb_span *)at);
    else if (strcmp(info->type, "str") == 0)
        printf("\"%.*s\"", (int)s->n, s->p);
    else if (s->n == 0)
        printf("%s", info->type[0] == 'm' ? "nil" : "()");
    else
        print_hex(*s);
}

static void print_message(const char *from, const char *to, enum pb_dir dir, const uint8_t *p, size_t n)
{
    struct pb_rd r = {p, p + n};
    struct pb_field_info info[PB_MAX_FIELDS];
    struct pb_frame f;

    printf("%s -> %s\n", from, to);
    while (r.p < r.end && pb_frame_read(&r, dir, &f)) {
        int fields = pb_frame_fields(f.verb, dir, info);

        printf("  %s ", pb_verb_name(f.verb));
        print_hex(f.raw);
        for (int i = 0; i < fields; i++) {
            printf("%s%s=", i % 6 ? " " : "\n      ", info[i].name);
            print_value(&info[i], (const char *)&f + info[i].at);
        }
        printf("\n");
    }
    assert(r.p == r.end);
}

/* ---- the worked session ---- */

enum { AGENT, CONNECTION, NODES };
static const char *const names[NODES] = {"agent", "stub"};

struct world {
    struct pb_core *core;
    struct pb_session nodes[NODES];
    int64_t now;
};

static bool node_speaks(struct world *w, int i)
{
    struct pb_buf b = {0};
    struct pb_event ev = {.kind = PB_EV_FRAME, .now = w->now, .rid = pbay_str(names[i])};
    bool any;

    pb_session_tick(&w->nodes[i], w->now);
    any = pb_session_pack(&w->nodes[i], w->now, &b);
    if (any) {
        print_message(names[i], "broker", PB_UP, b.p, b.n);
        ev.p = b.p;
        ev.n = b.n;
        pb_core_step(w->core, &ev);
        pb_core_flush(w->core);
    }
    pb_buf_fini(&b);
    return any;
}

static bool broker_speaks(struct world *w)
{
    struct pb_out out;
    bool any = false;

    while (pb_core_next(w->core, &out)) {
        int i = out.rid.n == strlen(names[AGENT]) ? AGENT : CONNECTION;

        any = true;
        print_message("broker", names[i], PB_DOWN, out.p, out.n);
        pb_session_frame(&w->nodes[i], w->now, out.p, out.n);
    }
    return any;
}

static void run(struct world *w)
{
    bool more = true;

    while (more) {
        more = broker_speaks(w);
        for (int i = 0; i < NODES; i++)
            more |= node_speaks(w, i);
    }
}

static void chapter(const char *text)
{
    printf("# %s\n", text);
}

static void init(struct world *w, int i, const struct pb_session_conf *conf)
{
    pb_session_init(&w->nodes[i], conf);
    memset(w->nodes[i].conf.incarnation, i == AGENT ? 0xa1 : 0xc1, PBAY_ID_SIZE);
}

static void put(struct world *w, const char *message)
{
    struct pbay_envelope e = {.to = pbay_str("peer"),
                              .sender = pbay_str("my_agent"),
                              .protocol_id = pbay_str("fetchai/default:1.0.0"),
                              .message = pbay_str(message)};
    enum pbay_err err = pb_session_put(&w->nodes[AGENT], w->now, &e, NULL);

    assert(err == PBAY_OK);
    (void)err;
    run(w);
}

static void finish(struct world *w, enum pbay_err err, const char *text)
{
    struct pb_held *h = pb_session_next(&w->nodes[CONNECTION], w->now);

    assert(h);
    pb_session_finish(&w->nodes[CONNECTION], h, err, text);
    run(w);
}

static void talk(struct world *w)
{
    struct pb_session_conf agent = {.role = PB_AGENT,
                                    .agent = pbay_str("my_agent"),
                                    .name = pbay_str("my_agent"),
                                    .instance = pbay_str("0"),
                                    .public_id = pbay_str(""),
                                    .max_envelopes = 9,
                                    .max_bytes = 9999};
    struct pb_session_conf stub = {.role = PB_CONNECTION,
                                   .agent = pbay_str("my_agent"),
                                   .name = pbay_str("stub"),
                                   .instance = pbay_str("0"),
                                   .public_id = pbay_str("fetchai/stub:0.21.3"),
                                   .max_envelopes = 9,
                                   .max_bytes = 9999};

    init(w, AGENT, &agent);
    init(w, CONNECTION, &stub);
    chapter("the agent attaches; its first PING rides on CONFIRM");
    pb_session_up(&w->nodes[AGENT], w->now);
    run(w);
    chapter("the connection attaches, and says that it is connected");
    w->now += 10;
    pb_session_report(&w->nodes[CONNECTION], PB_ST_CONNECTED, PBAY_OK, "", 0);
    pb_session_up(&w->nodes[CONNECTION], w->now);
    run(w);
    chapter("the agent puts \"hello\": its stream opens, the envelope goes through");
    w->now += 10;
    put(w, "hello");
    chapter("the connection has finished with it");
    finish(w, PBAY_OK, "");
    chapter("the agent puts \"again\"; the connection cannot handle it");
    put(w, "again");
    finish(w, PBAY_FAILED, "disk full");
    chapter("a heartbeat later");
    w->now += 1000;
    run(w);
    chapter("the agent leaves");
    pb_session_bye(&w->nodes[AGENT]);
    run(w);
}

static void print_session(void)
{
    struct pbay_conn_conf conn = {
        .public_id_text = "fetchai/stub:0.21.3", .name = "stub", .instances = 1, .replay = PBAY_REPLAY_SAFE};
    struct pbay_agent_conf conf = {.agent_name = "my_agent",
                                   .connections = &conn,
                                   .n_connections = 1,
                                   .memory_budget = 1U << 28,
                                   .max_envelope = 1U << 20,
                                   .heartbeat_ms = 1000,
                                   .timeout_ms = 5000,
                                   .gone_ms = 12500,
                                   .hold_ms = 30000,
                                   .max_attempts = 5};
    const struct pbay_agent_conf *list[] = {&conf};
    struct world w = {.now = 1000};

    if (!pbay_pubid_parse(pbay_str(conn.public_id_text), &conn.public_id))
        abort();
    w.core = pb_core_new(w.now, 1, list, 1);
    talk(&w);
    for (int i = 0; i < NODES; i++)
        pb_session_fini(&w.nodes[i]);
    pb_core_destroy(&w.core);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } modes[] = {{"rows", print_rows}, {"codes", print_codes}, {"session", print_session}};

    for (size_t i = 0; argc == 2 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            modes[i].print();
            return 0;
        }
    }
    fprintf(stderr, "usage: spec_rows rows|codes|session\n");
    return 2;
}
