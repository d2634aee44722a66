/* patchbay restart, patchbay reload, and commands that change agent.yaml: requests to the supervisor of an agent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cmd.h"
#include "node/up_int.h"

/* The run directory of an agent.yaml (NULL: PATCHBAY_RUN_DIR, else that of ./agent.yaml). */
static int find_run_dir(const char *file, char run_dir[PATH_MAX])
{
    const char *given = getenv("PATCHBAY_RUN_DIR");
    struct pbay_agent_conf *conf = NULL;
    char *package_path = cmd_package_path(NULL);
    int status = CMD_OK;

    if (!file && given && *given)
        snprintf(run_dir, PATH_MAX, "%s", given);
    else if (cmd_load(file ? file : "agent.yaml", package_path, &conf))
        status = CMD_USAGE;
    else
        snprintf(run_dir, PATH_MAX, "%s", conf->run_dir);
    pbay_agent_conf_destroy(&conf);
    free(package_path);
    return status;
}

static int ask(const char *run_dir, const char *const *words, size_t n)
{
    char text[UP_MAX_ANSWER];
    enum pbay_err err = up_control_ask(run_dir, words, n, text);

    if (err)
        fprintf(stderr, "patchbay %s: %s\n", words[0], text);
    else
        fputs(text, stdout);
    return err ? CMD_FAILED : CMD_OK;
}

int cmd_tell_running(const char *file, const char *package_path)
{
    static const char *const words[] = {"reload"};
    struct pbay_agent_conf *conf = NULL;
    struct pbay_conf_error error;
    int status = CMD_OK;

    if (pbay_agent_conf_load(file, package_path, &conf, &error) == PBAY_OK && up_is_locked(conf->run_dir))
        status = ask(conf->run_dir, words, 1);
    pbay_agent_conf_destroy(&conf);
    return status;
}

int cmd_reload(int argc, char **argv)
{
    static const char *const words[] = {"reload"};
    char run_dir[PATH_MAX];
    int status;

    if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
        return cmd_misused("reload", "%s: not understood", argv[argc > 2 ? 2 : 1]);
    status = find_run_dir(argc == 2 ? argv[1] : NULL, run_dir);
    return status ? status : ask(run_dir, words, 1);
}

int cmd_restart(int argc, char **argv)
{
    const char *words[] = {"restart", NULL}, *file = NULL;
    char run_dir[PATH_MAX];
    int i = 1, status;

    if (argc > 2 && strcmp(argv[1], "--config") == 0) {
        file = argv[2];
        i = 3;
    }
    if (i + 1 != argc || argv[i][0] == '-')
        return cmd_misused("restart", "expected one NAME");
    words[1] = argv[i];
    status = find_run_dir(file, run_dir);
    return status ? status : ask(run_dir, words, 2);
}
