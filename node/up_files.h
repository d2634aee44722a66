/* What `patchbay up` keeps in its run directory, and `patchbay ps` looks at. */
#ifndef PB_UP_FILES_H
#define PB_UP_FILES_H

#include <stdbool.h>

#define UP_STATE_FILE   "up.json"    /* the children, rewritten atomically at every change */
#define UP_LOCK_FILE    "up.lock"    /* locked while a supervisor runs */
#define UP_ADMIN_SOCKET "admin.sock" /* the broker's */

/* Make a directory and those above it, 0700; those that exist stay as they are. false = errno. */
bool up_make_dir(const char *dir);

/* Lock the run directory. Returns the descriptor that holds the lock until it is closed, or the process ends; -1 with
 * errno, EAGAIN = another supervisor has it. */
int up_lock(const char *run_dir);

/* Does a supervisor run? Asks without taking the lock, so that a supervisor that starts just now is not refused. */
bool up_is_locked(const char *run_dir);

#endif
