/* One TCP connection that carries frames: four bytes of length, then so many bytes. AEA writes the length in the byte
 * order of its machine; here it is little-endian on every machine, which is that of every machine AEA is known on.
 *
 * Nothing here waits. What is read is kept until a frame is complete, in memory that grows as bytes come, never as they
 * are announced. One frame at a time is written; the kernel's buffer is the queue behind it. */
#ifndef TCP_PEER_H
#define TCP_PEER_H

#include "schema/pbay_envelope.h"
#include "schema/pbay_err.h"

#define TCP_HEAD  4     /* bytes of length */
#define TCP_BASE  16384 /* bytes of input that a peer may hold without asking the pool */
#define TCP_NEVER INT64_MAX

/* What all peers together hold of input beyond TCP_BASE each. */
struct tcp_pool {
    size_t held, most;
};

/* A frame to be written; memory is owned, NULL = none. */
struct tcp_frame {
    uint8_t head[TCP_HEAD];
    char *memory;
    size_t n;     /* bytes at memory */
    size_t at;    /* bytes written, head included */
    uint64_t tag; /* of its envelope; 0 = nobody waits to be told */
};

struct tcp_peer {
    bool open;
    bool blocked; /* the kernel takes no more until it says so */
    int fd;
    struct tcp_pool *pool;
    size_t max_frame;
    char *in; /* bytes at .. n are not read as frames yet; the first `taken` of them were given last */
    size_t at, n, cap, taken;
    struct tcp_frame out; /* not written to its end */
};

/* Milliseconds of the monotonic clock. */
int64_t tcp_now(void);

/* Little-endian, as on the wire. */
void tcp_put_length(uint8_t head[TCP_HEAD], size_t n);
size_t tcp_get_length(const char *head);

/* A frame of these bytes, whose memory is given away. */
struct tcp_frame tcp_frame_of(char **memory, size_t n, uint64_t tag);
void tcp_frame_drop(struct tcp_frame *frame);

/* Options of a connected socket: no delay; an end when the other host has not been heard of for so many seconds. */
void tcp_set_options(int fd, unsigned peer_timeout);

/* Take over a connected socket that does not block; the pool outlives the peer. fini closes it; idempotent, and a
 * zeroed peer is fine. */
void tcp_peer_init(struct tcp_peer *peer, int fd, struct tcp_pool *pool, size_t max_frame);
void tcp_peer_fini(struct tcp_peer *peer);

/* The next frame that has come; the view lives until the next call.
 *   PBAY_OK
 *   PBAY_AGAIN    nothing complete, and the kernel has no more
 *   PBAY_LIMIT    the pool is used up: again when something was given back
 *   PBAY_TOO_BIG  the next frame says that it is longer than max_frame: where it ends is not to be trusted
 *   PBAY_CLOSED   the other side has ended the connection
 *   PBAY_IO       errno says why there will be no more */
enum pbay_err tcp_peer_next(struct tcp_peer *peer, struct pbay_str *frame);

/* Bytes of a frame of which the rest has not come. */
size_t tcp_peer_partial(const struct tcp_peer *peer);

/* Write a frame; none may be under way.
 *   PBAY_OK       the kernel has all of it; it is freed
 *   PBAY_PENDING  the kernel has a part of it; it is the peer's now
 *   PBAY_AGAIN    nothing was written; it stays the caller's
 *   PBAY_IO       errno says why nothing can be written any more; it stays the caller's */
enum pbay_err tcp_peer_write(struct tcp_peer *peer, struct tcp_frame *frame);

/* Go on with what is under way, since the kernel takes more. PBAY_OK = nothing is any more; PBAY_AGAIN; PBAY_IO. */
enum pbay_err tcp_peer_flush(struct tcp_peer *peer);

#endif
