/* Connection packages where the loader of agent.yaml looks for them (schema/pbay_conf.h says where), for the commands
 * that find them before agent.yaml names them. What is returned lives in the arena. */
#ifndef PB_PACKAGES_H
#define PB_PACKAGES_H

#include "schema/conf.h"

struct package {
    const char *dir; /* relative to the working directory when the path of agent.yaml is */
    struct pbay_conn_conf conf;
    struct pbay_conf_error error; /* text empty = it could be read */
};

/* DIR/connection.yaml, but for its config and what is in it. */
struct package *package_read(struct pb_arena *arena, const char *dir);

/* The folder that the loader takes for this id; NULL = there is none. */
const char *package_find(struct pb_arena *arena, const char *agent_yaml, const char *package_path,
                         const struct pbay_pubid *id);

/* All folders with a connection.yaml, in the order in which they are looked into, each place's by name. */
void package_each(struct pb_arena *arena, const char *agent_yaml, const char *package_path,
                  void (*see)(void *arg, const char *dir), void *arg);

#endif
