/* A stand-in for the connection runtime, and files to try the stub connection with. One world = one data folder. */
#ifndef STUB_WORLD_H
#define STUB_WORLD_H

#include <sys/types.h>

#include "connections/stub/stub_input.h"

#define WORLD_ENVELOPES 8192

#define HEAD "a,b,x/y:1.0.0,"

struct got {
    char *to, *sender, *protocol_id, *message; /* NUL-ended copies */
    size_t n;
    uint64_t tag;
};

struct pbay_link {
    char dir[64], input[128], output[128], rejected[160], record[160];
    void *self;
    int timer; /* ms; -1 = none */
    bool woken;
    char why[512];   /* the last pbay_link_fail */
    char log[8192];  /* lines of pbay_link_log, the last ones */
    unsigned logged; /* their number */
    struct got got[WORLD_ENVELOPES];
    size_t n;
    size_t settled; /* world_settle_all has ended so many of them */
};

/* A new folder, connected; a process that starts (state zeroed) in the same folder. */
struct pbay_link *world_new(void);
void world_start(struct pbay_link *w);

/* Stop; then do this in a process of its own, connected, which ends like one that is killed; then start again. */
void world_killed(struct pbay_link *w, void (*does)(struct pbay_link *w));
void world_stop(struct pbay_link *w); /* disconnect */
void world_free(struct pbay_link *w); /* and remove the folder */

/* Receive until AGAIN (or an error, which is returned). Forgets nothing: w->got grows. */
enum pbay_err world_receive(struct pbay_link *w);

/* Receive, as the runtime does, until `want` envelopes are there in all; settle each at once if so asked. */
void world_wait(struct pbay_link *w, size_t want, bool settle);

void world_settle(struct pbay_link *w, size_t i, enum pbay_err err);
void world_settle_all(struct pbay_link *w);

/* Append as AEA does, under the lock; or in one write without it. */
void world_append(const char *path, const void *bytes, size_t n, bool lock);
void world_line(struct pbay_link *w, const char *text); /* to the input file, locked */

/* Append HEAD "line I,\n", 22 bytes for one digit; the got-th envelope is of line i. */
void world_numbered(struct pbay_link *w, unsigned i);
void world_assert_numbered(struct pbay_link *w, size_t got, unsigned i);

/* -1 = there is no such file. */
off_t world_size(const char *path);

/* Whole content, NUL-ended, to be freed; a file that is missing is empty. */
char *world_read(const char *path, size_t *n);
void world_assert_file(const char *path, const void *bytes, size_t n);

#endif
