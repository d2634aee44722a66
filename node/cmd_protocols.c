/* Protocol specifications that are not shipped, for all commands. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cmd.h"

#define SUFFIX ".yaml"

bool cmd_protocol_file(struct pbay_protocols *protocols, const char *file)
{
    char error[PBAY_MAX_PROTOCOL_ERROR];

    if (!pbay_protocols_load(protocols, file, NULL, error))
        return true;
    fprintf(stderr, "%s\n", error);
    return false;
}

static int is_specification(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return entry->d_name[0] != '.' && n > strlen(SUFFIX) && strcmp(entry->d_name + n - strlen(SUFFIX), SUFFIX) == 0;
}

bool cmd_protocols_in(struct pbay_protocols *protocols, const char *dir)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_specification, alphasort);
    char path[PATH_MAX];
    bool good = true;

    if (n < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return true;
        fprintf(stderr, "%s: cannot be read: %s\n", dir, strerror(errno));
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (good && cmd_join(path, dir, entries[i]->d_name))
            good = cmd_protocol_file(protocols, path);
        free(entries[i]);
    }
    free(entries);
    return good;
}
