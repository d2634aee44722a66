/* The `patchbay` command: what its subcommands share. Each takes its own arguments, argv[0] being its name, and returns
 * the exit status of the process. */
#ifndef PB_CMD_H
#define PB_CMD_H

#include <limits.h>
#include <stdint.h>

#include "schema/pbay_conf.h"
#include "schema/pbay_protocol.h"

enum { CMD_OK = 0, CMD_FAILED = 1, CMD_USAGE = 2 }; /* exit statuses; bad configuration is 2 as well */

int cmd_up(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_reload(int argc, char **argv);
int cmd_restart(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_encode(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_scaffold(int argc, char **argv);
int cmd_build(int argc, char **argv);
int cmd_certificates(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_add(int argc, char **argv);
int cmd_remove(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_interact(int argc, char **argv);
int cmd_vcx(int argc, char **argv);
int cmd_completion(int argc, char **argv);

/* One subcommand (cmd_table.c); NULL = there are no more. */
struct cmd_entry {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary, *usage, *help;
};

const struct cmd_entry *cmd_at(size_t i);

/* patchbay(1), on standard output; for the build. */
int cmd_man(void);

/* One line on standard error, "patchbay NAME: ..."; returns CMD_USAGE. */
int cmd_misused(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where we are installed: the directory of the running executable, without a slash at its end. false = the kernel does
 * not say. */
bool cmd_bin_dir(char dir[PATH_MAX]);

/* The package path: `given` (NULL: PATCHBAY_PACKAGE_PATH), then the packages that are installed with us. The caller
 * frees it. */
char *cmd_package_path(const char *given);

/* Load an agent.yaml with that path; on failure the message is on standard error. */
enum pbay_err cmd_load(const char *file, const char *package_path, struct pbay_agent_conf **conf);

/* An agent.yaml was changed: if a supervisor runs that agent, let it load its files again and print what it did. CMD_OK
 * also when none runs. */
int cmd_tell_running(const char *file, const char *package_path);

/* The endpoint for processes on this machine: the first ipc one, else the first. */
const char *cmd_endpoint(const struct pbay_agent_conf *conf);

/* Add a protocol specification; all *.yaml of a folder, in the order of their names; none if there is no such folder.
 * On failure the message is on standard error. */
bool cmd_protocol_file(struct pbay_protocols *protocols, const char *file);
bool cmd_protocols_in(struct pbay_protocols *protocols, const char *dir);

/* DIR/NAME into path; false = too long. */
bool cmd_join(char path[PATH_MAX], const char *dir, const char *name);

/* A whole number from min to max; false = it is none. */
bool cmd_number(const char *text, long min, long max, long *value);

#endif
