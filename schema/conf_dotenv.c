/* The file .env beside agent.yaml: lines NAME=value, as AEA reads them with python-dotenv. What the environment says
 * goes first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/conf.h"
#include "schema/utf8.h"

#define MAX_BYTES 65536
#define MAX_NAME  256
#define NAMES     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define BLANKS    " \t"

const char *pb_dotenv_get(const struct pbay_variable *env, const char *name)
{
    for (; env; env = env->next) {
        if (strcmp(env->name, name) == 0)
            return env->value;
    }
    return NULL;
}

/* One line; p is what is left of it. */
struct line {
    const struct pb_conf_ctx *ctx;
    const char *file;
    int number;
    char *p;
};

static bool expected(const struct line *l, const char *what)
{
    return pb_conf_error(l->ctx->error, l->file, l->number, "expected %s", what);
}

/* What follows a value: nothing, or a comment. */
static bool is_over(const struct line *l, const char *rest)
{
    rest += strspn(rest, BLANKS);
    return !*rest || *rest == '#' || expected(l, "the end of the line behind the closing quote");
}

/* 'as it is', or "with \n, \t, \", \\ and \$". */
static bool read_quoted(struct line *l, char quote)
{
    static const char signs[] = "n\nt\tr\r\"\"\\\\$$";
    char *from = l->p + 1, *to = l->p;

    for (; *from && *from != quote; from++) {
        const char *sign = NULL;

        for (size_t i = 0; quote == '"' && *from == '\\' && i + 1 < sizeof signs; i += 2)
            sign = from[1] == signs[i] ? &signs[i + 1] : sign;
        *to++ = sign ? *sign : *from;
        from += sign != NULL;
    }
    if (*from != quote)
        return expected(l, "a closing quote on the same line");
    *to = 0;
    return is_over(l, from + 1);
}

/* Up to a # behind a blank, without the blanks at the end. */
static void read_plain(struct line *l)
{
    char *end = l->p;

    for (char *p = l->p; *p && !(*p == '#' && (p == l->p || strchr(BLANKS, p[-1]))); p++) {
        if (!strchr(BLANKS, *p))
            end = p + 1;
    }
    *end = 0;
}

static bool read_line(struct line *l, struct pbay_variable **env)
{
    struct pbay_variable *entry = pb_arena_alloc(l->ctx->arena, sizeof *entry);
    char *name;
    size_t n;

    l->p += strspn(l->p, BLANKS);
    if (!*l->p || *l->p == '#')
        return true;
    if (strncmp(l->p, "export ", 7) == 0)
        l->p += 7 + strspn(l->p + 7, BLANKS);
    name = l->p;
    n = strspn(name, NAMES);
    l->p += n + strspn(name + n, BLANKS);
    if (n == 0 || n > MAX_NAME || (*name >= '0' && *name <= '9') || *l->p != '=')
        return expected(l, "NAME=value, with a name of letters, digits and _");
    l->p += 1 + strspn(l->p + 1, BLANKS);
    name[n] = 0;
    entry->name = name;
    entry->value = l->p;
    if (*l->p != '"' && *l->p != '\'')
        read_plain(l);
    else if (!read_quoted(l, *l->p))
        return false;
    entry->next = *env; /* of two the later one is found */
    *env = entry;
    return true;
}

/* The file as a text in the arena; NULL with errno, or an error. */
static char *read_file(const struct pb_conf_ctx *ctx, const char *file)
{
    char *text = pb_arena_alloc(ctx->arena, MAX_BYTES + 2);
    FILE *f = fopen(file, "re");
    size_t n;

    if (!f)
        return NULL;
    errno = 0;
    n = fread(text, 1, MAX_BYTES + 1, f);
    if (ferror(f)) { /* a folder, for one */
        fclose(f);
        errno = errno ? errno : EIO;
        return NULL;
    }
    fclose(f);
    if (n <= MAX_BYTES && strlen(text) == n && pb_is_utf8((struct pbay_str){text, n}))
        return text;
    pb_conf_error(ctx->error, file, 0, "expected a text in UTF-8 of at most %d bytes", MAX_BYTES);
    errno = 0;
    return NULL;
}

bool pb_conf_dotenv(struct pb_conf_ctx *ctx, const char *dir)
{
    const char *given = getenv("PATCHBAY_ENV_FILE");
    const char *file = given && *given ? given : pb_arena_printf(ctx->arena, "%s.env", dir);
    char *text = read_file(ctx, file);
    struct line line = {.ctx = ctx, .file = file};
    struct pbay_variable *env = NULL;

    if (!text && errno == ENOENT && file != given)
        return true;
    if (!text)
        return errno != 0 && pb_conf_error(ctx->error, file, 0, "%s", strerror(errno));
    for (char *next; text; text = next) {
        next = strchr(text, '\n');
        if (next)
            *next++ = 0;
        text[strcspn(text, "\r")] = 0;
        line.number++;
        line.p = text;
        if (!read_line(&line, &env))
            return false;
    }
    ctx->env = env;
    return true;
}
