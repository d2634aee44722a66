/* Between the files of the client of VCX connections. */
#ifndef PB_VCX_CLIENT_H
#define PB_VCX_CLIENT_H

#include <utlist.h>

#include "node/pbay_vcx.h"
#include "schema/pbay_dialogue.h"

/* What a connection is called here. */
struct vcx_alias {
    uint32_t handle;
    char *id;
    struct vcx_alias *prev, *next;
};

/* A call without an answer. */
struct vcx_open_call {
    uint64_t dialogue, tag;
    uint32_t handle; /* 0 = of none yet */
    bool ends;       /* with success the handle ends */
    bool wants_did;  /* the value is a DID, which is in what is answered */
    int64_t due;
    struct pbay_vcx_call call;
    struct vcx_open_call *prev, *next;
};

struct pbay_vcx {
    pbay_t agent;
    char *name, *connection, *peer;  /* peer: the connection's address, its name as a node too */
    struct pbay_vcx_options options; /* without its texts */
    struct pbay_protocols *protocols;
    struct pbay_dialogues *dialogues;
    struct pbay_message in, out; /* that was read last; that is made */
    struct vcx_alias *aliases;
    uint32_t last_handle;
    struct vcx_open_call *calls; /* the longest waiting first */
    size_t call_n;
    uint64_t ended; /* calls */
};

struct vcx_alias *vcx_alias_of(const struct pbay_vcx *vcx, uint32_t handle);
struct vcx_alias *vcx_alias_add(struct pbay_vcx *vcx, struct pbay_str id); /* or the one that is there; NULL = no id */
void vcx_alias_end(struct pbay_vcx *vcx, struct vcx_alias *alias);

/* Put vcx->out, which begins a dialogue, for a call as `how` has it. */
uint32_t vcx_call_begin(struct pbay_vcx *vcx, const struct vcx_open_call *how);

/* Tell how it has ended; `call` is freed. */
void vcx_call_end(struct pbay_vcx *vcx, struct vcx_open_call *call, uint32_t err, struct pbay_vcx_result *result);

#endif
