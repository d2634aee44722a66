/* The admin side (SPEC section 11): HTTP/JSON on RUN_DIR/admin.sock and the text of events. It runs inside the broker's
 * loop, reads the core's views and decides nothing. */
#ifndef PB_ADMIN_H
#define PB_ADMIN_H

#include "broker/core.h"

struct pb_admin;

/* Listen on RUN_DIR/admin.sock. PBAY_OK; PBAY_IO = *error says why, *admin is NULL. */
enum pbay_err pb_admin_open(const char *run_dir, struct pb_admin **admin, struct pbay_conf_error *error);
void pb_admin_close(struct pb_admin **admin);

/* A descriptor that is readable when pb_admin_run has work; milliseconds until it has anyway, -1 = none. */
int pb_admin_fd(const struct pb_admin *admin);
int64_t pb_admin_timeout(const struct pb_admin *admin);

/* Answer what was asked. May step the core (a connection reported as failed). */
void pb_admin_run(struct pb_admin *admin, struct pb_core *core, int64_t now);

/* Keep a note for /v1/events. Returns its JSON text, to be freed by the caller, and its topic patchbay.event.KIND. */
char *pb_admin_note(struct pb_admin *admin, const struct pb_note *note, char *topic, size_t n);

#endif
