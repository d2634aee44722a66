#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/packages.h"

struct package *package_read(struct pb_arena *arena, const char *dir)
{
    struct package *p = pb_arena_alloc(arena, sizeof *p);
    struct pb_conf_ctx ctx = {.arena = arena, .error = &p->error};
    struct pb_conn_doc doc;

    p->dir = dir;
    (void)pb_conn_doc_load(&doc, &ctx, dir, &p->conf); /* p->error says so */
    return p;
}

static bool is_package(struct pb_arena *arena, const char *dir)
{
    return access(pb_arena_printf(arena, "%s/connection.yaml", dir), F_OK) == 0;
}

/* With its slash, or "". */
static struct pbay_str folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');

    return (struct pbay_str){file, slash ? (size_t)(slash + 1 - file) : 0};
}

const char *package_find(struct pb_arena *arena, const char *agent_yaml, const char *package_path,
                         const struct pbay_pubid *id)
{
    int author = (int)id->author.n, name = (int)id->name.n;
    struct pbay_str in = folder_of(agent_yaml);
    const char *dir = pb_arena_printf(arena, "%.*sconnections/%.*s", (int)in.n, in.p, name, id->name.p);

    if (is_package(arena, dir))
        return dir;
    dir = pb_arena_printf(arena, "%.*svendor/%.*s/connections/%.*s", (int)in.n, in.p, author, id->author.p, name,
                          id->name.p);
    if (is_package(arena, dir))
        return dir;
    for (const char *p = package_path; *p; p += strspn(p, ":")) {
        size_t n = strcspn(p, ":");

        dir = pb_arena_printf(arena, "%.*s/%.*s", (int)n, p, name, id->name.p);
        if (n && is_package(arena, dir))
            return dir;
        p += n;
    }
    return NULL;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Folders below `in`, by name: in/NAME/below. NULL = there are no more. */
static char **names_in(const char *in)
{
    struct dirent **entries;
    int n = scandir(in, &entries, is_visible, alphasort);
    char **names = pb_alloc(((size_t)(n > 0 ? n : 0) + 1) * sizeof *names);

    for (int i = 0; i < n; i++) {
        names[i] = pb_strndup(pbay_str(entries[i]->d_name));
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return names;
}

static void see_all(struct pb_arena *arena, const char *in, void (*see)(void *arg, const char *dir), void *arg)
{
    char **names = names_in(in);

    for (char **name = names; *name; name++) {
        const char *dir = pb_arena_printf(arena, "%s/%s", in, *name);

        if (is_package(arena, dir))
            see(arg, dir);
        free(*name);
    }
    free(names);
}

void package_each(struct pb_arena *arena, const char *agent_yaml, const char *package_path,
                  void (*see)(void *arg, const char *dir), void *arg)
{
    struct pbay_str in = folder_of(agent_yaml);
    const char *vendor = pb_arena_printf(arena, "%.*svendor", (int)in.n, in.p);
    char **authors = names_in(vendor);

    see_all(arena, pb_arena_printf(arena, "%.*sconnections", (int)in.n, in.p), see, arg);
    for (char **author = authors; *author; author++) {
        see_all(arena, pb_arena_printf(arena, "%s/%s/connections", vendor, *author), see, arg);
        free(*author);
    }
    free(authors);
    for (const char *p = package_path; *p; p += strspn(p, ":")) {
        size_t n = strcspn(p, ":");

        if (n)
            see_all(arena, pb_arena_printf(arena, "%.*s", (int)n, p), see, arg);
        p += n;
    }
}
