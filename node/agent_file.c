#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "node/agent_file.h"

static int failed(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return CMD_FAILED;
}

/* The folder of a file and its last name; "." when there is no slash. */
static const char *split(const char *file, char folder[PATH_MAX])
{
    const char *slash = strrchr(file, '/');
    int n = slash ? (int)(slash - file) : 1;

    snprintf(folder, PATH_MAX, "%.*s", slash == file ? 1 : n, slash ? file : ".");
    return slash ? slash + 1 : file;
}

/* ---- reading ---- */

static bool read_all(int fd, struct pb_buf *b)
{
    ssize_t n = 1;

    while (n > 0 && b->n <= PBAY_MAX_CONF_BYTES) {
        size_t before = b->n;

        n = read(fd, pb_buf_grow(b, PBAY_MAX_CONF_BYTES), PBAY_MAX_CONF_BYTES);
        b->n = before + (n > 0 ? (size_t)n : 0);
    }
    return n >= 0;
}

static int read_file(struct agent_file *f)
{
    int fd = open(f->target, O_RDONLY | O_CLOEXEC), status = CMD_OK;
    struct pb_buf b = {0};

    if (fd < 0 || fstat(fd, &f->before) != 0 || !read_all(fd, &b)) {
        status = failed(f->path);
    } else if (!yaml_edit_init(&f->edit, f->path, (struct pbay_str){(const char *)b.p, b.n})) {
        fprintf(stderr, "%s\n", f->edit.error.text);
        status = CMD_USAGE;
    }
    if (fd >= 0)
        close(fd);
    pb_buf_fini(&b);
    return status;
}

int agent_file_open(struct agent_file *f, const char *path)
{
    char folder[PATH_MAX];

    *f = (struct agent_file){.path = path, .folder = -1};
    if (!realpath(path, f->target)) {
        failed(path);
        return CMD_USAGE;
    }
    split(f->target, folder);
    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->folder < 0 || flock(f->folder, LOCK_EX) != 0)
        return failed(folder);
    return read_file(f);
}

void agent_file_close(struct agent_file *f)
{
    if (f->folder >= 0)
        close(f->folder);
    f->folder = -1;
    yaml_edit_fini(&f->edit);
}

/* ---- writing ---- */

static bool write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno != EINTR)
            return false;
        p += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return true;
}

/* A new file with the text, beside `beside`; its name goes into path. Whoever owned the file before owns it again,
 * where we may say so. */
static bool write_new(const struct agent_file *f, const char *beside, char path[PATH_MAX])
{
    char folder[PATH_MAX], name[NAME_MAX];
    int fd, n, given;
    bool good;

    n = snprintf(name, sizeof name, ".%s.XXXXXX", split(beside, folder));
    if (n >= (int)sizeof name || !cmd_join(path, folder, name)) {
        errno = ENAMETOOLONG;
        path[0] = 0;
        return false;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        path[0] = 0;
        return false;
    }
    given = fchown(fd, f->before.st_uid, f->before.st_gid);
    (void)given;
    good =
        write_all(fd, f->edit.text.p, f->edit.text.n) && fchmod(fd, f->before.st_mode & 07777) == 0 && fsync(fd) == 0;
    return close(fd) == 0 && good;
}

/* A message of the loader is about the file that the user knows. */
static void say_renamed(const char *text, const char *from, const char *to)
{
    const char *at;

    for (; (at = strstr(text, from)); text = at + strlen(from))
        fprintf(stderr, "%.*s%s", (int)(at - text), text, to);
    fprintf(stderr, "%s\n", text);
}

/* Beside the name that was given, not beside a link's target: that is where packages are looked for. */
static int check(const struct agent_file *f, const char *package_path)
{
    struct pbay_conf_error error = {""};
    struct pbay_agent_conf *conf = NULL;
    char path[PATH_MAX];
    int status = CMD_OK;

    if (!write_new(f, f->path, path)) {
        status = failed(f->path);
    } else if (pbay_agent_conf_load(strchr(f->path, '/') ? path : path + 2, package_path, &conf, &error)) {
        say_renamed(error.text, strchr(f->path, '/') ? path : path + 2, f->path);
        status = CMD_USAGE;
    }
    if (path[0])
        unlink(path);
    pbay_agent_conf_destroy(&conf);
    return status;
}

int agent_file_save(struct agent_file *f, const char *package_path)
{
    int status = package_path ? check(f, package_path) : CMD_OK;
    char path[PATH_MAX];

    if (status)
        return status;
    if (!write_new(f, f->target, path) || rename(path, f->target) != 0) {
        status = failed(f->path);
        if (path[0])
            unlink(path);
        return status;
    }
    return fsync(f->folder) == 0 ? CMD_OK : failed(f->path);
}

/* ---- what is in it ---- */

const struct pb_yaml_node *agent_file_override(const struct pb_yaml_node *docs, const struct pbay_pubid *id)
{
    for (const struct pb_yaml_node *doc = docs->next; doc; doc = doc->next) {
        const struct pb_yaml_node *type = pb_yaml_get(doc, "type"), *text = pb_yaml_get(doc, "public_id");
        struct pbay_pubid other;

        if (type && type->text && strcmp(type->text, "connection") == 0 && text && text->text &&
            pbay_pubid_parse(pbay_str(text->text), &other) && pbay_pubid_same_prefix(&other, id))
            return doc;
    }
    return NULL;
}
