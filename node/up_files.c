#include "node/up_files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/up_int.h"

bool up_make_dir(const char *dir)
{
    char path[PATH_MAX];
    size_t n = strlen(dir);
    struct stat st;

    if (n == 0 || n >= sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(path, dir, n + 1);
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        if (mkdir(path, 0700) && errno != EEXIST)
            return false;
        *p = '/';
    }
    if (mkdir(path, 0700) && errno != EEXIST)
        return false;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    errno = ENOTDIR;
    return false;
}

/* ---- the lock: one of the open file, so that it can be asked about and ends with the process ---- */

int up_lock(const char *run_dir)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_MAX];
    int fd, keep;

    if (!cmd_join(path, run_dir, UP_LOCK_FILE)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return fd;
    keep = errno == EACCES ? EAGAIN : errno;
    close(fd);
    errno = keep;
    return -1;
}

bool up_is_locked(const char *run_dir)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[PATH_MAX];
    int fd = cmd_join(path, run_dir, UP_LOCK_FILE) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    bool locked;

    if (fd < 0)
        return false;
    locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    close(fd);
    return locked;
}

/* ---- up.json ---- */

void up_make_plain(char *text)
{
    json_t *value = json_string(text);
    bool utf8 = value != NULL;

    json_decref(value);
    for (char *p = text; *p; p++) {
        if (iscntrl((unsigned char)*p) || (!utf8 && (unsigned char)*p >= 0x80))
            *p = '?';
    }
}

/* retry_at is on the monotonic clock, which all processes share; 0 = none. */
static json_t *json_child(const struct up_child *child)
{
    int64_t due = sv_due(&child->sv);

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:I, s:o}", "role", up_role_name(child->role), "agent",
                     child->agent ? child->agent->agent_name : "", "name", up_child_name(child), "instance",
                     child->instance, "state", sv_state_name(child->sv.state), "pid", (int)child->pid, "restarts",
                     (int)child->sv.restarts, "retry_at", (json_int_t)(due == INT64_MAX ? 0 : due), "reason",
                     json_string(child->reason));
}

static bool write_state(const char *run_dir, const json_t *root)
{
    char path[PATH_MAX], fresh[PATH_MAX];

    return cmd_join(path, run_dir, UP_STATE_FILE) && cmd_join(fresh, run_dir, UP_STATE_FILE ".new") &&
           json_dump_file(root, fresh, JSON_INDENT(1) | JSON_PRESERVE_ORDER) == 0 && rename(fresh, path) == 0;
}

void up_save(struct up *up)
{
    json_t *children = json_array(), *root;
    bool saved;

    for (size_t i = 0; i < up->n_children; i++) {
        if (!up->children[i].leaves)
            json_array_append_new(children, json_child(&up->children[i]));
    }
    root = json_pack("{s:i, s:s, s:s, s:o}", "pid", (int)getpid(), "agent", up->agents[0]->agent_name, "file",
                     up->agents[0]->file, "children", children);
    up->dirty = false;
    saved = write_state(up->agents[0]->run_dir, root);
    if (!saved && !up->save_failed)
        up_say(up, "%s/%s cannot be written: %s", up->agents[0]->run_dir, UP_STATE_FILE, strerror(errno));
    up->save_failed = !saved;
    json_decref(root);
}
