/* What a package depends on: is it installed? */
#ifndef PB_DEPEND_H
#define PB_DEPEND_H

#include "schema/pbay_conf.h"

enum depend_fit { DEPEND_FITS, DEPEND_DIFFERS, DEPEND_MALFORMED };

/* Does a version satisfy all clauses, such as ">=1.2,<2"? The operators are those of AEA: == != >= <= > < ~=. */
enum depend_fit depend_fits(const char *version, const char *clauses);

/* Look for each dependency: a library that pkg-config knows, else an installed Debian package. false = one is missing
 * or has another version; each has a line on standard error with what to install. */
bool depend_check(const struct pbay_conn_conf *conf);

#endif
