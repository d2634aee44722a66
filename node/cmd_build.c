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
#include "node/depend.h"
#include "node/up_files.h"
#include "schema/buf.h"

#define COMMAND "build"

extern char **environ;

static bool is_there(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat st;

    return cmd_join(path, folder, name) && stat(path, &st) == 0;
}

/* posix_spawn takes arguments that are not const, and does not change them. */
static char *word(const char *text)
{
    return (char *)(uintptr_t)text;
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
static int run_cmake(const char *folder, const char *into)
{
    char bin[PATH_MAX], prefix[PATH_MAX + sizeof "-DCMAKE_PREFIX_PATH="];
    char *configure[] = {"cmake", "-S", word(folder), "-B", word(into), "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                         prefix,  NULL};
    char *make[] = {"cmake", "--build", word(into), NULL};
    char *slash;
    int status;

    if (!cmd_bin_dir(bin))
        return cmd_misused(COMMAND, "the path of this program is not known");
    if ((slash = strrchr(bin, '/')))
        *slash = 0;
    snprintf(prefix, sizeof prefix, "-DCMAKE_PREFIX_PATH=%s", bin);
    status = run(configure);
    return status ? status : run(make);
}

/* AEA calls it with the directory that is to be built in, which is there. */
static int run_entrypoint(const char *program, const char *into)
{
    char *argv[] = {word(program), word(into), NULL};

    if (!up_make_dir(into)) {
        fprintf(stderr, "patchbay " COMMAND ": %s: %s\n", into, strerror(errno));
        return CMD_FAILED;
    }
    return run(argv);
}

static int build_in(const char *folder, const char *entrypoint, const char *directory)
{
    bool has_cmake = is_there(folder, "CMakeLists.txt");
    char into[PATH_MAX];
    int status = CMD_OK;

    if (!has_cmake && !entrypoint)
        return CMD_OK;
    if (!cmd_join(into, folder, "build"))
        return cmd_misused(COMMAND, "%s: the path is too long", folder);
    printf("%s\n", folder);
    fflush(stdout);
    if (entrypoint)
        status = run_entrypoint(entrypoint, directory ? directory : into);
    if (has_cmake && !status)
        status = run_cmake(folder, directory ? directory : into);
    return status;
}

static int build(const struct pbay_conn_conf *conf)
{
    return depend_check(conf) ? build_in(conf->dir, conf->build_entrypoint, conf->build_directory) : CMD_FAILED;
}

static int build_folder(const char *folder, const char *package_path)
{
    struct pbay_conf_error error = {""};
    struct pbay_conn_conf *conf = NULL;
    int status;

    if (pbay_conn_conf_load(folder, package_path, &conf, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return CMD_USAGE;
    }
    if (conf->build_entrypoint || is_there(folder, "CMakeLists.txt"))
        status = build(conf);
    else
        status = cmd_misused(COMMAND, "%s: there is neither a CMakeLists.txt nor a build_entrypoint", folder);
    pbay_conn_conf_destroy(&conf);
    return status;
}

/* Of an agent: its own entry point, then each connection that has something to build. */
static int build_all(const char *file, const char *package_path)
{
    struct pbay_agent_conf *conf = NULL;
    char folder[PATH_MAX];
    int status = CMD_OK;

    if (cmd_load(file, package_path, &conf))
        return CMD_USAGE;
    snprintf(folder, sizeof folder, "%s", conf->file);
    *strrchr(folder, '/') = 0;
    if (conf->build_entrypoint)
        status = build_in(folder, conf->build_entrypoint, conf->build_directory);
    for (size_t i = 0; i < conf->n_connections && !status; i++)
        status = build(&conf->connections[i]);
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
        status = is_folder(argv[i]) ? build_folder(argv[i], package_path) : build_all(argv[i], package_path);
    free(package_path);
    return status;
}
