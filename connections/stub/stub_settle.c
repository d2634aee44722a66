/* What becomes of bytes that nobody needs any more.
 *
 * Everything ended: the file is emptied. Only a prefix: its length is written to input_file.offset, and once it is long
 * enough the rest is copied to the front and the file shortened. The copy never overlaps what it copies, nor the bytes
 * by which the record is checked, so that a process killed in the middle of it finds file and record as they were.
 * Before the file is shortened the record says 0: killed between these two steps, the next process gives lines again;
 * the other order could skip new lines.
 */
#include "connections/stub/stub_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_SAVED   UINT64_MAX
#define RECORD      "%020" PRIu64 " %020" PRIu64 " %016" PRIx64 "\n" /* offset, inode, check */
#define RECORD_SIZE 59
#define COPY_BYTES  ((size_t)16 * 1024)

static uint64_t fnv1a(uint64_t hash, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    return hash;
}

/* Over offset, inode and the bytes before the offset; false = they cannot be read. */
static bool check(const struct stub_input *in, uint64_t offset, uint64_t *sum)
{
    char before[STUB_CHECK_BYTES];
    size_t n = offset < sizeof before ? (size_t)offset : sizeof before;

    if (pread(in->fd, before, n, (off_t)(offset - n)) != (ssize_t)n)
        return false;
    *sum = fnv1a(UINT64_C(0xcbf29ce484222325), &offset, sizeof offset);
    *sum = fnv1a(*sum, &in->inode, sizeof in->inode);
    *sum = fnv1a(*sum, before, n);
    return true;
}

static bool save(struct stub_input *in, uint64_t offset)
{
    char text[RECORD_SIZE + 1];
    uint64_t sum;

    if (in->saved == offset)
        return true;
    if (!check(in, offset, &sum))
        return false;
    snprintf(text, sizeof text, RECORD, offset, in->inode, sum);
    if (pwrite(in->record_fd, text, RECORD_SIZE, 0) != RECORD_SIZE) {
        pbay_link_log(in->link, "%s cannot be written (%s): a restart may give lines again", in->record,
                      strerror(errno));
        in->saved = NOT_SAVED;
        return false;
    }
    in->saved = offset;
    return true;
}

/* The record's offset, if it is of this file and the bytes before it are those it was made with. */
static bool load(const struct stub_input *in, uint64_t *offset)
{
    char text[RECORD_SIZE + 1] = "";
    uint64_t inode, sum, now;
    struct stat st;
    char *end;

    if (pread(in->record_fd, text, RECORD_SIZE, 0) != RECORD_SIZE)
        return false;
    *offset = strtoull(text, &end, 10);
    inode = strtoull(end, &end, 10);
    sum = strtoull(end, &end, 16);
    if (*end != '\n' || inode != in->inode)
        return false;
    return fstat(in->fd, &st) == 0 && *offset <= (uint64_t)st.st_size && check(in, *offset, &now) && now == sum;
}

uint64_t stub_settle_load(struct stub_input *in)
{
    uint64_t offset;

    if (!load(in, &offset)) {
        stub_settle_reset(in);
        return 0;
    }
    in->saved = offset;
    return offset;
}

void stub_settle_reset(struct stub_input *in)
{
    in->saved = NOT_SAVED;
    save(in, 0);
}

/* Cut the file to `keep` bytes if it still is of the size that was dealt with: a writer without the lock may have come.
 */
static bool shorten(struct stub_input *in, uint64_t settled, uint64_t size, uint64_t keep)
{
    struct stat st;

    if (save(in, 0) && fstat(in->fd, &st) == 0 && (uint64_t)st.st_size == size && ftruncate(in->fd, (off_t)keep) == 0) {
        stub_input_shift(in, settled);
        return true;
    }
    save(in, settled);
    return false;
}

static bool copy_range(int from, uint64_t start, uint64_t n, int to, off_t at, bool append)
{
    char chunk[COPY_BYTES];

    while (n > 0) {
        errno = EIO; /* if the bytes are not there any more */
        ssize_t got = pread(from, chunk, n < sizeof chunk ? (size_t)n : sizeof chunk, (off_t)start);
        ssize_t put = got <= 0 ? -1 : append ? write(to, chunk, (size_t)got) : pwrite(to, chunk, (size_t)got, at);

        if (put <= 0)
            return false;
        start += (uint64_t)put;
        n -= (uint64_t)put;
        at += put;
    }
    return true;
}

/* The file is locked. */
static void settle_locked(struct stub_input *in, uint64_t settled, bool whole)
{
    struct stat st;
    uint64_t rest;

    if (fstat(in->fd, &st) || (uint64_t)st.st_size < settled)
        return;
    rest = (uint64_t)st.st_size - settled;
    if (whole && rest == 0)
        shorten(in, settled, settled, 0);
    else if (save(in, settled) && settled > STUB_COMPACT_BYTES && rest + STUB_CHECK_BYTES <= settled &&
             copy_range(in->fd, settled, rest, in->fd, 0, false))
        shorten(in, settled, settled + rest, rest);
}

void stub_settle(struct stub_input *in)
{
    uint64_t settled = stub_input_settled(in);
    bool whole = in->head == in->next && in->at == in->n && !in->lines.skipping;

    if (!in->moved)
        return;
    if (!whole && settled <= STUB_COMPACT_BYTES) {
        save(in, settled);
    } else if (flock(in->fd, LOCK_EX | LOCK_NB)) {
        save(in, settled);
        pbay_link_timer(in->link, STUB_LOCK_RETRY_MS);
        return;
    } else {
        settle_locked(in, settled, whole);
        flock(in->fd, LOCK_UN);
    }
    in->moved = false;
}

/* Returns 0, or the errno; then nothing was kept. */
static int keep_reject(struct stub_input *in, struct stub_range range)
{
    struct stat st = {0};
    int err = 0, fd = open(in->rejected, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0 || fstat(fd, &st)) {
        err = errno;
    } else if (!copy_range(in->fd, range.start, range.end - range.start, fd, 0, true)) {
        err = errno;
        if (ftruncate(fd, st.st_size))
            pbay_link_log(in->link, "%s ends with a part of a line", in->rejected);
    }
    if (fd >= 0)
        close(fd);
    return err;
}

bool stub_settle_reject(struct stub_input *in, struct stub_range range, const char *why)
{
    int err = keep_reject(in, range);

    if (err) {
        pbay_link_fail(in->link, PBAY_IO, "%s cannot be written: %s", in->rejected, strerror(err));
        in->broken = true;
        pbay_link_wake(in->link);
        return false;
    }
    pbay_link_log(in->link, "%s: %" PRIu64 " bytes at offset %" PRIu64 " moved to %s: %s", in->path,
                  range.end - range.start, range.start, in->rejected, why);
    return true;
}
