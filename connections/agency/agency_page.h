/* An invitation for a human who has followed its link: a page without scripts, with a QR code and a deep link. */
#ifndef AGENCY_PAGE_H
#define AGENCY_PAGE_H

#include "connections/vcx/vcx_json.h"

#define AGENCY_PAGE_TYPE "text/html; charset=utf-8"

/* Headers that belong to it, names and values by turns. */
extern const char *const agency_page_fields[];

/* Append the page of an invitation. `link` is what the code says when the invitation's own URL, which begins with
 * `base`, is too long for one. false = it is none. */
bool agency_page(struct pb_buf *page, const char *base, const char *link, const json_t *invitation);

/* Append a text as HTML has it, in an attribute too. */
void agency_escape(struct pb_buf *page, const char *text);

#endif
