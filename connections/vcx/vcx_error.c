#include "connections/vcx/vcx_error.h"

#include <stddef.h>

static const struct {
    enum vcx_error code;
    const char *text;
} errors[] = {{VCX_OK, "Success"},
#define ROW(name, number, text) {VCX_E_##name, text},
              VCX_ERRORS(ROW)
#undef ROW
};

const char *vcx_error_text(enum vcx_error code)
{
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (errors[i].code == code)
            return errors[i].text;
    }
    return "Unknown Error";
}
