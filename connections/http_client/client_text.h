/* What a request must be like before libcurl sees it, and how an answer's pieces are written down. Pure. */
#ifndef CLIENT_TEXT_H
#define CLIENT_TEXT_H

#include "pbay_envelope.h"
#include "schema/buf.h"

#define CLIENT_MAX_METHOD  32    /* bytes */
#define CLIENT_MAX_URL     65536 /* bytes */
#define CLIENT_MAX_HEADERS 256   /* of one request */
#define CLIENT_STATUS_LINE "HTTP/"

/* What is wrong with a request; NULL = nothing: none of it can end a line of the head, or begin another one. */
const char *client_fault(struct pbay_str method, struct pbay_str url, struct pbay_str headers, struct pbay_str body);

/* http:// or https:// in any case and something behind it, all of it visible ASCII. */
bool client_is_url(struct pbay_str s);

/* Is this header of a request the client's own affair: framing, or of one hop only? */
bool client_is_own_header(struct pbay_str name);

/* The status of an answer's first line, and the phrase behind it; 0 = it is another line. */
unsigned client_status(struct pbay_str line, struct pbay_str *phrase);

/* A text of a foreign server as one line of UTF-8: what is not UTF-8 is taken for Latin-1, controls become blanks. */
void client_add_text(struct pb_buf *out, struct pbay_str s);

/* "name: value" and a newline. A name that is none is left out with its value. */
void client_add_header(struct pb_buf *out, const char *name, const char *value);

#endif
