/* patchbay(1), out of the table of commands; the other pages are in node/man. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "node/cmd.h"

/* Text as it is: roff reads \ and - in its own way, and lines that begin with . or ' as requests. */
static void print_text(const char *text)
{
    bool start = true;

    for (; *text; text++) {
        if (start && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\n' && start)
            fputs(".sp\n", stdout); /* an empty line */
        else
            putchar(*text);
        start = *text == '\n';
    }
}

static void print_command(const struct cmd_entry *c)
{
    printf(".SS %s\n.nf\n.B", c->name);
    printf(" patchbay ");
    for (const char *p = c->usage; *p; p++) {
        if (*p == '\n')
            fputs("\n.B", stdout);
        else
            print_text((char[]){*p, 0});
    }
    printf("\n.fi\n.PP\n%c", toupper((unsigned char)c->summary[0]));
    print_text(c->summary + 1);
    printf(".\n.PP\n.nf\n");
    print_text(c->help);
    printf(".fi\n");
}

int cmd_man(void)
{
    const struct cmd_entry *c;

    printf(".\\\" Made by `patchbay help --man`.\n"
           ".TH PATCHBAY 1 2026-11-21 \"Patchbay " PATCHBAY_VERSION "\" \"User Commands\"\n"
           ".SH NAME\n"
           "patchbay \\- run and look after an agent and its connections\n"
           ".SH SYNOPSIS\n"
           ".B patchbay\n"
           ".I command\n"
           ".RI [ arguments ]\n"
           ".br\n"
           ".B patchbay\n"
           ".I command\n"
           ".B \\-\\-help\n"
           ".SH DESCRIPTION\n"
           "An agent talks to the world through connections.\n"
           "Patchbay runs each of them as a process of its own,\n"
           "with a broker between them and the agent.\n"
           "What an agent is made of is written in\n"
           ".BR agent.yaml (5).\n"
           ".SH COMMANDS\n");
    for (size_t i = 0; (c = cmd_at(i)); i++)
        print_command(c);
    printf(".SH ENVIRONMENT\n"
           ".TP\n"
           ".B PATCHBAY_PACKAGE_PATH\n"
           "Folders of connection packages, separated by colons, for commands without\n"
           ".BR \\-\\-package\\-path .\n"
           ".TP\n"
           ".BR PATCHBAY_RUN_DIR , \" PATCHBAY_ENDPOINT\" , \" PATCHBAY_AGENT\"\n"
           "Where the broker is and which agent is meant, for the commands that say so.\n"
           ".SH SEE ALSO\n"
           ".BR patchbay\\-broker (1),\n"
           ".BR agent.yaml (5),\n"
           ".BR connection.yaml (5)\n");
    return CMD_OK;
}
