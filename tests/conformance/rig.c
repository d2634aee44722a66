#include "tests/conformance/rig.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schema/buf.h"

#define MAX_TURN_MS 250 /* the runtime calls drain at least as often */

void rig_check(const struct rig *rig, bool condition, const char *text, const char *file, int line)
{
    if (!condition)
        fail_msg("%s%s:%d: %s", rig->where, file, line, text);
}

/* ---- life ---- */

struct rig *rig_new(void)
{
    struct rig *rig = pb_alloc(sizeof *rig);

    rig->package = &conformance_package;
    rig->ops = fake_package_ops();
    fake_link_init(&rig->link, PACKAGE_DIR, rig->package->good);
    rig->self = pb_alloc(rig->ops->state_size ? rig->ops->state_size : 1);
    rig->outside = pb_alloc(rig->package->outside_size ? rig->package->outside_size : 1);
    if (rig->package->open)
        rig->package->open(rig);
    return rig;
}

static void forget(struct rig *rig)
{
    rig_disconnect(rig);
    free(rig->self);
    rig->n_given = 0;
    rig->draining = false;
    fake_sent_destroy(&rig->received);
}

void rig_destroy(struct rig **rig)
{
    forget(*rig);
    if ((*rig)->package->close)
        (*rig)->package->close(*rig);
    fake_link_fini(&(*rig)->link);
    free((*rig)->outside);
    free(*rig);
    *rig = NULL;
}

void rig_restart(struct rig *rig)
{
    forget(rig);
    rig->self = pb_alloc(rig->ops->state_size ? rig->ops->state_size : 1);
}

/* ---- slots ---- */

/* An error without a sentence helps nobody. */
static void check_error(const struct rig *rig, enum pbay_err err)
{
    RIG_CHECK(rig, err > PBAY_PENDING && err < PBAY_ERR_COUNT);
    RIG_CHECK(rig, rig->link.why[0] != 0);
}

enum pbay_err rig_connect(struct rig *rig)
{
    enum pbay_err err = PBAY_OK;

    rig->link.why[0] = 0;
    if (rig->ops->connect)
        err = rig->ops->connect(rig->self, &rig->link);
    if (err)
        check_error(rig, err);
    rig->connected = !err;
    return err;
}

void rig_disconnect(struct rig *rig)
{
    rig->connected = false;
    rig->link.timer_at = INT64_MAX;
    if (rig->ops->disconnect)
        rig->ops->disconnect(rig->self);
    fake_link_drop(&rig->link);
}

static enum pbay_err call_send(struct rig *rig, struct fake_sent *sent)
{
    enum pbay_err err;

    rig->link.sending = sent;
    rig->link.why[0] = 0;
    err = rig->ops->send(rig->self, &sent->e, sent->tag);
    rig->link.sending = NULL;
    if (err != PBAY_PENDING)
        RIG_CHECK(rig, !sent->settled); /* settled twice */
    if (err == PBAY_PENDING && sent->settled)
        return sent->err;
    if (err && err != PBAY_PENDING && err != PBAY_AGAIN)
        check_error(rig, err);
    return err;
}

enum pbay_err rig_send(struct rig *rig, const struct pbay_envelope *e)
{
    struct fake_sent *sent;
    enum pbay_err err;

    RIG_CHECK(rig, rig->connected);
    if (!rig->ops->send)
        return PBAY_REFUSED;
    sent = fake_sent_new(e, ++rig->last_tag);
    err = call_send(rig, sent);
    if (err == PBAY_PENDING) {
        RIG_CHECK(rig, rig->link.n_pending < FAKE_PENDING);
        rig->link.pending[rig->link.n_pending++] = sent;
    } else {
        fake_sent_destroy(&sent);
    }
    return err;
}

/* SPEC section 5, as far as it can be said of one envelope. */
static void check_envelope(const struct rig *rig, const struct pbay_envelope *e)
{
    struct pbay_pubid id;

    RIG_CHECK(rig, e->to.n > 0 && e->to.n <= PBAY_MAX_ADDRESS);
    RIG_CHECK(rig, e->sender.n > 0 && e->sender.n <= PBAY_MAX_ADDRESS);
    RIG_CHECK(rig, pbay_pubid_parse(e->protocol_id, &id));
    RIG_CHECK(rig, e->message.p || e->message.n == 0);
}

enum pbay_err rig_receive(struct rig *rig)
{
    struct pbay_envelope e = {0};
    uint64_t tag = 0;
    enum pbay_err err;

    RIG_CHECK(rig, rig->connected && (!rig->draining || rig->ops->answers));
    if (!rig->ops->receive)
        return PBAY_AGAIN;
    rig->link.why[0] = 0;
    err = rig->ops->receive(rig->self, &e, &tag);
    if (err == PBAY_AGAIN)
        return err;
    if (err) {
        check_error(rig, err);
        return err;
    }
    check_envelope(rig, &e);
    fake_sent_destroy(&rig->received);
    rig->received = fake_sent_new(&e, tag);
    RIG_CHECK(rig, rig->n_given < RIG_MAX_GIVEN);
    rig->given[rig->n_given++] = tag;
    return PBAY_OK;
}

void rig_outcome(struct rig *rig, size_t i, enum pbay_err err)
{
    uint64_t tag;

    RIG_CHECK(rig, i < rig->n_given);
    tag = rig->given[i];
    rig->n_given--;
    memmove(&rig->given[i], &rig->given[i + 1], (rig->n_given - i) * sizeof rig->given[0]);
    if (rig->ops->outcome)
        rig->ops->outcome(rig->self, tag, err);
}

/* Valid while connected, -1 otherwise. */
int rig_fd(struct rig *rig)
{
    int fd = rig->ops->fd ? rig->ops->fd(rig->self) : -1;

    if (!rig->connected)
        RIG_CHECK(rig, fd == -1);
    if (fd != -1)
        RIG_CHECK(rig, fcntl(fd, F_GETFD) != -1);
    return fd;
}

void rig_timer(struct rig *rig)
{
    if (rig->link.timer_at == INT64_MAX)
        return;
    rig->link.timer_at = INT64_MAX;
    if (rig->ops->timer)
        rig->ops->timer(rig->self);
}

void rig_serve(struct rig *rig)
{
    RIG_CHECK(rig, rig->connected);
    if (rig->ops->serve)
        rig->ops->serve(rig->self);
}

bool rig_drain(struct rig *rig)
{
    RIG_CHECK(rig, rig->connected);
    rig->draining = true;
    return rig->ops->drain ? rig->ops->drain(rig->self) : true;
}

/* ---- more than one slot ---- */

void rig_must_connect(struct rig *rig)
{
    enum pbay_err err = rig_connect(rig);

    if (err)
        fail_msg("%sconnect: %s: %s", rig->where, pbay_err_name(err), rig->link.why);
}

/* Until something may have come, or the timer is due. */
static void wait_for_outside(struct rig *rig)
{
    struct pollfd p = {.fd = rig_fd(rig), .events = POLLIN};
    int64_t left = rig->link.timer_at - fake_now();

    if (!rig->link.woken)
        poll(&p, 1, left < 0 ? 0 : left < MAX_TURN_MS ? (int)left : MAX_TURN_MS);
    rig->link.woken = false;
    if (fake_now() >= rig->link.timer_at)
        rig_timer(rig);
}

void rig_await(struct rig *rig)
{
    int64_t guard = fake_now() + RIG_GUARD_MS;
    enum pbay_err err;

    while ((err = rig_receive(rig)) == PBAY_AGAIN) {
        RIG_CHECK(rig, fake_now() < guard);
        wait_for_outside(rig);
    }
    if (err)
        fail_msg("%sreceive: %s: %s", rig->where, pbay_err_name(err), rig->link.why);
}

void rig_await_drained(struct rig *rig)
{
    int64_t guard = fake_now() + RIG_GUARD_MS;

    while (!rig_drain(rig)) {
        RIG_CHECK(rig, fake_now() < guard);
        wait_for_outside(rig);
        rig_serve(rig);
        while (rig->ops->answers && rig_receive(rig) == PBAY_OK)
            ;
    }
}
