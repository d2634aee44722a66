/* Envelopes as AEA's TCP transport writes them, and the envelopes that say what became of them. */
#ifndef TCP_MESSAGE_H
#define TCP_MESSAGE_H

#include <uthash.h>

#include "connections/tcp_server/tcp_peer.h"
#include "pbay_message.h"

/* An address as a peer may claim it: UTF-8, 1 to PBAY_MAX_ADDRESS bytes, no control character, not a public id. */
bool tcp_is_address(struct pbay_str text);

/* Both `to` and `sender` must be addresses: components do not leave their agent. PBAY_OK; PBAY_FAILED: why. */
enum pbay_err tcp_check_parties(const struct pbay_envelope *e, char why[PBAY_MAX_WHY]);

/* A frame of an envelope. PBAY_OK; PBAY_FAILED = it cannot be one: why. */
enum pbay_err tcp_frame_make(const struct pbay_protocols *protocols, const struct pbay_envelope *e, size_t max_frame,
                             struct tcp_frame *frame, char why[PBAY_MAX_WHY]);

/* The envelope in a frame; its views live in *memory, which the caller frees (NULL after an error). Public ids are
 * refused: a stranger is no component of this agent. PBAY_OK; PBAY_FAILED: why. */
enum pbay_err tcp_frame_read(const struct pbay_protocols *protocols, struct pbay_str bytes, struct pbay_envelope *e,
                             char **memory, char why[PBAY_MAX_WHY]);

/* ---- errors for those who sent ---- */

/* What was given to the agent and has not ended. Nothing is remembered of an envelope that is itself an error: two
 * agents that are both away would send each other errors for ever. */
struct tcp_given {
    uint64_t tag;
    UT_hash_handle hh;
    struct pbay_str from, to, sender, protocol; /* from: the address of the peer it came from; may be empty */
    char bytes[];
};

void tcp_given_add(struct tcp_given **table, const struct pbay_protocols *protocols, uint64_t tag,
                   const struct pbay_envelope *e, struct pbay_str from);

/* Take it out; the caller frees it. NULL = nobody is to be told. */
struct tcp_given *tcp_given_take(struct tcp_given **table, uint64_t tag);
void tcp_given_clear(struct tcp_given **table);

/* `fetchai/default:1.0.0` error, from whom it was sent to, to who sent it: it ended with this code. */
struct tcp_frame tcp_error_of(const struct pbay_protocols *protocols, const struct tcp_given *given, enum pbay_err err);

/* The same for a frame that is no envelope: DECODING_ERROR. */
struct tcp_frame tcp_error_unread(const struct pbay_protocols *protocols, struct pbay_str to, struct pbay_str sender,
                                  const char *why);

#endif
