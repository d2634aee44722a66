/* The input file: what has been read ahead, what was given, what has ended, and what is left of the file.
 *
 *      0 ....... dead ........ settled ... given, not ended ... cut .. begun .. base + n ... size
 *      |  nobody needs it any more  |      the ring's ranges     |  in the window   |  not read yet
 *
 * All offsets are of the file as it is now: taking away the dead prefix moves them. Bytes leave the file only when
 * nothing before them is still in use, so that a killed process gives again what had not ended (at least once, never
 * nothing).
 */
#ifndef STUB_INPUT_H
#define STUB_INPUT_H

#include <limits.h>

#include "connections/stub/stub_lines.h"
#include "node/pbay_conn.h"

#define STUB_MAX_AHEAD       256                       /* envelopes given and not ended */
#define STUB_MAX_AHEAD_BYTES ((size_t)4 * 1024 * 1024) /* bytes between the settled prefix and the reader */
#define STUB_READ_BYTES      ((size_t)64 * 1024)       /* of one read */
#define STUB_WINDOW          (STUB_MAX_LINE + STUB_READ_BYTES)
#define STUB_COMPACT_BYTES   ((size_t)64 * 1024) /* a dead prefix smaller than this stays where it is */
#define STUB_CHECK_BYTES     32                  /* before the settled offset: they tell whether it fits the file */
#define STUB_LOCK_RETRY_MS   5                   /* the file is locked by a writer: come again */
#define STUB_MAX_READS       64                  /* reads in one call, so that one line never costs more */

struct stub_range {
    uint64_t start, end;
    bool ended;
};

struct stub_input {
    struct pbay_link *link;
    bool ready; /* open; otherwise the descriptors mean nothing */
    char path[PATH_MAX], rejected[PATH_MAX + 16], record[PATH_MAX + 16];

    int fd, record_fd, notify_fd;
    int file_watch;
    uint64_t inode;
    bool replaced; /* the path names another file now: change to it once this one is through */

    char *window; /* STUB_WINDOW bytes; file offset of window[0] is base */
    uint64_t base;
    size_t at, n; /* next byte to look at, end of what was read */
    uint64_t cut; /* where the item being looked at begins: base + at, or before when skipping */
    struct stub_lines lines;

    struct stub_range ring[STUB_MAX_AHEAD]; /* tag modulo its size */
    uint64_t head, next;                    /* tags: oldest not ended, next to be given */

    uint64_t saved; /* offset in the record */
    bool moved;     /* settled moved since the record was written or the file shortened */
    bool waiting;   /* receive stopped for lack of room, or waits for ends before it changes files */
    bool broken;    /* a reject could not be kept: nothing goes on until connected anew */
};

/* Open the file at path (created when missing), its record and the watches. On failure: said through pbay_link_fail,
 * and stub_input_close is due. in is zeroed, or was closed: then its tags go on, so that late ends of earlier ones are
 * ignored. */
enum pbay_err stub_input_open(struct stub_input *in, struct pbay_link *link, const char *path);

/* Settle what can be settled and close. Idempotent. */
void stub_input_close(struct stub_input *in);

/* The next envelope, as ops->receive. */
enum pbay_err stub_input_next(struct stub_input *in, struct pbay_envelope *e, uint64_t *tag);

/* The envelope of that tag has ended, as ops->outcome. */
void stub_input_end(struct stub_input *in, uint64_t tag, enum pbay_err err);

/* --- between stub_input.c and stub_settle.c --- */

/* Up to here the file is dead. */
uint64_t stub_input_settled(const struct stub_input *in);

/* The first `by` bytes are gone from the file. */
void stub_input_shift(struct stub_input *in, uint64_t by);

/* Where the record says the reader should begin; 0 when there is none that fits. */
uint64_t stub_settle_load(struct stub_input *in);

/* Shorten the file or write the record, as far as `moved` asks for it. A locked file is tried again after
 * STUB_LOCK_RETRY_MS. */
void stub_settle(struct stub_input *in);

/* The reader begins at 0 again: of another file, or of one that was cut. */
void stub_settle_reset(struct stub_input *in);

/* Append the range of the file to input_file.rejected and say so in the log. false = it could not be kept; in is broken
 * then. */
bool stub_settle_reject(struct stub_input *in, struct stub_range range, const char *why);

#endif
