/* One package on the suite's bench: its slots, called as the runtime calls them and checked against what pbay_conn.h
 * promises, and its outside world.
 *
 * To add a package: a file with its `conformance_package`, a line in CMakeLists.txt. */
#ifndef CONFORMANCE_RIG_H
#define CONFORMANCE_RIG_H

#include "tests/conformance/fake_link.h"

#define RIG_GUARD_MS  10000 /* nothing takes longer */
#define RIG_MAX_GIVEN 4096  /* envelopes received whose end was not told */

struct rig;

/* A value that connect must refuse with PBAY_CONFIG, and what its text must tell of it besides the name. */
struct bad_option {
    struct fake_option option;
    const char *told;
};

struct package {
    const struct fake_option *good; /* it connects with these; ends with a NULL name */
    const struct bad_option *bad;   /* ends with a NULL name */

    /* The outside world, in so many zeroed bytes at rig->outside. close takes a world whose open has failed. */
    size_t outside_size;
    void (*open)(struct rig *rig);
    void (*close)(struct rig *rig);

    /* Let an envelope come in; false = there is no room for more now. Connected only. */
    bool (*feed)(struct rig *rig);

    /* Number i of the envelopes that are not the package's own: each must end with an error and a text. false = there
     * are no more. Its views live until the next call. */
    bool (*foreign)(struct rig *rig, unsigned i, struct pbay_envelope *e);

    /* One that it takes, if it takes any; if need be an answer to `received`. NULL = it has `send`, and takes none. */
    void (*own)(struct rig *rig, const struct pbay_envelope *received, struct pbay_envelope *e);
};

extern const struct package conformance_package;

struct rig {
    const struct package *package;
    const struct pbay_conn_ops *ops;
    struct pbay_link link;
    void *self, *outside;
    bool connected, draining;
    uint64_t last_tag;
    uint64_t given[RIG_MAX_GIVEN]; /* the package's tags of what it gave, without those whose end was told */
    size_t n_given;
    struct fake_sent *received; /* a copy of what it gave last */
    char where[64];             /* for the message of a failure */
};

/* A failure says where in a random walk it happened. */
#define RIG_CHECK(rig, condition) rig_check(rig, condition, #condition, __FILE__, __LINE__)
void rig_check(const struct rig *rig, bool condition, const char *text, const char *file, int line);

struct rig *rig_new(void);
void rig_destroy(struct rig **rig);

/* A process ends and another one begins: disconnected, and nothing is remembered but what the outside world has. */
void rig_restart(struct rig *rig);

/* The slots. What the contract says of each one's result is checked; a slot that is NULL does what is said there. */
enum pbay_err rig_connect(struct rig *rig);
void rig_disconnect(struct rig *rig);
enum pbay_err rig_send(struct rig *rig, const struct pbay_envelope *e);
enum pbay_err rig_receive(struct rig *rig); /* a copy is in rig->received */
void rig_outcome(struct rig *rig, size_t i, enum pbay_err err);
int rig_fd(struct rig *rig);
void rig_timer(struct rig *rig); /* if it is set */
void rig_serve(struct rig *rig);
bool rig_drain(struct rig *rig);

/* Connect with what is good, and fail otherwise. */
void rig_must_connect(struct rig *rig);

/* Serve as the runtime does until an envelope was received; until drain says true. */
void rig_await(struct rig *rig);
void rig_await_drained(struct rig *rig);

#endif
