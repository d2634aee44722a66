#include "connections/http_server/http_log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHECK_MS 1000
#define MODE     0640
#define MAX_TAIL 80 /* bytes behind the request line */

/* ---- a line ---- */

static size_t put_escaped(char *out, size_t room, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';

        if (n + 4 + 3 > room) { /* of an escape, and of what says that more was there */
            out[n] = out[n + 1] = out[n + 2] = '.';
            return n + 3;
        }
        if (plain) {
            out[n++] = (char)c;
            continue;
        }
        memcpy(out + n, (const char[]){'\\', 'x', digits[c >> 4], digits[c & 15]}, 4);
        n += 4;
    }
    return n;
}

size_t http_log_format(char out[HTTP_MAX_LOG_LINE], const struct http_log_entry *entry, int64_t unix_seconds)
{
    time_t seconds = (time_t)unix_seconds;
    char when[40] = "";
    struct tm tm;
    size_t n;

    if (gmtime_r(&seconds, &tm))
        strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S +0000", &tm);
    n = (size_t)snprintf(out, HTTP_MAX_LOG_LINE, "%.64s - - [%s] \"", entry->address, when);
    n += put_escaped(out + n, HTTP_MAX_LOG_LINE - MAX_TAIL - n, entry->line);
    n += (size_t)snprintf(out + n, HTTP_MAX_LOG_LINE - n, "\" %03u %" PRIu64 " %" PRIu64 "\n", entry->status,
                          entry->bytes, entry->took_ms);
    assert(n < HTTP_MAX_LOG_LINE);
    return n;
}

/* ---- the file ---- */

static bool is_file(const struct http_log *log)
{
    return log->path && strcmp(log->path, "-") != 0;
}

/* A fifo that nobody reads, or a full pipe, does not make the requests wait. */
static bool open_file(struct http_log *log)
{
    struct stat st;

    log->fd = open(log->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, MODE);
    if (log->fd < 0 || fstat(log->fd, &st))
        return false;
    log->dev = st.st_dev;
    log->ino = st.st_ino;
    return true;
}

static void close_file(struct http_log *log)
{
    if (is_file(log) && log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

enum pbay_err http_log_init(struct http_log *log, struct pbay_link *link, const char *path)
{
    *log = (struct http_log){.path = path, .fd = STDERR_FILENO, .checked_at = INT64_MIN};
    if (is_file(log) && !open_file(log))
        return pbay_link_fail(link, PBAY_IO, "config.access_log: open %s: %s", path, strerror(errno));
    return PBAY_OK;
}

void http_log_fini(struct http_log *log)
{
    close_file(log);
    log->path = NULL;
}

/* Was it moved away, or removed? Then a new one is opened; what is not possible now is tried again. */
static void reopen(struct http_log *log, int64_t now)
{
    struct stat st;

    if (!is_file(log) || (log->checked_at != INT64_MIN && now - log->checked_at < CHECK_MS))
        return;
    log->checked_at = now;
    if (log->fd >= 0 && stat(log->path, &st) == 0 && st.st_dev == log->dev && st.st_ino == log->ino)
        return;
    close_file(log);
    open_file(log);
}

void http_log_write(struct http_log *log, struct pbay_link *link, const struct http_log_entry *entry, int64_t now)
{
    char line[HTTP_MAX_LOG_LINE];
    bool good;
    size_t n;

    if (!log->path)
        return;
    reopen(log, now);
    n = http_log_format(line, entry, (int64_t)time(NULL));
    good = log->fd >= 0 && write(log->fd, line, n) == (ssize_t)n;
    if (!good && !log->failing)
        pbay_link_log(link, "access log: %s: %s; lines are lost until it can be written again", log->path,
                      strerror(errno));
    log->failing = !good;
}
