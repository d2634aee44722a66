#include "node/supervise.h"

#include "node/exits.h"

#include <assert.h>
#include <string.h>

#define MAX_DOUBLINGS 16

void sv_init(struct sv *s, bool may_end, uint64_t seed)
{
    memset(s, 0, sizeof *s);
    s->may_end = may_end;
    s->random = seed | 1;
}

/* xorshift64; it only has to keep processes that died together from coming back together. */
static uint64_t draw(struct sv *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random;
}

static int64_t delay(struct sv *s)
{
    unsigned doublings = s->deaths < MAX_DOUBLINGS ? s->deaths : MAX_DOUBLINGS;
    int64_t full = (int64_t)SV_FIRST_DELAY << doublings;
    int64_t half;

    if (full > SV_MAX_DELAY)
        full = SV_MAX_DELAY;
    half = full / 2;
    return full - (int64_t)(draw(s) % (uint64_t)(half + 1));
}

void sv_started(struct sv *s, int64_t now)
{
    assert(s->state == SV_WAITING || s->state == SV_BACKOFF || s->state == SV_FAILED);
    if (s->state != SV_WAITING)
        s->restarts++;
    s->on_trial = s->state == SV_FAILED || (s->state == SV_BACKOFF && s->on_trial);
    s->state = SV_RUNNING;
    s->started = now;
}

/* Notes a crash; true = it was one too many. */
static bool is_loop(struct sv *s, int64_t now)
{
    int64_t *slot = &s->crashed[s->crashes % SV_MAX_CRASHES];
    bool loop = s->crashes >= SV_MAX_CRASHES && now - *slot <= SV_CRASH_WINDOW;

    *slot = now;
    s->crashes++;
    return loop;
}

static enum sv_state verdict(struct sv *s, int64_t now, int status)
{
    bool loop = status != 0 && is_loop(s, now);

    if (s->stopping || (status == 0 && s->may_end))
        return SV_STOPPED;
    if (status == PB_EXIT_FENCED)
        return SV_FENCED;
    if (status == PB_EXIT_CONFIG || status == PB_EXIT_STUCK || loop || (status != 0 && s->on_trial))
        return SV_FAILED;
    return SV_BACKOFF;
}

void sv_exited(struct sv *s, int64_t now, int status)
{
    assert(s->state == SV_RUNNING);
    if (now - s->started >= SV_LONG_LIFE) {
        s->deaths = 0;
        s->on_trial = false;
    }
    if (s->again && !s->stopping) {
        s->state = SV_BACKOFF;
        sv_again(s);
        return;
    }
    s->state = verdict(s, now, status);
    if (s->state == SV_BACKOFF)
        s->due = now + delay(s);
    else if (s->state == SV_FAILED)
        s->due = now + SV_RETRY_FAILED;
    s->deaths++;
}

void sv_again(struct sv *s)
{
    if (s->stopping)
        return;
    s->again = s->state == SV_RUNNING;
    if (s->again || s->state == SV_WAITING)
        return;
    s->state = SV_WAITING;
    s->restarts++;
    s->deaths = 0;
    s->on_trial = false;
}

void sv_stop(struct sv *s)
{
    s->stopping = true;
    if (s->state != SV_RUNNING && s->state != SV_FENCED)
        s->state = SV_STOPPED;
}

int64_t sv_due(const struct sv *s)
{
    return s->state == SV_BACKOFF || s->state == SV_FAILED ? s->due : INT64_MAX;
}

const char *sv_state_name(enum sv_state state)
{
    static const char *const names[SV_STATES] = {"waiting", "running", "backoff", "failed", "fenced", "stopped"};

    assert(state < SV_STATES);
    return names[state];
}
