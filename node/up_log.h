/* The supervisor's output: whole lines with the name of their process before them, on standard output. A reader that
 * does not read costs lines, which are counted, and never holds up the supervisor. */
#ifndef PB_UP_LOG_H
#define PB_UP_LOG_H

#include <stdbool.h>
#include <stddef.h>

#define UP_MAX_LINE  8192         /* bytes; the rest of a longer line is cut off */
#define UP_MAX_QUEUE (256U << 10) /* bytes that wait for the reader */
#define UP_MAX_LABEL 24           /* columns for the names */
#define UP_MAX_LAST  200          /* bytes that are remembered of a process's last line */

struct up_log {
    int fd;
    int width; /* of the names' column */
    char *queue;
    size_t n;
    unsigned long lost; /* lines, since the last one that found room */
    bool broken;        /* nobody will ever read again */
};

/* What a process has printed since its last newline, and its last line that was not empty. */
struct up_lines {
    char text[UP_MAX_LINE];
    size_t n;
    bool cut;
    char last[UP_MAX_LAST + 1];
};

void up_log_init(struct up_log *log, int fd, int width);
void up_log_fini(struct up_log *log);

/* Queue one line. */
void up_log_line(struct up_log *log, const char *label, const char *text, size_t n);

/* Take bytes that a process has printed; every line that is complete is queued. */
void up_log_take(struct up_log *log, const char *label, struct up_lines *lines, const char *p, size_t n);

/* The process has ended: a line without a newline is one too. */
void up_log_end(struct up_log *log, const char *label, struct up_lines *lines);

/* Is there something to write? */
bool up_log_waits(const struct up_log *log);

/* Write what goes without blocking; poll has said that something does. */
void up_log_write(struct up_log *log);

/* Write all, waiting for the reader so long. */
void up_log_flush(struct up_log *log, int timeout_ms);

#endif
