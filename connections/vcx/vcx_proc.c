#include "connections/vcx/vcx_proc.h"

#include <assert.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "connections/vcx/vcx_main.h"

#define MAX_TICKS 16 /* of the core in one turn */

int64_t vcx_wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- connect and disconnect ---- */

/* Commands under way are forgotten: the runtime ends them with OUTCOME_UNKNOWN. */
static void proc_disconnect(void *self)
{
    struct vcx_proc *s = self;

    s->refusing = true; /* also what comes while the last answers are written */
    vcx_command_clear(s);
    vcx_send_clear(s);
    vcx_setup_close(s);
}

static enum pbay_err proc_connect(void *self, struct pbay_link *link)
{
    struct vcx_proc *s = self;
    enum pbay_err err;

    proc_disconnect(s);
    s->link = link;
    err = vcx_setup_open(s);
    if (err)
        proc_disconnect(s);
    else
        pbay_link_wake(link); /* for what is in the tables */
    return err;
}

/* ---- one turn ---- */

static void tick(struct vcx_proc *s)
{
    for (unsigned i = 0; i < MAX_TICKS && !s->broken[0] && vcx_wall() >= s->core_due; i++) {
        int64_t due;

        vcx_begin(s);
        due = vcx_core_tick(s->core, vcx_wall());
        (void)vcx_commit(s, false);
        s->core_due = due;
    }
}

static int64_t earlier(int64_t a, int64_t b)
{
    return b < 0 || (a >= 0 && a < b) ? a : b;
}

/* Milliseconds until a moment of the wall clock; -1 = it never comes. */
static int64_t until(int64_t due)
{
    int64_t now = vcx_wall();

    if (due == VCX_NEVER)
        return -1;
    return due > now ? due - now : 1; /* never 0: the others have their turn first */
}

static void set_timer(struct vcx_proc *s, int64_t listen, int64_t relay)
{
    int64_t wait = earlier(earlier(listen, vcx_post_wait(s->post)), until(relay));

    wait = earlier(wait, until(s->core_due));
    if (!s->refusing) {
        wait = earlier(wait, until(s->outbox_due));
        wait = earlier(wait, until(vcx_event_due(s)));
    }
    pbay_link_timer(s->link, (int)(wait < INT_MAX ? wait : INT_MAX));
}

static void turn(struct vcx_proc *s)
{
    int64_t listen = vcx_listen_turn(&s->listen), relay, waiting;

    vcx_post_turn(s->post);
    tick(s);
    if (!s->refusing)
        vcx_send_run(s);
    relay = vcx_relay_turn(s);
    waiting = vcx_command_again(s);
    set_timer(s, listen, relay < waiting ? relay : waiting);
}

/* ---- envelopes ---- */

static enum pbay_err proc_send(void *self, const struct pbay_envelope *e, uint64_t tag)
{
    return vcx_command_take(self, e, tag);
}

/* Tags of replies are even, those of events odd. */
static enum pbay_err proc_receive(void *self, struct pbay_envelope *e, uint64_t *tag)
{
    struct vcx_proc *s = self;

    if (!s->ready_n && !s->broken[0])
        turn(s);
    if (s->broken[0])
        return pbay_link_fail(s->link, PBAY_IO, "%s", s->broken);
    if (vcx_command_give(s, e, tag)) {
        *tag = *tag << 1;
        return PBAY_OK;
    }
    if (s->refusing || !vcx_event_give(s, e, tag))
        return PBAY_AGAIN;
    *tag = *tag << 1 | 1;
    return PBAY_OK;
}

static void proc_outcome(void *self, uint64_t tag, enum pbay_err err)
{
    struct vcx_proc *s = self;

    if (tag & 1)
        vcx_event_outcome(s, tag >> 1, err);
    else
        vcx_command_outcome(s, tag >> 1, err);
}

/* ---- the rest of the loop ---- */

static int proc_fd(void *self)
{
    const struct vcx_proc *s = self;

    return s->core ? s->epoll : -1;
}

static void proc_serve(void *self)
{
    struct vcx_proc *s = self;
    unsigned before = s->ready_n;

    if (s->core && !s->broken[0])
        turn(s);
    if (s->ready_n > before)
        pbay_link_wake(s->link);
}

/* What is in the outbox, and what is for the agent, stays for the next process; replies that were given are the
 * runtime's to wait for. */
static bool proc_drain(void *self)
{
    struct vcx_proc *s = self;

    if (!s->refusing) {
        s->refusing = true;
        vcx_listen_quiesce(&s->listen);
        vcx_relay_stop(s);
        pbay_link_log(s->link, "stopping: %u commands are under way", s->command_n);
    }
    proc_serve(s);
    return s->command_n == HASH_CNT(by_number, s->given) && !s->jobs && !vcx_listen_is_busy(&s->listen);
}

const struct pbay_conn_ops vcx_ops = {
    .class_name = "VcxConnection",
    .state_size = sizeof(struct vcx_proc),
    .answers = true,
    .connect = proc_connect,
    .disconnect = proc_disconnect,
    .send = proc_send,
    .receive = proc_receive,
    .outcome = proc_outcome,
    .fd = proc_fd,
    .timer = proc_serve,
    .serve = proc_serve,
    .drain = proc_drain,
};
