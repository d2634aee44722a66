/* The access log: a line for each request in the Common Log Format, and how long it took.
 *
 *   ADDRESS - - [21/Nov/2026:14:12:46 +0000] "GET /path HTTP/1.1" STATUS BYTES MILLISECONDS
 *
 * Whoever moves the file away gets a new one: its name is looked at once a second, before a line is written. */
#ifndef HTTP_LOG_H
#define HTTP_LOG_H

#include <sys/types.h>

#include "node/pbay_conn.h"

#define HTTP_MAX_LOG_LINE 4096 /* bytes; a request line that does not fit is cut off */

struct http_log {
    const char *path; /* "-" = standard error; NULL = there is no log */
    int fd;
    dev_t dev;
    ino_t ino;
    int64_t checked_at;
    bool failing; /* told once, until a line can be written again */
};

struct http_log_entry {
    const char *address;     /* of the client */
    const char *line;        /* method, target and version, as they came */
    unsigned status;         /* 0 = it had no answer of ours */
    uint64_t bytes, took_ms; /* bytes of the answer's body */
};

/* path, which may be NULL, must live until fini. PBAY_OK; PBAY_IO = pbay_link_fail has said why. fini is idempotent; a
 * zeroed log is fine. */
enum pbay_err http_log_init(struct http_log *log, struct pbay_link *link, const char *path);
void http_log_fini(struct http_log *log);

/* now: milliseconds of the monotonic clock. */
void http_log_write(struct http_log *log, struct pbay_link *link, const struct http_log_entry *entry, int64_t now);

/* The line, with the time that is given and its newline; returns its length. Bytes that are not visible ASCII, quotes
 * and backslashes become \xHH. */
size_t http_log_format(char out[HTTP_MAX_LOG_LINE], const struct http_log_entry *entry, int64_t unix_seconds);

#endif
