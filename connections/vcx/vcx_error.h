/* The error codes of libvcx that callers of a VCX connection know. */
#ifndef VCX_ERROR_H
#define VCX_ERROR_H

#include "schema/pbay_vcx_error.h"

#define VCX_ERRORS PBAY_VCX_ERRORS

enum vcx_error {
    VCX_OK = 0,
#define VCX_ERROR_ENUM(name, number, text) VCX_E_##name = number,
    VCX_ERRORS(VCX_ERROR_ENUM)
#undef VCX_ERROR_ENUM
};

/* One sentence for a human; a static string. */
const char *vcx_error_text(enum vcx_error code);

#endif
