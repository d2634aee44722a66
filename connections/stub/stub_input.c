/* Reading the input file: inotify tells when, a shared lock keeps half-written lines out, stub_lines finds the
 * envelopes. */
#include "connections/stub/stub_input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_EVENTS      (IN_MODIFY | IN_CLOSE_WRITE)
#define FOLDER_EVENTS    (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define MAX_EVENT_READS  64 /* of 4 KiB each, in one call */
#define MAX_EVENTS_BYTES 4096

static enum pbay_err fail(struct stub_input *in, const char *what)
{
    return pbay_link_fail(in->link, PBAY_IO, "%s %s: %s", what, in->path, strerror(errno));
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static enum pbay_err open_file(struct stub_input *in)
{
    struct stat st;

    in->fd = open(in->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (in->fd < 0 || fstat(in->fd, &st))
        return fail(in, "open");
    if (!S_ISREG(st.st_mode))
        return pbay_link_fail(in->link, PBAY_CONFIG, "input_file: %s is not a regular file", in->path);
    in->inode = st.st_ino;
    in->file_watch = inotify_add_watch(in->notify_fd, in->path, FILE_EVENTS);
    return in->file_watch < 0 ? fail(in, "watch") : PBAY_OK;
}

/* The folder is watched before the file is opened: a file that takes its place meanwhile is noticed. */
static enum pbay_err watch_folder(struct stub_input *in)
{
    const char *slash = strrchr(in->path, '/');
    char folder[PATH_MAX];

    in->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (in->notify_fd < 0)
        return fail(in, "inotify for");
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - in->path) + 1 : 1, slash ? in->path : ".");
    return inotify_add_watch(in->notify_fd, folder, FOLDER_EVENTS) < 0 ? fail(in, "watch the folder of") : PBAY_OK;
}

static enum pbay_err open_record(struct stub_input *in)
{
    in->record_fd = open(in->record, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    return in->record_fd < 0 ? fail(in, "open the .offset file of") : PBAY_OK;
}

/* Begin reading at the offset, with nothing given. */
static void start_at(struct stub_input *in, uint64_t offset)
{
    in->base = in->cut = offset;
    in->at = in->n = 0;
    in->lines = (struct stub_lines){0};
    in->head = in->next;
    in->moved = in->waiting = false;
}

enum pbay_err stub_input_open(struct stub_input *in, struct pbay_link *link, const char *path)
{
    enum pbay_err err;

    in->link = link;
    in->ready = true;
    in->fd = in->record_fd = in->notify_fd = -1;
    in->replaced = in->broken = false;
    if (strlen(path) >= sizeof in->path)
        return pbay_link_fail(link, PBAY_CONFIG, "input_file: the path is too long");
    memcpy(in->path, path, strlen(path) + 1);
    snprintf(in->rejected, sizeof in->rejected, "%s.rejected", path);
    snprintf(in->record, sizeof in->record, "%s.offset", path);
    in->window = malloc(STUB_WINDOW);
    if (!in->window)
        return pbay_link_fail(link, PBAY_NOMEM, "no memory for reading %s", path);
    if ((err = watch_folder(in)) || (err = open_file(in)) || (err = open_record(in)))
        return err;
    start_at(in, stub_settle_load(in));
    return PBAY_OK;
}

void stub_input_close(struct stub_input *in)
{
    if (!in->ready)
        return;
    if (in->fd >= 0 && in->record_fd >= 0)
        stub_settle(in);
    close_fd(&in->fd);
    close_fd(&in->record_fd);
    close_fd(&in->notify_fd);
    free(in->window);
    in->window = NULL;
    in->ready = false;
}

uint64_t stub_input_settled(const struct stub_input *in)
{
    return in->head == in->next ? in->cut : in->ring[in->head % STUB_MAX_AHEAD].start;
}

/* Another file stands at the path? A path that names nothing is left alone: something may come. */
static bool is_replaced(const struct stub_input *in)
{
    struct stat here, open_one;

    return stat(in->path, &here) == 0 && fstat(in->fd, &open_one) == 0 &&
           (here.st_ino != open_one.st_ino || here.st_dev != open_one.st_dev);
}

/* Empty the inotify queue. What the events say is looked up afterwards, so that our own truncations cost one look each.
 */
static void drain_events(struct stub_input *in)
{
    _Alignas(struct inotify_event) char events[MAX_EVENTS_BYTES];
    bool folder = false;

    for (unsigned i = 0; i < MAX_EVENT_READS; i++) {
        ssize_t n = read(in->notify_fd, events, sizeof events);

        if (n <= 0)
            break;
        for (size_t at = 0; at + sizeof(struct inotify_event) <= (size_t)n;) {
            struct inotify_event event;

            memcpy(&event, events + at, sizeof event);
            folder = folder || event.wd != in->file_watch || (event.mask & IN_Q_OVERFLOW);
            at += sizeof event + event.len;
        }
    }
    if (folder)
        in->replaced = is_replaced(in);
}

/* The file is shorter than what was read of it: somebody else emptied it. What was given is not there any more. */
static void start_over(struct stub_input *in)
{
    pbay_link_log(in->link, "%s was cut by somebody else: reading from its start", in->path);
    start_at(in, 0);
    stub_settle_reset(in);
}

/* Move what is not looked at yet to the front of the window. */
static void make_room(struct stub_input *in)
{
    if (in->at == 0)
        return;
    memmove(in->window, in->window + in->at, in->n - in->at);
    in->base += in->at;
    in->n -= in->at;
    in->at = 0;
}

static enum pbay_err read_locked(struct stub_input *in, uint64_t size)
{
    size_t room = STUB_WINDOW - in->n < STUB_READ_BYTES ? STUB_WINDOW - in->n : STUB_READ_BYTES;
    ssize_t n;

    if (size < in->base + in->n) {
        start_over(in);
        return PBAY_OK;
    }
    n = pread(in->fd, in->window + in->n, room, (off_t)(in->base + in->n));
    if (n < 0)
        return errno == EINTR ? PBAY_OK : fail(in, "read");
    in->n += (size_t)n;
    return n ? PBAY_OK : PBAY_AGAIN;
}

/* More bytes into the window. AGAIN = there are none, or a writer has the file and a timer is set. */
static enum pbay_err fill(struct stub_input *in)
{
    struct stat st;
    enum pbay_err err;

    if (fstat(in->fd, &st))
        return fail(in, "stat");
    if ((uint64_t)st.st_size == in->base + in->n)
        return PBAY_AGAIN;
    make_room(in);
    assert(in->n < STUB_WINDOW);
    if (flock(in->fd, LOCK_SH | LOCK_NB)) {
        pbay_link_timer(in->link, STUB_LOCK_RETRY_MS);
        return PBAY_AGAIN;
    }
    err = fstat(in->fd, &st) ? fail(in, "stat") : read_locked(in, (uint64_t)st.st_size);
    flock(in->fd, LOCK_UN);
    return err;
}

/* All of the old file is through: what is left of it is half a line that nobody will finish. */
static enum pbay_err change_file(struct stub_input *in)
{
    struct stub_range rest = {.start = in->cut, .end = in->base + in->n};

    if (rest.end > rest.start && !stub_settle_reject(in, rest, "the file was replaced in the middle of it"))
        return PBAY_IO;
    pbay_link_log(in->link, "%s was replaced: reading the new file", in->path);
    inotify_rm_watch(in->notify_fd, in->file_watch);
    close_fd(&in->fd);
    in->replaced = false;
    start_at(in, 0);
    enum pbay_err err = open_file(in);

    if (!err)
        stub_settle_reset(in);
    return err;
}

/* Nothing is left to read, and not just because a writer holds the lock? */
static bool is_read_through(const struct stub_input *in)
{
    struct stat st;

    return fstat(in->fd, &st) == 0 && (uint64_t)st.st_size == in->base + in->n;
}

/* Nothing complete is in the window. The events are taken before the file is looked at, never after: else one that came
 * in between would be lost. */
static enum pbay_err more(struct stub_input *in)
{
    enum pbay_err err;

    drain_events(in);
    err = fill(in);
    if (err != PBAY_AGAIN || !in->replaced || !is_read_through(in))
        return err;
    in->waiting = in->head != in->next;
    return in->waiting ? PBAY_AGAIN : change_file(in);
}

static bool has_room(const struct stub_input *in)
{
    return in->next - in->head < STUB_MAX_AHEAD && in->cut - stub_input_settled(in) < STUB_MAX_AHEAD_BYTES;
}

/* The item begins at in->cut. true = *e is to be given. */
static bool take(struct stub_input *in, const struct stub_item *item)
{
    struct stub_range range = {.start = in->cut, .end = in->base + in->at + item->used};

    if (item->kind == STUB_REJECT && !stub_settle_reject(in, range, item->why))
        return false;
    in->at += item->used;
    if (item->kind == STUB_SKIP)
        return false;
    if (item->kind == STUB_ENVELOPE)
        in->ring[in->next++ % STUB_MAX_AHEAD] = range;
    in->moved = in->moved || in->head == in->next;
    in->cut = range.end;
    return item->kind == STUB_ENVELOPE;
}

/* Too much is out: the next end wakes us. The queue of events must be emptied, or the descriptor would stay readable.
 */
static enum pbay_err full(struct stub_input *in)
{
    in->waiting = true;
    drain_events(in);
    return PBAY_AGAIN;
}

/* One thing more: PBAY_OK with *given or without it (come again), or why there is none. */
static enum pbay_err advance(struct stub_input *in, struct pbay_envelope *e, unsigned *reads, bool *given)
{
    struct stub_item item;

    if (!has_room(in))
        return full(in);
    stub_lines_next(&in->lines, in->window + in->at, in->n - in->at, &item);
    if (item.kind != STUB_MORE) {
        *given = take(in, &item);
        *e = item.e;
        return in->broken ? PBAY_IO : PBAY_OK;
    }
    if ((*reads)++ < STUB_MAX_READS)
        return more(in);
    pbay_link_wake(in->link);
    return PBAY_AGAIN;
}

enum pbay_err stub_input_next(struct stub_input *in, struct pbay_envelope *e, uint64_t *tag)
{
    enum pbay_err err = in->broken ? PBAY_IO : PBAY_OK;
    unsigned reads = 0;
    bool given = false;

    in->waiting = false;
    while (!err && !given)
        err = advance(in, e, &reads, &given);
    *tag = in->next - 1;
    if (err == PBAY_AGAIN)
        stub_settle(in);
    return err;
}

void stub_input_shift(struct stub_input *in, uint64_t by)
{
    make_room(in);
    assert(in->cut >= by && in->base >= by);
    in->base -= by;
    in->cut -= by;
    for (uint64_t tag = in->head; tag < in->next; tag++) {
        in->ring[tag % STUB_MAX_AHEAD].start -= by;
        in->ring[tag % STUB_MAX_AHEAD].end -= by;
    }
}

void stub_input_end(struct stub_input *in, uint64_t tag, enum pbay_err err)
{
    struct stub_range *range = &in->ring[tag % STUB_MAX_AHEAD];

    if (!in->ready || in->broken || tag < in->head || tag >= in->next || range->ended) {
        if (err != PBAY_OK && err != PBAY_SHUTDOWN && in->link)
            pbay_link_log(in->link, "an envelope whose line is not in the file any more ended with %s",
                          pbay_err_name(err));
        return;
    }
    if (err == PBAY_SHUTDOWN || (err != PBAY_OK && !stub_settle_reject(in, *range, pbay_err_name(err))))
        return;
    range->ended = true;
    for (; in->head < in->next && in->ring[in->head % STUB_MAX_AHEAD].ended; in->head++)
        in->moved = true;
    if (in->moved)
        stub_settle(in);
    if (in->waiting && has_room(in))
        pbay_link_wake(in->link);
}
