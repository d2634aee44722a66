/* Between the files of the session. */
#ifndef PB_SESSION_INT_H
#define PB_SESSION_INT_H

#include "schema/session.h"

/* A slot of a sender's window; SENT: it was in a PUB of this round or an earlier one. */
enum { SLOT_RETAINED = 1, SLOT_ENDED = 2 };
#define SLOT_SENT 1U

/* A slot of a receiver's window. REFUSED: finished with failure; it waits for the broker's ENDED, so that a lost END is
 * said again. */
enum { SLOT_HELD = 1, SLOT_STARTED, SLOT_REFUSED, SLOT_SETTLED };

/* session.c */
void pb_ctl(struct pb_session *s, const struct pb_frame *f);
void pb_session_close_link(struct pb_session *s, enum pbay_err why, struct pbay_str text);

/* session_send.c */
void pb_send_fini(struct pb_session *s);
void pb_send_linked(struct pb_session *s);
void pb_send_down(struct pb_session *s);
void pb_send_fit(struct pb_session *s);
int64_t pb_send_expire(struct pb_session *s, int64_t now);
bool pb_send_pack(struct pb_session *s, int64_t now, struct pb_buf *b);
void pb_send_opened(struct pb_session *s, const struct pb_frame *f);
void pb_send_credit(struct pb_session *s, const struct pb_frame *f);
void pb_send_settle(struct pb_session *s, const struct pb_frame *f);
void pb_send_end(struct pb_session *s, const struct pb_frame *f);
void pb_send_take_turn(struct pb_session *s, struct pb_sender *st); /* it has something to send */
bool pb_send_make_room(struct pb_session *s);                       /* for one more stream */

/* session_recv.c */
void pb_recv_fini(struct pb_session *s);
void pb_recv_down(struct pb_session *s);
void pb_recv_claimed(struct pb_session *s);
uint32_t pb_recv_claims(struct pb_session *s, uint32_t skip, struct pb_buf *list);
void pb_recv_pack(struct pb_session *s, struct pb_buf *b);
void pb_recv_open(struct pb_session *s, const struct pb_frame *f);
void pb_recv_release(struct pb_session *s, const struct pb_frame *f);
void pb_recv_close(struct pb_session *s, const struct pb_frame *f);
void pb_recv_ended(struct pb_session *s, const struct pb_frame *f);

struct pb_receiver *pb_recv_find(struct pb_session *s, uint32_t no);
bool pb_recv_is_held(const struct pb_slot *slot);
void pb_recv_free_held(struct pb_session *s, struct pb_held *h);
void pb_recv_advance(struct pb_receiver *rs); /* the watermark passes what is finished */
void pb_recv_owe_settle(struct pb_session *s, struct pb_receiver *rs);
void pb_recv_say_refused(struct pb_session *s, struct pb_receiver *rs, uint64_t q);
void pb_recv_say_released(struct pb_session *s, struct pb_receiver *rs);

/* session_held.c */
void pb_recv_pub(struct pb_session *s, const struct pb_frame *f);

#endif
