/* Each key of a schema: of a body in JSON, and of a parameter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/api_spec.h"
#include "schema/utf8.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define MAX_DOC      4096

static struct api_spec *load(const char *text)
{
    struct pbay_conf_error error = {""};
    struct api_spec *spec = api_spec_parse("x", pbay_str(text), &error);

    if (!spec)
        fail_msg("%s\n%s", error.text, text);
    return spec;
}

/* An API of POST /x, whose body in JSON has this schema. */
static struct api_spec *load_body(const char *schema)
{
    char text[MAX_DOC];

    snprintf(text, sizeof text,
             "openapi: 3.0.3\npaths:\n  /x:\n    post:\n      requestBody:\n        content:\n"
             "          application/json: {schema: %s}\n"
             "components:\n  schemas:\n    Name: {type: string, maxLength: 3}\n"
             "    Alias: {$ref: '#/components/schemas/Name'}\n"
             "    Tree: {type: object, required: [name], properties: {name: {$ref: '#/components/schemas/Alias'},\n"
             "      children: {type: array, items: {$ref: '#/components/schemas/Tree'}}}}\n"
             "    Id: {type: integer, readOnly: true}\n",
             schema);
    return load(text);
}

/* What is wrong with the body; "" = nothing. */
static unsigned check_body(const char *schema, struct pbay_str body, char why[API_MAX_WHY])
{
    struct api_request request = {pbay_str("POST"), pbay_str("/x"), pbay_str("Content-Type: application/json\n"), true};
    struct api_spec *spec = load_body(schema);
    struct api_fault fault = {0};
    struct api_match match;

    if (!api_check_head(spec, &request, &match, &fault))
        fail_msg("%s", fault.why);
    api_check_body(&match, body, &fault);
    snprintf(why, API_MAX_WHY, "%s", fault.why);
    api_spec_destroy(&spec);
    return fault.status;
}

struct row {
    const char *schema, *value, *why; /* why NULL = it is good */
};

static void check_row(const struct row *row, unsigned status, const char *why)
{
    if (row->why ? status != 400 || strcmp(why, row->why) != 0 : status != 0)
        fail_msg("%s with %s: %u '%s'", row->schema, row->value, status, why);
}

static void test_bodies(void **state)
{
    static const struct row rows[] = {
        {"{}", "1", NULL},
        {"{}", "null", NULL},
        {"{}", "{\"a\": [1, {}]}", NULL},
        {"{}", "{", "body: expected JSON: line 1: string or '}' expected near end of file"},
        {"{}", "{\"a\": 1, \"a\": 2}", "body: expected JSON: line 1: duplicate object key near '\"a\"'"},
        {"{}", "1 2", "body: expected JSON: line 1: end of file expected near '2'"},
        {"{maxLength: 3}", "\"a\\u0000b\"", NULL},
        {"{enum: [a]}", "\"a\\u0000\"", "body: expected one of its enum"},
        {"{}", "{\"a\\u0000\": 1}",
         "body: expected JSON: line 1: NUL byte in object key not supported near '\"a\\u0000\"'"},
        {"{}", "99999999999999999999", "body: expected JSON: line 1: too big integer near '99999999999999999999'"},
        {"{type: string}", "\"a\"", NULL},
        {"{type: string}", "1", "body: expected a string"},
        {"{type: string}", "null", "body: expected a string"},
        {"{type: string, nullable: true}", "null", NULL},
        {"{type: string, nullable: true}", "1", "body: expected a string"},
        {"{type: integer}", "1", NULL},
        {"{type: integer}", "-9223372036854775808", NULL},
        {"{type: integer}", "1.0", "body: expected an integer"},
        {"{type: integer}", "\"1\"", "body: expected an integer"},
        {"{type: number}", "1", NULL},
        {"{type: number}", "1.5e3", NULL},
        {"{type: number}", "true", "body: expected a number"},
        {"{type: boolean}", "false", NULL},
        {"{type: boolean}", "0", "body: expected a boolean"},
        {"{type: array}", "[1, \"a\"]", NULL},
        {"{type: array}", "{}", "body: expected an array"},
        {"{type: object}", "{\"a\": 1}", NULL},
        {"{type: object}", "[]", "body: expected an object"},
        {"{minimum: 2}", "2", NULL},
        {"{minimum: 2}", "\"a\"", NULL},
        {"{minimum: 2}", "1", "body: expected at least 2"},
        {"{minimum: 2}", "1.9", "body: expected at least 2"},
        {"{maximum: 2.5}", "2.5", NULL},
        {"{maximum: 2.5}", "3", "body: expected at most 2.5"},
        {"{minimum: 2, exclusiveMinimum: true}", "2.1", NULL},
        {"{minimum: 2, exclusiveMinimum: true}", "2", "body: expected more than 2"},
        {"{maximum: 2, exclusiveMaximum: true}", "1", NULL},
        {"{maximum: 2, exclusiveMaximum: true}", "2", "body: expected less than 2"},
        {"{maximum: 9007199254740993}", "9007199254740993", NULL},
        {"{maximum: 9007199254740993}", "9007199254740994", "body: expected at most 9.00719925474099e+15"},
        {"{minLength: 2}", "\"\u00fc\u00fc\"", NULL},
        {"{minLength: 2}", "\"\u00fc\"", "body: expected at least 2 characters"},
        {"{maxLength: 2}", "\"\u00fc\u00fc\"", NULL},
        {"{maxLength: 2}", "\"abc\"", "body: expected at most 2 characters"},
        {"{pattern: '^a+$'}", "\"aa\"", NULL},
        {"{pattern: '^a+$'}", "\"ab\"", "body: expected what matches ^a+$"},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "\"1\"", NULL},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "2", NULL},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "2.0", NULL},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "2.5", NULL},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "true", NULL},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "null", NULL},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "\"true\"", "body: expected one of its enum"},
        {"{enum: [a, 'b', '1', 2, 2.5, true, null]}", "1", "body: expected one of its enum"},
        {"{enum: [a, 'b', '1', 2, 2.5, true]}", "null", "body: expected one of its enum"},
        {"{enum: [a, 'b', '1', 2, 2.5, true]}", "{}", "body: expected one of its enum"},
        {"{type: integer, format: int32}", "2147483647", NULL},
        {"{type: integer, format: int32}", "2147483648", "body: expected format int32"},
        {"{type: integer, format: int32}", "-2147483649", "body: expected format int32"},
        {"{type: integer, format: int64}", "2147483648", NULL},
        {"{type: number, format: double}", "1", NULL},
        {"{type: string, format: binary}", "\"\"", NULL},
        {"{format: uuid}", "\"4bf92f35-77b3-4dA6-A3ce-929d0e0e4736\"", NULL},
        {"{format: uuid}", "\"4bf92f35-77b3-4da6-a3ce-929d0e0e473\"", "body: expected format uuid"},
        {"{format: uuid}", "\"4bf92f35x77b3-4da6-a3ce-929d0e0e4736\"", "body: expected format uuid"},
        {"{format: uuid}", "1", NULL},
        {"{format: date}", "\"2024-02-29\"", NULL},
        {"{format: date}", "\"2000-02-29\"", NULL},
        {"{format: date}", "\"1900-02-29\"", "body: expected format date"},
        {"{format: date}", "\"2026-02-29\"", "body: expected format date"},
        {"{format: date}", "\"2026-13-01\"", "body: expected format date"},
        {"{format: date}", "\"2026-04-31\"", "body: expected format date"},
        {"{format: date}", "\"2026-04-00\"", "body: expected format date"},
        {"{format: date}", "\"2026-4-1\"", "body: expected format date"},
        {"{format: date-time}", "\"2026-11-21T14:12:46Z\"", NULL},
        {"{format: date-time}", "\"2026-11-21t14:12:60.123-23:59\"", NULL},
        {"{format: date-time}", "\"2026-11-21T14:12:46\"", "body: expected format date-time"},
        {"{format: date-time}", "\"2026-11-21T24:00:00Z\"", "body: expected format date-time"},
        {"{format: date-time}", "\"2026-11-21T14:60:00Z\"", "body: expected format date-time"},
        {"{format: date-time}", "\"2026-11-21T14:12:61Z\"", "body: expected format date-time"},
        {"{format: date-time}", "\"2026-11-21T14:12:46.Z\"", "body: expected format date-time"},
        {"{format: date-time}", "\"2026-11-21T14:12:46+24:00\"", "body: expected format date-time"},
        {"{format: date-time}", "\"2026-02-30T14:12:46Z\"", "body: expected format date-time"},
        {"{format: date-time}", "\"2026-11-21 14:12:46Z\"", "body: expected format date-time"},
        {"{format: byte}", "\"YWI=\"", NULL},
        {"{format: byte}", "\"YQ==\"", NULL},
        {"{format: byte}", "\"YWI\"", "body: expected format byte"},
        {"{format: byte}", "\"Y===\"", "body: expected format byte"},
        {"{format: byte}", "\"YW-=\"", "body: expected format byte"},
        {"{items: {type: integer}}", "[1, 2]", NULL},
        {"{items: {type: integer}}", "[1, \"2\"]", "body.1: expected an integer"},
        {"{items: {type: integer}}", "{}", NULL},
        {"{minItems: 1}", "[0]", NULL},
        {"{minItems: 1}", "[]", "body: expected at least 1 items"},
        {"{maxItems: 1}", "[1, 2]", "body: expected at most 1 items"},
        {"{uniqueItems: false}", "[1, 1]", NULL},
        {"{properties: {a: {type: integer}}}", "{\"a\": 1, \"b\": 2}", NULL},
        {"{properties: {b: {}, a: {type: integer}}}", "{\"a\": \"1\"}", "body.a: expected an integer"},
        {"{required: [a, b]}", "{\"b\": 1, \"a\": null}", NULL},
        {"{required: [a, b]}", "{\"a\": 1}", "body.b: expected it to be there"},
        {"{required: [a], properties: {a: {readOnly: true}}}", "{}", NULL},
        {"{required: [a], properties: {a: {$ref: '#/components/schemas/Id'}}}", "{}", NULL},
        {"{properties: {a: {}}, additionalProperties: false}", "{\"a\": 1}", NULL},
        {"{properties: {a: {}}, additionalProperties: false}", "{\"c\": 1}",
         "body.c: the API describes no such property"},
        {"{additionalProperties: true}", "{\"b\": 1}", NULL},
        {"{properties: {a: {}}, additionalProperties: {type: string}}", "{\"a\": 1, \"b\": \"2\"}", NULL},
        {"{properties: {a: {}}, additionalProperties: {type: string}}", "{\"b\": 2}", "body.b: expected a string"},
        {"{minProperties: 1}", "{}", "body: expected at least 1 properties"},
        {"{maxProperties: 1}", "{\"a\": 1, \"b\": 1}", "body: expected at most 1 properties"},
        {"{$ref: '#/components/schemas/Alias'}", "\"abc\"", NULL},
        {"{$ref: '#/components/schemas/Alias', description: its name}", "\"abcd\"",
         "body: expected at most 3 characters"},
        {"{$ref: '#/components/schemas/Tree'}", "{\"name\": \"a\", \"children\": [{\"name\": \"b\"}]}", NULL},
        {"{$ref: '#/components/schemas/Tree'}", "{\"name\": \"a\", \"children\": [{\"name\": \"b\"}, {}]}",
         "body.children.1.name: expected it to be there"},
        {"{title: t, description: d, default: 1, example: 2, deprecated: true, externalDocs: {}, writeOnly: true, "
         "xml: {}, x-mine: 1}",
         "1", NULL},
        {"{properties: {\"a\": {additionalProperties: false}}}", "{\"a\": {\"\u00fc\\r\\n<\": 1}}",
         "body.a.\u00fc\?\?<: the API describes no such property"},
    };
    char why[API_MAX_WHY];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned status = check_body(rows[i].schema, pbay_str(rows[i].value), why);

        check_row(&rows[i], status, why);
    }
}

/* ---- parameters ---- */

static unsigned check_param(const char *param, const char *target, const char *headers, char why[API_MAX_WHY])
{
    struct api_request request = {pbay_str("GET"), pbay_str(target), pbay_str(headers), false};
    struct api_fault fault = {0};
    struct api_match match;
    struct api_spec *spec;
    char text[MAX_DOC];

    snprintf(text, sizeof text, "openapi: 3.0.3\npaths:\n  %s:\n    get:\n      parameters: [%s]\n",
             strstr(param, "in: path") ? "/x/{p}" : "/x", param);
    spec = load(text);
    api_check_head(spec, &request, &match, &fault);
    snprintf(why, API_MAX_WHY, "%s", fault.why);
    api_spec_destroy(&spec);
    return fault.status;
}

#define QUERY(schema)  "{name: q, in: query, schema: " schema "}"
#define LIST(schema)   "{name: q, in: query, explode: false, schema: {type: array, items: " schema "}}"
#define PATH(schema)   "{name: p, in: path, required: true, schema: " schema "}"
#define HEADER(schema) "{name: X-H, in: header, schema: " schema "}"

static void test_params(void **state)
{
    static const struct row rows[] = {
        {QUERY("{}"), "/x", NULL},
        {QUERY("{}"), "/x?", NULL},
        {QUERY("{}"), "/x?&&r=1&", NULL},
        {QUERY("{}"), "/x?q", NULL},
        {QUERY("{}"), "/x?q=1&q=2", "query.q: is there more than once"},
        {QUERY("{}"), "/x?q=%zz", "query.q: expected text in UTF-8"},
        {QUERY("{}"), "/x?q=%00", "query.q: expected text in UTF-8"},
        {QUERY("{}"), "/x?q=%ff", "query.q: expected text in UTF-8"},
        {QUERY("{}"), "/x?q=%4", "query.q: expected text in UTF-8"},
        {QUERY("{}"), "/x?%4=1", "query: expected UTF-8, with escapes such as %20"},
        {"{name: q, in: query, required: true, schema: {}}", "/x?q=", NULL},
        {"{name: q, in: query, required: true, schema: {}}", "/x?Q=1", "query.q: expected it to be there"},
        {"{name: q, in: query, required: true, schema: {}}", "/x?%71=1", NULL},
        {"{name: 'a b+', in: query, required: true, schema: {}}", "/x?a+b%2B=1", NULL},
        {"{name: q, in: query, allowEmptyValue: true, schema: {type: integer}}", "/x?q=", NULL},
        {"{name: q, in: query, allowEmptyValue: true, schema: {type: integer}}", "/x?q=a",
         "query.q: expected an integer"},
        {QUERY("{type: string, enum: ['a b+']}"), "/x?q=a+b%2b", NULL},
        {QUERY("{type: string, enum: ['a b+']}"), "/x?q=a%20b+", "query.q: expected one of its enum"},
        {QUERY("{type: string, maxLength: 1}"), "/x?q=%C3%BC", NULL},
        {QUERY("{type: string, pattern: '^[a-z]+$'}"), "/x?q=A", "query.q: expected what matches ^[a-z]+$"},
        {QUERY("{type: integer, minimum: 1, maximum: 100}"), "/x?q=100", NULL},
        {QUERY("{type: integer, minimum: 1, maximum: 100}"), "/x?q=101", "query.q: expected at most 100"},
        {QUERY("{type: integer}"), "/x?q=", "query.q: expected an integer"},
        {QUERY("{type: integer}"), "/x?q=1.0", "query.q: expected an integer"},
        {QUERY("{type: integer}"), "/x?q=1e3", "query.q: expected an integer"},
        {QUERY("{type: integer}"), "/x?q=+1", "query.q: expected an integer"},
        {QUERY("{type: integer}"), "/x?q=0x10", "query.q: expected an integer"},
        {QUERY("{type: integer}"), "/x?q=01", "query.q: expected an integer"},
        {QUERY("{type: integer}"), "/x?q=99999999999999999999", "query.q: expected an integer"},
        {QUERY("{type: number}"), "/x?q=-1.5e3", NULL},
        {QUERY("{type: number}"), "/x?q=1", NULL},
        {QUERY("{type: number}"), "/x?q=nan", "query.q: expected a number"},
        {QUERY("{type: number}"), "/x?q=1.", "query.q: expected a number"},
        {QUERY("{type: number}"), "/x?q=.5", "query.q: expected a number"},
        {QUERY("{type: number}"), "/x?q=1e", "query.q: expected a number"},
        {QUERY("{type: number}"), "/x?q=1e999", "query.q: expected a number"},
        {QUERY("{type: boolean}"), "/x?q=true", NULL},
        {QUERY("{type: boolean}"), "/x?q=True", "query.q: expected a boolean"},
        {QUERY("{type: array, items: {type: integer}, maxItems: 2}"), "/x?q=1&q=2", NULL},
        {QUERY("{type: array, items: {type: integer}, maxItems: 2}"), "/x?q=1&q=2&q=3",
         "query.q: expected at most 2 items"},
        {QUERY("{type: array, items: {type: integer}}"), "/x?q=1&q=a", "query.q.1: expected an integer"},
        {QUERY("{type: array, items: {type: integer}}"), "/x?q=1,2", "query.q.0: expected an integer"},
        {QUERY("{type: array, items: {}}"), "/x?q=1&q=2", NULL},
        {LIST("{type: integer}"), "/x?q=1,2", NULL},
        {LIST("{type: integer}"), "/x?q=1,b", "query.q.1: expected an integer"},
        {LIST("{type: integer}"), "/x?q=1&q=2", "query.q: is there more than once"},
        {LIST("{enum: ['a,b', c]}"), "/x?q=a%2Cb,c", NULL},
        {PATH("{type: integer}"), "/x/12", NULL},
        {PATH("{type: integer}"), "/x/%31", NULL},
        {PATH("{type: integer}"), "/x/a", "path.p: expected an integer"},
        {PATH("{type: string, enum: ['a/b+']}"), "/x/a%2Fb+", NULL},
        {PATH("{type: string}"), "/x/%ff", "path: expected UTF-8, with escapes such as %20"},
        {PATH("{type: array, items: {type: integer}}"), "/x/1,2", NULL},
        {PATH("{type: array, items: {type: integer}}"), "/x/1,b", "path.p.1: expected an integer"},
    };
    static const struct row header_rows[] = {
        {HEADER("{type: integer}"), "", NULL},
        {HEADER("{type: integer}"), "x-h: 12\n", NULL},
        {HEADER("{type: integer}"), "X-H: a\n", "header.X-H: expected an integer"},
        {HEADER("{type: integer}"), "X-H: %31\n", "header.X-H: expected an integer"},
        {HEADER("{type: integer}"), "X-H: 1\nx-h: 1\n", "header.X-H: is there more than once"},
        {HEADER("{type: array, items: {type: integer}}"), "X-H: 1, 2\nX-H: 3\n", NULL},
        {HEADER("{type: array, items: {type: integer}}"), "X-H: 1, b\n", "header.X-H.1: expected an integer"},
        {"{name: X-H, in: header, required: true, schema: {}}", "X-I: 1\n", "header.X-H: expected it to be there"},
        {"{name: Authorization, in: header, required: true, schema: {}}", "",
         "header.Authorization: expected it to be there"},
    };
    char why[API_MAX_WHY];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsigned status = check_param(rows[i].schema, rows[i].value, "", why);

        check_row(&rows[i], status, why);
    }
    for (size_t i = 0; i < COUNT(header_rows); i++) {
        unsigned status = check_param(header_rows[i].schema, "/x", header_rows[i].value, why);

        check_row(&header_rows[i], status, why);
    }
}

/* ---- bounds ---- */

static struct pbay_str repeat(char *text, size_t room, const char *before, const char *each, unsigned n,
                              const char *after)
{
    size_t at = (size_t)snprintf(text, room, "%s", before);

    for (unsigned i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, room - at, "%s", each);
    at += (size_t)snprintf(text + at, room - at, "%s", after);
    assert_true(at < room);
    return (struct pbay_str){text, at};
}

static void test_bounds(void **state)
{
    static char text[1 << 23];
    char why[API_MAX_WHY];
    struct pbay_str s;

    (void)state;
    s = repeat(text, sizeof text, "[0", ",0", API_MAX_JSON - 2, "]");
    assert_int_equal(check_body("{}", s, why), 0);
    s = repeat(text, sizeof text, "[0", ",0", API_MAX_JSON - 1, "]");
    assert_int_equal(check_body("{}", s, why), 413);
    assert_string_equal(why, "body: more than 262144 values");
    s = repeat(text, sizeof text, "\"\\\"", ",", API_MAX_JSON, "\""); /* within a text they are no marks */
    assert_int_equal(check_body("{}", s, why), 0);
    s = repeat(text, sizeof text, "\"", "ab", API_MAX_STEPS / 2, "\"");
    assert_int_equal(check_body("{pattern: '^(a|b)*$'}", s, why), 413);
    assert_string_equal(why, "body: too long for its pattern");
    s = repeat(text, sizeof text, "", "{\"name\":\"a\",\"children\":[", API_MAX_DEPTH, "");
    repeat(text + s.n, sizeof text - s.n, "", "]}", API_MAX_DEPTH, "");
    assert_int_equal(check_body("{$ref: '#/components/schemas/Tree'}", pbay_str(text), why), 400);
    assert_non_null(strstr(why, ": nested deeper than 64"));
    s = repeat(text, sizeof text, "", "[", 5000, "");
    assert_int_equal(check_body("{}", s, why), 400);
    assert_string_equal(why, "body: expected JSON: line 1: maximum parsing depth reached near '['");
    repeat(text, sizeof text, "/x?q=1", "&q=1", API_MAX_VALUES - 1, "");
    assert_int_equal(check_param(QUERY("{type: array}"), text, "", why), 0);
    strcat(text, "&r=1");
    assert_int_equal(check_param(QUERY("{type: array}"), text, "", why), 400);
    assert_string_equal(why, "query: too many parameters");
    repeat(text, sizeof text, "X-H: 1", ",1", API_MAX_VALUES, "\n");
    assert_int_equal(check_param(HEADER("{type: array}"), "/x", text, why), 400);
    assert_string_equal(why, "header.X-H: expected at most 256 values");
    repeat(text, sizeof text, "", "X-H: 1\n", API_MAX_VALUES + 1, "");
    assert_int_equal(check_param(HEADER("{type: array}"), "/x", text, why), 400);
}

/* However long the way to what is wrong: the sentence is there, and whole characters. */
static void test_sentence(void **state)
{
    static const char end[] = ": expected an integer";
    struct api_place places[12];
    struct api_fault fault;

    (void)state;
    for (size_t i = 0; i < COUNT(places); i++)
        places[i] = (struct api_place){
            .up = i ? &places[i - 1] : NULL,
            .name = "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fcx\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"};
    for (size_t n = 1; n <= COUNT(places); n++) {
        assert_false(api_fault(&fault, 400, &places[n - 1], "expected %s", "an integer"));
        assert_true(pb_is_utf8(pbay_str(fault.why)));
        assert_string_equal(fault.why + strlen(fault.why) - strlen(end), end);
    }
    api_fault(&fault, 400, NULL, "%s",
              "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
              "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
              "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc");
    assert_true(pb_is_utf8(pbay_str(fault.why)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bodies), cmocka_unit_test(test_params),
                                       cmocka_unit_test(test_bounds), cmocka_unit_test(test_sentence)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
