/* The one evaluator of protocol restrictions (SPEC 7.4): excluded wins over restricted; an empty restricted list allows
 * all. */
#include "broker/core_int.h"

#include <string.h>

/* A rule for the whole protocol has no operation, or "*". */
static bool is_whole(const struct pbay_rule *rule)
{
    return !rule->operation || strcmp(rule->operation, "*") == 0;
}

static const struct pbay_rule *find(const struct pbay_rule *rules, size_t n, const struct pbay_pubid *id, bool whole)
{
    for (size_t i = 0; i < n; i++) {
        if (is_whole(&rules[i]) == whole && pbay_pubid_eq(&rules[i].id, id))
            return &rules[i];
    }
    return NULL;
}

/* What can be said without an operation, once for a stream and protocol. */
void pb_restrict_decide(const struct pbay_conn_conf *conn, struct pb_protocol *p)
{
    const struct pbay_rule *excluded = find(conn->excluded, conn->n_excluded, &p->id, true);
    bool named = conn->n_restricted == 0 || find(conn->restricted, conn->n_restricted, &p->id, true);
    bool partly = find(conn->restricted, conn->n_restricted, &p->id, false) != NULL;
    bool excluded_partly = find(conn->excluded, conn->n_excluded, &p->id, false) != NULL;

    p->rule = excluded;
    if (excluded || (!named && !partly))
        p->verdict = PB_FORBIDDEN;
    else
        p->verdict = excluded_partly || !named ? PB_BY_OPERATION : PB_ALLOWED;
}

static const struct pbay_rule *find_operation(const struct pbay_rule *rules, size_t n, const struct pbay_pubid *id,
                                              struct pbay_str operation)
{
    for (size_t i = 0; i < n; i++) {
        if (pbay_pubid_eq(&rules[i].id, id) &&
            (is_whole(&rules[i]) || pbay_str_eq(pbay_str(rules[i].operation), operation)))
            return &rules[i];
    }
    return NULL;
}

bool pb_restrict_operation(const struct pbay_conn_conf *conn, const struct pb_protocol *p, struct pbay_str operation,
                           const struct pbay_rule **rule)
{
    *rule = find_operation(conn->excluded, conn->n_excluded, &p->id, operation);
    if (*rule)
        return false;
    return conn->n_restricted == 0 || find_operation(conn->restricted, conn->n_restricted, &p->id, operation);
}

static size_t add(char *text, size_t n, size_t at, const char *s)
{
    while (*s && at + 1 < n)
        text[at++] = *s++;
    text[at] = 0;
    return at;
}

static size_t add_number(char *text, size_t n, size_t at, int v)
{
    char digits[12];
    int i = (int)sizeof digits - 1;

    digits[i] = 0;
    do
        digits[--i] = (char)('0' + v % 10);
    while ((v /= 10) > 0 && i > 0);
    return add(text, n, at, digits + i);
}

void pb_restrict_text(const struct pbay_conn_conf *conn, const struct pbay_rule *rule, char *text, size_t n)
{
    const struct pbay_rule *where = rule ? rule : conn->n_restricted ? &conn->restricted[0] : NULL;
    size_t at = 0;

    text[0] = 0;
    if (where && where->at.file) {
        const char *base = strrchr(where->at.file, '/');

        at = add(text, n, at, n > 120 && strlen(where->at.file) > 100 && base ? base + 1 : where->at.file);
        at = add(text, n, at, ":");
        at = add_number(text, n, at, where->at.line);
        at = add(text, n, at, ": ");
    }
    add(text, n, at, rule ? "excluded_protocols names it" : "restricted_to_protocols does not name it");
}
