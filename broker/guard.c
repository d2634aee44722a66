#include "broker/guard.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

#define MAX_FDS      65536 /* descriptors, each with its counters */
#define RESERVE      64    /* of them, for the broker's own files; at most a quarter of all */
#define SELF_TEST_MS 5000

struct peer {
    _Atomic uint64_t unread, taken; /* bytes since a message was last taken; before that */
};

static struct peer peers[MAX_FDS];
static _Atomic uint64_t unread; /* of all */
static _Atomic uint64_t accepted, no_room, strangers, cut, received;
static struct pb_guard_limits limits; /* this and the next: written before any other thread is there */
static int last_fd, last_own_fd;      /* 0 = not started */
static _Thread_local bool own;

#define EXPORTED __attribute__((visibility("default")))

/* ---- before everything ---- */

static int raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return MAX_FDS;
    limit.rlim_cur = limit.rlim_max < MAX_FDS ? limit.rlim_max : MAX_FDS;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return (int)limit.rlim_cur;
}

void pb_guard_start(const struct pb_guard_limits *wanted)
{
    int n = raise_limit(), reserve = n / 4 < RESERVE ? n / 4 : RESERVE;
    unsigned seed;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        abort(); /* the kernel promises so few at once */
    srandom(seed);
    own = true;
    limits = *wanted;
    last_fd = n - reserve - 1;
    last_own_fd = n - reserve / 2 - 1;
}

struct pb_guard_counts pb_guard_counts(void)
{
    return (struct pb_guard_counts){.accepted = accepted, .no_room = no_room, .strangers = strangers, .cut = cut};
}

/* ---- bytes ---- */

static void forget(struct peer *p)
{
    unread -= atomic_exchange(&p->unread, 0);
    p->taken = 0;
}

void pb_guard_taken(int fd)
{
    uint64_t bytes;

    if (fd < 0 || fd >= MAX_FDS)
        return;
    bytes = atomic_exchange(&peers[fd].unread, 0);
    unread -= bytes;
    peers[fd].taken += bytes;
}

static bool is_over(const struct peer *p)
{
    return p->unread > limits.each + p->taken || (p->unread > limits.each && unread > limits.all) ||
           p->unread > limits.all;
}

/* libzmq closes a connection for ECONNRESET, as it does when the peer's machine has sent a reset. */
EXPORTED ssize_t recv(int fd, void *buffer, size_t n, int flags)
{
    struct peer *p = !own && last_fd && fd >= 0 && fd < MAX_FDS ? &peers[fd] : NULL;
    ssize_t got;

    if (p && is_over(p)) {
        cut++;
        forget(p);
        (void)shutdown(fd, SHUT_RDWR);
        errno = ECONNRESET;
        return -1;
    }
    got = syscall(SYS_recvfrom, fd, buffer, n, flags, NULL, NULL);
    if (p && got > 0 && !(flags & MSG_PEEK)) {
        p->unread += (uint64_t)got;
        unread += (uint64_t)got;
        received++;
    }
    return got;
}

/* ---- connections ---- */

static bool is_stranger(int fd)
{
    struct ucred peer;
    int domain = 0;
    socklen_t n = sizeof domain;

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) || domain != AF_UNIX)
        return false;
    n = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) || (peer.uid != geteuid() && peer.uid != 0);
}

/* ECONNABORTED: the one that both of libzmq's listeners take as the newcomer's own fault. */
static int refuse(int fd, _Atomic uint64_t *counter)
{
    ++*counter;
    close(fd);
    errno = ECONNABORTED;
    return -1;
}

EXPORTED int accept4(int listener, struct sockaddr *address, socklen_t *n, int flags)
{
    int fd = (int)syscall(SYS_accept4, listener, address, n, flags);

    if (!last_fd || fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            errno = ECONNABORTED;
        return fd;
    }
    if (fd > (own ? last_own_fd : last_fd))
        return refuse(fd, &no_room);
    if (is_stranger(fd))
        return refuse(fd, &strangers);
    forget(&peers[fd]);
    accepted++;
    return fd;
}

/* ---- are they ours? ---- */

static bool talk(void *router, void *dealer, const char *endpoint)
{
    int most = SELF_TEST_MS;
    char buffer[8];
    zmq_msg_t m;
    bool good;

    zmq_setsockopt(router, ZMQ_RCVTIMEO, &most, sizeof most);
    if (zmq_connect(dealer, endpoint) || zmq_send(dealer, "?", 1, ZMQ_DONTWAIT) < 0 ||
        zmq_recv(router, buffer, sizeof buffer, 0) < 0)
        return false;
    zmq_msg_init(&m);
    good = zmq_msg_recv(&m, router, 0) == 1 && zmq_msg_get(&m, ZMQ_SRCFD) >= 0;
    zmq_msg_close(&m);
    return good;
}

bool pb_guard_self_test(void *context, const char *dir, char why[200])
{
    uint64_t had_accepted = accepted, had_received = received;
    void *router = zmq_socket(context, ZMQ_ROUTER), *dealer = zmq_socket(context, ZMQ_DEALER);
    mode_t before = umask(0177);
    char endpoint[256];
    int zero = 0;
    bool good;

    (void)snprintf(endpoint, sizeof endpoint, "ipc://%s/self-test.ipc", dir);
    zmq_setsockopt(router, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    good = zmq_bind(router, endpoint) == 0;
    umask(before);
    good = good && talk(router, dealer, endpoint);
    zmq_close(dealer);
    zmq_close(router);
    if (!good)
        (void)snprintf(why, 200, "a message to itself, over self-test.ipc, has not come");
    else if (accepted == had_accepted || received == had_received)
        (void)snprintf(why, 200, "libzmq does not call accept4 and recv of this program");
    else
        return true;
    return false;
}
