/* patchbay issue-certificates */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "node/cert.h"
#include "node/cmd.h"
#include "node/up_files.h"
#include "schema/harden.h"

#define COMMAND "issue-certificates"

struct issue {
    struct pbay_agent_conf *conf;
    struct pb_cert_place place;
    size_t issued;
};

/* AEA makes its key files with the usual mode, so that this is no error. */
static void warn_if_open(const char *path)
{
    struct stat st;

    if (path && stat(path, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)))
        fprintf(stderr, "patchbay " COMMAND ": warning: others may read the private key %s: `chmod 600` it\n", path);
}

/* Each key once, however many certificates it signs. */
static void warn_of_keys(const struct pbay_key_path *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        warn_if_open(keys[i].path);
}

static bool failed(const char *path)
{
    fprintf(stderr, "patchbay " COMMAND ": %s: %s\n", path, strerror(errno));
    return false;
}

/* A reader sees the old file or the new one. */
static bool write_file(const char *path, const struct pb_buf *text)
{
    char fresh[PATH_MAX + 8];
    bool bad;
    FILE *f;

    snprintf(fresh, sizeof fresh, "%s.new", path);
    f = fopen(fresh, "we");
    if (!f)
        return failed(fresh);
    bad = fwrite(text->p, 1, text->n, f) != text->n;
    bad = fclose(f) != 0 || bad;
    return (!bad && rename(fresh, path) == 0) || failed(path);
}

static bool make_folder_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash || slash == path)
        return true;
    snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
    return up_make_dir(dir) || failed(dir);
}

/* The facts first: a certificate without its own would be judged by those of the one before it. */
static bool save(const struct pb_cert *cert, const char *path)
{
    char about[PATH_MAX + sizeof PB_CERT_ABOUT];
    struct pb_buf text = {0}, facts = {0};
    bool good;

    snprintf(about, sizeof about, "%s" PB_CERT_ABOUT, path);
    pb_cert_put_text(cert, &text);
    pb_cert_put_about(cert, &facts);
    good = make_folder_of(path) && write_file(about, &facts) && write_file(path, &text);
    pb_buf_fini(&text);
    pb_buf_fini(&facts);
    return good;
}

static bool issue_one(struct issue *is, const struct pbay_conn_conf *conn, const struct pbay_cert_request *request)
{
    char path[PATH_MAX], why[PB_CERT_WHY] = "the path is too long";
    struct pb_cert cert = {0};
    bool good = pb_cert_path(&is->place, request, path) && pb_cert_issue(&is->place, request, &cert, why);

    if (!good)
        fprintf(stderr, "%s:%d: %s: %s\n", request->at.file, request->at.line, conn->name, why);
    good = good && save(&cert, path);
    if (good) {
        printf("%s: %s: %s\n", conn->name, request->identifier, path);
        is->issued++;
        if (!pb_cert_in_time(request, (int64_t)time(NULL), why))
            fprintf(stderr, "patchbay " COMMAND ": warning: %s: %s\n", conn->name, why);
    }
    pb_cert_fini(&cert);
    return good;
}

/* All that can be issued, even if one cannot. */
static bool issue_all(struct issue *is)
{
    bool good = true;

    for (size_t i = 0; i < is->conf->n_connections; i++) {
        const struct pbay_conn_conf *conn = &is->conf->connections[i];

        for (size_t j = 0; j < conn->n_cert_requests; j++)
            good = issue_one(is, conn, &conn->cert_requests[j]) && good;
    }
    if (good && is->issued == 0)
        printf("no connection asks for a certificate\n");
    return good;
}

int cmd_certificates(int argc, char **argv)
{
    const char *file = NULL, *given = NULL;
    struct issue is = {0};
    char *package_path;
    bool good = false;
    enum pbay_err err;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--package-path") == 0 && i + 1 < argc)
            given = argv[++i];
        else if (argv[i][0] != '-' && !file)
            file = argv[i];
        else
            return cmd_misused(COMMAND, "%s: not understood", argv[i]);
    }
    pb_harden_secrets();
    package_path = cmd_package_path(given);
    err = cmd_load(file ? file : "agent.yaml", package_path, &is.conf);
    if (!err) {
        is.place = (struct pb_cert_place){is.conf, is.conf->data_dir};
        warn_of_keys(is.conf->private_keys, is.conf->n_private_keys);
        warn_of_keys(is.conf->connection_keys, is.conf->n_connection_keys);
        good = issue_all(&is);
    }
    pbay_agent_conf_destroy(&is.conf);
    free(package_path);
    return err ? CMD_USAGE : good ? CMD_OK : CMD_FAILED;
}
