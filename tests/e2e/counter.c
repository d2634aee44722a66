/* Test agent: sends the numbers in DIR/numbers, COUNT lines of eight digits, to `loop` and writes down what comes back.
 * The highest line below which all are settled is kept in DIR/settled; a new process goes on from there. DIR/received
 * gets one line for each number that arrives. Ends with status 0 when all have arrived and are settled. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/pbay.h"

#define MAX_COUNT 1000000
#define DIGITS    8

struct counter {
    pbay_t agent;
    uint64_t count, settled, next, arrived;
    uint64_t first_tag; /* tag of number `first` */
    uint64_t first;
    bool *done, *seen;
    int numbers_fd, settled_fd, received_fd;
};

static uint64_t read_settled(int fd)
{
    char text[32] = {0};

    return pread(fd, text, sizeof text - 1, 0) > 0 ? strtoull(text, NULL, 10) : 0;
}

static void keep_settled(struct counter *c)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%-20" PRIu64 "\n", c->settled);

    if (pwrite(c->settled_fd, text, (size_t)n, 0) != n)
        exit(1);
}

static void open_files(struct counter *c, const char *dir)
{
    char path[4096], line[64];
    FILE *f;

    snprintf(path, sizeof path, "%s/numbers", dir);
    c->numbers_fd = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s/settled", dir);
    c->settled_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    snprintf(path, sizeof path, "%s/received", dir);
    c->received_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    c->settled = read_settled(c->settled_fd);
    c->next = c->settled + 1;
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        uint64_t n = strtoull(line, NULL, 10);

        if (n <= c->count && !c->seen[n]) {
            c->seen[n] = true;
            c->arrived++;
        }
    }
    if (f)
        fclose(f);
}

static bool put_next(struct counter *c)
{
    char text[32];
    struct pbay_envelope e = {
        .to = pbay_str("peer"), .sender = pbay_str("counter"), .protocol_id = pbay_str("fetchai/default:1.0.0")};
    uint64_t tag;
    enum pbay_err err;

    if (c->next > c->count)
        return false;
    if (pread(c->numbers_fd, text, DIGITS, (off_t)((c->next - 1) * (DIGITS + 1))) != DIGITS)
        exit(1);
    e.message = (struct pbay_str){text, DIGITS};
    err = pbay_put(c->agent, &e, 0, &tag);
    if (err == PBAY_FENCED)
        exit(76);
    if (err != PBAY_OK)
        return false;
    if (c->first == 0) {
        c->first = c->next;
        c->first_tag = tag;
    }
    c->next++;
    return true;
}

static bool take_outcome(struct counter *c)
{
    struct pbay_outcome o;
    bool moved = false;

    if (pbay_get_outcome(c->agent, &o, 0) != PBAY_OK)
        return false;
    if (o.err) {
        fprintf(stderr, "counter: number %" PRIu64 " ended %s: %s\n", c->first + o.tag - c->first_tag,
                pbay_err_name((enum pbay_err)o.err), o.text);
        exit(3);
    }
    c->done[c->first + o.tag - c->first_tag] = true;
    while (c->settled < c->count && c->done[c->settled + 1]) {
        c->settled++;
        moved = true;
    }
    if (moved)
        keep_settled(c);
    return true;
}

static bool take_envelope(struct counter *c, int timeout)
{
    struct pbay_envelope e;
    char text[32];
    enum pbay_err err = pbay_get(c->agent, &e, NULL, timeout);
    uint64_t n;
    int len;

    if (err == PBAY_FENCED)
        exit(76);
    if (err != PBAY_OK)
        return false;
    len = snprintf(text, sizeof text, "%.*s\n", e.message.n < 20 ? (int)e.message.n : 20, e.message.p);
    n = strtoull(text, NULL, 10);
    if (write(c->received_fd, text, (size_t)len) != len)
        exit(1);
    if (n <= c->count && !c->seen[n]) {
        c->seen[n] = true;
        c->arrived++;
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct counter c;

    if (argc != 3 || (c.count = strtoull(argv[2], NULL, 10)) == 0 || c.count > MAX_COUNT) {
        fprintf(stderr, "usage: counter DIR COUNT\n");
        return 2;
    }
    c.done = calloc(c.count + 2, 1);
    c.seen = calloc(c.count + 2, 1);
    open_files(&c, argv[1]);
    if (pbay_open(&c.agent, NULL) != PBAY_OK)
        return 1;
    while (c.settled < c.count || c.arrived < c.count) {
        bool busy = put_next(&c);

        busy |= take_outcome(&c);
        busy |= take_envelope(&c, busy ? 0 : 20);
    }
    pbay_get(c.agent, &(struct pbay_envelope){0}, NULL, 0); /* acks the last one */
    return pbay_close(c.agent, 5000, NULL) != PBAY_OK;
}
