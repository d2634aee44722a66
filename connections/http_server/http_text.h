/* The grammar of HTTP, as far as a request or an answer is checked against it. Pure: views in, verdicts out. */
#ifndef HTTP_TEXT_H
#define HTTP_TEXT_H

#include "pbay_envelope.h"
#include "pbay_err.h"

#define HTTP_MAX_METHOD 32 /* bytes */

/* RFC 9110 5.6.2: the name of a method, or of a header. */
bool http_is_token(struct pbay_str s);

/* A header's value in UTF-8: no control character but the tab. */
bool http_is_value(struct pbay_str s);

/* Host: a name or an address with an optional port; not empty. */
bool http_is_host(struct pbay_str s);

/* The origin form of a request target: a path that begins with a slash, and perhaps a query. */
bool http_is_target(struct pbay_str s);

/* Digits that fit; false = anything else, a sign or a blank too. */
bool http_is_length(struct pbay_str s, uint64_t *length);

/* W3C trace context, version 00: 00-TRACE-PARENT-FLAGS in lower-case hexadecimal, neither id all zeros. */
bool http_is_traceparent(struct pbay_str s);

/* RFC 9110 9.2.2: may it be repeated? Methods are in upper case and compared exactly. */
bool http_is_idempotent(struct pbay_str method);

/* The same without regard to case. */
bool http_is_same(struct pbay_str s, const char *text);

/* Without blanks and tabs at both ends. */
struct pbay_str http_trim(struct pbay_str s);

/* The next byte of a path or query that is not empty: what %XX stands for, *escaped, or itself. */
char http_next_byte(struct pbay_str *text, bool *escaped);

enum http_line { HTTP_LINE, HTTP_LAST_LINE, HTTP_BAD_LINE };

/* The next header of a text of "Name: value" lines, each ended by a newline with or without a carriage return before
 * it, the last one perhaps by nothing. *text moves on. Nothing may follow an empty line. */
enum http_line http_next_line(struct pbay_str *text, struct pbay_str *name, struct pbay_str *value);

/* Is this header of an answer the server's own affair: framing, or of one hop only? */
bool http_is_own_header(struct pbay_str name);

/* The status that tells a client how its envelope has ended. */
unsigned http_status_of(enum pbay_err err);

#endif
