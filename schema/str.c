#include <string.h>

#include "schema/pbay_envelope.h"
#include "schema/visibility.h"

PBAY_API struct pbay_str pbay_str(const char *s)
{
    return s ? (struct pbay_str){s, strlen(s)} : (struct pbay_str){"", 0};
}

PBAY_API bool pbay_str_eq(struct pbay_str a, struct pbay_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
