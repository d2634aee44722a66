/* A protocol as C: what `patchbay generate protocol` writes. */
#ifndef PB_GENERATE_H
#define PB_GENERATE_H

#include <stdio.h>

#include "schema/pbay_protocol.h"

#define PB_MAX_PREFIX 64 /* bytes of a prefix, of a protocol's name in C */

/* What is written, and for whom. */
struct pb_generate {
    const struct pbay_protocol *protocol;
    const char *source; /* the specification's file, for a comment */
    const char *prefix; /* before each name in C, "" or such as "acme_" */
};

/* Two names that would be one constant in C: false, and both. */
bool pb_generate_check(const struct pb_generate *g, const char **a, const char **b);

/* NAME.h: constants, and a function for each speech act that begins a message. NAME.c: the table. Errors of the file
 * are the caller's to look for. */
void pb_generate_header(const struct pb_generate *g, FILE *f);
void pb_generate_tables(const struct pb_generate *g, FILE *f);

#endif
