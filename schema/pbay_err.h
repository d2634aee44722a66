/* Every outcome that one part of Patchbay tells another: return codes, END, REJECT, GAP and BYE share this list.
 *
 * To add a code: append a row (numbers go over the wire and are never reused), say in SPEC.md section 9 what the peer
 * does then, and reach it in a test.
 */
#ifndef PBAY_ERR_H
#define PBAY_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, what it means to a human) */
#define PBAY_ERRORS(X)                                                                   \
    X(OK, 0, "ok")                                                                       \
    X(AGAIN, 1, "not now: try again when there is room or data")                         \
    X(PENDING, 2, "accepted: the result comes later")                                    \
    X(TIMEOUT, 3, "the deadline passed")                                                 \
    X(INVALID, 4, "an argument is not valid")                                            \
    X(NOMEM, 5, "out of memory")                                                         \
    X(IO, 6, "an operating system call failed")                                          \
    X(CLOSED, 7, "closed, or never opened")                                              \
    X(CONFIG, 8, "the configuration is not valid")                                       \
    X(BAD_FRAME, 9, "a frame is malformed or not allowed now")                           \
    X(TOO_BIG, 10, "larger than the limit")                                              \
    X(LIMIT, 11, "a limit on number is reached")                                         \
    X(VERSION, 12, "no common protocol version")                                         \
    X(UNKNOWN_NAME, 13, "no node of that name is configured")                            \
    X(FENCED, 14, "a newer process has taken this name and instance")                    \
    X(GAP, 15, "frames were lost on the link")                                           \
    X(NO_ROUTE, 16, "no connection is configured for this destination")                  \
    X(DISCONNECTED, 17, "the destination is not attached")                               \
    X(INSTANCE_GONE, 18, "the process that the reply was for is gone")                   \
    X(REFUSED, 19, "a restriction forbids this protocol here")                           \
    X(DENIED, 20, "this sender may not write to that address")                           \
    X(EXPIRED, 21, "its time to live passed before it was given to a receiver")          \
    X(OUTCOME_UNKNOWN, 22, "a receiver may have had it; what became of it is not known") \
    X(POISON, 23, "its receiver died on it as often as is allowed")                      \
    X(FAILED, 24, "the receiver could not handle it")                                    \
    X(SHUTDOWN, 25, "going down by request")                                             \
    X(MALFORMED, 26, "the receiver could not decode its message")

enum pbay_err {
#define PBAY_ERR_ENUM(name, number, text) PBAY_##name = number,
    PBAY_ERRORS(PBAY_ERR_ENUM)
#undef PBAY_ERR_ENUM
        PBAY_ERR_COUNT
};

/* Name of a code, "NO_ROUTE"; a static string. An unknown number gives "UNKNOWN". Thread-safe. */
const char *pbay_err_name(enum pbay_err code);

/* One sentence for a human; a static string. Thread-safe. */
const char *pbay_err_text(enum pbay_err code);

/* Code of a name as pbay_err_name writes it, or -1. Thread-safe. */
int pbay_err_code(const char *name);

#ifdef __cplusplus
}
#endif
#endif
