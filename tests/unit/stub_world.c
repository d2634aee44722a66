#include "stub_world.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections/stub/stub.h"

#define GUARD_MS 60000
#define KILLED   42 /* status of the child when nothing failed in it */

enum pbay_err pbay_link_fail(struct pbay_link *link, enum pbay_err code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(link->why, sizeof link->why, format, args);
    va_end(args);
    return code;
}

void pbay_link_log(struct pbay_link *link, const char *format, ...)
{
    size_t n = strlen(link->log);
    va_list args;

    if (n > sizeof link->log / 2)
        link->log[n = 0] = '\0';
    va_start(args, format);
    vsnprintf(link->log + n, sizeof link->log - n - 1, format, args);
    va_end(args);
    strcat(link->log, "\n");
    link->logged++;
}

void pbay_link_timer(struct pbay_link *link, int ms)
{
    link->timer = ms;
}

void pbay_link_wake(struct pbay_link *link)
{
    link->woken = true;
}

const char *pbay_link_config(struct pbay_link *link, const char *name, const char *fallback)
{
    (void)link;
    (void)name;
    return fallback;
}

const char *pbay_link_data_dir(struct pbay_link *link)
{
    return link->dir;
}

struct pbay_link *world_new(void)
{
    struct pbay_link *w = calloc(1, sizeof *w);

    assert_non_null(w);
    strcpy(w->dir, "/tmp/patchbay-stub-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->input, sizeof w->input, "%s/input_file", w->dir);
    snprintf(w->output, sizeof w->output, "%s/output_file", w->dir);
    snprintf(w->rejected, sizeof w->rejected, "%s.rejected", w->input);
    snprintf(w->record, sizeof w->record, "%s.offset", w->input);
    world_start(w);
    return w;
}

void world_start(struct pbay_link *w)
{
    w->self = calloc(1, stub_ops.state_size);
    w->timer = -1;
    w->woken = false;
    assert_non_null(w->self);
    assert_int_equal(stub_ops.connect(w->self, w), PBAY_OK);
}

static void forget_got(struct pbay_link *w)
{
    for (size_t i = 0; i < w->n; i++) {
        free(w->got[i].to);
        free(w->got[i].sender);
        free(w->got[i].protocol_id);
        free(w->got[i].message);
    }
    w->n = w->settled = 0;
}

void world_stop(struct pbay_link *w)
{
    if (w->self)
        stub_ops.disconnect(w->self);
    free(w->self);
    w->self = NULL;
    forget_got(w);
}

void world_killed(struct pbay_link *w, void (*does)(struct pbay_link *w))
{
    int status;
    pid_t child;

    world_stop(w);
    child = fork();
    if (child == 0) {
        world_start(w);
        does(w);
        _exit(KILLED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), KILLED);
    world_start(w);
}

void world_free(struct pbay_link *w)
{
    world_stop(w);
    unlink(w->input);
    unlink(w->output);
    unlink(w->rejected);
    unlink(w->record);
    assert_int_equal(rmdir(w->dir), 0);
    free(w);
}

static char *copy(struct pbay_str s)
{
    char *p = calloc(1, s.n + 1);

    assert_non_null(p);
    if (s.n)
        memcpy(p, s.p, s.n);
    return p;
}

static enum pbay_err receive_one(struct pbay_link *w)
{
    struct pbay_envelope e = {0};
    uint64_t tag;
    enum pbay_err err = stub_ops.receive(w->self, &e, &tag);

    if (err == PBAY_OK) {
        assert_true(w->n < WORLD_ENVELOPES);
        w->got[w->n++] =
            (struct got){copy(e.to), copy(e.sender), copy(e.protocol_id), copy(e.message), e.message.n, tag};
    }
    return err;
}

enum pbay_err world_receive(struct pbay_link *w)
{
    enum pbay_err err;

    while ((err = receive_one(w)) == PBAY_OK) {
    }
    return err == PBAY_AGAIN ? PBAY_OK : err;
}

void world_settle(struct pbay_link *w, size_t i, enum pbay_err err)
{
    assert_true(i < w->n);
    stub_ops.outcome(w->self, w->got[i].tag, err);
}

void world_settle_all(struct pbay_link *w)
{
    while (w->settled < w->n)
        world_settle(w, w->settled++, PBAY_OK);
}

void world_wait(struct pbay_link *w, size_t want, bool settle)
{
    for (;;) {
        struct pollfd p = {.fd = stub_ops.fd(w->self), .events = POLLIN};

        w->woken = false;
        assert_int_equal(world_receive(w), PBAY_OK);
        if (settle)
            world_settle_all(w);
        if (w->n >= want)
            break;
        if (w->woken)
            continue;
        int ready = poll(&p, 1, w->timer >= 0 ? w->timer : GUARD_MS);

        if (ready == 0 && w->timer < 0)
            fail_msg("%zu of %zu envelopes came", w->n, want);
        w->timer = -1;
    }
    assert_int_equal(w->n, want);
}

void world_append(const char *path, const void *bytes, size_t n, bool lock)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);

    if (fd < 0 || (lock && flock(fd, LOCK_EX)) || write(fd, bytes, n) != (ssize_t)n)
        abort();
    close(fd);
}

void world_line(struct pbay_link *w, const char *text)
{
    world_append(w->input, text, strlen(text), true);
}

char *world_read(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *p = NULL;
    long size = 0;

    if (f) {
        fseek(f, 0, SEEK_END);
        size = ftell(f);
        rewind(f);
    }
    p = calloc(1, (size_t)size + 1);
    assert_non_null(p);
    *n = f ? fread(p, 1, (size_t)size, f) : 0;
    if (f)
        fclose(f);
    return p;
}

void world_assert_file(const char *path, const void *bytes, size_t n)
{
    size_t have;
    char *p = world_read(path, &have);

    assert_int_equal(have, n);
    assert_memory_equal(p, bytes, n);
    free(p);
}

off_t world_size(const char *path)
{
    struct stat st;

    return stat(path, &st) ? -1 : st.st_size;
}

void world_numbered(struct pbay_link *w, unsigned i)
{
    char line[128];

    snprintf(line, sizeof line, HEAD "line %u,\n", i);
    world_line(w, line);
}

void world_assert_numbered(struct pbay_link *w, size_t got, unsigned i)
{
    char text[64];

    snprintf(text, sizeof text, "line %u", i);
    assert_true(got < w->n);
    assert_string_equal(w->got[got].message, text);
}
