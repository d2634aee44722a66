/* patchbay build: connection packages that are source. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/cmd.h"
#include "schema/buf.h"

#define COMMAND "build"

extern char **environ;

static bool is_there(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    return cmd_join(path, folder, name) && stat(path, &st) == 0;
}

/* Run a program and wait for it; what it has to say it says itself. */
static int run(char *const argv[])
{
    int status = 0, err;
    pid_t pid;

    err = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (err) {
        fprintf(stderr, "patchbay " COMMAND ": %s: %s\n", argv[0], strerror(err));
        return CMD_FAILED;
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CMD_OK : CMD_FAILED;
}

/* FOLDER/build, against the library that is installed with us. */
static int build(const char *folder)
{
    char bin[PATH_MAX], into[PATH_MAX], prefix[PATH_MAX + sizeof "-DCMAKE_PREFIX_PATH="];
    char *configure[] = {"cmake", "-S", (char *)(uintptr_t)folder, "-B", into, "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                         prefix,  NULL};
    char *make[] = {"cmake", "--build", into, NULL};
    char *slash;
    int status;

    if (!is_there(folder, "CMakeLists.txt"))
        return cmd_misused(COMMAND, "%s: there is no CMakeLists.txt", folder);
    if (!cmd_bin_dir(bin) || !cmd_join(into, folder, "build"))
        return cmd_misused(COMMAND, "%s: the path is too long", folder);
    if ((slash = strrchr(bin, '/')))
        *slash = 0;
    snprintf(prefix, sizeof prefix, "-DCMAKE_PREFIX_PATH=%s", bin);
    printf("%s\n", folder);
    fflush(stdout);
    status = run(configure);
    return status ? status : run(make);
}

/* Of an agent: each connection whose folder has something to build. */
static int build_all(const char *file, const char *package_path)
{
    struct pbay_agent_conf *conf = NULL;
    int status = CMD_OK;

    if (cmd_load(file, package_path, &conf))
        return CMD_USAGE;
    for (size_t i = 0; i < conf->n_connections && !status; i++) {
        if (is_there(conf->connections[i].dir, "CMakeLists.txt"))
            status = build(conf->connections[i].dir);
    }
    pbay_agent_conf_destroy(&conf);
    return status;
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int cmd_build(int argc, char **argv)
{
    char *package_path;
    int status = CMD_OK, i = 1;
    const char *given = NULL;

    if (argc > 2 && strcmp(argv[1], "--package-path") == 0) {
        given = argv[2];
        i = 3;
    }
    for (int j = i; j < argc; j++) {
        if (argv[j][0] == '-')
            return cmd_misused(COMMAND, "unexpected '%s'", argv[j]);
    }
    package_path = cmd_package_path(given);
    if (i == argc)
        status = build_all("agent.yaml", package_path);
    for (; i < argc && !status; i++)
        status = is_folder(argv[i]) ? build(argv[i]) : build_all(argv[i], package_path);
    free(package_path);
    return status;
}
