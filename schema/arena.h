/* Memory that is freed all at once: a configuration and everything it points to, the YAML trees included. */
#ifndef PB_ARENA_H
#define PB_ARENA_H

#include "schema/buf.h"

struct pb_arena {
    struct pb_arena_block *blocks;
};

/* n zeroed bytes, aligned for anything; they live until pb_arena_fini. Each is an allocation of its own, so that a
 * checker of memory sees an overrun. */
void *pb_arena_alloc(struct pb_arena *a, size_t n);

/* A NUL-ended copy. */
char *pb_arena_str(struct pb_arena *a, struct pbay_str s);

/* A NUL-ended text made as by printf. */
char *pb_arena_printf(struct pb_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

void pb_arena_fini(struct pb_arena *a);

#endif
