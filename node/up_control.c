/* up.sock in the run directory, which is its user's alone: one packet of words, each with a NUL behind it, is a
 * request; one packet is its answer, a sign (+ done, - refused) and a text. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/up_int.h"
#include "schema/buf.h"

#define SOCKET      "up.sock"
#define BACKLOG     8
#define MAX_REQUEST 512
#define ANSWER_MS   5000

static bool set_address(struct sockaddr_un *address, const char *run_dir)
{
    int n = snprintf(address->sun_path, sizeof address->sun_path, "%s/" SOCKET, run_dir);

    address->sun_family = AF_UNIX;
    errno = ENAMETOOLONG;
    return n > 0 && (size_t)n < sizeof address->sun_path;
}

/* ---- our end ---- */

bool up_control_open(struct up *up)
{
    struct sockaddr_un address = {0};

    if (!set_address(&address, up->agents[0]->run_dir))
        return false;
    unlink(address.sun_path); /* we hold the lock: it is a dead one's */
    up->control_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return up->control_fd >= 0 && bind(up->control_fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(up->control_fd, BACKLOG) == 0;
}

static void drop_client(struct up *up)
{
    if (up->client_fd >= 0)
        close(up->client_fd);
    up->client_fd = -1;
}

void up_control_close(struct up *up)
{
    struct sockaddr_un address = {0};

    drop_client(up);
    if (up->control_fd < 0)
        return;
    close(up->control_fd);
    up->control_fd = -1;
    if (set_address(&address, up->agents[0]->run_dir))
        unlink(address.sun_path);
}

static bool do_reload(struct up *up, int64_t now, const char *name, char *answer)
{
    (void)name;
    return up_reload(up, now, answer);
}

static const struct {
    const char *word;
    bool has_name;
    bool (*run)(struct up *up, int64_t now, const char *name, char *answer);
} requests[] = {{"reload", false, do_reload}, {"restart", true, up_restart}};

static void answer(struct up *up, int64_t now, const char *request, size_t n)
{
    char text[UP_MAX_ANSWER + 1] = "-not understood";
    const char *name = request + strlen(request) + 1;
    bool has_name = (size_t)(name - request) < n;

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (strcmp(requests[i].word, request) == 0 && requests[i].has_name == has_name)
            *text = requests[i].run(up, now, name, text + 1) ? '+' : '-';
    }
    up_say(up, "asked to %s%s%s: %s", request, has_name ? " " : "", has_name ? name : "",
           *text == '+' ? "done" : text + 1);
    if (send(up->client_fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        up_say(up, "who asked does not listen: %s", strerror(errno));
}

/* One at a time; whoever says nothing is dropped when the next one comes. */
void up_control_turn(struct up *up, int64_t now)
{
    char request[MAX_REQUEST + 1];
    int fd = accept4(up->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ssize_t n;

    if (fd >= 0) {
        drop_client(up);
        up->client_fd = fd;
    }
    if (up->client_fd < 0)
        return;
    n = recv(up->client_fd, request, MAX_REQUEST, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        request[n] = 0;
        answer(up, now, request, (size_t)n);
    }
    drop_client(up);
}

/* ---- the other end ---- */

static bool ask(int fd, const struct pb_buf *request, char text[UP_MAX_ANSWER])
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n;

    if (send(fd, request->p, request->n, MSG_NOSIGNAL) < 0)
        return false;
    errno = ETIMEDOUT;
    if (poll(&p, 1, ANSWER_MS) <= 0)
        return false;
    n = recv(fd, text, UP_MAX_ANSWER - 1, 0);
    errno = n == 0 ? ECONNRESET : errno;
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

enum pbay_err up_control_ask(const char *run_dir, const char *const *words, size_t n, char text[UP_MAX_ANSWER])
{
    struct sockaddr_un address = {0};
    struct pb_buf request = {0};
    enum pbay_err err = PBAY_IO;
    int fd = -1;

    for (size_t i = 0; i < n; i++)
        pb_buf_add(&request, words[i], strlen(words[i]) + 1);
    if (set_address(&address, run_dir))
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && ask(fd, &request, text))
        err = *text == '+' ? PBAY_OK : PBAY_INVALID;
    if (err == PBAY_IO)
        snprintf(text, UP_MAX_ANSWER, "no supervisor answers in %s: %s", run_dir, strerror(errno));
    else
        memmove(text, text + 1, strlen(text));
    if (fd >= 0)
        close(fd);
    pb_buf_fini(&request);
    return err;
}
