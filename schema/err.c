#include "schema/pbay_err.h"

#include <string.h>

#include "schema/visibility.h"

static const struct {
    const char *name, *text;
} table[PBAY_ERR_COUNT] = {
#define ROW(code, number, sentence) [number] = {#code, sentence},
    PBAY_ERRORS(ROW)
#undef ROW
};

PBAY_API const char *pbay_err_name(enum pbay_err code)
{
    return (unsigned)code < PBAY_ERR_COUNT ? table[code].name : "UNKNOWN";
}

PBAY_API const char *pbay_err_text(enum pbay_err code)
{
    return (unsigned)code < PBAY_ERR_COUNT ? table[code].text : "an error of a newer version";
}

PBAY_API int pbay_err_code(const char *name)
{
    for (int i = 0; i < PBAY_ERR_COUNT; i++) {
        if (strcmp(table[i].name, name) == 0)
            return i;
    }
    return -1;
}
