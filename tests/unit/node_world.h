/* A connection process and the broker that the test plays for it: the test program starts itself again with the
 * argument "connection". */
#ifndef NODE_WORLD_H
#define NODE_WORLD_H

#include <stdio.h>
#include <sys/types.h>

#include "node_fake.h"

#define WORLD_GATE 3 /* the child's descriptor that the test writes to through `gate` */

struct world {
    struct fake broker;
    char root[64], dir[80]; /* dir, the package's folder, is in root */
    pid_t pid;
    int in, gate;
    FILE *out;
};

#define assert_str(s, text) assert_true(pbay_str_eq(s, pbay_str(text)))

/* cmocka fixtures; connected: the process is started and attached, and has said that it is connected. */
int world_setup(void **state);
int world_setup_connected(void **state);
int world_teardown(void **state);

/* connection.yaml of the package; config is one line of its mapping. */
void world_config(const struct world *w, const char *class_name, const char *config);

/* Start the process; with an agent.yaml whose override says `config`. */
void world_start(struct world *w);
void world_start_with_agent(struct world *w, const char *config);

/* Exit status, or minus the signal. */
int world_end_status(struct world *w);

/* The next STATE of that state. */
struct pb_frame world_state(struct world *w, enum pb_node_state state);

/* A line to the process; a line from it. */
void world_say(struct world *w, const char *line);
void world_assert_line(struct world *w, const char *line);

#endif
