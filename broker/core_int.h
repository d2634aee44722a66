/* The inside of the core: shared by its files only.
 *
 *   core.c     events, ticks, configuration, views
 *   link.c     routing ids, nodes, HELLO to BYE
 *   out.c      what is sent to whom: parts into messages
 *   stream.c   a stream's life: open, ask, answer, move, end
 *   mailbox.c  one envelope: admit, park, dispatch, settle
 *   flow.c     credit: what is granted, needed, revoked
 *   route.c    which group a stream goes to; restrict.c protocol restrictions: leaves, they only return
 */
#ifndef PB_CORE_INT_H
#define PB_CORE_INT_H

#include <uthash.h>
#include <utlist.h>

#include "broker/core.h"
#include "schema/mutation.h"
#include "schema/window.h"

#define PB_FENCED_KEPT  32                   /* fenced incarnations remembered for each node */
#define PB_FORGET_MS    INT64_C(600000)      /* a sender without link for so long never returns */
#define PB_WHO_MS       1000                 /* at most one WHO or BYE FENCED per routing id */
#define PB_CREDIT_FIRST UINT64_C(65536)      /* bytes granted at first */
#define PB_WINDOW_LEAST UINT64_C(131072)     /* bytes that a stream may have granted and unsettled, if the pool */
#define PB_WINDOW_MOST  UINT64_C(1048576)    /* is small, and if it is large */
#define PB_WINDOW_SHARE 128                  /* of the pool, in between */
#define PB_CREDIT_COUNT 4096                 /* envelopes */
#define PB_MAX_HELPED   4096                 /* addresses that the routing helper of one agent remembers */
#define PB_MAX_SPARE    256                  /* items kept for the next messages */
#define PB_MAX_NOTES    1024                 /* notes waiting to be taken; then the oldest goes */
#define PB_MAX_SPANS    256                  /* runs of parts of one message that go on together */
#define PB_MOVE_MIN     4096                 /* a message of so many bytes is moved, not copied */
#define PB_PART_EXTRA   (PBAY_MAX_META + 64) /* bytes of a PUB beside its payload, at most */
#define PB_MAX_SEQ      (UINT64_MAX / 4)     /* no stream gets that far; above it a sequence is a lie */
#define PB_CLAIM_BYTES  32                   /* bytes of one claim, at most */
#define PB_MAX_PENDING  (16U << 20)          /* bytes of claims of all who have not confirmed */

/* ---- groups: an agent's InBox, or a connection ---- */

struct pb_helped {
    char *address;
    struct pb_group *via;
    UT_hash_handle hh; /* in insertion order: the oldest first */
};

struct pb_group {
    char *key; /* agent, NUL, connection name ("" = the InBox), NUL */
    size_t key_n;
    struct pbay_str agent, name;         /* views into key */
    const struct pbay_agent_conf *aconf; /* NULL = not configured any more */
    const struct pbay_conn_conf *cconf;  /* NULL = an InBox */
    struct pb_node *nodes;
    unsigned n_nodes;
    bool failed;
    char failed_text[PB_MAX_TEXT + 1];
    struct pb_helped *helped; /* InBox: routing helper */
    UT_hash_handle hh;
};

/* ---- links and nodes ---- */

struct pb_item {
    struct pb_buf buf; /* or */
    void *msg;
    const uint8_t *p;
    size_t n;
    struct pb_item *next, *prev;
};

struct pb_link {
    uint8_t rid[PB_MAX_RID];
    uint32_t rid_n;
    char key[PBAY_KEY_TEXT];                /* that all of its messages come from; empty = a process of this machine */
    const struct pbay_principal *principal; /* whose key it is; NULL = nobody's, or there is none */
    enum pb_link_state { PB_LINK_NEW, PB_LINK_PENDING, PB_LINK_SESSION, PB_LINK_SUPERSEDED, PB_LINK_FENCED } state;
    struct pb_node *node; /* PENDING, SESSION */
    uint8_t incarnation[PBAY_ID_SIZE];
    uint64_t link_no;
    struct pb_buf claims;      /* PENDING: raw elements */
    uint64_t received, queued; /* messages, HELLO and WELCOME included; queued excludes the one being built */
    int64_t last_received, last_who;
    struct pb_item *out;   /* the message being built; NULL = none */
    struct pb_item *items; /* finished messages */
    bool listed;
    struct pb_link *next_out;
    UT_hash_handle hh;
};

struct pb_node {
    struct pb_group *group;
    char instance[PBAY_MAX_INSTANCE + 1];
    enum pb_role role;
    bool known; /* has an incarnation */
    uint8_t incarnation[PBAY_ID_SIZE];
    uint8_t fenced[PB_FENCED_KEPT][PBAY_ID_SIZE];
    unsigned n_fenced;
    uint64_t link_no, attach;
    struct pb_link *link;                 /* session */
    int64_t down_since;                   /* without link; 0 = linked or dead */
    bool dead, draining, forgotten, left; /* left: it said BYE */
    enum pb_node_state state;
    enum pbay_err code;
    char text[PB_MAX_TEXT + 1];
    uint32_t retry_ms;
    uint64_t in, out, settled, ended;
    struct pb_stream *from;   /* hash by no: streams it sends on */
    struct pb_stream *recent; /* of these, the one looked up last; or NULL */
    struct pb_stream *to;     /* list: streams bound to it */
    uint32_t n_to, n_given, n_lone;
    bool pump; /* listed in core.pumps */
    struct pb_node *next_pump;
    struct pb_node *prev, *next; /* in its group */
};

/* ---- streams ---- */

enum pb_slot_state { PB_SLOT_NONE, PB_SLOT_PARKED, PB_SLOT_GIVEN, PB_SLOT_SETTLED, PB_SLOT_ENDING, PB_SLOT_ENDED };
#define PB_SLOT_EVER  1U /* a receiver may have been given it */
#define PB_SLOT_NEVER 2U /* may not be given to a second receiver */
#define PB_SLOT_UP    4U /* ENDING: the receiver said END and waits for ENDED */

struct pb_parked {
    int64_t deadline; /* 0 = none */
    size_t n;
    uint8_t part[];
};

struct pb_ending {
    enum pbay_err code, cause;
    char text[PB_MAX_TEXT + 1];
};

enum pb_verdict { PB_UNDECIDED, PB_ALLOWED, PB_BY_OPERATION, PB_FORBIDDEN };

struct pb_protocol {
    struct pbay_str text;
    struct pbay_pubid id;
    enum pb_verdict verdict;
    const struct pbay_rule *rule; /* FORBIDDEN: why; NULL = restricted_to_protocols does not name it */
};

struct pb_stream {
    uint32_t no, sid; /* the sender's number; the receiver's */
    struct pb_node *sender;
    char *strings;
    struct pbay_str to, from, connection, instance, origin;
    struct pb_protocol protocols[PB_MAX_PROTOCOLS];
    uint32_t n_protocols;
    enum { PB_WAITING, PB_ASKING, PB_OPEN_, PB_RELEASING } state;
    struct pb_group *target; /* where routing sends it */
    struct pb_node *to_node; /* ASKING and later: bound to this process */
    uint8_t to_incarnation[PBAY_ID_SIZE];
    uint64_t generation;     /* of the decisions about it */
    uint64_t learned;        /* generation in which the routing helper heard of its sender; 0 = never */
    uint32_t sround, rround; /* sender's round, receiver's round */
    bool told;               /* OPENED was sent on the sender's present link */
    uint64_t next, watermark, sent_high, admitted, sprev, rprev;
    uint64_t said;      /* watermark that the sender knows */
    struct pb_window w; /* lo = lowest sequence without a final state */
    uint64_t first_parked;
    uint32_t n_parked, n_given, n_ending;
    uint32_t credit_n, used_n, held_n; /* held: parked and given */
    uint64_t credit_b, used_b, held_b, need_b;
    bool needy;
    int64_t served;          /* when its NEED was last granted */
    bool lone, resumed, due; /* due: SETTLE to be sent at flush */
    uint64_t extent;
    int64_t since; /* waiting since */
    UT_hash_handle by_no, by_sid;
    struct pb_stream *prev_to, *next_to;     /* bound to the same node */
    struct pb_stream *prev_wait, *next_wait; /* WAITING */
    struct pb_stream *prev_need, *next_need; /* NEED, first in, first out */
    struct pb_stream *next_due;
};

struct pb_claim {
    uint8_t key[PBAY_ID_SIZE + 4];
    struct pb_node *node;
    UT_hash_handle hh;
};

struct pb_span_run {
    struct pb_link *link;
    uint8_t *start[PB_MAX_SPANS];
    size_t n[PB_MAX_SPANS];
    unsigned count;
    bool broken; /* something of this message has gone another way: it cannot be moved whole */
};

struct pb_core {
    const struct pbay_agent_conf *const *agents;
    size_t n_agents;
    const struct pbay_agent_conf *conf; /* agents[0]: times and budget */
    int64_t now, started;
    uint64_t random, generation;
    uint8_t boot[PBAY_ID_SIZE];
    bool draining;
    struct pb_group *groups;
    struct pb_link *links, *outs, *outs_tail;
    struct pb_item *sent;  /* what pb_core_next gave last */
    struct pb_item *spare; /* to be used again */
    unsigned n_spare;
    struct pb_link *recent; /* looked up last; or NULL */
    struct pb_stream *by_sid, *waiting, *needy, *due;
    struct pb_node *pumps;
    bool route_due; /* look at the waiting streams at the end of the turn */
    uint32_t next_sid, next_round, n_streams,
        n_nodes; /* stream and round numbers are never used twice by one broker process */
    struct pb_claim *claims;
    size_t pending;                   /* bytes of claims of links that have not confirmed */
    uint64_t pool, pool_used, window; /* bytes */
    int64_t wall;                     /* seconds since 1970, of the last event that told */
    bool keys;                        /* a link has come with one */
    struct pb_span_run run;
    struct pb_note notes[PB_MAX_NOTES];
    unsigned note_head, n_notes;
};

/* core.c */
struct pb_note *pb_note_node(struct pb_core *c, enum pb_note_kind kind, const struct pb_node *node, enum pbay_err code,
                             struct pbay_str text);
void pb_note_to(struct pb_note *note, struct pbay_str to);
struct pb_group *pb_group_find(struct pb_core *c, struct pbay_str agent, struct pbay_str name);

/* out.c */
void pb_out_begin(struct pb_core *c); /* before the parts of a message that came */
void pb_out_end(struct pb_core *c, struct pb_event *ev);
void pb_link_send(struct pb_core *c, struct pb_link *link, const struct pb_frame *f);
void pb_link_span(struct pb_core *c, struct pb_link *link, uint8_t *p, size_t n); /* a part of that message goes on */
void pb_link_append(struct pb_core *c, struct pb_link *link, const uint8_t *p, size_t n);
void pb_out_pong(struct pb_core *c, struct pb_link *link, uint64_t clock);
void pb_out_fini(struct pb_link *link);
void pb_out_free_spare(struct pb_core *c);

/* link.c */
/* policy.c: may this link be, or go on to be, that node? true = no policy speaks of it: it is a process of this
 * machine, or one of its keys may. */
bool pb_policy_allows(const struct pb_core *c, const struct pb_link *link, enum pb_role role, struct pbay_str agent,
                      struct pbay_str name);

/* Whose key it is; NULL = nobody's. */
const struct pbay_principal *pb_policy_principal(const struct pb_core *c, const char *key);

/* So many processes of its principal as may be are linked, besides this node? */
bool pb_policy_full(const struct pb_core *c, const struct pb_link *link, const struct pb_node *node);

/* May its owner write there? May both ends of the stream have this protocol? false = *text says whose policy it is. */
bool pb_policy_may_write(const struct pb_stream *s, char *text, size_t n);
bool pb_policy_may_say(const struct pb_stream *s, const struct pb_protocol *p, char *text, size_t n);

/* The largest envelope that the sender may put. */
uint32_t pb_policy_max_envelope(const struct pb_core *c, const struct pb_stream *s);

/* A new configuration: whose key is whose; then, and as time goes by: whoever may not be what it is loses its link. */
void pb_policy_find(struct pb_core *c);
void pb_policy_apply(struct pb_core *c);

void pb_link_frame(struct pb_core *c, struct pb_event *ev);
void pb_link_down(struct pb_core *c, struct pb_link *link, enum pbay_err why, const char *text);
void pb_link_gap(struct pb_core *c, struct pb_link *link, enum pbay_err why, const char *text);
struct pb_link *pb_link_find(struct pb_core *c, struct pbay_str rid);
void pb_link_fenced(struct pb_core *c, struct pb_link *link);  /* BYE FENCED, at most once a second */
void pb_link_silence(struct pb_core *c, struct pb_node *node); /* its streams say nothing until opened again */
void pb_link_drop_claims(struct pb_core *c, const struct pb_node *node);
void pb_link_forget_claims(struct pb_core *c, struct pb_link *link); /* of a link that has not confirmed */
void pb_link_tick(struct pb_core *c);
void pb_link_fini(struct pb_core *c);

/* attach.c */
void pb_attach_hello(struct pb_core *c, struct pb_link *link, const struct pb_frame *f);
bool pb_attach_claims(struct pb_core *c, struct pb_link *link, const struct pb_frame *f);
void pb_attach_confirm(struct pb_core *c, struct pb_link *link, const struct pb_frame *f);
void pb_node_death(struct pb_core *c, struct pb_node *node, bool unclean, enum pbay_err why, const char *text);
void pb_node_fence(struct pb_node *node, const uint8_t *incarnation);
void pb_node_drop_left(struct pb_core *c, struct pb_group *g); /* nodes that nothing speaks of any more */
static inline struct pbay_str pb_incarnation(const struct pb_node *node)
{
    return (struct pbay_str){(const char *)node->incarnation, PBAY_ID_SIZE};
}
static inline bool pb_linked(const struct pb_node *node, const uint8_t *incarnation)
{
    return node && node->link && memcmp(node->incarnation, incarnation, PBAY_ID_SIZE) == 0;
}

/* stream.c */
void pb_stream_open(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_stream_answer(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_stream_close(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_stream_untell(struct pb_core *c, struct pb_stream *s);
void pb_stream_opened(struct pb_core *c, struct pb_stream *s);
void pb_stream_ask(struct pb_core *c, struct pb_stream *s);
void pb_stream_end_all(struct pb_core *c, struct pb_stream *s, enum pbay_err code, const char *text);
void pb_stream_route(struct pb_core *c, struct pb_stream *s);
void pb_stream_route_waiting(struct pb_core *c);
void pb_stream_free(struct pb_core *c, struct pb_stream *s);
void pb_stream_unbind(struct pb_stream *s);
void pb_stream_wait(struct pb_core *c, struct pb_stream *s); /* for a receiver */
void pb_stream_forget_from(struct pb_core *c, struct pb_node *node);
void pb_stream_tick(struct pb_core *c);
struct pb_stream *pb_stream_by_sid(struct pb_core *c, uint32_t sid);
bool pb_sender_linked(const struct pb_stream *s);

/* pick.c */
struct pb_node *pb_pick(struct pb_core *c, const struct pb_stream *s, bool *gone); /* gone: it will never be there */
bool pb_pick_failed(const struct pb_group *g);
bool pb_pick_over(const struct pb_core *c, const struct pb_stream *s); /* waited for longer than hold */

/* move.c */
void pb_stream_release(struct pb_core *c, struct pb_stream *s);
void pb_stream_released(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
bool pb_stream_recheck(struct pb_core *c, struct pb_stream *s);
void pb_stream_node_death(struct pb_core *c, struct pb_node *node, bool unclean);
void pb_stream_node_back(struct pb_core *c, struct pb_node *node);

/* mailbox.c */
void pb_mail_pub(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_mail_pump(struct pb_core *c, struct pb_stream *s);
void pb_mail_due(struct pb_core *c, struct pb_node *node);
void pb_mail_flush(struct pb_core *c);
void pb_mail_set_lone(struct pb_stream *s, bool lone);
void pb_mail_drop_parked(struct pb_core *c, struct pb_stream *s);
void pb_mail_drop(struct pb_core *c, struct pb_stream *s, struct pb_slot *slot);
void pb_mail_raise_base(struct pb_core *c, struct pb_stream *s, uint64_t base);
void pb_mail_trim(struct pb_stream *s);
bool pb_mail_is_final(const struct pb_slot *slot);
void pb_mail_tell_ended(struct pb_core *c, const struct pb_stream *s, const struct pb_slot *slot, uint64_t seq);

/* ends.c */
void pb_mail_end(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_mail_ended(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_mail_end_one(struct pb_core *c, struct pb_stream *s, uint64_t seq, enum pbay_err code, enum pbay_err cause,
                     struct pbay_str text);
void pb_mail_end_unless_given(struct pb_core *c, struct pb_stream *s, uint64_t seq, enum pbay_err code,
                              struct pbay_str text);
void pb_mail_say_ends(struct pb_core *c, struct pb_node *node);
void pb_mail_settle(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_mail_settled(struct pb_core *c, struct pb_stream *s, const struct pb_frame *f);
void pb_mail_say_settled(struct pb_core *c, struct pb_stream *s);
void pb_mail_settle_due(struct pb_core *c, struct pb_stream *s);
bool pb_mail_beyond(const struct pb_stream *s, const struct pb_frame *f);

/* flow.c */
void pb_flow_start(struct pb_core *c, struct pb_stream *s);          /* a new round: its first credit */
bool pb_flow_use(struct pb_stream *s, size_t n);                     /* a PUB of n bytes; false = beyond its credit */
void pb_flow_hold(struct pb_stream *s, size_t n);                    /* it is kept or given: unsettled */
void pb_flow_free(struct pb_core *c, struct pb_stream *s, size_t n); /* it is not any more */
void pb_flow_need(struct pb_core *c, struct pb_node *node, const struct pb_frame *f);
void pb_flow_grant(struct pb_core *c, struct pb_stream *s); /* CREDIT if it may have more */
void pb_flow_kick(struct pb_core *c);                       /* something was freed: the first NEED */
void pb_flow_reset(struct pb_core *c, struct pb_stream *s); /* the round is over */

/* route.c */
struct pb_group *pb_route(struct pb_core *c, const struct pb_stream *s, enum pbay_err *code, const char **text);
void pb_route_learn(struct pb_core *c, struct pb_group *inbox, struct pbay_str address, struct pb_group *via);
void pb_route_fini(struct pb_group *g);

/* restrict.c */
void pb_restrict_decide(const struct pbay_conn_conf *conn, struct pb_protocol *p);
bool pb_restrict_operation(const struct pbay_conn_conf *conn, const struct pb_protocol *p, struct pbay_str operation,
                           const struct pbay_rule **rule);
void pb_restrict_text(const struct pbay_conn_conf *conn, const struct pbay_rule *rule, char *text, size_t n);

#endif
