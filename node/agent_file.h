/* An agent.yaml that a command changes. All or nothing: what is written goes to a file beside it first, which then
 * takes its place, with its mode. Of a symbolic link the target is replaced. From open to close no other command
 * changes it.
 *
 * Functions return an exit status; unless it is CMD_OK they have said why on standard error. */
#ifndef PB_AGENT_FILE_H
#define PB_AGENT_FILE_H

#include <sys/stat.h>

#include "node/cmd.h"
#include "node/yaml_edit.h"

struct agent_file {
    const char *path;      /* as given; borrowed */
    char target[PATH_MAX]; /* absolute, without links */
    int folder;            /* of the target, locked */
    struct stat before;
    struct yaml_edit edit;
};

int agent_file_open(struct agent_file *f, const char *path);

/* Write f->edit.text. It has to load with that package path first; NULL = it does not have to. */
int agent_file_save(struct agent_file *f, const char *package_path);

/* Idempotent, also of one that could not be opened. */
void agent_file_close(struct agent_file *f);

/* The document of agent.yaml that overrides the connection of this author and name; NULL = there is none. */
const struct pb_yaml_node *agent_file_override(const struct pb_yaml_node *docs, const struct pbay_pubid *id);

#endif
