/* The broker's loop: an engine, the core, the admin side, signals and the clock. */
#ifndef PB_LOOP_H
#define PB_LOOP_H

#include "broker/admin.h"
#include "broker/core.h"

struct pb_loop;

/* Bind every endpoint of conf and RUN_DIR/events.ipc. On failure *out is NULL and *error says which endpoint and why.
 *   PBAY_OK; PBAY_IO */
enum pbay_err pb_loop_open(const struct pbay_agent_conf *conf, struct pb_loop **out, struct pbay_conf_error *error);

/* What the loop asks its owner to do. */
struct pb_loop_hooks {
    void *arg;
    /* SIGHUP: load the configuration again; true = agents and n have changed, and the former ones are freed by the next
     * call. */
    bool (*reload)(void *arg, const struct pbay_agent_conf *const **agents, size_t *n);
};

/* Serve until SIGTERM or SIGINT, then drain (SPEC 3.8). Signals must be blocked by the caller. Returns how many
 * envelopes were left given or parked when it ended. */
uint32_t pb_loop_run(struct pb_loop *loop, struct pb_core *core, struct pb_admin *admin,
                     const struct pb_loop_hooks *hooks);

void pb_loop_close(struct pb_loop **loop);

/* Milliseconds of the monotonic clock, and something unpredictable. */
int64_t pb_loop_now(void);
uint64_t pb_loop_random(void);

#endif
