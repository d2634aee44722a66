/* Each step is legal after the one before it: no envelope before connect or after disconnect, no receive once it
 * drains, each end told once and for what was received only, and a process that has drained and disconnected is
 * replaced. */
#include "tests/conformance/walk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct walker {
    struct rig *rig;
    uint32_t random;
};

static uint32_t any(struct walker *w, uint32_t below)
{
    w->random = w->random * 1664525U + 1013904223U;
    return (w->random >> 8) % below;
}

/* ---- steps; false = not now ---- */

static bool step_connect(struct walker *w)
{
    if (w->rig->connected || w->rig->draining)
        return false;
    rig_must_connect(w->rig);
    return true;
}

static bool step_bad_connect(struct walker *w)
{
    const struct bad_option *bad = w->rig->package->bad;

    if (w->rig->connected || w->rig->draining || !bad->option.name)
        return false;
    w->rig->link.spoilt = &bad->option;
    RIG_CHECK(w->rig, rig_connect(w->rig) == PBAY_CONFIG);
    w->rig->link.spoilt = NULL;
    rig_disconnect(w->rig);
    return true;
}

/* Seldom: what comes between is what matters. */
static bool step_disconnect(struct walker *w)
{
    if (any(w, 8))
        return false;
    rig_disconnect(w->rig);
    if (w->rig->draining)
        rig_restart(w->rig);
    return true;
}

static bool step_feed(struct walker *w)
{
    return w->rig->connected && w->rig->package->feed(w->rig);
}

static bool step_receive(struct walker *w)
{
    bool over = w->rig->draining && !w->rig->ops->answers;

    if (!w->rig->connected || over || w->rig->n_given == RIG_MAX_GIVEN)
        return false;
    rig_receive(w->rig);
    return true;
}

static bool step_outcome(struct walker *w)
{
    static const enum pbay_err ends[] = {PBAY_OK,     PBAY_OK,       PBAY_OK,     PBAY_FAILED, PBAY_OUTCOME_UNKNOWN,
                                         PBAY_POISON, PBAY_SHUTDOWN, PBAY_EXPIRED};
    struct rig *rig = w->rig;

    if (rig->n_given == 0)
        return false;
    rig_outcome(rig, any(w, (uint32_t)rig->n_given), ends[any(w, sizeof ends / sizeof ends[0])]);
    return true;
}

static bool step_send_own(struct walker *w)
{
    struct rig *rig = w->rig;
    struct pbay_envelope e;

    if (!rig->package->own || !rig->connected || !rig->received || rig->link.n_pending == FAKE_PENDING)
        return false;
    rig->package->own(rig, &rig->received->e, &e);
    (void)rig_send(rig, &e);
    return true;
}

static bool step_send_foreign(struct walker *w)
{
    struct pbay_envelope e;

    if (!w->rig->connected || !w->rig->package->foreign(w->rig, any(w, 4), &e))
        return false;
    (void)rig_send(w->rig, &e);
    return true;
}

static bool step_fd(struct walker *w)
{
    rig_fd(w->rig);
    return true;
}

static bool step_timer(struct walker *w)
{
    if (!w->rig->connected)
        return false;
    rig_timer(w->rig);
    return true;
}

static bool step_serve(struct walker *w)
{
    if (!w->rig->connected)
        return false;
    rig_serve(w->rig);
    return true;
}

static bool step_drain(struct walker *w)
{
    if (!w->rig->connected || (!w->rig->draining && any(w, 32)))
        return false;
    (void)rig_drain(w->rig);
    return true;
}

static const struct step {
    const char *name;
    bool (*take)(struct walker *w);
} steps[] = {{"connect", step_connect},
             {"connect with a bad option", step_bad_connect},
             {"disconnect", step_disconnect},
             {"feed", step_feed},
             {"receive", step_receive},
             {"receive", step_receive},
             {"outcome", step_outcome},
             {"send", step_send_own},
             {"send what is foreign", step_send_foreign},
             {"fd", step_fd},
             {"timer", step_timer},
             {"serve", step_serve},
             {"drain", step_drain}};

void walk(struct rig *rig, unsigned seed)
{
    struct walker w = {.rig = rig, .random = seed * 2654435761U};

    rig_restart(rig);
    for (unsigned i = 0; i < WALK_STEPS;) {
        const struct step *step = &steps[any(&w, sizeof steps / sizeof steps[0])];

        snprintf(rig->where, sizeof rig->where, "seed %u, step %u, %s: ", seed, i, step->name);
        i += step->take(&w);
    }
    rig->where[0] = 0;
}
