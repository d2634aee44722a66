/* When a child process is started again, as a pure state machine: it knows no process and no clock.
 *
 *     waiting -> running -> backoff -> running ...     died: started again after a delay
 *                        -> failed  -> running         crash loop or bad configuration: tried again much later
 *                        -> fenced                     a newer process has its name: never started again
 *                        -> stopped                    asked to, or an agent that has done its work
 */
#ifndef PB_SUPERVISE_H
#define PB_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds. The longest delay is short enough for SV_MAX_CRASHES restarts to fit into SV_CRASH_WINDOW: with a delay
 * of 10 s only 15 or so would, and a crash loop would never be noticed. */
#define SV_FIRST_DELAY  50 /* doubled with each death in a row; then 0.5 .. 1.0 of it */
#define SV_MAX_DELAY    2000
#define SV_LONG_LIFE    10000  /* alive for so long: the next death is the first in a row */
#define SV_MAX_CRASHES  20     /* more than so many unclean exits ... */
#define SV_CRASH_WINDOW 60000  /* ... in this time are a crash loop; the poison rule alone needs 6 */
#define SV_RETRY_FAILED 300000 /* until a failed one is tried again */

#define SV_UNCLEAN (-1) /* instead of an exit status: killed by a signal, or could not be started */

enum sv_state { SV_WAITING, SV_RUNNING, SV_BACKOFF, SV_FAILED, SV_FENCED, SV_STOPPED, SV_STATES };

struct sv {
    enum sv_state state;
    bool may_end;  /* exit status 0 without being asked means that its work is done */
    bool stopping; /* asked to end */
    bool again;    /* asked to end and be started again: no death */
    bool on_trial; /* was failed: one death is enough to be failed again */
    int64_t started, due;
    unsigned deaths;                 /* in a row */
    unsigned restarts;               /* in all */
    unsigned crashes;                /* in all; the times of the last ones: */
    int64_t crashed[SV_MAX_CRASHES]; /* number i at i % SV_MAX_CRASHES */
    uint64_t random;                 /* for the delays, from a seed */
};

void sv_init(struct sv *s, bool may_end, uint64_t seed);

/* It runs, or was tried to. Not allowed while it runs, nor once it is fenced or stopped. */
void sv_started(struct sv *s, int64_t now);

/* It has ended: the exit status (node/exits.h has those that mean something), or SV_UNCLEAN. Only while it runs. */
void sv_exited(struct sv *s, int64_t now, int status);

/* It is to be started anew: at once, or once it has exited if it runs. Also one that was fenced or has failed. */
void sv_again(struct sv *s);

/* It is not to run any more; one that runs is stopped once it has exited. */
void sv_stop(struct sv *s);

/* When it is to be started; INT64_MAX = not by itself. */
int64_t sv_due(const struct sv *s);

/* "waiting", "running" ...; a static string. */
const char *sv_state_name(enum sv_state state);

#endif
