/* patchbay completion: what a shell completes, out of the table of commands. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "node/cmd.h"

#define MAX_WORD 32

/* ---- words of a usage ---- */

enum kind {
    LITERAL, /* connection, get */
    FLAG,
    FILE_OPTION,
    TEXT_OPTION /* nobody can guess what follows */
};

struct word {
    enum kind kind;
    char text[MAX_WORD];
};

static const char *take(const char *p, char text[MAX_WORD])
{
    size_t n = strcspn(p, " []|\n");

    snprintf(text, MAX_WORD, "%.*s", (int)n, p);
    return p + n;
}

static enum kind kind_of_option(const char *after)
{
    char value[MAX_WORD];

    if (after[0] != ' ' || !isupper((unsigned char)after[1]))
        return FLAG;
    (void)take(after + 1, value);
    return strcmp(value, "FILE") == 0 || strncmp(value, "DIR", 3) == 0 ? FILE_OPTION : TEXT_OPTION;
}

/* In lower case throughout: neither FILE nor agent.yaml. The command names itself in each line of its usage. */
static bool is_literal(const struct cmd_entry *c, const char *text)
{
    return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == 0 && strcmp(text, "patchbay") != 0 &&
           strcmp(text, c->name) != 0;
}

/* The next word behind *p that is an option or is meant literally; false = there are no more. */
static bool next(const struct cmd_entry *c, const char **p, struct word *w)
{
    while (*(*p += strspn(*p, " []|\n."))) {
        *p = take(*p, w->text);
        if (strncmp(w->text, "--", 2) == 0) {
            w->kind = kind_of_option(*p);
            return true;
        }
        w->kind = LITERAL;
        if (is_literal(c, w->text))
            return true;
    }
    return false;
}

/* Those of the kinds in the mask, each with a blank before it. */
static void print_words(const struct cmd_entry *c, unsigned kinds)
{
    const char *p = c->usage;
    struct word w;

    while (next(c, &p, &w)) {
        if (kinds & (1U << w.kind))
            printf(" %s", w.text);
    }
}

#define BIT(kind) (1U << (kind))
#define OPTIONS   (BIT(FLAG) | BIT(FILE_OPTION) | BIT(TEXT_OPTION))

/* ---- shells ---- */

/* Inside single quotes, where `quote` stands for one. */
static void print_quoted(const char *text, const char *quote)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs(quote, stdout);
        else
            putchar(*text);
    }
}

static void print_cases(void)
{
    const struct cmd_entry *c;

    for (size_t i = 0; (c = cmd_at(i)); i++) {
        printf("    %s)\n        literal='", c->name);
        print_words(c, BIT(LITERAL));
        printf("' options='");
        print_words(c, OPTIONS);
        printf(" --help'\n        files='");
        print_words(c, BIT(FILE_OPTION));
        printf(" ' texts='");
        print_words(c, BIT(TEXT_OPTION));
        printf(" '\n        ;;\n");
    }
}

static void print_bash(void)
{
    const struct cmd_entry *c;

    printf("# bash completion for patchbay\n"
           "_patchbay() {\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
           "    local literal options files texts\n"
           "    if ((COMP_CWORD == 1)); then\n"
           "        mapfile -t COMPREPLY < <(compgen -W '--help");
    for (size_t i = 0; (c = cmd_at(i)); i++)
        printf(" %s", c->name);
    printf("' -- \"$word\")\n"
           "        return\n"
           "    fi\n"
           "    case ${COMP_WORDS[1]} in\n");
    print_cases();
    printf("    esac\n"
           "    COMPREPLY=()\n"
           "    if [[ $texts == *\" $before \"* ]]; then\n"
           "        return\n"
           "    elif [[ $files == *\" $before \"* ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
           "    elif ((COMP_CWORD == 2)) && [[ $literal ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$literal --help\" -- \"$word\")\n"
           "    elif [[ $word == -* ]]; then\n"
           "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
           "    else\n"
           "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _patchbay patchbay\n");
}

static void print_zsh(void)
{
    const struct cmd_entry *c;

    printf("#compdef patchbay\n"
           "_patchbay() {\n"
           "    local before=$words[CURRENT-1] literal options files texts\n"
           "    local -a commands\n"
           "    commands=(\n");
    for (size_t i = 0; (c = cmd_at(i)); i++) {
        printf("        '%s:", c->name);
        print_quoted(c->summary, "'\\''");
        printf("'\n");
    }
    printf("    )\n"
           "    if ((CURRENT == 2)); then\n"
           "        _describe command commands\n"
           "        return\n"
           "    fi\n"
           "    case $words[2] in\n");
    print_cases();
    printf("    esac\n"
           "    if [[ $texts == *\" $before \"* ]]; then\n"
           "        return 1\n"
           "    elif [[ $files == *\" $before \"* ]]; then\n"
           "        _files\n"
           "    elif ((CURRENT == 3)) && [[ -n $literal ]]; then\n"
           "        compadd -- ${=literal} --help\n"
           "    elif [[ $PREFIX == -* ]]; then\n"
           "        compadd -- ${=options}\n"
           "    else\n"
           "        _files\n"
           "    fi\n"
           "}\n"
           "if [[ $funcstack[1] == _patchbay ]]; then\n" /* read because it is wanted, or by `source` */
           "    _patchbay \"$@\"\n"
           "else\n"
           "    compdef _patchbay patchbay\n"
           "fi\n");
}

static void print_fish(void)
{
    static const char *const flags[] = {
        [LITERAL] = "-f -a", [FLAG] = "-l", [FILE_OPTION] = "-r -l", [TEXT_OPTION] = "-x -l"};
    const struct cmd_entry *c;

    printf("# fish completion for patchbay\n");
    for (size_t i = 0; (c = cmd_at(i)); i++) {
        const char *p = c->usage;
        struct word w;

        printf("complete -c patchbay -n __fish_use_subcommand -f -a %s -d '", c->name);
        print_quoted(c->summary, "\\'");
        printf("'\n");
        while (next(c, &p, &w))
            printf("complete -c patchbay -n '__fish_seen_subcommand_from %s' %s %s\n", c->name, flags[w.kind],
                   w.text + (w.kind == LITERAL ? 0 : 2));
    }
    printf("complete -c patchbay -l help\n");
}

int cmd_completion(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

    for (size_t i = 0; argc == 2 && i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(argv[1], shells[i].name) == 0) {
            shells[i].print();
            return CMD_OK;
        }
    }
    return cmd_misused("completion", "%s: expected bash, zsh or fish", argc == 1 ? "nothing" : argv[argc - 1]);
}
