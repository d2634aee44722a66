/* The HTTP listener of the connection: POST brings an envelope, GET asks who we are. */
#ifndef VCX_LISTEN_H
#define VCX_LISTEN_H

#include "connections/webhook/web_link.h"

struct vcx_proc;

struct vcx_listen {
    struct web web;
    bool open;
};

/* Listen as the configuration says. PBAY_OK; else pbay_link_fail has said why. */
enum pbay_err vcx_listen_open(struct vcx_proc *s);
void vcx_listen_close(struct vcx_listen *listen);

/* HOST:PORT; the descriptor. Only while it is open. */
const char *vcx_listen_authority(const struct vcx_listen *listen);
int vcx_listen_fd(const struct vcx_listen *listen);

/* Read, write, and cut; in how many milliseconds the next turn is due, -1 = none. For one that is not open, too. */
int64_t vcx_listen_turn(struct vcx_listen *listen);

/* Accept nobody any more. */
void vcx_listen_quiesce(struct vcx_listen *listen);

/* Is an answer still being written? */
bool vcx_listen_is_busy(const struct vcx_listen *listen);

#endif
