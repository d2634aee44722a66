/* Any bytes as a pattern with a text, and as a request against tests/unit/http_api.yaml: METHOD TARGET, lines of
 * headers, an empty line, a body. Whatever is refused has a status of ours and a sentence of one line. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connections/http_server/api_spec.h"
#include "schema/utf8.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct api_spec *spec; /* read once; never changed */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct pbay_conf_error error = {""};

    (void)argc;
    (void)argv;
    spec = api_spec_load(DOCUMENT, &error);
    if (!spec)
        fprintf(stderr, "%s\n", error.text);
    assert(spec);
    return 0;
}

static struct pbay_str cut(struct pbay_str *text, const char *mark)
{
    const char *at = text->n ? memmem(text->p, text->n, mark, strlen(mark)) : NULL;
    struct pbay_str head = {text->p, at ? (size_t)(at - text->p) : text->n};
    size_t used = head.n + (at ? strlen(mark) : 0);

    *text = (struct pbay_str){text->p + used, text->n - used};
    return head;
}

static void check_fault(const struct api_fault *fault)
{
    static const unsigned statuses[] = {204, 400, 404, 405, 413, 415};
    bool known = false;

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        known = known || fault->status == statuses[i];
    assert(known && (fault->status == 204 || fault->why[0]));
    assert(!fault->allow == !(fault->status == 204 || fault->status == 405));
    for (const char *p = fault->why; *p; p++)
        assert((unsigned char)*p >= ' ');
}

static void try_pattern(struct pbay_str in)
{
    struct pb_arena arena = {0};
    char *text = pb_arena_str(&arena, cut(&in, "\n"));
    uint64_t budget = 1 << 16;
    const struct api_pattern *p;
    const char *why;

    if (pb_is_utf8(pbay_str(text))) {
        p = api_pattern_new(&arena, text, &why);
        assert(!p == (why != NULL));
        if (p && pb_is_utf8(in))
            (void)api_pattern_match(p, in, &budget);
    }
    pb_arena_fini(&arena);
}

static void try_request(struct pbay_str in)
{
    struct pbay_str line = cut(&in, "\n"), method = cut(&line, " "), headers = cut(&in, "\n\n");
    struct api_request request = {method, line, headers, in.n > 0};
    struct api_fault fault = {0};
    struct api_match match;

    if (!api_check_head(spec, &request, &match, &fault) || !api_check_body(&match, in, &fault))
        check_fault(&fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pbay_str in = {(const char *)data, n};

    try_pattern(in);
    try_request(in);
    return 0;
}
