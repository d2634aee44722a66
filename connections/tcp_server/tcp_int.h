/* Between the files of the TCP server:
 *
 *   tcp_server.c    the slots; envelopes in both directions
 *   tcp_listen.c    the listening socket, who comes in, a turn of the loop
 *   tcp_clients.c   clients: who they say they are, how long they may take, their end
 *   tcp_names.c     addresses: who has each, and what waits for one that is away
 *   tcp_peer.c, tcp_message.c, tcp_config.c   shared with tcp_client
 *
 * One thread: the ops thread. Every descriptor is in one epoll descriptor, edge-triggered: what a turn has seen is kept
 * in lists, so that unread input of one client, which waits while the OutBox is full, does not make the loop spin.
 * Frames are read in `receive` only, one of each client at a time; first frames are read in every turn. */
#ifndef TCP_INT_H
#define TCP_INT_H

#include <uthash.h>

#include "connections/tcp_server/tcp_config.h"
#include "connections/tcp_server/tcp_message.h"
#include "connections/tcp_server/tcp_peer.h"

struct tcp_client;

/* An address that a client has claimed. While nobody has it, the name is kept for client_grace: whoever left may be
 * back, and what was begun for him waits in `frame`. */
struct tcp_name {
    struct pbay_str text; /* behind the struct */
    struct tcp_client *client;
    struct tcp_frame frame; /* of the client that has left; not a byte of it counts as written */
    int64_t gone_at;
    struct tcp_name *prev, *next; /* of those that nobody has, longest away first */
    UT_hash_handle hh;
};

/* A connected client. UNKNOWN until its first frame has said who it is; LEFT when it has lost its name or cannot be
 * written to any more: then what it had sent before is read, and it ends. */
enum tcp_state { TCP_UNKNOWN, TCP_KNOWN, TCP_LEFT };

struct tcp_client {
    struct tcp_peer peer;
    enum tcp_state state;
    struct tcp_name *name; /* KNOWN only */
    char from[64];         /* HOST:PORT of its socket */
    int64_t since;         /* when the frame began of which the rest has not come; 0 = none */
    int64_t in_due;        /* more must have come; TCP_NEVER */
    int64_t out_due;       /* more must have been taken; TCP_NEVER */
    bool is_ready, starved, said_bad;
    struct tcp_client *prev, *next;             /* all */
    struct tcp_client *prev_ready, *next_ready; /* those with something to read, whose turn is next first */
};

struct tcp_server {
    struct pbay_link *link;
    struct tcp_config config;
    struct pbay_protocols *protocols;
    struct tcp_pool pool;
    bool up;                  /* the descriptors mean something */
    int listen_fd, epoll_fd;  /* listen_fd -1 = closed */
    bool accept_again;        /* the system had no room for one more */
    bool draining, said_full; /* said_full: that max_clients is reached */
    int64_t now, timer_at, started, drain_at;
    struct tcp_client *clients, *ready;
    unsigned n_clients, n_starved;
    struct tcp_name *names, *gone;
    unsigned n_gone;
    struct tcp_given *given;
    char *memory;        /* of the envelope that receive gave last */
    unsigned since_turn; /* calls of receive without a turn */
    uint64_t last_tag;
};

/* Have the timer slot called then, or earlier. */
void tcp_at(struct tcp_server *s, int64_t when);

/* ---- tcp_listen.c ---- */

/* Listen. PBAY_OK; else pbay_link_fail has said why. stop takes a server that does not. */
enum pbay_err tcp_listen_start(struct tcp_server *s);
void tcp_listen_stop(struct tcp_server *s);

/* Let in who waits, write what can be written, note who has something to read. */
void tcp_turn(struct tcp_server *s);

/* ---- tcp_clients.c ---- */

/* A new one; its descriptor is given away. */
void tcp_client_add(struct tcp_server *s, int fd, const char *from);

/* Something has happened on its descriptor: EPOLL... */
void tcp_client_event(struct tcp_server *s, struct tcp_client *c, uint32_t events);

/* The next frame that anybody has sent; NULL = none now. The view lives until the next call. */
struct tcp_client *tcp_clients_next(struct tcp_server *s, struct pbay_str *frame);

/* Its address belongs to somebody else, or it takes no more. It is not freed yet. */
void tcp_client_leave(struct tcp_server *s, struct tcp_client *c);

/* It took nothing just now; or it took something. */
void tcp_client_blocked(struct tcp_server *s, struct tcp_client *c);
void tcp_client_moved(struct tcp_server *s, struct tcp_client *c);

/* Write what nobody waits for to be told of; it is freed. For one that is busy, and at the end, it is dropped. */
void tcp_client_tell(struct tcp_server *s, struct tcp_client *c, struct tcp_frame *frame);

/* End those whose time is over. */
void tcp_clients_sweep(struct tcp_server *s);

/* Tell all that nothing more will be written; true = nothing is under way. */
bool tcp_clients_drain(struct tcp_server *s);

void tcp_clients_clear(struct tcp_server *s);

/* ---- tcp_names.c ---- */

struct tcp_name *tcp_name_find(const struct tcp_server *s, struct pbay_str text);

/* The client has this address now; who had it before has not any more. */
void tcp_name_claim(struct tcp_server *s, struct pbay_str text, struct tcp_client *c);

/* The client has it no more; what it was being written is kept for who has it next. */
void tcp_name_release(struct tcp_server *s, struct tcp_client *c);

/* May somebody of this address be back soon? */
bool tcp_name_expected(const struct tcp_server *s, const struct tcp_name *name);

/* Forget those that have been away for too long. */
void tcp_names_sweep(struct tcp_server *s);
void tcp_names_clear(struct tcp_server *s);

#endif
