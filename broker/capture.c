#include "broker/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM 1048576 /* bytes kept for one write */

struct pb_capture {
    int fd;
    struct pb_buf b;
};

struct pb_capture *pb_capture_open(void)
{
    const char *dir = getenv("PATCHBAY_CAPTURE");
    struct pb_capture *c;
    char path[4096];

    if (!dir || !*dir)
        return NULL;
    snprintf(path, sizeof path, "%s/%ld.frames", dir, (long)getpid());
    c = pb_alloc(sizeof *c);
    c->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (c->fd < 0) {
        fprintf(stderr, "patchbay-broker: no capture: %s: %s\n", path, strerror(errno));
        free(c);
        return NULL;
    }
    return c;
}

void pb_capture_add(struct pb_capture *c, char direction, struct pbay_str rid, const void *p, size_t n)
{
    const uint8_t head[2] = {(uint8_t)direction, (uint8_t)rid.n};
    const uint8_t size[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};

    if (!c)
        return;
    pb_buf_add(&c->b, head, sizeof head);
    pb_buf_add(&c->b, rid.p, head[1]);
    pb_buf_add(&c->b, size, sizeof size);
    pb_buf_add(&c->b, p, n);
    if (c->b.n > ROOM)
        pb_capture_flush(c);
}

/* A full disk ends the capture, not the broker. */
void pb_capture_flush(struct pb_capture *c)
{
    size_t done = 0;

    while (c && c->fd >= 0 && done < c->b.n) {
        ssize_t n = write(c->fd, c->b.p + done, c->b.n - done);

        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "patchbay-broker: the capture ends here: %s\n", strerror(errno));
            close(c->fd);
            c->fd = -1;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (c)
        c->b.n = 0;
}

void pb_capture_close(struct pb_capture **pc)
{
    struct pb_capture *c = *pc;

    if (!c)
        return;
    pb_capture_flush(c);
    if (c->fd >= 0)
        close(c->fd);
    pb_buf_fini(&c->b);
    free(c);
    *pc = NULL;
}
