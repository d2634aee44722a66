/* Protocol specifications: what is loaded, and each rule with the words of its refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include "schema/message.h"

#define EVERYTHING SOURCE_DIR "/tests/protocols/everything.yaml"
#define S(text)    pbay_str(text)
#define COUNT(a)   (sizeof(a) / sizeof *(a))

struct world {
    struct pbay_protocols *protocols;
    struct pbay_message m;
    char root[64];
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    strcpy(w->root, "/tmp/pbay-protocol-XXXXXX");
    assert_non_null(mkdtemp(w->root));
    assert_int_equal(chdir(w->root), 0);
    w->protocols = pbay_protocols_new();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    int failed = (unlink("p.yaml") & 0) | chdir("/") | rmdir(w->root);

    pbay_message_fini(&w->m);
    pbay_protocols_destroy(&w->protocols);
    pbay_protocols_destroy(&w->protocols);
    free(w);
    return failed;
}

/* ---- refusals ---- */

/* A small specification. Each case of the table replaces one piece of it. */
static const char base[] = "name: small\n"                                 /* 1 */
                           "author: acme\n"                                /* 2 */
                           "version: 0.1.0\n"                              /* 3 */
                           "license: Apache-2.0\n"                         /* 4 */
                           "aea_version: any\n"                            /* 5 */
                           "description: small\n"                          /* 6 */
                           "protocol_specification_id: acme/small:1.0.0\n" /* 7 */
                           "speech_acts:\n"                                /* 8 */
                           "  ask:\n"                                      /* 9 */
                           "    what: pt:str\n"                            /* 10 */
                           "    kind: ct:Kind\n"                           /* 11 */
                           "  tell:\n"                                     /* 12 */
                           "    what: pt:str\n"                            /* 13 */
                           "    data: pt:bytes\n"                          /* 14 */
                           "---\n"                                         /* 15 */
                           "ct:Kind: 'bytes kind = 1;'\n"                  /* 16 */
                           "---\n"                                         /* 17 */
                           "initiation: [ask]\n"                           /* 18 */
                           "reply:\n"                                      /* 19 */
                           "  ask: [tell, ask]\n"                          /* 20 */
                           "  tell: []\n"                                  /* 21 */
                           "termination: [tell]\n"                         /* 22 */
                           "roles: {b, a}\n"                               /* 23 */
                           "end_states: [good, bad]\n"                     /* 24 */
                           "keep_terminal_state_dialogues: false\n";       /* 25 */

#define TYPE                                                                                                    \
    "a type such as pt:str, ct:Thing, pt:list[pt:int], pt:dict[pt:str, pt:bytes], pt:union[pt:int, pt:str] or " \
    "pt:optional[pt:bool], found "
#define NAME    "expected a name of at most 64 letters, digits and single _ inside"
#define PROTO   "expected the fields of a protobuf message, such as \"bytes data = 1;\", found "
#define A10     "aaaaaaaaaa"
#define LONG65  A10 A10 A10 A10 A10 A10 "aaaaa"
#define DATA(t) "data: pt:bytes", "data: " t

static const struct row {
    const char *from, *to, *error;
} rows[] = {
    {"name: small\n", "name: Small\n", "1: name: expected a name of lower-case letters, digits and _, found \"Small\""},
    {"license: Apache-2.0\n", "licence: Apache-2.0\n", "4: licence: unknown key, did you mean license?"},
    {"license: Apache-2.0\n", "", "1: expected the key license, which is missing"},
    {"version: 0.1.0", "version: one", "3: version: expected a version such as 1.0.0, found \"one\""},
    {"acme/small:1.0.0", "acme",
     "7: protocol_specification_id: expected a public id such as acme/thing:1.0.0, found \"acme\""},
    {"acme/small:1.0.0", "acme/small",
     "7: protocol_specification_id: expected a public id with a version, such as acme/thing:1.0.0, found "
     "\"acme/small\""},
    {"acme/small:1.0.0", "acme/small:any",
     "7: protocol_specification_id: expected a public id with a version, such as acme/thing:1.0.0, found "
     "\"acme/small:any\""},
    {"speech_acts:", "speech_acts: {}\nx:",
     "9: x: unknown key, expected one of name, author, version, license, aea_version, description, "
     "protocol_specification_id, speech_acts"},
    {"  tell:\n", "  _tell:\n", "12: speech_acts._tell: " NAME},
    {"  tell:\n", "  te__ll:\n", "12: speech_acts.te__ll: " NAME},
    {"  tell:\n", "  te-ll:\n", "12: speech_acts.te-ll: " NAME},
    {"  tell:\n", "  " LONG65 ":\n", "12: speech_acts." A10 A10 A10 A10 A10 A10 "aaaa: " NAME},
    {"  tell:\n", "  target:\n", "12: speech_acts.target: this name is reserved"},
    {"  ask:\n", "  ask: 1\n  asks:\n",
     "9: speech_acts.ask: expected a mapping of contents to their types, or {}, found \"1\""},
    {"data: pt", "_body: pt", "14: speech_acts.tell._body: this name is reserved"},
    {"data: pt", "data_: pt", "14: speech_acts.tell.data_: " NAME},
    {"    data: pt:bytes", "    what: pt:str", "14: what: this key is on line 13 already"},
    {"data: pt:bytes", "what_is_set: pt:bool\n    kind: pt:optional[ct:Kind]",
     "15: speech_acts.tell.kind: expected ct:Kind as on line 11, found \"pt:optional[ct:Kind]\""},
    {"    data: pt:bytes", "    data_is_set: pt:bool\n    data: pt:optional[pt:int]",
     "15: speech_acts.tell.data: protobuf's field data_is_set is one of data_is_set, too"},
    {"    data: pt:bytes", "    data: pt:union[pt:int, pt:str]\n    data_type_str: pt:str",
     "15: speech_acts.tell.data_type_str: protobuf's field data_type_str is one of data, too"},
    {"    what: pt:str\n    data", "    what: pt:int\n    data",
     "13: speech_acts.tell.what: expected pt:str as on line 10, found \"pt:int\""},
    {DATA("[]"), "14: speech_acts.tell.data: expected a type such as pt:str, ct:Thing, pt:list[pt:int], "
                 "pt:dict[pt:str, pt:bytes], pt:union[pt:int, pt:str] or pt:optional[pt:bool], found a list"},
    {DATA("pt:long"), "14: speech_acts.tell.data: expected " TYPE "\"pt:long\""},
    {DATA("pt:strs"), "14: speech_acts.tell.data: expected " TYPE "\"pt:strs\""},
    {DATA("str"), "14: speech_acts.tell.data: expected " TYPE "\"str\""},
    {DATA("pt:str]"), "14: speech_acts.tell.data: expected " TYPE "\"pt:str]\""},
    {DATA("pt:tuple[pt:str]"), "14: speech_acts.tell.data: expected " TYPE "\"pt:tuple[pt:str]\""},
    {DATA("pt:list"), "14: speech_acts.tell.data: expected pt:list[pt:...] of a primitive type, found \"pt:list\""},
    {DATA("pt:list[ct:Kind]"),
     "14: speech_acts.tell.data: expected pt:list[pt:...] of a primitive type, found \"pt:list[ct:Kind]\""},
    {DATA("pt:set[pt:int, pt:int]"),
     "14: speech_acts.tell.data: expected pt:set[pt:...] of a primitive type, found \"pt:set[pt:int, pt:int]\""},
    {DATA("pt:dict[pt:str]"),
     "14: speech_acts.tell.data: expected pt:dict[pt:..., pt:...] of primitive types, found \"pt:dict[pt:str]\""},
    {DATA("pt:dict[pt:float, pt:str]"), "14: speech_acts.tell.data: expected a dict with keys of pt:str, pt:int or "
                                        "pt:bool, found \"pt:dict[pt:float, pt:str]\""},
    {DATA("pt:dict[pt:bytes, pt:str]"), "14: speech_acts.tell.data: expected a dict with keys of pt:str, pt:int or "
                                        "pt:bool, found \"pt:dict[pt:bytes, pt:str]\""},
    {DATA("pt:dict[pt:str, pt:list[pt:int]]"),
     "14: speech_acts.tell.data: expected pt:dict[pt:..., pt:...] of primitive "
     "types, found \"pt:dict[pt:str, pt:list[pt:int]]\""},
    {DATA("pt:union[pt:str]"),
     "14: speech_acts.tell.data: expected pt:union[..., ...] of at least two types, found \"pt:union[pt:str]\""},
    {DATA("pt:union[pt:str, pt:int"),
     "14: speech_acts.tell.data: expected pt:union[..., ...] of at least two types, found \"pt:union[pt:str, pt:int\""},
    {DATA("pt:union[pt:str, pt:int, pt:str]"),
     "14: speech_acts.tell.data: expected different kinds in a union, found str twice"},
    {DATA("pt:union[pt:str, pt:optional[pt:int]]"),
     "14: speech_acts.tell.data: expected " TYPE "\"pt:union[pt:str, pt:optional[pt:int]]\""},
    {DATA("pt:optional[pt:optional[pt:int]]"),
     "14: speech_acts.tell.data: expected pt:optional[...] of one type that is "
     "not optional, found \"pt:optional[pt:optional[pt:int]]\""},
    {DATA("pt:optional[pt:int, pt:str]"),
     "14: speech_acts.tell.data: expected pt:optional[...] of one type that is not "
     "optional, found \"pt:optional[pt:int, pt:str]\""},
    {DATA("ct:Size"), "14: speech_acts.tell.data: expected ct: and a type of the second document, found \"ct:Size\""},
    {DATA("ct:Kinds"), "14: speech_acts.tell.data: expected ct: and a type of the second document, found \"ct:Kinds\""},
    {"    kind: ct:Kind\n", "", "15: ct:Kind: no content has this type"},
    {"---\nct:Kind: 'bytes kind = 1;'\n", "",
     "11: speech_acts.ask.kind: expected ct: and a type of the second document, found \"ct:Kind\""},
    {"ct:Kind: '", "ct:kind: '",
     "16: ct:kind: expected a custom type such as ct:Thing: a capital letter, letters and digits"},
    {"ct:Kind: 'bytes kind = 1;'", "ct:Kind: 'bytes kind = 1;'\npt:int: x",
     "17: pt:int: expected a custom type such as ct:Thing: a capital letter, letters and digits"},
    {"'bytes kind = 1;'", "''", "16: ct:Kind: " PROTO "\"\""},
    {"'bytes kind = 1;'", "[]", "16: ct:Kind: " PROTO "a list"},
    {"bytes kind = 1;", "bytes kind = 1", "16: ct:Kind: " PROTO "\"bytes kind = 1\""},
    {"bytes kind = 1;", "bytes kind;", "16: ct:Kind: " PROTO "\"bytes kind;\""},
    {"bytes kind = 1;", "message A { bytes b = 1;", "16: ct:Kind: " PROTO "\"message A { bytes b = 1;\""},
    {"bytes kind = 1;", "} bytes b = 1;", "16: ct:Kind: " PROTO "\"} bytes b = 1;\""},
    {"bytes kind = 1;", "bytes k$ = 1;", "16: ct:Kind: " PROTO "\"bytes k$ = 1;\""},
    {"initiation: [ask]", "initiation: []", "18: initiation: expected at least one performative, found a list"},
    {"initiation: [ask]", "initiation: ask", "18: initiation: expected a list, found \"ask\""},
    {"initiation: [ask]", "initiation: [asks]", "18: initiation.0: expected one of the performatives, found \"asks\""},
    {"initiation: [ask]", "initiation: [ask, ask]",
     "18: initiation.1: expected each performative once, found ask twice"},
    {"initiation: [ask]\n", "", "18: expected the key initiation, which is missing"},
    {"ask: [tell, ask]", "ask: [tell, say]", "20: reply.ask.1: expected one of the performatives, found \"say\""},
    {"ask: [tell, ask]", "ask: tell", "20: reply.ask: expected a list of performatives, found \"tell\""},
    {"  tell: []", "  say: []", "21: reply.say: expected one of the performatives as the key"},
    {"  tell: []\n", "", "19: reply: expected the replies to tell, [] if there are none"},
    {"  tell: []", "  tell: [ask]", "22: termination.0: expected a performative without replies, found tell"},
    {"ask: [tell, ask]", "ask: []", "20: reply.ask: expected replies, or the performative in termination"},
    {"termination: [tell]", "termination: []", "22: termination: expected at least one performative, found a list"},
    {"ask: [tell, ask]", "ask: [ask]",
     "12: speech_acts.tell: expected a reply to something, or a performative of initiation"},
    {"roles: {b, a}", "roles: {}", "23: roles: expected 1 to 2 roles, found 0"},
    {"roles: {b, a}", "roles: {a, b, c}", "23: roles: expected 1 to 2 roles, found 3"},
    {"roles: {b, a}", "roles: {a: 1}", "23: roles.a: expected nothing, as in {buyer, seller}, found \"1\""},
    {"roles: {b, a}", "roles: {a-b}", "23: roles.a-b: " NAME},
    {"roles: {b, a}", "roles: [a]", "23: roles: expected a mapping, found a list"},
    {"[good, bad]", "[good, good]", "24: end_states.1: expected each end state once, found good twice"},
    {"[good, bad]", "[good, b d]", "24: end_states.1: " NAME},
    {"dialogues: false", "dialogues: 0", "25: keep_terminal_state_dialogues: expected true or false, found \"0\""},
    {"dialogues: false", "dialogues: false\n--- {}",
     "26: expected no document here: the protocol, its custom types and its dialogues are all"},
    {"name: small\n", "name: [\n", "3: expected YAML: did not find expected ',' or ']'"},
};

static void write_spec(const char *text)
{
    FILE *f = fopen("p.yaml", "we");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* base with one piece replaced; freed by the caller. */
static char *replaced(const struct row *row)
{
    const char *at = strstr(base, row->from);
    char *text = NULL;

    if (!at)
        fail_msg("the base has no \"%s\"", row->from);
    assert_true(asprintf(&text, "%.*s%s%s", (int)(at - base), base, row->to, at + strlen(row->from)) > 0);
    return text;
}

static bool check_row(struct world *w, const struct row *row)
{
    char error[PBAY_MAX_PROTOCOL_ERROR] = "", expected[PBAY_MAX_PROTOCOL_ERROR];
    const struct pbay_protocol *p = NULL;
    char *text = replaced(row);
    enum pbay_err err;

    write_spec(text);
    free(text);
    err = pbay_protocols_load(w->protocols, "p.yaml", &p, error);
    snprintf(expected, sizeof expected, "p.yaml:%s", row->error);
    if (err == PBAY_CONFIG && !p && strcmp(error, expected) == 0)
        return true;
    print_error("%s:\n  expected %s\n  found    %s\n", row->to, expected, err ? error : "no error");
    return false;
}

static void test_refused(void **state)
{
    struct world *w = *state;
    size_t before = w->protocols->n, wrong = 0;

    for (size_t i = 0; i < COUNT(rows); i++)
        wrong += !check_row(w, &rows[i]);
    assert_int_equal(wrong, 0);
    assert_int_equal(w->protocols->n, before);
}

static void expect_error(struct world *w, const char *text, const char *expected)
{
    char error[PBAY_MAX_PROTOCOL_ERROR];

    write_spec(text);
    assert_int_equal(pbay_protocols_load(w->protocols, "p.yaml", NULL, error), PBAY_CONFIG);
    assert_string_equal(error, expected);
}

/* ---- bounds ---- */

static void add(struct pb_buf *b, const char *text)
{
    pb_buf_add(b, text, strlen(text));
}

/* A specification with n performatives, the last of which has m contents of that type. */
static char *sized(size_t n, size_t m, const char *type)
{
    const char *acts = strstr(base, "  ask:");
    struct pb_buf b = {0};
    char line[128];

    pb_buf_add(&b, base, (size_t)(acts - base));
    for (size_t i = 0; i < n; i++) {
        snprintf(line, sizeof line, "  p%zu:%s\n", i, i + 1 < n || m == 0 ? " {}" : "");
        add(&b, line);
    }
    for (size_t i = 0; i < m; i++) {
        snprintf(line, sizeof line, "    c%zu: %s\n", i, type);
        add(&b, line);
    }
    pb_buf_add(&b, "", 1);
    return (char *)b.p;
}

static void test_bounds(void **state)
{
    static const struct {
        size_t n, m;
        const char *type, *error;
    } cases[] = {
        {0, 0, "", "p.yaml:8: speech_acts: expected a mapping, found nothing"},
        {33, 0, "", "p.yaml:8: speech_acts: expected 1 to 32 performatives, found 33"},
        {32, 17, "pt:int", "p.yaml:40: speech_acts.p31: expected at most 16 contents, found 17"},
        {1, 16, "pt:union[pt:int, pt:str, pt:bytes]",
         "p.yaml:9: speech_acts.p0: expected at most 64 fields in protobuf, found 96"},
    };
    struct world *w = *state;
    char error[PBAY_MAX_PROTOCOL_ERROR] = "";
    char *text;

    for (size_t i = 0; i < COUNT(cases); i++) {
        text = sized(cases[i].n, cases[i].m, cases[i].type);
        expect_error(w, text, cases[i].error);
        free(text);
    }
    text = sized(32, 16, "pt:union[pt:int, pt:str]"); /* exactly 64 fields, and no rules */
    write_spec(text);
    free(text);
    for (size_t i = w->protocols->n; i < PBAY_MAX_PROTOCOLS; i++) {
        if (pbay_protocols_load(w->protocols, "p.yaml", NULL, error))
            fail_msg("%s", error);
    }
    assert_int_equal(pbay_protocols_load(w->protocols, "p.yaml", NULL, error), PBAY_LIMIT);
    assert_string_equal(error, "p.yaml: expected at most 256 protocols");
    assert_null(pbay_protocols_at(w->protocols, PBAY_MAX_PROTOCOLS));
    assert_int_equal(pbay_protocols_at(w->protocols, PBAY_MAX_PROTOCOLS - 1)->n_roles, 0);
    expect_error(w, "", "p.yaml:1: expected a document");
    expect_error(w, "- a", "p.yaml:1: expected a mapping, found a list");
}

/* ---- what is loaded ---- */

static void test_loaded(void **state)
{
    const struct pbay_protocol *p = NULL, *again = NULL;
    char error[PBAY_MAX_PROTOCOL_ERROR] = "";
    struct world *w = *state;

    write_spec(base);
    assert_int_equal(pbay_protocols_load(w->protocols, "p.yaml", &p, error), PBAY_OK);
    assert_string_equal(p->name, "small");
    assert_string_equal(p->id, "acme/small:1.0.0");
    assert_int_equal(p->n, 2);
    assert_string_equal(p->performatives[0].name, "ask");
    assert_true(p->performatives[0].initial && !p->performatives[0].terminal);
    assert_int_equal(p->performatives[0].replies, 3);
    assert_true(!p->performatives[1].initial && p->performatives[1].terminal);
    assert_int_equal(p->performatives[0].contents[1].type, PBAY_CUSTOM);
    assert_string_equal(p->roles[0], "a"); /* in order */
    assert_string_equal(p->end_states[1], "bad");
    assert_false(p->keep_terminal);
    assert_ptr_equal(pbay_protocols_find(w->protocols, S("acme/small:1.0.0")), p);
    assert_int_equal(pbay_protocols_load(w->protocols, "p.yaml", &again, error), PBAY_OK);
    assert_ptr_equal(pbay_protocols_find(w->protocols, S("acme/small:1.0.0")), again); /* the later one */
    assert_null(pbay_protocols_find(w->protocols, S("acme/other:1.0.0")));
    assert_null(pbay_protocols_find(w->protocols, S("acme")));
}

/* The second document may be empty, or missing, and so may the third. */
static void test_documents(void **state)
{
    static const struct {
        const char *behind;
        size_t n_roles;
    } cases[] = {
        {"", 0},
        {"---\n", 0},
        {"---\n...\n---\ninitiation: [p0]\nreply: {p0: []}\ntermination: [p0]\nroles: {x}\nend_states: []\n"
         "keep_terminal_state_dialogues: true\n",
         1},
        {"---\ninitiation: [p0]\nreply: {p0: []}\ntermination: [p0]\nroles: {x}\nend_states: []\n"
         "keep_terminal_state_dialogues: true\n",
         1},
    };
    struct world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        char error[PBAY_MAX_PROTOCOL_ERROR] = "", *head = sized(1, 0, ""), *text = NULL;
        const struct pbay_protocol *p = NULL;

        assert_true(asprintf(&text, "%s%s", head, cases[i].behind) > 0);
        write_spec(text);
        free(text);
        free(head);
        if (pbay_protocols_load(w->protocols, "p.yaml", &p, error))
            fail_msg("%zu: %s", i, error);
        assert_int_equal(p->n_roles, cases[i].n_roles);
        assert_int_equal(p->n_end_states, 0);
    }
}

/* Which text of a custom type is an enum alone: how many values it has then. */
static void test_customs(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } cases[] = {
        {"enum E { A = 0; B = 1; } E e = 1;", 2},
        {"enum E { A = 0; /* B = 1; */ }; E e = 1; // e", 1},
        {"enum E { A = 0; B = 2; } E e = 1;", 0},
        {"enum E { A = 1; } E e = 1;", 0},
        {"enum E { A = 0; } F e = 1;", 0},
        {"enum E { A = 0; } E e = 2;", 0},
        {"enum E { A = 0; } E e = 1; E f = 2;", 0},
        {"enum E { A = 0; } repeated E e = 1;", 0},
        {"enum E { } E e = 1;", 0},
        {"bytes e = 1;", 0},
    };
    struct world *w = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct row row = {"bytes kind = 1;", cases[i].text, NULL};
        char error[PBAY_MAX_PROTOCOL_ERROR] = "", *text = replaced(&row);
        const struct pbay_protocol *p = NULL;

        write_spec(text);
        free(text);
        if (pbay_protocols_load(w->protocols, "p.yaml", &p, error))
            fail_msg("%s", error);
        assert_int_equal(p->performatives[0].contents[1].type, cases[i].n ? PBAY_ENUM : PBAY_CUSTOM);
        assert_int_equal(p->performatives[0].contents[1].custom->n, cases[i].n);
    }
}

/* ---- contents by name ---- */

static void begin(struct world *w, const char *performative)
{
    char error[PBAY_MAX_PROTOCOL_ERROR] = "";

    if (!pbay_protocols_find(w->protocols, S("acme/all_of_it:1.0.0")) &&
        pbay_protocols_load(w->protocols, EVERYTHING, NULL, error))
        fail_msg("%s", error);
    assert_int_equal(pbay_message_init(&w->m, w->protocols, S("acme/all_of_it:1.0.0"), performative), PBAY_OK);
}

/* Written and read again, in that encoding. */
static void there_and_back(struct world *w, enum pbay_encoding encoding)
{
    struct pbay_message other = {0};
    struct pbay_str bytes;

    w->m.encoding = encoding;
    if (pbay_message_encode(&w->m, &bytes))
        fail_msg("%s", w->m.why);
    if (pbay_message_decode(&other, w->protocols, S("acme/all_of_it:1.0.0"), bytes))
        fail_msg("%s", other.why);
    pbay_message_fini(&w->m);
    w->m = other;
}

static void test_plain(void **state)
{
    struct world *w = *state;
    struct pbay_value v;

    begin(w, "plain");
    assert_int_equal(pbay_message_set_float(&w->m, "content_float", 0.75), PBAY_OK);
    assert_int_equal(pbay_message_set_bool(&w->m, "content_bool", true), PBAY_OK);
    assert_int_equal(pbay_message_set_bytes(&w->m, "content_bytes", S("raw")), PBAY_OK);
    assert_false(pbay_message_value(&w->m, "content_int", &v));
    assert_int_equal(pbay_message_int(&w->m, "content_int"), 0);
    assert_int_equal(pbay_message_set(&w->m, "content_int", pbay_value_int(-4)), PBAY_OK);
    assert_int_equal(pbay_message_set(&w->m, "content_str", pbay_value_str(S("text"))), PBAY_OK);
    for (int i = 0; i < 2; i++) {
        there_and_back(w, i ? PBAY_MSGPACK : PBAY_PROTOBUF);
        assert_true(pbay_message_value(&w->m, "content_float", &v) && v.type == PBAY_FLOAT && v.d > 0.7 && v.d < 0.8);
        assert_true(pbay_message_value(&w->m, "content_bool", &v) && v.type == PBAY_BOOL && v.i == 1);
        assert_true(pbay_message_value(&w->m, "content_int", &v) && v.type == PBAY_INT && v.i == -4);
        assert_true(pbay_message_value(&w->m, "content_str", &v) && pbay_str_eq(v.s, S("text")));
        assert_int_equal(pbay_message_count(&w->m, "content_str"), 0);
        assert_null(pbay_message_kind(&w->m, "content_str"));
    }
}

static void test_items(void **state)
{
    struct pbay_value k = pbay_value_int(5), v;
    struct world *w = *state;

    begin(w, "dicts");
    assert_true(pbay_message_has(&w->m, "int_str"));
    assert_int_equal(pbay_message_add(&w->m, "int_str", &k, pbay_value_str(S("five"))), PBAY_OK);
    assert_int_equal(pbay_message_add(&w->m, "int_str", &k, pbay_value_str(S("cinq"))), PBAY_OK);
    there_and_back(w, PBAY_MSGPACK);
    assert_int_equal(pbay_message_count(&w->m, "int_str"), 1);
    pbay_message_at(&w->m, "int_str", 0, &k, &v);
    assert_true(k.type == PBAY_INT && k.i == 5 && pbay_str_eq(v.s, S("cinq")));
    begin(w, "sets");
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(pbay_message_add(&w->m, "set_int", NULL, pbay_value_int(i % 2)), PBAY_OK);
    there_and_back(w, PBAY_PROTOBUF);
    assert_int_equal(pbay_message_count(&w->m, "set_int"), 2);
    pbay_message_at(&w->m, "set_int", 0, NULL, &v);
    assert_int_equal(v.i, 1);
}

static void test_optional(void **state)
{
    struct world *w = *state;

    begin(w, "optionals");
    assert_false(pbay_message_has(&w->m, "maybe_list"));
    assert_int_equal(pbay_message_choose(&w->m, "maybe_list", NULL), PBAY_OK);
    assert_int_equal(pbay_message_add(&w->m, "maybe_set", NULL, pbay_value_int(1)), PBAY_OK);
    there_and_back(w, PBAY_PROTOBUF);
    assert_true(pbay_message_has(&w->m, "maybe_list") && pbay_message_count(&w->m, "maybe_list") == 0);
    assert_true(pbay_message_has(&w->m, "maybe_set") && pbay_message_count(&w->m, "maybe_set") == 1);
    assert_false(pbay_message_has(&w->m, "maybe_int"));
    assert_int_equal(pbay_message_str(&w->m, "maybe_str").n, 0);
}

static void test_union(void **state)
{
    struct world *w = *state;
    struct pbay_value v;

    begin(w, "unions");
    assert_int_equal(pbay_message_set_int(&w->m, "second", 2), PBAY_OK); /* an enum is set as an int */
    assert_string_equal(pbay_message_kind(&w->m, "second"), "Colour");
    assert_int_equal(pbay_message_set_bytes(&w->m, "first", S("plain")), PBAY_OK);
    assert_string_equal(pbay_message_kind(&w->m, "first"), "bytes"); /* what is exactly the type comes first */
    assert_int_equal(pbay_message_choose(&w->m, "first", "Thing"), PBAY_OK);
    assert_int_equal(pbay_message_set_bytes(&w->m, "first", S("\x10\x01")), PBAY_OK);
    assert_string_equal(pbay_message_kind(&w->m, "first"), "Thing"); /* the chosen one stays */
    assert_int_equal(pbay_message_choose(&w->m, "first", "list_of_bool"), PBAY_OK);
    assert_int_equal(pbay_message_add(&w->m, "first", NULL, pbay_value_bool(true)), PBAY_OK);
    assert_int_equal(pbay_message_set_str(&w->m, "third", S("x")), PBAY_OK);
    assert_int_equal(pbay_message_set_int(&w->m, "last", 1), PBAY_OK);
    there_and_back(w, PBAY_PROTOBUF);
    there_and_back(w, PBAY_MSGPACK);
    assert_string_equal(pbay_message_kind(&w->m, "first"), "list_of_bool");
    assert_int_equal(pbay_message_count(&w->m, "first"), 1);
    assert_false(pbay_message_value(&w->m, "first", &v));
    assert_true(pbay_message_value(&w->m, "second", &v) && v.type == PBAY_ENUM && v.i == 2);
    assert_int_equal(pbay_message_choose(&w->m, "first", "str"), PBAY_OK);
    assert_true(pbay_message_value(&w->m, "first", &v) && v.s.n == 0);
    assert_int_equal(pbay_message_count(&w->m, "first"), 0);
}

static void expect_refused(struct world *w, enum pbay_err err, const char *why)
{
    struct pbay_str bytes;

    assert_int_equal(err, PBAY_INVALID);
    assert_string_equal(w->m.why, why);
    assert_int_equal(pbay_message_encode(&w->m, &bytes), PBAY_INVALID);
}

static void test_bad_sets(void **state)
{
    struct pbay_value key = pbay_value_str(S("k"));
    struct world *w = *state;
    struct pbay_message *m = &w->m;

    begin(w, "plain");
    expect_refused(w, pbay_message_set_bool(m, "content_int", true), "all_of_it/plain: content_int: expected an int32");
    expect_refused(w, pbay_message_add(m, "content_int", NULL, pbay_value_int(1)),
                   "all_of_it/plain: content_int: expected an int32");
    expect_refused(w, pbay_message_choose(m, "content_int", "int"), "all_of_it/plain: content_int: expected an int32");
    expect_refused(w, pbay_message_choose(m, "nothing", NULL), "all_of_it/plain: no content \"nothing\"");
    expect_refused(w, pbay_message_add(m, "nothing", NULL, key), "all_of_it/plain: no content \"nothing\"");
    begin(w, "dicts");
    expect_refused(w, pbay_message_add(m, "int_int", &key, pbay_value_int(1)),
                   "all_of_it/dicts: int_int: expected a map of int32 to int32");
    expect_refused(w, pbay_message_add(m, "str_str", NULL, key),
                   "all_of_it/dicts: str_str: expected a map of str to str");
    begin(w, "lists");
    expect_refused(w, pbay_message_add(m, "list_str", &key, key), "all_of_it/lists: list_str: expected a list of str");
    expect_refused(w, pbay_message_set_str(m, "list_str", S("a")), "all_of_it/lists: list_str: expected a list of str");
    begin(w, "unions");
    expect_refused(w, pbay_message_add(m, "first", NULL, pbay_value_int(1)),
                   "all_of_it/unions: first: expected a map of one of its kinds, such as Thing");
    expect_refused(w, pbay_message_choose(m, "first", "long"),
                   "all_of_it/unions: first: expected a map of one of its kinds, such as Thing");
    expect_refused(w, pbay_message_set_float(m, "second", 1.0),
                   "all_of_it/unions: second: expected a map of one of its kinds, such as Colour");
    pbay_message_fini(m);
    assert_int_equal(pbay_message_add(m, "first", NULL, key), PBAY_INVALID);
}

/* A list has a bound, too, however it is filled. */
static void test_long_list(void **state)
{
    struct world *w = *state;

    begin(w, "lists");
    for (size_t i = 0; i < PBAY_MAX_ITEMS; i++)
        assert_int_equal(pbay_message_add(&w->m, "list_int", NULL, pbay_value_int((int64_t)i)), PBAY_OK);
    there_and_back(w, PBAY_PROTOBUF);
    there_and_back(w, PBAY_MSGPACK);
    assert_int_equal(pbay_message_count(&w->m, "list_int"), PBAY_MAX_ITEMS);
    expect_refused(w, pbay_message_add(&w->m, "list_int", NULL, pbay_value_int(1)),
                   "all_of_it/lists: list_int: more than 65536 values");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused),   TEST(test_bounds),   TEST(test_loaded),    TEST(test_customs),
        TEST(test_documents), TEST(test_plain),    TEST(test_items),     TEST(test_optional),
        TEST(test_union),     TEST(test_bad_sets), TEST(test_long_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
