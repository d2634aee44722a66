/* beanstalkd over bare sockets: one that puts, pipelined, and one that reserves and deletes, several jobs in one turn
 * while there are some. Only an empty tube is waited for, so that no delete stands behind a reserve that waits. */
#include <stdlib.h>
#include <string.h>

#include "tests/bench/drive.h"
#include "tests/bench/net.h"

#define PIPELINE 64 /* puts without their answer */
#define RESERVES 8  /* asked for in one turn: the server reads about 200 bytes at once */
#define TTR_S    120
#define NO_DELAY 0
#define ONE_PRIO 0

struct peer {
    struct net out, in;
    unsigned outstanding, reserves; /* puts, and reserves, without their answer */
    bool empty;                     /* the last reserve found nothing */
    char tube[BENCH_NAME_SIZE];     /* that `out` uses now */
    size_t last;
};

static void expect(struct net *n, const char *word)
{
    size_t length;
    const char *line = net_line(n, &length, BENCH_PATIENCE);

    if (!line || length < strlen(word) || memcmp(line, word, strlen(word)) != 0)
        bench_die("beanstalkd: expected %s, got %.*s", word, line ? (int)length : 7, line ? line : "nothing");
    net_take(n, length);
}

struct peer *peer_open(const struct bench_opts *o, const char *self)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p)
        bench_die("no memory");
    net_open(&p->out, o->address);
    net_open(&p->in, o->address);
    net_text(&p->in, "watch %s\r\nignore default\r\n", self);
    net_flush(&p->in);
    expect(&p->in, "WATCHING");
    expect(&p->in, "WATCHING");
    p->empty = true;
    return p;
}

/* Everything said on that connection has been heard: a socket that is closed with something unread takes along what the
 * server has not read yet, and a job whose delete is lost comes again. */
static void settle(struct net *n)
{
    const char *line;
    size_t length;

    net_text(n, "list-tube-used\r\n");
    net_flush(n);
    while ((line = net_line(n, &length, BENCH_PATIENCE)) && *line != 'U')
        net_take(n, length);
}

void peer_close(struct peer *p)
{
    peer_flush(p);
    net_take(&p->in, p->last);
    settle(&p->in);
    net_close(&p->out);
    net_close(&p->in);
    free(p);
}

static void take_answers(struct peer *p, unsigned left)
{
    net_flush(&p->out);
    for (; p->outstanding > left; p->outstanding--)
        expect(&p->out, "INSERTED");
}

void peer_put(struct peer *p, const char *to, const void *bytes, size_t n)
{
    if (strcmp(p->tube, to) != 0) {
        take_answers(p, 0);
        net_text(&p->out, "use %s\r\n", to);
        net_flush(&p->out);
        expect(&p->out, "USING");
        snprintf(p->tube, sizeof p->tube, "%s", to);
    }
    net_text(&p->out, "put %d %d %d %zu\r\n", ONE_PRIO, NO_DELAY, TTR_S, n);
    net_put(&p->out, bytes, n);
    net_put(&p->out, "\r\n", 2);
    if (++p->outstanding >= PIPELINE)
        take_answers(p, 0);
}

void peer_flush(struct peer *p)
{
    take_answers(p, 0);
}

static void reserve(struct peer *p)
{
    p->reserves = p->empty ? 1 : RESERVES;
    for (unsigned i = 0; i < p->reserves; i++)
        net_text(&p->in, p->empty ? "reserve\r\n" : "reserve-with-timeout 0\r\n");
    net_flush(&p->in);
}

/* The answer to a reserve that found a job; what else comes is passed over. NULL = not within timeout_ms. */
static const char *reserved(struct peer *p, size_t *n, int timeout_ms)
{
    const char *line;

    for (;;) {
        if (p->reserves == 0)
            reserve(p);
        line = net_line(&p->in, n, timeout_ms);
        if (!line || *line == 'R')
            break;
        if (memcmp(line, "TIMED_OUT", 9) == 0) {
            p->reserves--;
            p->empty = true;
        } else if (memcmp(line, "DELETED", 7) != 0) {
            bench_die("beanstalkd: %.*s", (int)*n, line);
        }
        net_take(&p->in, *n);
    }
    return line;
}

/* Deletes go with the next reserves. */
bool peer_get(struct peer *p, struct drive_view *v, int timeout_ms)
{
    unsigned long long id;
    char text[100];
    const char *line;
    size_t n, length;

    net_take(&p->in, p->last);
    p->last = 0;
    line = reserved(p, &n, timeout_ms);
    if (!line)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)n, line);
    if (sscanf(text, "RESERVED %llu %zu", &id, &length) != 2)
        bench_die("beanstalkd: %s", text);
    p->empty = false;
    p->reserves--;
    net_text(&p->in, "delete %llu\r\n", id);
    line = net_want(&p->in, n + length + 2, BENCH_PATIENCE);
    if (!line)
        bench_die("beanstalkd: a message without its end");
    *v = (struct drive_view){line + n, length};
    p->last = n + length + 2;
    return true;
}
