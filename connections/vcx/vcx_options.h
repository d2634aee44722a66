/* The options of connect. Pure. */
#ifndef VCX_OPTIONS_H
#define VCX_OPTIONS_H

#include "connections/vcx/vcx_core.h"

/* How the invitation goes to the peer: the caller shows a link, or a picture; we send an SMS, or offer it to an agent.
 */
enum vcx_way { VCX_BY_LINK, VCX_BY_QR, VCX_BY_SMS, VCX_BY_AGENT };

/* What connect's JSON says. Texts live as long as the JSON; p is NULL = it does not say. */
struct vcx_options {
    struct vcx_connect how;
    enum vcx_way way;
    struct pbay_str phone, agent;
};

/* Read them; `expires_in` is for those who do not say. Unknown keys are nobody's business, as with libvcx. VCX_E_OPTION
 * = why. */
enum vcx_error vcx_options_read(struct vcx_options *o, const json_t *json, int64_t expires_in, char why[VCX_WHY]);

#endif
