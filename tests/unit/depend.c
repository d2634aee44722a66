#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/depend.h"

static void test_fits(void **state)
{
    static const struct {
        const char *version, *clauses;
        enum depend_fit fit;
    } rows[] = {
        {"1.10.2", "", DEPEND_FITS},
        {"1.10.2", ">=1.9", DEPEND_FITS},
        {"1.10.2", ">= 1.9 , < 2", DEPEND_FITS},
        {"2.0", ">=1.9,<2", DEPEND_DIFFERS},
        {"2", "<=2", DEPEND_FITS},
        {"2", "<2", DEPEND_DIFFERS},
        {"2", ">2", DEPEND_DIFFERS},
        {"2", ">=2", DEPEND_FITS},
        {"1.9", ">1.10", DEPEND_DIFFERS},
        {"1.0", "==1.0", DEPEND_FITS},
        {"1.0", "==1.1", DEPEND_DIFFERS},
        {"1.0", "!=1.0", DEPEND_DIFFERS},
        {"1.0", "!=1.1", DEPEND_FITS},
        {"1.4.9", "~=1.4.2", DEPEND_FITS},
        {"1.4.1", "~=1.4.2", DEPEND_DIFFERS},
        {"1.5.0", "~=1.4.2", DEPEND_DIFFERS},
        {"1.40", "~=1.4.2", DEPEND_DIFFERS},
        {"1.0", "1.0", DEPEND_MALFORMED},
        {"1.0", ">=", DEPEND_MALFORMED},
        {"1.0", ">=1.0 <2", DEPEND_MALFORMED},
        {"1.0", "<1.0,=>2", DEPEND_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (depend_fits(rows[i].version, rows[i].clauses) != rows[i].fit)
            fail_msg("%s and \"%s\"", rows[i].version, rows[i].clauses);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
