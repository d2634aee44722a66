#include "schema/pbay_pubid.h"

#include "schema/visibility.h"

#define MAX_SIMPLE_ID 128 /* bytes in an author or a name */

/* A cursor over the text. Each function below consumes what it matches, or says no. */
struct scan {
    const char *p, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static bool take_word(struct scan *s, const char *word)
{
    struct pbay_str w = pbay_str(word);

    if ((size_t)(s->end - s->p) < w.n || !pbay_str_eq((struct pbay_str){s->p, w.n}, w))
        return false;
    s->p += w.n;
    return true;
}

/* [a-z_][a-z0-9_]{0,127} */
static bool take_simple_id(struct scan *s, struct pbay_str *out)
{
    const char *start = s->p;

    if (s->p == s->end || !is_lower(*s->p))
        return false;
    while (s->p < s->end && (is_lower(*s->p) || is_digit(*s->p)))
        s->p++;
    *out = (struct pbay_str){start, (size_t)(s->p - start)};
    return out->n <= MAX_SIMPLE_ID;
}

/* 0|[1-9][0-9]* */
static bool take_number(struct scan *s)
{
    const char *start = s->p;

    while (s->p < s->end && is_digit(*s->p))
        s->p++;
    return s->p > start && (*start != '0' || s->p == start + 1);
}

/* One identifier of a pre-release or of build metadata; of a pre-release, a number has no leading zero. */
static bool take_identifier(struct scan *s, bool prerelease)
{
    const char *start = s->p;
    bool number = true;

    for (; s->p < s->end && (is_alnum(*s->p) || *s->p == '-'); s->p++)
        number = number && is_digit(*s->p);
    if (s->p == start)
        return false;
    return !prerelease || !number || *start != '0' || s->p == start + 1;
}

static bool take_identifiers(struct scan *s, bool prerelease)
{
    do {
        if (!take_identifier(s, prerelease))
            return false;
    } while (take(s, '.'));
    return true;
}

static bool take_semver(struct scan *s)
{
    if (!take_number(s) || !take(s, '.') || !take_number(s) || !take(s, '.') || !take_number(s))
        return false;
    if (take(s, '-') && !take_identifiers(s, true))
        return false;
    return !take(s, '+') || take_identifiers(s, false);
}

static bool take_version(struct scan *s, struct pbay_str *out)
{
    const char *start = s->p;

    if (!take_word(s, "any") && !take_word(s, "latest") && !take_semver(s))
        return false;
    *out = (struct pbay_str){start, (size_t)(s->p - start)};
    return true;
}

/* An IPFS hash: Qm and 44, or ba and 57 letters or digits. */
static bool take_hash(struct scan *s, struct pbay_str *out)
{
    const char *start = s->p;
    ptrdiff_t n;

    if (take_word(s, "Qm"))
        n = 44;
    else if (take_word(s, "ba"))
        n = 57;
    else
        return false;
    if (s->end - s->p < n)
        return false;
    for (const char *stop = s->p + n; s->p < stop; s->p++) {
        if (!is_alnum(*s->p))
            return false;
    }
    *out = (struct pbay_str){start, (size_t)(s->p - start)};
    return true;
}

PBAY_API bool pbay_pubid_parse(struct pbay_str text, struct pbay_pubid *id)
{
    struct scan s = {text.p, text.p + text.n};
    struct pbay_pubid found = {.version = pbay_str("latest"), .hash = pbay_str("")};

    if (text.n == 0 || text.n > PBAY_MAX_PUBLIC_ID)
        return false;
    if (!take_simple_id(&s, &found.author) || !take(&s, '/') || !take_simple_id(&s, &found.name))
        return false;
    if (take(&s, ':')) {
        /* No hash begins like a version, so the first part decides which of the two it is. */
        bool hash_only = s.p < s.end && (*s.p == 'Q' || *s.p == 'b');

        if (hash_only ? !take_hash(&s, &found.hash) : !take_version(&s, &found.version))
            return false;
        if (!hash_only && take(&s, ':') && !take_hash(&s, &found.hash))
            return false;
    }
    if (s.p != s.end)
        return false;
    *id = found;
    return true;
}

PBAY_API bool pbay_pubid_same_prefix(const struct pbay_pubid *a, const struct pbay_pubid *b)
{
    return pbay_str_eq(a->author, b->author) && pbay_str_eq(a->name, b->name);
}

PBAY_API bool pbay_pubid_eq(const struct pbay_pubid *a, const struct pbay_pubid *b)
{
    return pbay_pubid_same_prefix(a, b) && pbay_str_eq(a->version, b->version);
}
