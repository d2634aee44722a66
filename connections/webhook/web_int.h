/* Between the files of the listener. */
#ifndef WEB_INT_H
#define WEB_INT_H

#include "connections/webhook/web.h"

/* ---- web.c ---- */

/* When the request's connection is cut; when that is for one that begins something now. */
void web_set_due(struct web_request *r, int64_t due);
int64_t web_deadline(const struct web *w);

/* libmicrohttpd sees its end and closes it. */
void web_cut(struct web_request *r);

/* ---- web_request.c: libmicrohttpd's callbacks ---- */

void *web_on_target(void *web, const char *target, struct MHD_Connection *mhd);
enum MHD_Result web_on_request(void *web, struct MHD_Connection *mhd, const char *target, const char *method,
                               const char *version, const char *data, size_t *n, void **context);
size_t web_keep_escapes(void *web, struct MHD_Connection *mhd, char *text);

/* ---- web_listen.c ---- */

/* A listening socket; w->authority. -1 = why, and *err is the code. */
int web_listen(struct web *w, enum pbay_err *err, char why[WEB_WHY]);

#endif
