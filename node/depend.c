#include "node/depend.h"

#include <stdio.h>
#include <string.h>

#define MAX_NAME    128
#define MAX_VERSION 128
#define NAMES       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._"
#define VERSIONS    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._~"

/* ---- versions ---- */

/* ~=1.4.2 means at least that, and 1.4 with whatever follows. */
static bool is_compatible(const char *version, const char *wish)
{
    const char *dot = strrchr(wish, '.');
    size_t n = dot ? (size_t)(dot - wish) : 0;

    return dot && strverscmp(version, wish) >= 0 && strncmp(version, wish, n) == 0 &&
           (version[n] == 0 || version[n] == '.');
}

static bool satisfies(const char *version, const char *operator, const char * wish)
{
    int order = strverscmp(version, wish);

    if (strcmp(operator, "~=") == 0)
        return is_compatible(version, wish);
    if (strcmp(operator, "!=") == 0)
        return order != 0;
    return (strchr(operator, '=') && order == 0) || (operator[0] == '>' && order> 0) || (operator[0] == '<' && order<0);
}

/* The operator that *p begins with, which is then behind it; NULL = none. */
static const char *take_operator(const char **p)
{
    static const char *const operators[] = {"==", "!=", ">=", "<=", "~=", ">", "<"};

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t n = strlen(operators[i]);

        if (strncmp(*p, operators[i], n) == 0) {
            *p += n;
            return operators[i];
        }
    }
    return NULL;
}

enum depend_fit depend_fits(const char *version, const char *clauses)
{
    enum depend_fit fit = DEPEND_FITS;
    const char *p = clauses + strspn(clauses, " ");

    while (*p) {
        const char *operator= take_operator(&p);
        char wish[MAX_VERSION];
        size_t n;

        p += strspn(p, " ");
        n = strspn(p, VERSIONS);
        if (!operator|| n == 0 || n >= sizeof wish)
            return DEPEND_MALFORMED;
        memcpy(wish, p, n);
        wish[n] = 0;
        p += n + strspn(p + n, " ");
        if (*p == ',')
            p += 1 + strspn(p + 1, " ");
        else if (*p)
            return DEPEND_MALFORMED;
        if (!satisfies(version, operator, wish))
            fit = DEPEND_DIFFERS;
    }
    return fit;
}

/* ---- what is installed ---- */

/* The first line that a command prints; false = it failed, or prints nothing. */
static bool ask(const char *format, const char *name, char answer[MAX_VERSION])
{
    char command[MAX_NAME + 128];
    FILE *f;
    bool got;

    snprintf(command, sizeof command, format, name);
    f = popen(command, "re"); /* NOLINT(cert-env33-c): the name has no character that a shell minds */
    if (!f)
        return false;
    got = fgets(answer, MAX_VERSION, f) != NULL;
    answer[got ? strcspn(answer, "\n") : 0] = 0;
    return pclose(f) == 0 && got && *answer;
}

/* Debian's 1:7.88.1-10+deb12u5 is upstream's 7.88.1. */
static void cut_to_upstream(char *version)
{
    char *colon = strchr(version, ':'), *hyphen = strrchr(version, '-');

    if (hyphen)
        *hyphen = 0;
    if (colon)
        memmove(version, colon + 1, strlen(colon + 1) + 1);
}

static bool find(const char *name, char version[MAX_VERSION])
{
    char line[MAX_VERSION];
    static const char installed[] = "ii ";

    if (ask("pkg-config --modversion '%s' 2>/dev/null", name, version))
        return true;
    if (!ask("dpkg-query -W -f '${db:Status-Abbrev}${Version}' '%s' 2>/dev/null", name, line) ||
        strncmp(line, installed, sizeof installed - 1) != 0)
        return false;
    snprintf(version, MAX_VERSION, "%s", line + sizeof installed - 1);
    cut_to_upstream(version);
    return true;
}

static bool check(const struct pbay_dependency *d)
{
    char version[MAX_VERSION] = "";
    enum depend_fit fit = depend_fits("", d->version);
    const char *file = d->at.file;
    size_t n = strlen(d->name);

    if (n == 0 || n > MAX_NAME || strspn(d->name, NAMES) != n || *d->name == '-')
        fprintf(stderr, "%s:%d: dependencies: expected the name of a library or of a Debian package\n", file,
                d->at.line);
    else if (fit == DEPEND_MALFORMED)
        fprintf(stderr, "%s:%d: dependencies.%s: version: expected clauses such as >=1.2,<2, found \"%s\"\n", file,
                d->at.line, d->name, d->version);
    else if (!find(d->name, version))
        fprintf(stderr,
                "%s:%d: dependencies.%s: pkg-config does not know it, and it is not an installed package of Debian's; "
                "`apt-get install %s`, or the -dev package of that library\n",
                file, d->at.line, d->name, d->name);
    else if (depend_fits(version, d->version) != DEPEND_FITS)
        fprintf(stderr, "%s:%d: dependencies.%s: expected version %s, installed is %s\n", file, d->at.line, d->name,
                d->version, version);
    else
        return true;
    return false;
}

bool depend_check(const struct pbay_conn_conf *conf)
{
    bool good = true;

    for (size_t i = 0; i < conf->n_dependencies; i++)
        good = check(&conf->dependencies[i]) && good;
    return good;
}
