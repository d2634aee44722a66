/* Documents that are refused, each with the line, the path and what is not supported: nothing that would restrict
 * requests is passed over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/api_spec.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define MAX_DOC      (1 << 17)

static void check(const char *text, const char *expected)
{
    struct pbay_conf_error error = {""};
    struct api_spec *spec = api_spec_parse("x", pbay_str(text), &error);

    if (expected ? spec || strcmp(error.text, expected) != 0 : !spec)
        fail_msg("'%s' instead of '%s'\n%.500s", error.text, expected ? expected : "", text);
    api_spec_destroy(&spec);
}

struct row {
    const char *text, *expected; /* NULL = it is taken */
};

static void check_rows(const struct row *rows, size_t n, const char *before, const char *after)
{
    char text[2048];

    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%s%s%s", before, rows[i].text, after);
        check(text, rows[i].expected);
    }
}

#define HEAD "openapi: 3.0.3\npaths:\n"

static void test_root(void **state)
{
    static const struct row rows[] = {
        {"", "x:1: expected exactly one document"},
        {"openapi: 3.0.3\n---\npaths: {}\n", "x:3: expected exactly one document"},
        {"[]", "x:1: expected a mapping, found a list"},
        {"openapi: 3.0.3\n", "x:1: expected the key paths"},
        {"paths: {}\n", "x:1: expected a document of OpenAPI 3.0: `openapi: 3.0.3`"},
        {"openapi: 3.1.0\npaths: {}\n", "x:1: expected a document of OpenAPI 3.0: `openapi: 3.0.3`"},
        {"swagger: '2.0'\npaths: {}\n", "x:1: swagger: this key is not supported"},
        {"openapi: 3.0.3\npaths: []\n", "x:2: paths: expected a mapping, found a list"},
        {"openapi: 3.0.3\npaths: {}\nwebhooks: {}\n", "x:3: webhooks: this key is not supported"},
        {"{\"openapi\": \"3.0.0\", \"paths\": {}, \"info\": {}, \"servers\": [], \"security\": [], \"tags\": [], "
         "\"externalDocs\": {}, \"components\": {}, \"x-a\": 1}",
         NULL},
    };

    (void)state;
    check_rows(rows, COUNT(rows), "", "");
}

static void test_paths(void **state)
{
    static const struct row rows[] = {
        {"  orders: {}\n", "x:3: paths.orders: expected a path that begins with a slash, without ?, # and %"},
        {"  /a?b: {}\n", "x:3: paths./a?b: expected a path that begins with a slash, without ?, # and %"},
        {"  /a%20b: {}\n", "x:3: paths./a%20b: expected a path that begins with a slash, without ?, # and %"},
        {"  /a{b}: {}\n", "x:3: paths./a{b}: braces are only supported around a whole segment: /{name}/"},
        {"  /{a}-{b}: {}\n", "x:3: paths./{a}-{b}: braces are only supported around a whole segment: /{name}/"},
        {"  /{}: {}\n", "x:3: paths./{}: braces are only supported around a whole segment: /{name}/"},
        {"  /a}: {}\n", "x:3: paths./a}: braces are only supported around a whole segment: /{name}/"},
        {"  /{a: {}\n", "x:3: paths./{a: braces are only supported around a whole segment: /{name}/"},
        {"  /a/{b}: {}\n  /a/{c}: {}\n", "x:4: paths./a/{c}: the same path is on line 3, with other names"},
        {"  /a: []\n", "x:3: paths./a: expected a mapping, found a list"},
        {"  /a: {$ref: b.yaml}\n", "x:3: paths./a.$ref: this key is not supported"},
        {"  /a: {query: {}}\n", "x:3: paths./a.query: this key is not supported"},
        {"  /a: {get: }\n", "x:3: paths./a.get: expected a mapping, found nothing"},
        {"  /a: {parameters: {}}\n", "x:3: paths./a.parameters: expected a list, found a mapping"},
        {"  /{a}: {get: {}}\n", "x:3: paths./{a}.get: expected a parameter {name: a, in: path}"},
        {"  /a: {get: {parameter: []}}\n", "x:3: paths./a.get.parameter: this key is not supported"},
        {"  /a:\n    summary: s\n    description: d\n    servers: []\n    x-a: 1\n    trace: {}\n    patch: {tags: [], "
         "summary: s, "
         "description: d, externalDocs: {}, operationId: o, responses: {}, callbacks: {}, deprecated: true, security: "
         "[], "
         "servers: []}\n",
         NULL},
    };

    (void)state;
    check_rows(rows, COUNT(rows), HEAD, "");
}

#define AT_PARAM "x:3: paths./a.get.parameters.0"

static void test_parameters(void **state)
{
    static const struct row rows[] = {
        {"{name: q, in: query, schema: {}, description: d, deprecated: true, allowReserved: true, example: 1, "
         "examples: {}, style: form, explode: true, required: false, allowEmptyValue: false, x-a: 1}",
         NULL},
        {"q", AT_PARAM ": expected a mapping, found \"q\""},
        {"{}", AT_PARAM ": expected name, in and schema"},
        {"{in: query, schema: {}}", AT_PARAM ": expected name, in and schema"},
        {"{name: q, schema: {}}", AT_PARAM ": expected name, in and schema"},
        {"{name: q, in: query}", AT_PARAM ": expected name, in and schema"},
        {"{name: , in: query, schema: {}}", AT_PARAM ".name: expected a text, found nothing"},
        {"{name: q, in: cookie, schema: {}}",
         AT_PARAM ".in: expected path, query or header (cookie is not supported), found \"cookie\""},
        {"{name: q, in: query, content: {}}", AT_PARAM ".content: this key is not supported"},
        {"{name: q, in: query, schema: {}, style: deepObject}", AT_PARAM ": no other style than form is supported"},
        {"{name: q, in: header, schema: {}, style: form}", AT_PARAM ": no other style than simple is supported"},
        {"{name: q, in: query, schema: {}, required: yes}",
         AT_PARAM ".required: expected true or false, found \"yes\""},
        {"{name: q, in: query, schema: {}, explode: 1}", AT_PARAM ".explode: expected true or false, found \"1\""},
        {"{name: q, in: header, schema: {}, allowEmptyValue: true}",
         AT_PARAM ": allowEmptyValue is only for parameters in query"},
        {"{name: 'a b', in: header, schema: {}}", AT_PARAM ": expected the name of a header"},
        {"{name: a, in: path, schema: {}}", AT_PARAM ": a parameter in path must be required"},
        {"{name: b, in: path, required: true, schema: {}}", "x:3: paths./a.get: the parameter b is not in the path"},
        {"{name: q, in: query, schema: {}}, {name: q, in: query, schema: {}}",
         "x:3: paths./a.get.parameters.1: this parameter is there twice"},
        {"{name: Q, in: header, schema: {}}, {name: q, in: header, schema: {}}",
         "x:3: paths./a.get.parameters.1: this parameter is there twice"},
        {"{name: Q, in: query, schema: {}}, {name: q, in: query, schema: {}}, {name: q, in: header, schema: {}}", NULL},
        {"{name: q, in: query, schema: {type: object}}", AT_PARAM ": type: object is only supported in bodies"},
        {"{name: q, in: query, schema: {type: array, items: {type: array}}}",
         AT_PARAM ": items of type: array are only supported in bodies"},
        {"{name: q, in: query, schema: {minimum: 1}}", AT_PARAM ": its schema needs a type"},
        {"{name: q, in: query, schema: {type: array, items: {format: int32}}}", AT_PARAM ": its schema needs a type"},
        {"{name: q, in: query, schema: {maxLength: 1, pattern: a}}", NULL},
        {"{$ref: '#/components/parameters/A'}", NULL},
        {"{$ref: '#/components/parameters/B'}",
         "x:4: components.parameters.B: refers to itself, or over more than 32 others"},
        {"{$ref: '#/components/parameters/C'}", AT_PARAM ".$ref: #/components/parameters/C is not in this document"},
        {"{$ref: '#/components/schemas/A'}",
         AT_PARAM ".$ref: expected #/components/parameters/NAME, found \"#/components/schemas/A\""},
        {"{$ref: '#/components/parameters/A', required: true}", AT_PARAM ".required: has no effect beside $ref"},
    };

    (void)state;
    check_rows(rows, COUNT(rows), HEAD "  /a: {get: {parameters: [",
               "]}}\ncomponents: {parameters: {A: {name: a, in: query, schema: {}}, B: {$ref: "
               "'#/components/parameters/B'}}}\n");
}

#define AT_BODY "x:3: paths./a.post.requestBody"

static void test_request_bodies(void **state)
{
    static const struct row rows[] = {
        {"{content: {text/plain: {example: 1, examples: {}, x-a: 1}}, description: d, required: true}", NULL},
        {"{}", AT_BODY ": expected content with 1 to 16 types"},
        {"{content: {}}", AT_BODY ": expected content with 1 to 16 types"},
        {"{content: {json: {}}}", AT_BODY ".content.json: expected a type such as application/json, text/* or */*"},
        {"{content: {application/json; charset=utf-8: {}}}",
         AT_BODY ".content.application/json; charset=utf-8: expected a type such as application/json, text/* or */*"},
        {"{content: {'*/json': {}}}",
         AT_BODY ".content.*/json: expected a type such as application/json, text/* or */*"},
        {"{content: {'text/*x': {}}}",
         AT_BODY ".content.text/*x: expected a type such as application/json, text/* or */*"},
        {"{content: {a/b: {encoding: {}}}}", AT_BODY ".content.a/b.encoding: this key is not supported"},
        {"{content: {a/b: {schema: {type: string, format: binary}}}}", NULL},
        {"{content: {a/b: {schema: {type: string}}, '*/*': {schema: {}}}}", NULL},
        {"{content: {a/b: {schema: {type: object}}}}",
         AT_BODY ".content.a/b.schema: only for JSON a schema may ask for more than type: string"},
        {"{content: {'application/*': {schema: {maxLength: 3}}}}",
         AT_BODY ".content.application/*.schema: only for JSON a schema may ask for more than type: string"},
        {"{content: {a/b: {schema: {format: date}}}}",
         AT_BODY ".content.a/b.schema: only for JSON a schema may ask for more than type: string"},
        {"{content: {a/b: {schema: {type: string, format: binary, maxLength: 1}}}}",
         AT_BODY ".content.a/b.schema: only for JSON a schema may ask for more than type: string"},
        {"{content: {a/b: {schema: {enum: [a]}}}}",
         AT_BODY ".content.a/b.schema: only for JSON a schema may ask for more than type: string"},
        {"{$ref: '#/components/requestBodies/A'}",
         AT_BODY ".$ref: #/components/requestBodies/A is not in this document"},
    };

    (void)state;
    check_rows(rows, COUNT(rows), HEAD "  /a: {post: {requestBody: ", "}}\n");
}

#define AT_SCHEMA "x:3: paths./a.post.requestBody.content.application/json.schema"

static void test_schemas(void **state)
{
    static const struct row rows[] = {
        {"[]", AT_SCHEMA ": expected a mapping, found a list"},
        {"{type: text}", AT_SCHEMA ".type: expected string, integer, number, boolean, array or object, found \"text\""},
        {"{type: [string]}",
         AT_SCHEMA ".type: expected string, integer, number, boolean, array or object, found a list"},
        {"{oneOf: []}", AT_SCHEMA ".oneOf: this key is not supported"},
        {"{allOf: []}", AT_SCHEMA ".allOf: this key is not supported"},
        {"{not: {}}", AT_SCHEMA ".not: this key is not supported"},
        {"{multipleOf: 2}", AT_SCHEMA ".multipleOf: this key is not supported"},
        {"{discriminator: {}}", AT_SCHEMA ".discriminator: this key is not supported"},
        {"{const: 1}", AT_SCHEMA ".const: this key is not supported"},
        {"{minimum: '1'}", AT_SCHEMA ".minimum: expected a number, found \"1\""},
        {"{minimum: 0x1}", AT_SCHEMA ".minimum: expected a number, found \"0x1\""},
        {"{minimum: .inf}", AT_SCHEMA ".minimum: expected a number, found \".inf\""},
        {"{minimum: 1e999}", AT_SCHEMA ".minimum: expected a number, found \"1e999\""},
        {"{exclusiveMinimum: 1}", AT_SCHEMA ".exclusiveMinimum: expected true or false, found \"1\""},
        {"{exclusiveMaximum: true}", AT_SCHEMA ": an exclusive bound without its minimum or maximum"},
        {"{minLength: -1}", AT_SCHEMA ".minLength: expected a whole number, at most 4294967295, found \"-1\""},
        {"{maxLength: 4294967296}",
         AT_SCHEMA ".maxLength: expected a whole number, at most 4294967295, found \"4294967296\""},
        {"{maxItems: 1.0}", AT_SCHEMA ".maxItems: expected a whole number, at most 4294967295, found \"1.0\""},
        {"{pattern: '(?=a)'}", AT_SCHEMA ".pattern: a group that begins with (? is not supported"},
        {"{pattern: }", AT_SCHEMA ".pattern: expected a text, found nothing"},
        {"{format: email}", AT_SCHEMA ".format: this format is not supported; a pattern may do"},
        {"{uniqueItems: true}", AT_SCHEMA ".uniqueItems: only false is supported"},
        {"{nullable: 1}", AT_SCHEMA ".nullable: expected true or false, found \"1\""},
        {"{enum: a}", AT_SCHEMA ".enum: expected a list, found \"a\""},
        {"{enum: []}", AT_SCHEMA ".enum: expected 1 to 256 values"},
        {"{enum: [[1]]}", AT_SCHEMA ".enum.0: only texts, numbers, true, false and null are supported"},
        {"{type: string, enum: [a, 1]}",
         AT_SCHEMA ".enum.1: expected a value of type: string (in quotes, if it is to be a string), found \"1\""},
        {"{type: integer, enum: [a]}",
         AT_SCHEMA ".enum.0: expected a value of type: integer (in quotes, if it is to be a string), found \"a\""},
        {"{type: integer, enum: [null]}",
         AT_SCHEMA ".enum.0: expected a value of type: integer (in quotes, if it is to be a string), found nothing"},
        {"{type: integer, nullable: true, enum: [1, null]}", NULL},
        {"{type: string, minimum: 1}", AT_SCHEMA ".minimum: has no effect with type: string"},
        {"{type: integer, maxLength: 1}", AT_SCHEMA ".maxLength: has no effect with type: integer"},
        {"{type: object, items: {}}", AT_SCHEMA ".items: has no effect with type: object"},
        {"{type: array, properties: {}}", AT_SCHEMA ".properties: has no effect with type: array"},
        {"{type: integer, format: date}", AT_SCHEMA ".format: has no effect with type: integer"},
        {"{type: string, format: int32}", AT_SCHEMA ".format: has no effect with type: string"},
        {"{properties: []}", AT_SCHEMA ".properties: expected a mapping, found a list"},
        {"{properties: {a: {oneOf: []}}}", AT_SCHEMA ".properties.a.oneOf: this key is not supported"},
        {"{required: a}", AT_SCHEMA ".required: expected a list, found \"a\""},
        {"{required: [[]]}", AT_SCHEMA ".required.0: expected the name of a property, found a list"},
        {"{additionalProperties: 1}", AT_SCHEMA ".additionalProperties: expected a mapping, found \"1\""},
        {"{$ref: '#/components/schemas/A'}", NULL},
        {"{items: {$ref: '#/components/schemas/Loop'}}",
         "x:4: components.schemas.Loop: refers to itself, or over more than 32 others"},
        {"{$ref: '#/components/schemas/Bad'}", "x:4: components.schemas.Bad.anyOf: this key is not supported"},
        {"{$ref: '#/components/schemas/A/items'}",
         AT_SCHEMA ".$ref: expected #/components/schemas/NAME, found \"#/components/schemas/A/items\""},
        {"{$ref: 'other.yaml#/A'}", AT_SCHEMA ".$ref: expected #/components/schemas/NAME, found \"other.yaml#/A\""},
        {"{$ref: '#/components/schemas/A', nullable: true}", AT_SCHEMA ".nullable: has no effect beside $ref"},
    };

    (void)state;
    check_rows(rows, COUNT(rows), HEAD "  /a: {post: {requestBody: {content: {application/json: {schema: ",
               "}}}}}\ncomponents: {schemas: {A: {items: {$ref: '#/components/schemas/A'}}, Loop: {$ref: "
               "'#/components/schemas/Loop'}, Bad: {anyOf: []}}}\n");
}

/* ---- bounds ---- */

static void check_many(const char *before, const char *each, unsigned n, const char *after, const char *expected)
{
    static char text[MAX_DOC];
    size_t at = (size_t)snprintf(text, sizeof text, "%s", before);

    for (unsigned i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, each, i);
        assert_true(at < sizeof text);
    }
    snprintf(text + at, sizeof text - at, "%s", after);
    check(text, expected);
}

static void test_bounds(void **state)
{
    (void)state;
    check_many(HEAD, "  /%u: {}\n", API_MAX_PATHS, "", NULL);
    check_many(HEAD, "  /%u: {}\n", API_MAX_PATHS + 1, "", "x:2: paths: expected at most 512 paths");
    check_many(HEAD "  ? ", "/%u", API_MAX_SEGMENTS, "\n  : {}\n", NULL);
    check_many(
        HEAD "  ? ", "/a", API_MAX_SEGMENTS + 1, "\n  : {}\n",
        "x:3: paths./a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a: expected at most 64 segments");
    check_many(HEAD "  /a: {get: {parameters: [", "{name: q%u, in: query, schema: {}}, ", API_MAX_PARAMS, "]}}\n",
               NULL);
    check_many(HEAD "  /a: {get: {parameters: [", "{name: q%u, in: query, schema: {}}, ", API_MAX_PARAMS + 1, "]}}\n",
               "x:3: paths./a.get.parameters.64: expected at most 64 parameters");
    check_many(HEAD "  /a: {post: {requestBody: {content: {", "a/%u: {}, ", API_MAX_MEDIA, "}}}}\n", NULL);
    check_many(HEAD "  /a: {post: {requestBody: {content: {", "a/%u: {}, ", API_MAX_MEDIA + 1, "}}}}\n",
               "x:3: paths./a.post.requestBody: expected content with 1 to 16 types");
    check_many(HEAD "  /a: {get: {parameters: [{name: q, in: query, schema: {enum: [", "a%u, ", API_MAX_ENUM,
               "]}}]}}\n", NULL);
    check_many(HEAD "  /a: {get: {parameters: [{name: q, in: query, schema: {enum: [", "a%u, ", API_MAX_ENUM + 1,
               "]}}]}}\n", "x:3: paths./a.get.parameters.0.schema.enum: expected 1 to 256 values");
}

/* One schema refers to the next, so often. */
static void check_chain(unsigned n, const char *expected)
{
    char text[MAX_DOC / 16];
    size_t at = (size_t)snprintf(text, sizeof text,
                                 "%s  /a: {get: {parameters: [{name: q, in: query, schema: {$ref: "
                                 "'#/components/schemas/A1'}}]}}\ncomponents:\n  schemas:\n",
                                 HEAD);

    for (unsigned i = 1; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "    A%u: {$ref: '#/components/schemas/A%u'}\n", i, i + 1);
    snprintf(text + at, sizeof text - at, "    A%u: {type: string}\n", n);
    check(text, expected);
}

static void test_chain(void **state)
{
    (void)state;
    check_chain(32, NULL);
    check_chain(33, "x:6: components.schemas.A1: refers to itself, or over more than 32 others");
}

static void test_file(void **state)
{
    struct pbay_conf_error error = {""};

    (void)state;
    assert_null(api_spec_load("/nowhere/api.yaml", &error));
    assert_string_equal(error.text, "/nowhere/api.yaml: cannot be read: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_root),       cmocka_unit_test(test_paths),
                                       cmocka_unit_test(test_parameters), cmocka_unit_test(test_request_bodies),
                                       cmocka_unit_test(test_schemas),    cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_chain),      cmocka_unit_test(test_file)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
