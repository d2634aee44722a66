/* The connection package patchbay/vcx: its parts, and what they are to each other.
 *
 *     vcx_proc.c      the slots of the runtime, and one turn of everything
 *     vcx_setup.c     what connect opens: wallet, database, core, identity
 *     vcx_turn.c      transactions: whatever changes the core ends here, and with it all that has to follow
 *     vcx_command.c   the agent's commands: how they come, are answered, and done once
 *     vcx_act.c       what each of them does
 *     vcx_connect.c   `connect` and `create_with_invite`, which may have to wait for a network
 *     vcx_event.c     messages for the agent
 *     vcx_send.c      the outbox on its way
 *     vcx_inbound.c   envelopes that come, and offers among them
 *     vcx_relay.c     the mediator, if there is one
 *     vcx_link.c      the short links that it makes
 *     vcx_listen.c    the HTTP listener; nobody else knows of web.h
 *
 * Nothing is sent, answered or told before the transaction that it comes of is on the disk. When one cannot be
 * committed, the core knows what the disk does not: `broken` says why, nothing is done any more, and receive fails, so
 * that the runtime disconnects and connects again, from the disk. */
#ifndef VCX_PROC_H
#define VCX_PROC_H

#include "connections/vcx/vcx_config.h"
#include "connections/vcx/vcx_listen.h"
#include "connections/vcx/vcx_outbox.h"
#include "connections/vcx/vcx_ring.h"
#include "connections/vcx/vcx_store.h"
#include "schema/protocols/vcx_connection.h"

#define VCX_CAUSE     32  /* bytes of what names a command, or an offer */
#define VCX_REFERENCE 32  /* digits of a dialogue reference */
#define VCX_MAX_GIVEN 256 /* events that the runtime has */
#define VCX_NEVER     INT64_MAX

struct vcx_mediate;
struct vcx_proc;

/* ---- what is asked of the network ---- */

struct vcx_job {
    uint64_t tag; /* 0 = none runs */
    void (*done)(struct vcx_proc *s, struct vcx_job *job, const struct vcx_post_reply *reply);
    struct vcx_job *prev, *next;
};

/* The job has begun with the tag, which post has been told. */
void vcx_job_add(struct vcx_proc *s, struct vcx_job *job);

/* It is over, or nobody wants to know any more. For one that does not run, too. */
void vcx_job_remove(struct vcx_proc *s, struct vcx_job *job);

/* ---- commands ---- */

enum vcx_command_state { VCX_WORKS, VCX_READY, VCX_GIVEN };

/* What of the mediator: that it has been asked for what it has; that it has taken a key; that it makes a short link. */
enum vcx_waits { VCX_WAITS_NOT, VCX_WAITS_POLL, VCX_WAITS_KEY, VCX_WAITS_LINK };

/* WORKS: it waits for a network. READY: its reply is to be given. GIVEN: the runtime has the reply; when that has
 * ended, the command is settled. */
struct vcx_command {
    struct vcx_job job;
    enum vcx_command_state state;
    uint64_t tag, number; /* of its envelope; of its reply's, when it is GIVEN */
    uint8_t cause[VCX_CAUSE];
    struct pb_buf names, reply;
    struct pbay_str to, sender, operation, origin_name, origin_instance; /* views into names */
    uint8_t incarnation[PBAY_ID_SIZE];
    struct pbay_message asked;
    struct vcx_waiting *waiting;     /* what vcx_connect.c needs of one that works. Owned */
    enum vcx_waits waits;            /* it works, and is done once more when that has come */
    int64_t until;                   /* when it has waited long enough; 0 = it has not waited */
    uint64_t rounds;                 /* VCX_WAITS_POLL */
    uint8_t key[VCX_KEY];            /* VCX_WAITS_KEY */
    char invitation[VCX_UUID];       /* VCX_WAITS_LINK; empty = no link was asked for yet */
    struct vcx_command *prev, *next; /* of all */
    UT_hash_handle by_number;
};

/* ---- the agent's events ---- */

/* An event that the runtime has, or has had. It outlives disconnect: its end may come later. */
struct vcx_given {
    uint64_t seq; /* 0 = free */
    bool settled; /* the agent has it, but its row is still there */
};

struct vcx_proc {
    struct pbay_link *link;
    struct vcx_config config;
    struct pbay_protocols *protocols;
    struct vcx_wallet *wallet;
    struct vcx_ring ring;
    struct vcx_db *db;
    struct vcx_core *core;
    struct vcx_post *post;
    struct vcx_listen listen;
    struct vcx_relay *relay; /* NULL = no mediator is configured */
    int epoll;               /* of the two descriptors; valid while core is there */
    char endpoint[VCX_MAX_URL + 1];
    uint8_t identity[VCX_KEY];
    char broken[VCX_WHY]; /* empty = nothing is */
    bool refusing;        /* nothing new is taken */
    bool full;            /* send has answered AGAIN */
    bool drops;           /* `dropped` goes with the transaction */
    uint8_t dropped[VCX_KEY];
    int64_t core_due; /* when vcx_core_tick is to be called */

    struct vcx_job *jobs; /* that run */
    uint64_t last_job;

    struct vcx_command *commands, *given; /* given: by number */
    unsigned command_n, ready_n;
    uint64_t last_number; /* never begins anew: an outcome may come after the next connect */

    struct vcx_given events[VCX_MAX_GIVEN];
    uint64_t event_at;       /* all up to this one have been given, or are to be skipped */
    int64_t event_pause;     /* none is given before */
    unsigned event_failures; /* in a row */
    int64_t event_n;         /* in the table */
    struct pb_buf event;
    uint8_t event_id[PBAY_ID_SIZE];
    char event_kind[32];

    int64_t outbox_n; /* in the table */
    int64_t outbox_due;

    unsigned refused_n; /* envelopes since the last line about them */
    int64_t refused_at;
};

/* Milliseconds since 1970. */
int64_t vcx_wall(void);

/* ---- vcx_setup.c ---- */

/* PBAY_OK; else pbay_link_fail has said why, and close is needed all the same. */
enum pbay_err vcx_setup_open(struct vcx_proc *s);
void vcx_setup_close(struct vcx_proc *s);

/* ---- vcx_turn.c ---- */

/* Between the two: calls of the core that change something, and rows. commit writes what the core has changed, and rows
 * for all of its actions; `quiet` = but no event for states: whoever has brought them about is told otherwise. false =
 * nothing of it was done, and s->broken says why. abort is for what has changed nothing in the core. */
void vcx_begin(struct vcx_proc *s);
bool vcx_commit(struct vcx_proc *s, bool quiet);
void vcx_abort(struct vcx_proc *s);

/* A key that is forgotten when that is committed. */
void vcx_drop_later(struct vcx_proc *s, const uint8_t key[VCX_KEY]);

/* What was done once, by its cause; a reply is never empty. NULL `reply` = only whether it was. */
bool vcx_done_find(struct vcx_proc *s, const uint8_t cause[VCX_CAUSE], struct pb_buf *reply);
void vcx_done_add(struct vcx_proc *s, const uint8_t cause[VCX_CAUSE], struct pbay_str reply);

/* What names it: a hash of all the texts. */
void vcx_cause(uint8_t cause[VCX_CAUSE], const struct pbay_str *texts, size_t n);

/* ---- vcx_command.c ---- */

/* PBAY_PENDING, PBAY_AGAIN, or an error that pbay_link_fail knows. */
enum pbay_err vcx_command_take(struct vcx_proc *s, const struct pbay_envelope *e, uint64_t tag);

/* One that has waited. `code` other than VCX_OK: an error with this text is the reply, nothing has been changed, and
 * `reply` is not used. Within begin, which it commits or aborts. */
void vcx_command_finish(struct vcx_proc *s, struct vcx_command *c, enum vcx_error code, struct pbay_message *reply,
                        const char *why);

/* Go on with those for which the mediator has done what they wait for. Returns when the first one has waited long
 * enough. */
int64_t vcx_command_again(struct vcx_proc *s);

bool vcx_command_give(struct vcx_proc *s, struct pbay_envelope *e, uint64_t *tag);
void vcx_command_outcome(struct vcx_proc *s, uint64_t number, enum pbay_err err);
void vcx_command_clear(struct vcx_proc *s);

/* ---- vcx_act.c ---- */

/* Do it, within begin: VCX_OK and the reply, or an error and why. c->waiting = it waits, and nothing has been done. */
typedef enum vcx_error vcx_act(struct vcx_proc *s, struct vcx_command *c, struct pbay_message *reply, char *why);

struct vcx_act_row {
    const char *performative;
    vcx_act *act;
    bool once; /* it changes something: its reply is kept */
};

/* NULL = it is no command. */
const struct vcx_act_row *vcx_act_find(const char *performative);

/* A content that is a connection's id, NUL-ended; one that cannot be an id, or is not the agent's, is empty. */
void vcx_act_id(const struct vcx_proc *s, const struct vcx_command *c, char id[VCX_UUID]);

/* The handshake and whether it is ephemeral. VCX_E_OPTION. */
enum vcx_error vcx_act_create_options(const struct vcx_command *c, struct vcx_create *how, char *why);

/* The reply `created`. */
enum vcx_error vcx_act_created(struct vcx_proc *s, const char *id, struct pbay_message *reply);

/* ---- vcx_connect.c ---- */

vcx_act vcx_connect, vcx_create_with_invite;
void vcx_waiting_destroy(struct vcx_waiting **waiting);

/* Is a command under way that has told somebody of this key's invitation, which is not there yet? */
bool vcx_connect_is_telling(const struct vcx_proc *s, const uint8_t key[VCX_KEY]);

/* ---- vcx_event.c ---- */

/* A message for the agent, within begin; it is ended. `ephemeral`: not for another process. */
void vcx_event_add(struct vcx_proc *s, struct pbay_message *m, bool ephemeral);
bool vcx_event_give(struct vcx_proc *s, struct pbay_envelope *e, uint64_t *tag);
void vcx_event_outcome(struct vcx_proc *s, uint64_t seq, enum pbay_err err);

/* Those of a connection that are for this process only. Within begin. */
void vcx_event_forget(struct vcx_proc *s, const char *id);

/* After the database was opened. */
void vcx_event_load(struct vcx_proc *s);

/* When they are given again, after a pause. */
int64_t vcx_event_due(const struct vcx_proc *s);

/* ---- vcx_send.c ---- */

/* A row of the outbox, within begin. One that is there already under this @id is not doubled. */
void vcx_send_add(struct vcx_proc *s, const struct vcx_action *action, const char *source_id, bool ephemeral);

/* May the agent send one more on this connection? */
bool vcx_send_has_room(struct vcx_proc *s, const char *id);

/* What was to be sent on it goes too. Within begin. */
void vcx_send_forget(struct vcx_proc *s, const char *id);

/* Send what is due; s->outbox_due. */
void vcx_send_run(struct vcx_proc *s);
void vcx_send_clear(struct vcx_proc *s);

/* ---- vcx_relay.c; without a mediator none of it does anything ---- */

/* When the core is there. PBAY_OK; else pbay_link_fail has said why. */
enum pbay_err vcx_relay_open(struct vcx_proc *s);
void vcx_relay_close(struct vcx_proc *s);

/* Its client; NULL = there is none. What is asked of it within begin goes out with the next turn. */
struct vcx_mediate *vcx_relay_client(const struct vcx_proc *s);

/* Forget the requests under way: one of them may be held for long. */
void vcx_relay_stop(struct vcx_proc *s);

/* Is this the mediator's connection? It is not for the agent. */
bool vcx_relay_is(const struct vcx_proc *s, const char *id);

/* An action of that connection. */
void vcx_relay_action(struct vcx_proc *s, struct vcx_action *action);

/* Connections may have come, or have ended; one with this key is gone. */
void vcx_relay_changed(struct vcx_proc *s);
void vcx_relay_forget(struct vcx_proc *s, const uint8_t key[VCX_KEY]);

/* Can peers reach us with this key? */
enum vcx_relay_state { VCX_RELAY_READY, VCX_RELAY_WAIT, VCX_RELAY_REFUSED };
enum vcx_relay_state vcx_relay_ready(const struct vcx_proc *s, const uint8_t key[VCX_KEY]);

/* Ask for what there is. false = there is nothing to wait for; else has_polled will be true of these rounds. */
bool vcx_relay_poll(struct vcx_proc *s, uint64_t *rounds);
bool vcx_relay_has_polled(const struct vcx_proc *s, uint64_t rounds);

/* Until when a command waits that begins to do so now. */
int64_t vcx_relay_deadline(void);

/* Everything that is due; when the next turn is, by the wall clock. */
int64_t vcx_relay_turn(struct vcx_proc *s);

/* ---- vcx_link.c; without a mediator that makes short links none of it does anything ---- */

/* Ask for one, for the invitation that connect would make with these options. Within begin. false = it will not come.
 */
bool vcx_link_ask(struct vcx_proc *s, const char *id, const struct vcx_connect *how);
bool vcx_link_may_come(const struct vcx_proc *s, const char *invitation);

/* Append that of a connection's invitation (its @id). false = there is none. */
bool vcx_link_find(struct vcx_proc *s, const char *id, const char *invitation, struct pb_buf *url);

/* The connection is gone for good; those of an earlier process that were ephemeral are. Within begin. */
void vcx_link_orphan(struct vcx_proc *s, const char *id);
void vcx_link_sweep(struct vcx_proc *s);

/* What has come is stored, what leads nowhere any more is forgotten. Within begin. */
void vcx_link_keep(struct vcx_proc *s, struct vcx_mediate *m);

/* Those that are not needed any more are to be invalidated. */
void vcx_link_check(struct vcx_proc *s, struct vcx_mediate *m);

/* ---- vcx_inbound.c ---- */

/* An envelope from anywhere: the HTTP status of what has become of it. */
unsigned vcx_inbound(struct vcx_proc *s, struct pbay_str envelope);

/* Is this the Content-Type of an envelope? */
bool vcx_inbound_is_envelope(struct pbay_str type);

/* Who we are, for who asks: {"DID", "verKey"}. */
void vcx_inbound_identity(const struct vcx_proc *s, struct pb_buf *out);

#endif
