/* An invitation's link by SMS, through somebody's gateway that takes HTTP (as those of Twilio or Vonage do).
 *
 * The telephone number is in the request's body and nowhere else: not in a URL, in no reason, in no log; our copies of
 * it are overwritten when the request has ended. */
#ifndef VCX_SMS_H
#define VCX_SMS_H

#include "connections/vcx/vcx_error.h"
#include "connections/vcx/vcx_post.h"

#define VCX_SMS_HEADERS  32   /* of the configuration */
#define VCX_SMS_TEMPLATE 4096 /* bytes */
#define VCX_SMS_LINK     2048 /* bytes of a link */

/* What the configuration says, borrowed. */
struct vcx_sms_config {
    const char *url;           /* of the gateway */
    const char *method;        /* POST or PUT; NULL = POST */
    const char *headers;       /* lines of "Name: value", a Content-Type among them */
    const char *body_template; /* the body, with {phone} and {url} where they go */
    bool allow_private;        /* the gateway may have a private address */
};

/* How values are written into the body, as its Content-Type asks for. */
enum vcx_sms_form { VCX_SMS_FORM, VCX_SMS_JSON };

struct vcx_sms {
    char *url, *method, *headers, *body_template; /* owned */
    enum vcx_sms_form form;
    bool allow_private;
};

/* Check and copy. Content-Type is application/x-www-form-urlencoded (values are percent-encoded: a plus sign is %2B) or
 * application/json (they stand within strings). false = why, which begins with the field's name and has nothing of its
 * value: gateways have their secrets in headers. Fit for fini in any case. */
bool vcx_sms_load(struct vcx_sms *sms, const struct vcx_sms_config *config, char why[VCX_WHY]);
void vcx_sms_fini(struct vcx_sms *sms);

/* E.164 with its plus sign, and nothing else: +, 7 to 15 digits, the first of which is no 0. */
bool vcx_sms_is_phone(struct pbay_str phone);

/* Ask the gateway. VCX_OK = post's `done` will be called with the tag, vcx_sms_result says what its reply means.
 * VCX_E_OPTION = phone or link is none; VCX_E_POST = it could not be asked: why. */
enum vcx_error vcx_sms_send(const struct vcx_sms *sms, struct vcx_post *post, uint64_t tag, struct pbay_str phone,
                            struct pbay_str link, char why[VCX_WHY]);

/* VCX_OK = the gateway has taken it; VCX_E_POST = it has not, or nobody knows. */
enum vcx_error vcx_sms_result(const struct vcx_post_reply *reply);

#endif
