/* A connection as libvcx serializes it, "version": "1.0". Private keys are never in it. */
#ifndef VCX_SERIAL_H
#define VCX_SERIAL_H

#include "connections/vcx/vcx_error.h"
#include "connections/vcx/vcx_json.h"

/* Read one and check what can be checked: each DID is the beginning of its verkey, the proof of the agent's key is
 * signed with pw_verkey, the state is one of 0 to 7, nothing that libvcx needs is missing. Members that are not known
 * stay. The caller ends it with json_decref; NULL = *code (VCX_E_JSON, VCX_E_SERIALIZE, VCX_E_DID, VCX_E_VERKEY,
 * VCX_E_STATE) and why. */
json_t *vcx_serial_read(struct pbay_str text, enum vcx_error *code, char why[VCX_WHY]);

/* Append it: the members of `data` in libvcx's order, then those that are not known. false = out of memory. */
bool vcx_serial_write(struct pb_buf *out, const json_t *connection);

#endif
