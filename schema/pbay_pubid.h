/* Public ids: author/name[:version][:hash] (reference behaviour: AEA's PublicId, without its traps). */
#ifndef PBAY_PUBID_H
#define PBAY_PUBID_H

#include "schema/pbay_envelope.h"

/* Views into the text that was parsed; they live as long as it. */
struct pbay_pubid {
    struct pbay_str author;
    struct pbay_str name;
    struct pbay_str version; /* "latest" (static) when the text has none */
    struct pbay_str hash;    /* empty when absent */
};

/* Parse exactly the whole of text; no trailing newline, no NUL, at most
 * PBAY_MAX_PUBLIC_ID bytes; every part keeps its spelling. false = not a public id (then *id is untouched), which also
 * means: it may be an agent's address. Thread-safe. */
bool pbay_pubid_parse(struct pbay_str text, struct pbay_pubid *id);

/* Same author, name and version; the hash is ignored; `any` and `latest` are literal. Thread-safe. */
bool pbay_pubid_eq(const struct pbay_pubid *a, const struct pbay_pubid *b);

/* Same author and name. Thread-safe. */
bool pbay_pubid_same_prefix(const struct pbay_pubid *a, const struct pbay_pubid *b);

#endif
