#include "node/up_log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schema/buf.h"

#define MAX_WRITES 64 /* in one turn */
#define CUT        " [cut]"

void up_log_init(struct up_log *log, int fd, int width)
{
    *log = (struct up_log){.fd = fd, .width = width < UP_MAX_LABEL ? width : UP_MAX_LABEL};
    log->queue = pb_alloc(UP_MAX_QUEUE);
}

void up_log_fini(struct up_log *log)
{
    free(log->queue);
    *log = (struct up_log){.fd = -1};
}

static bool add(struct up_log *log, const char *label, const char *text, size_t n)
{
    char head[UP_MAX_LABEL + 8];
    int h = snprintf(head, sizeof head, "%-*.*s | ", log->width, UP_MAX_LABEL, label);

    if ((size_t)h + n + 1 > UP_MAX_QUEUE - log->n)
        return false;
    memcpy(log->queue + log->n, head, (size_t)h);
    memcpy(log->queue + log->n + h, text, n);
    log->n += (size_t)h + n;
    log->queue[log->n++] = '\n';
    return true;
}

void up_log_line(struct up_log *log, const char *label, const char *text, size_t n)
{
    char note[64];

    if (log->broken)
        return;
    if (log->lost) {
        snprintf(note, sizeof note, "%lu lines are missing here: nobody read them", log->lost);
        if (!add(log, "up", note, strlen(note))) {
            log->lost++;
            return;
        }
        log->lost = 0;
    }
    if (!add(log, label, text, n))
        log->lost++;
}

static void end_line(struct up_log *log, const char *label, struct up_lines *lines)
{
    size_t n = lines->n;

    if (n && lines->text[n - 1] == '\r')
        n--;
    if (n)
        snprintf(lines->last, sizeof lines->last, "%.*s", n < UP_MAX_LAST ? (int)n : UP_MAX_LAST, lines->text);
    if (lines->cut) {
        n = n < UP_MAX_LINE - strlen(CUT) ? n : UP_MAX_LINE - strlen(CUT);
        memcpy(lines->text + n, CUT, strlen(CUT));
        n += strlen(CUT);
    }
    up_log_line(log, label, lines->text, n);
    lines->n = 0;
    lines->cut = false;
}

void up_log_take(struct up_log *log, const char *label, struct up_lines *lines, const char *p, size_t n)
{
    while (n) {
        const char *newline = memchr(p, '\n', n);
        size_t part = newline ? (size_t)(newline - p) : n;
        size_t room = UP_MAX_LINE - lines->n;

        memcpy(lines->text + lines->n, p, part < room ? part : room);
        lines->n += part < room ? part : room;
        lines->cut = lines->cut || part > room;
        if (newline)
            end_line(log, label, lines);
        part += newline != NULL;
        p += part;
        n -= part;
    }
}

void up_log_end(struct up_log *log, const char *label, struct up_lines *lines)
{
    if (lines->n)
        end_line(log, label, lines);
}

bool up_log_waits(const struct up_log *log)
{
    return log->n > 0;
}

/* A pipe that is writable takes PIPE_BUF bytes without blocking, and so does everything else. */
void up_log_write(struct up_log *log)
{
    size_t done = 0;

    for (int i = 0; i < MAX_WRITES && done < log->n; i++) {
        struct pollfd p = {.fd = log->fd, .events = POLLOUT};
        size_t left = log->n - done;
        ssize_t wrote;

        if (poll(&p, 1, 0) != 1)
            break;
        wrote = write(log->fd, log->queue + done, left < PIPE_BUF ? left : PIPE_BUF);
        if (wrote < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        log->broken = wrote < 0;
        done = log->broken ? log->n : done + (size_t)wrote;
    }
    log->n -= done;
    memmove(log->queue, log->queue + done, log->n);
}

void up_log_flush(struct up_log *log, int timeout_ms)
{
    struct pollfd p = {.fd = log->fd, .events = POLLOUT};

    while (log->n && poll(&p, 1, timeout_ms) == 1)
        up_log_write(log);
}
