/* The broker's end of one link, played by a test: a ROUTER that says what the test says. Each wait has a guard of ten
 * seconds, after which the test fails. */
#ifndef NODE_FAKE_H
#define NODE_FAKE_H

#include <zmq.h>

#include "schema/frame.h"

#define FAKE_GUARD_MS 10000

struct fake {
    void *context, *router;
    char dir[64], endpoint[96];
    uint8_t id[256]; /* of the socket that wrote last */
    size_t id_n;
    zmq_msg_t message; /* the frames below are views into it */
    bool has_message;
    struct pb_rd rest;
    unsigned messages; /* that came on all links */
    uint64_t said;     /* messages sent on this link */
    uint64_t attach;
    uint32_t max_envelope;
    uint8_t incarnation[16]; /* of the last HELLO */
    uint64_t hello_clock;
};

void fake_open(struct fake *f);
void fake_close(struct fake *f);

/* Drop the link: close the ROUTER; and be there again. */
void fake_hang_up(struct fake *f);
void fake_bind(struct fake *f);

/* The next frame of that verb; others are passed over, PING is answered. Its views live until the next call. */
struct pb_frame fake_expect(struct fake *f, enum pb_verb verb);

/* The next one, whatever it is. */
struct pb_frame fake_next(struct fake *f);

void fake_say(struct fake *f, const struct pb_frame *frame);

/* HELLO, WELCOME, CONFIRM; returns the link number. */
uint64_t fake_attach(struct fake *f);

/* As broker of a stream that the node sends on: answer its OPEN. */
void fake_opened(struct fake *f, uint32_t stream, uint64_t expect, uint32_t credit_n);
void fake_settle(struct fake *f, uint32_t stream, uint64_t wm);

/* Open stream `no` to the node from another node and see the ANSWER; then PUB on it. */
void fake_open_to(struct fake *f, uint32_t no, const char *to, const char *sender);
void fake_open_for(struct fake *f, uint32_t no, const char *to, const char *sender, const char *node,
                   const char *protocol);
void fake_pub(struct fake *f, uint32_t no, uint64_t seq, const char *message);
void fake_pub_bytes(struct fake *f, uint32_t no, uint64_t seq, struct pbay_str message);

extern const uint8_t fake_peer[16]; /* incarnation of that other node */

#endif
