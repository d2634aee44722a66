/* The protocols that are built in, as AEA's specifications and its generator number them: performatives from 5 on in
 * the order of their names, contents from 1 on in the order in which the specification has them. */
#include <assert.h>
#include <stdlib.h>

#include "schema/message.h"
#include "schema/visibility.h"

#define COUNT(array)           (sizeof(array) / sizeof *(array))
#define WITH(table)            COUNT(table), table
#define MAX_DEFAULT_ERROR_CODE 4 /* INVALID_DIALOGUE */

static const struct pb_content default_bytes[] = {{.name = "content", .field = 1, .type = PB_BYTES}};
static const struct pb_content default_error[] = {
    {.name = "error_code", .field = 1, .type = PB_ENUM, .max = MAX_DEFAULT_ERROR_CODE},
    {.name = "error_msg", .field = 2, .type = PB_STR},
    {.name = "error_data", .field = 3, .type = PB_BYTES, .dict = true},
};
static const struct pb_performative default_performatives[] = {
    {"bytes", 5, WITH(default_bytes)},
    {"end", 6, 0, NULL},
    {"error", 7, WITH(default_error)},
};

static const struct pb_content http_request[] = {
    {.name = "method", .field = 1, .type = PB_STR},  {.name = "url", .field = 2, .type = PB_STR},
    {.name = "version", .field = 3, .type = PB_STR}, {.name = "headers", .field = 4, .type = PB_STR},
    {.name = "body", .field = 5, .type = PB_BYTES},
};
static const struct pb_content http_response[] = {
    {.name = "version", .field = 1, .type = PB_STR},     {.name = "status_code", .field = 2, .type = PB_INT},
    {.name = "status_text", .field = 3, .type = PB_STR}, {.name = "headers", .field = 4, .type = PB_STR},
    {.name = "body", .field = 5, .type = PB_BYTES},
};
static const struct pb_performative http_performatives[] = {
    {"request", 5, WITH(http_request)},
    {"response", 6, WITH(http_response)},
};

static const struct pb_content state_apply[] = {
    {.name = "amount_by_currency_id", .field = 1, .type = PB_INT, .dict = true},
    {.name = "quantities_by_good_id", .field = 2, .type = PB_INT, .dict = true},
};
static const struct pb_content state_initialize[] = {
    {.name = "exchange_params_by_currency_id", .field = 1, .type = PB_FLOAT, .dict = true},
    {.name = "utility_params_by_good_id", .field = 2, .type = PB_FLOAT, .dict = true},
    {.name = "amount_by_currency_id", .field = 3, .type = PB_INT, .dict = true},
    {.name = "quantities_by_good_id", .field = 4, .type = PB_INT, .dict = true},
};
static const struct pb_performative state_performatives[] = {
    {"apply", 5, WITH(state_apply)},
    {"end", 6, 0, NULL},
    {"initialize", 7, WITH(state_initialize)},
};

static const struct pb_protocol built_in[] = {
    {"fetchai/default:1.0.0", WITH(default_performatives)},
    {"valory/http:1.0.0", WITH(http_performatives)},
    {"fetchai/state_update:1.0.0", WITH(state_performatives)},
};

PBAY_API struct pbay_protocols *pbay_protocols_new(void)
{
    struct pbay_protocols *p = pb_alloc(sizeof *p);

    p->n = COUNT(built_in);
    p->known = pb_arena_alloc(&p->arena, p->n * sizeof *p->known);
    pb_shapes_common(p);
    for (size_t i = 0; i < p->n; i++) {
        bool good = pbay_pubid_parse(pbay_str(built_in[i].id), &p->known[i].id);

        assert(good);
        p->known[i].protocol = &built_in[i];
        pb_shapes_of(p, &p->known[i]);
    }
    return p;
}

PBAY_API void pbay_protocols_destroy(struct pbay_protocols **protocols)
{
    if (*protocols)
        pb_arena_fini(&(*protocols)->arena);
    free(*protocols);
    *protocols = NULL;
}

const struct pb_known *pb_protocols_find(const struct pbay_protocols *p, struct pbay_str id)
{
    struct pbay_pubid wanted;

    if (!pbay_pubid_parse(id, &wanted))
        return NULL;
    for (size_t i = 0; i < p->n; i++) {
        if (pbay_pubid_eq(&p->known[i].id, &wanted))
            return &p->known[i];
    }
    return NULL;
}
