#include "connections/stub/stub.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connections/stub/stub_input.h"

#define OPEN_TRIES 4 /* of an output file that somebody replaces while it is being locked */

struct stub {
    struct pbay_link *link;
    bool ready; /* output_fd means something */
    int output_fd;
    char output[PATH_MAX];
    struct stub_input input;
};

/* A path from the configuration; relative ones are relative to the data folder. */
static enum pbay_err config_path(struct pbay_link *link, const char *key, const char *fallback, char path[PATH_MAX])
{
    const char *value = pbay_link_config(link, key, fallback);
    int n = value[0] == '/' ? snprintf(path, PATH_MAX, "%s", value)
                            : snprintf(path, PATH_MAX, "%s/%s", pbay_link_data_dir(link), value);

    if (value[0] == '\0' || n < 0 || n >= PATH_MAX)
        return pbay_link_fail(link, PBAY_CONFIG, "%s: the path is empty or too long", key);
    return PBAY_OK;
}

static enum pbay_err open_output(struct stub *s)
{
    s->output_fd = open(s->output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
    if (s->output_fd < 0)
        return pbay_link_fail(s->link, PBAY_IO, "open %s: %s", s->output, strerror(errno));
    return PBAY_OK;
}

static void close_output(struct stub *s)
{
    if (s->output_fd >= 0)
        close(s->output_fd);
    s->output_fd = -1;
}

static void stub_disconnect(void *self)
{
    struct stub *s = self;

    stub_input_close(&s->input);
    if (s->ready)
        close_output(s);
    s->ready = false;
}

static enum pbay_err stub_connect(void *self, struct pbay_link *link)
{
    struct stub *s = self;
    char input[PATH_MAX];
    enum pbay_err err;

    stub_disconnect(s);
    s->link = link;
    s->output_fd = -1;
    s->ready = true;
    if ((err = config_path(link, "input_file", "./input_file", input)) ||
        (err = config_path(link, "output_file", "./output_file", s->output)) || (err = open_output(s)))
        return err;
    return stub_input_open(&s->input, link, input);
}

/* Lock the file that stands at the path now: one that was moved away or deleted is not written to any more. */
static enum pbay_err lock_output(struct stub *s, struct stat *st)
{
    struct stat here;

    for (unsigned i = 0; i < OPEN_TRIES; i++) {
        enum pbay_err err = s->output_fd < 0 ? open_output(s) : PBAY_OK;

        if (err)
            return err;
        if (flock(s->output_fd, LOCK_EX | LOCK_NB))
            return PBAY_AGAIN;
        if (fstat(s->output_fd, st) == 0 && stat(s->output, &here) == 0 && here.st_ino == st->st_ino &&
            here.st_dev == st->st_dev)
            return PBAY_OK;
        close_output(s); /* gives up the lock as well */
    }
    return pbay_link_fail(s->link, PBAY_IO, "%s is replaced again and again", s->output);
}

/* The whole line in one write, or nothing of it. */
static enum pbay_err write_line(struct stub *s, const struct pbay_envelope *e, const struct stat *before)
{
    struct iovec parts[STUB_LINE_PARTS];
    size_t n = stub_line_encode(e, parts);
    ssize_t put = writev(s->output_fd, parts, STUB_LINE_PARTS);
    const char *why = put < 0 ? strerror(errno) : "no room for the whole line";

    if (put == (ssize_t)n)
        return PBAY_OK;
    if (put > 0 && ftruncate(s->output_fd, before->st_size))
        pbay_link_log(s->link, "%s: a part of a line could not be taken back: %s", s->output, strerror(errno));
    return pbay_link_fail(s->link, PBAY_IO, "write %s: %s", s->output, why);
}

static enum pbay_err stub_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    struct stub *s = self;
    const char *fault = stub_line_fault(e);
    struct stat before;
    enum pbay_err err;

    (void)tag;
    assert(s->ready);
    if (fault)
        return pbay_link_fail(s->link, PBAY_INVALID, "%s Found: sender=%.*s, to=%.*s", fault, (int)e->sender.n,
                              e->sender.p, (int)e->to.n, e->to.p);
    err = lock_output(s, &before);
    if (err)
        return err;
    err = write_line(s, e, &before);
    flock(s->output_fd, LOCK_UN);
    return err;
}

static enum pbay_err stub_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct stub *s = self;

    return stub_input_next(&s->input, e, tag);
}

static void stub_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct stub *s = self;

    stub_input_end(&s->input, tag, err);
}

static int stub_fd(void *self)
{
    struct stub *s = self;

    return s->input.ready ? s->input.notify_fd : -1;
}

const struct pbay_conn_ops stub_ops = {
    .class_name = "StubConnection",
    .state_size = sizeof(struct stub),
    .connect = stub_connect,
    .disconnect = stub_disconnect,
    .send = stub_send,
    .receive = stub_receive,
    .outcome = stub_outcome,
    .fd = stub_fd,
};
