/* Routing, rule by rule (SPEC 6.7), and protocol restrictions (SPEC 7.4): the leaves of the core, called directly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "broker/core_int.h"

static struct pbay_conn_conf conns[3];
static struct pbay_default_route routes[1];
static const char *addresses[] = {"0xA"};
static struct pbay_agent_conf agents[2];
static const struct pbay_agent_conf *list[2] = {&agents[0], &agents[1]};

static void set_conn(struct pbay_conn_conf *c, const char *name, const char *id)
{
    *c = (struct pbay_conn_conf){.name = name, .public_id_text = id, .instances = 1};
    assert_true(pbay_pubid_parse(pbay_str(id), &c->public_id));
}

static struct pb_core *new_core(void)
{
    set_conn(&conns[0], "c0", "t/c0:1.0.0");
    set_conn(&conns[1], "c1", "t/c1:1.0.0");
    set_conn(&conns[2], "c2", "t/c2:1.0.0");
    routes[0] = (struct pbay_default_route){.protocol_text = "t/p1:1.0.0", .connection = 1};
    assert_true(pbay_pubid_parse(pbay_str("t/p1:1.0.0"), &routes[0].protocol));
    agents[0] = (struct pbay_agent_conf){.agent_name = "A",
                                         .addresses = addresses,
                                         .n_addresses = 1,
                                         .connections = conns,
                                         .n_connections = 2,
                                         .default_connection = 0,
                                         .default_routing = routes,
                                         .n_default_routing = 1,
                                         .memory_budget = 1 << 20,
                                         .max_envelope = 1024,
                                         .heartbeat_ms = 100,
                                         .timeout_ms = 500,
                                         .gone_ms = 1100};
    agents[1] = agents[0];
    agents[1].agent_name = "B";
    agents[1].n_addresses = 0;
    agents[1].connections = &conns[2];
    agents[1].n_connections = 1;
    agents[1].default_connection = -1;
    agents[1].n_default_routing = 0;
    return pb_core_new(1, 1, list, 2);
}

struct asked {
    const char *agent, *conn; /* the sender: an agent, or its connection */
    const char *to, *from, *connection, *protocols[2];
    const uint8_t *origin;
};

/* The name of the group that the stream goes to, "InBox of X", or the code. */
static const char *route(struct pb_core *c, const struct asked *a)
{
    static char answer[64];
    struct pb_node node = {.group = pb_group_find(c, pbay_str(a->agent), pbay_str(a->conn ? a->conn : ""))};
    struct pb_stream s = {.sender = &node,
                          .to = pbay_str(a->to),
                          .from = pbay_str(a->from ? a->from : a->agent),
                          .connection = pbay_str(a->connection)};
    enum pbay_err code;
    const char *text;
    struct pb_group *g;

    node.role = a->conn ? PB_CONNECTION : PB_AGENT;
    if (a->origin)
        s.origin = (struct pbay_str){(const char *)a->origin, PBAY_ID_SIZE};
    for (; s.n_protocols < 2 && (s.n_protocols == 0 || a->protocols[s.n_protocols]); s.n_protocols++) {
        struct pb_protocol *p = &s.protocols[s.n_protocols];

        p->text = pbay_str(a->protocols[s.n_protocols] ? a->protocols[s.n_protocols] : "t/p0:1.0.0");
        assert_true(pbay_pubid_parse(p->text, &p->id));
    }
    g = pb_route(c, &s, &code, &text);
    if (!g)
        return pbay_err_name((enum pbay_err)code);
    snprintf(answer, sizeof answer, "%s%.*s", g->name.n ? "" : "InBox of ", (int)(g->name.n ? g->name.n : g->agent.n),
             g->name.n ? g->name.p : g->agent.p);
    return answer;
}

#define ROUTE(expected, ...) assert_string_equal(route(c, &(struct asked){__VA_ARGS__}), expected)

static void test_outgoing(void **state)
{
    struct pb_core *c = new_core();
    static const uint8_t origin[PBAY_ID_SIZE] = {1};

    (void)state;
    /* 0: the reply handle names a node, and wins over everything */
    ROUTE("c1", .agent = "A", .to = "ext", .connection = "c1", .origin = origin);
    ROUTE("INSTANCE_GONE", .agent = "A", .to = "ext", .connection = "nobody", .origin = origin);
    /* 1: both public ids: `to` names the connection, exactly or with another version */
    ROUTE("c1", .agent = "A", .to = "t/c1:1.0.0", .from = "t/skill:1.0.0");
    ROUTE("c1", .agent = "A", .to = "t/c1:2.0.0", .from = "t/skill:1.0.0");
    ROUTE("NO_ROUTE", .agent = "A", .to = "t/c2:1.0.0", .from = "t/skill:1.0.0");
    /* 2: the context */
    ROUTE("c1", .agent = "A", .to = "ext", .connection = "t/c1:any");
    ROUTE("NO_ROUTE", .agent = "A", .to = "ext", .connection = "t/zz:1.0.0");
    /* 5 and 6: default routing by protocol, then the default connection */
    ROUTE("c1", .agent = "A", .to = "ext", .protocols = {"t/p1:1.0.0"});
    ROUTE("c0", .agent = "A", .to = "ext", .protocols = {"t/p1:1.0.1"});
    ROUTE("c0", .agent = "A", .to = "ext");
    ROUTE("NO_ROUTE", .agent = "A", .to = "ext", .protocols = {"t/p0:1.0.0", "t/p1:1.0.0"});
    ROUTE("NO_ROUTE", .agent = "B", .to = "ext");
    pb_core_destroy(&c);
}

static void test_helper(void **state)
{
    struct pb_core *c = new_core();
    struct pb_group *inbox = pb_group_find(c, pbay_str("A"), pbay_str(""));
    uint64_t before = c->generation;
    char address[32];

    (void)state;
    pb_route_learn(c, inbox, pbay_str("ext"), pb_group_find(c, pbay_str("A"), pbay_str("c1")));
    assert_int_equal(c->generation, before + 1);
    ROUTE("c1", .agent = "A", .to = "ext");
    ROUTE("c0", .agent = "A", .to = "ext", .connection = "t/c0:1.0.0"); /* the context wins */
    ROUTE("c1", .agent = "A", .to = "ext",
          .protocols = {"t/p0:1.0.0", "t/p1:1.0.0"}); /* it wins over default routing */
    ROUTE("NO_ROUTE", .agent = "B", .to = "ext");     /* another agent learns nothing from it */
    pb_route_learn(c, inbox, pbay_str("ext"), pb_group_find(c, pbay_str("A"), pbay_str("c0")));
    ROUTE("c0", .agent = "A", .to = "ext"); /* who wrote last */
    for (int i = 0; i < PB_MAX_HELPED; i++) {
        snprintf(address, sizeof address, "many%d", i);
        pb_route_learn(c, inbox, pbay_str(address), pb_group_find(c, pbay_str("A"), pbay_str("c1")));
    }
    assert_int_equal(HASH_COUNT(inbox->helped), PB_MAX_HELPED); /* bounded: the oldest is forgotten */
    ROUTE("c0", .agent = "A", .to = "ext");
    ROUTE("c1", .agent = "A", .to = "many5");
    pb_core_destroy(&c);
}

static void test_local_delivery(void **state)
{
    static const uint8_t origin[PBAY_ID_SIZE] = {1};
    struct pb_core *c = new_core();

    (void)state;
    ROUTE("c0", .agent = "A", .to = "B"); /* off: like any other address */
    agents[0].local_delivery = true;
    ROUTE("InBox of B", .agent = "A", .to = "B");
    ROUTE("InBox of A", .agent = "A", .to = "0xA");
    ROUTE("c1", .agent = "A", .to = "B", .connection = "t/c1:1.0.0"); /* the context comes before it */
    conns[1].local_delivery = true;                                   /* unless it stands for this delivery */
    ROUTE("InBox of B", .agent = "A", .to = "B", .connection = "t/c1:1.0.0");
    ROUTE("c1", .agent = "A", .to = "nobody", .connection = "t/c1:1.0.0");
    conns[1].local_delivery = false;
    /* the answer goes back the same way, whichever of the two has it configured; nowhere else */
    ROUTE("InBox of A", .agent = "B", .to = "A", .connection = "A", .origin = origin);
    ROUTE("InBox of B", .agent = "A", .to = "B", .connection = "B", .origin = origin);
    agents[0].local_delivery = false;
    ROUTE("INSTANCE_GONE", .agent = "B", .to = "A", .connection = "A", .origin = origin);
    pb_core_destroy(&c);
}

/* I5: what a connection sends reaches its own agent or nobody. */
static void test_inbound(void **state)
{
    struct pb_core *c = new_core();

    (void)state;
    ROUTE("InBox of A", .agent = "A", .conn = "c0", .to = "A", .from = "ext");
    ROUTE("InBox of A", .agent = "A", .conn = "c0", .to = "0xA", .from = "ext");
    ROUTE("InBox of A", .agent = "A", .conn = "c0", .to = "t/skill:1.0.0", .from = "t/c0:1.0.0");
    ROUTE("DENIED", .agent = "A", .conn = "c0", .to = "B", .from = "ext");
    ROUTE("NO_ROUTE", .agent = "A", .conn = "c0", .to = "stranger", .from = "ext");
    agents[0].local_delivery = true;
    ROUTE("DENIED", .agent = "A", .conn = "c0", .to = "B", .from = "ext");
    pb_core_destroy(&c);
}

static struct pbay_rule rule(const char *id, const char *operation)
{
    struct pbay_rule r = {.text = id, .operation = operation, .at = {"c.yaml", 7}};

    assert_true(pbay_pubid_parse(pbay_str(id), &r.id));
    return r;
}

static bool allowed(const struct pbay_conn_conf *conn, const char *protocol, const char *operation)
{
    struct pb_protocol p = {.text = pbay_str(protocol)};
    const struct pbay_rule *why;

    assert_true(pbay_pubid_parse(p.text, &p.id));
    pb_restrict_decide(conn, &p);
    if (p.verdict != PB_BY_OPERATION)
        return p.verdict == PB_ALLOWED;
    return pb_restrict_operation(conn, &p, pbay_str(operation), &why);
}

static void test_restrictions(void **state)
{
    struct pbay_rule restricted[] = {rule("t/a:1.0.0", NULL), rule("t/b:1.0.0", "read")};
    struct pbay_rule excluded[] = {rule("t/a:1.0.0", "drop"), rule("t/c:1.0.0", NULL)};
    struct pbay_conn_conf open = {0}, only = {.restricted = restricted, .n_restricted = 2}, both = only;
    struct pbay_conn_conf without = {.excluded = excluded, .n_excluded = 2};
    char text[100];

    (void)state;
    both.excluded = excluded;
    both.n_excluded = 2;
    assert_true(allowed(&open, "t/x:1.0.0", ""));
    assert_true(allowed(&only, "t/a:1.0.0", "anything"));
    assert_false(allowed(&only, "t/a:1.0.1", "anything")); /* exact version */
    assert_true(allowed(&only, "t/b:1.0.0", "read"));
    assert_false(allowed(&only, "t/b:1.0.0", "write"));
    assert_false(allowed(&only, "t/b:1.0.0", ""));
    assert_false(allowed(&only, "t/x:1.0.0", ""));
    assert_false(allowed(&without, "t/c:1.0.0", ""));
    assert_true(allowed(&without, "t/x:1.0.0", ""));
    assert_true(allowed(&both, "t/a:1.0.0", "keep"));
    assert_false(allowed(&both, "t/a:1.0.0", "drop")); /* excluded wins over restricted */
    pb_restrict_text(&both, &excluded[0], text, sizeof text);
    assert_string_equal(text, "c.yaml:7: excluded_protocols names it");
    pb_restrict_text(&only, NULL, text, sizeof text);
    assert_string_equal(text, "c.yaml:7: restricted_to_protocols does not name it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outgoing), cmocka_unit_test(test_helper),       cmocka_unit_test(test_local_delivery),
        cmocka_unit_test(test_inbound),  cmocka_unit_test(test_restrictions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
