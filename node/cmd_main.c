#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/cmd.h"
#include "schema/buf.h"

#define PACKAGES "share/patchbay/connections" /* beside bin */

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary, *usage, *help;
} commands[] = {
    {"up", cmd_up, "start agents: their broker, their connections and the agent processes",
     "up [--package-path DIRS] [--connections A,B | --exclude-connections A,B] [--env FILE] [agent.yaml]...",
     "Runs in the foreground and starts again what dies. The broker comes first, then the connections, each after "
     "those "
     "that\n"
     "it needs, then, once all required ones are connected, patchbay.command of agent.yaml (default: ./agent.yaml). "
     "Several\n"
     "agents share one broker, whose settings are in the first file. SIGTERM or SIGINT stops agents, connections and "
     "broker in\n"
     "this order; a second one does not wait for them. SIGHUP does what `patchbay reload` does.\n"
     "\n"
     "  --package-path DIRS        folders of connection packages, separated by colons; default: "
     "$PATCHBAY_PACKAGE_PATH.\n"
     "                             The packages installed with patchbay are looked at last.\n"
     "  --connections A,B          start only these\n"
     "  --exclude-connections A,B  start all but these\n"
     "  --env FILE                 NAME=value lines for ${NAME} in the files; default: .env beside agent.yaml\n"
     "\n"
     "Exit status: 0 after a signal or when all agents have ended by themselves, 2 for bad configuration, else 1.\n"
     "\n"
     "Example:\n"
     "  patchbay up agent.yaml\n"},
    {"run", cmd_up, "the same, as AEA calls it", "run [OPTIONS] [agent.yaml]...",
     "Another name of `patchbay up`, whose help has the options.\n"
     "\n"
     "Example:\n"
     "  patchbay run --connections stub agent.yaml\n"},
    {"reload", cmd_reload, "let a running agent take a changed configuration", "reload [agent.yaml]",
     "Broker and supervisor load their files again. Connections that are new are started, those that are gone are "
     "stopped,\n"
     "those whose configuration differs are started again; nothing else notices. Bad files change nothing. The agent "
     "is "
     "that of\n"
     "$PATCHBAY_RUN_DIR, else of ./agent.yaml.\n"
     "\n"
     "Exit status: 0, 1 = refused, or no supervisor answers, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay reload agent.yaml\n"},
    {"restart", cmd_restart, "start a process of a running agent again", "restart [--config FILE] NAME",
     "NAME is a connection, the agent, `broker`, or one instance such as stub.0. The process is asked to end, killed "
     "after 10 s,\n"
     "and started again at once; one that had failed is tried again. Returns when it was asked.\n"
     "\n"
     "  --config FILE  its agent.yaml; default: that of $PATCHBAY_RUN_DIR, else ./agent.yaml\n"
     "\n"
     "Exit status: 0, 1 = there is no such process, or no supervisor answers, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay restart stub\n"},
    {"ps", cmd_ps, "show the processes of an agent and what passes through them",
     "ps [--json] [--run DIR | agent.yaml]",
     "Asks the broker and the supervisor in DIR, or in the run directory of agent.yaml. Default: $PATCHBAY_RUN_DIR, "
     "else\n"
     "./agent.yaml. IN counts envelopes from a process, OUT those to it; GIVEN is what it is at work on.\n"
     "\n"
     "  --json     the same for programs\n"
     "  --run DIR  the run directory\n"
     "\n"
     "Exit status: 0, or 1 when the broker does not answer (what the supervisor knows is shown all the same), 2 for "
     "bad\n"
     "configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay ps agent.yaml\n"},
    {"check", cmd_check, "say whether configuration files are good", "check [--package-path DIRS] FILE...",
     "Each FILE is an agent.yaml, which is checked with all the connections that it names, a connection.yaml, or a\n"
     "protocol specification.\n"
     "\n"
     "Exit status: 0 = all are, 2 = one is not; the message is FILE:LINE: FIELD: what was expected.\n"
     "\n"
     "Example:\n"
     "  patchbay check agent.yaml connections/*/connection.yaml\n"},
    {"send", cmd_send, "send one envelope as the agent and wait for its end",
     "send --to ADDRESS [--agent NAME] [--sender ADDRESS] [--protocol ID] [--connection ID]\n"
     "                     [--endpoint URL] [--config FILE] [--timeout MS] [MESSAGE | -]",
     "Prints `settled`, or the code and the reason. Envelopes for the agent are left to the agent. Without MESSAGE, "
     "or\n"
     "with -, the message is read from standard input.\n"
     "\n"
     "  --to ADDRESS      whom it is for\n"
     "  --agent NAME      the agent; default: $PATCHBAY_AGENT, else the one of FILE\n"
     "  --sender ADDRESS  default: the agent's name\n"
     "  --protocol ID     protocol specification id; default: fetchai/default:1.0.0\n"
     "  --connection ID   public id of the connection to use; default: what routing decides\n"
     "  --endpoint URL    the broker; default: $PATCHBAY_ENDPOINT, else the one of FILE\n"
     "  --config FILE     default: ./agent.yaml\n"
     "  --timeout MS      how long to wait for the end; default: 10000\n"
     "\n"
     "Exit status: 0 = settled, 1 = not, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay send --to someone --connection fetchai/stub:0.21.3 hello\n"},
    {"decode", cmd_decode, "show what the bytes of a message say",
     "decode [--protobuf | --msgpack] [--protocol-file FILE]... PROTOCOL",
     "Reads the bytes from standard input and prints JSON, in which bytes are {\"hex\": \"...\"}. PROTOCOL is "
     "fetchai/default:1.0.0,\n"
     "fetchai/prometheus:1.0.0, fetchai/state_update:1.0.0, open_aea/signing:1.0.0, valory/http:1.0.0,\n"
     "valory/ledger_api:1.0.0, that of a specification in FILE or in ./protocols/*.yaml, or `envelope` for an AEA "
     "envelope\n"
     "with its message.\n"
     "\n"
     "  --protobuf, --msgpack  the encoding that is expected; default: the first byte tells\n"
     "  --protocol-file FILE   a protocol specification; it comes before one that is shipped\n"
     "\n"
     "Exit status: 0, 1 = malformed (the reason is on standard error), 2 = wrong arguments or no such protocol.\n"
     "\n"
     "Example:\n"
     "  patchbay decode valory/http:1.0.0 < message\n"},
    {"encode", cmd_encode, "make the bytes of a message from JSON",
     "encode [--protobuf | --msgpack] [--protocol-file FILE]... [PROTOCOL]",
     "Reads what decode prints from standard input and writes the bytes. May be left out: `protocol` when PROTOCOL is "
     "given,\n"
     "`encoding` (protobuf), `message_id` (1), `target` (0), `dialogue_reference` ([\"\", \"\"]), maps and lists that "
     "are "
     "empty,\n"
     "and what is optional. The value of a union is {\"KIND\": value}, such as {\"list_of_int\": [1, 2]}.\n"
     "\n"
     "  --protobuf, --msgpack  the encoding, whatever the JSON says\n"
     "  --protocol-file FILE   as for decode\n"
     "\n"
     "Exit status: as for decode.\n"
     "\n"
     "Example:\n"
     "  patchbay encode fetchai/default:1.0.0 > message <<< '{\"performative\": \"end\"}'\n"},
    {"generate", cmd_generate, "write C for a protocol", "generate protocol [--out DIR] [--prefix PREFIX] FILE",
     "FILE is a protocol specification as AEA has it. Writes NAME.h, with its names and a function for each speech act "
     "that\n"
     "begins a message, and NAME.c, its table for pbay_protocols_add; NAME is the protocol's.\n"
     "\n"
     "  --out DIR        where to; made if it is not there; default: the current directory\n"
     "  --prefix PREFIX  before each name in C, such as acme_; default: none\n"
     "\n"
     "Exit status: 0, 1 = a file cannot be written, 2 = wrong arguments, or the specification is wrong: the message "
     "is\n"
     "FILE:LINE: PATH: what was expected.\n"
     "\n"
     "Example:\n"
     "  patchbay generate protocol --out src protocols/weather.yaml\n"},
    {"scaffold", cmd_scaffold, "begin a connection", "scaffold connection [--sync] [--author AUTHOR] [--out DIR] NAME",
     "Writes DIR/NAME with connection.yaml, NAME.c and CMakeLists.txt: a connection that builds, attaches and prints "
     "what the\n"
     "agent sends.\n"
     "\n"
     "  --sync           for blocking code: its functions run in a pool of workers\n"
     "  --author AUTHOR  the first part of its public id; default: me\n"
     "  --out DIR        where to; made if it is not there; default: connections\n"
     "\n"
     "Exit status: 0, 1 = a file cannot be written or the folder is there already, 2 = wrong arguments.\n"
     "\n"
     "Example:\n"
     "  patchbay scaffold connection weather\n"},
    {"build", cmd_build, "build connections that are source", "build [--package-path DIRS] [FOLDER | agent.yaml]...",
     "Runs cmake in each FOLDER, or in those of an agent's connections that have a CMakeLists.txt (default: "
     "./agent.yaml), with\n"
     "FOLDER/build for what comes up, against the library that is installed with patchbay.\n"
     "\n"
     "Exit status: 0, 1 = it does not build, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay build connections/weather\n"},
    {"issue-certificates", cmd_certificates, "sign the certificates that connections ask for",
     "issue-certificates [--package-path DIRS] [agent.yaml]",
     "Signs each entry of cert_requests with the agent's key for its ledger_id (private_key_paths of agent.yaml; "
     "default:\n"
     "./agent.yaml) and writes it to its save_path, with the facts beside it in save_path.about. A connection whose\n"
     "certificates are missing, not valid now or for something else stays down; it looks again every 5 s.\n"
     "\n"
     "  --package-path DIRS  as for up\n"
     "\n"
     "Exit status: 0, 1 = one could not be issued, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay issue-certificates agent.yaml\n"},
};

#define N_COMMANDS (sizeof commands / sizeof *commands)

static int say_commands(FILE *to, int status)
{
    fputs("Usage: patchbay COMMAND [ARGUMENTS]\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-18s  %s\n", commands[i].name, commands[i].summary);
    fputs("\n`patchbay COMMAND --help` says more.\n", to);
    return status;
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    }
    return NULL;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Everything after `--` is meant literally. */
static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (is_help(argv[i]))
            return true;
    }
    return false;
}

static int say_help(const struct command *c)
{
    printf("Usage: patchbay %s\n\n%c%s.\n\n%s", c->usage, c->summary[0] - 'a' + 'A', c->summary + 1, c->help);
    return CMD_OK;
}

/* Output that cannot be written is a failure, also of a command that went well. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    fprintf(stderr, "patchbay: standard output: %s\n", strerror(errno));
    return status ? status : CMD_FAILED;
}

int main(int argc, char **argv)
{
    const struct command *c;

    if (argc < 2)
        return say_commands(stderr, CMD_USAGE);
    if (is_help(argv[1]) || strcmp(argv[1], "help") == 0)
        return finish(say_commands(stdout, CMD_OK));
    c = find(argv[1]);
    if (!c) {
        fprintf(stderr, "patchbay: there is no command '%s'\n", argv[1]);
        return say_commands(stderr, CMD_USAGE);
    }
    if (wants_help(argc - 1, argv + 1))
        return finish(say_help(c));
    return finish(c->run(argc - 1, argv + 1));
}

/* ---- shared ---- */

int cmd_misused(const char *name, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "patchbay %s: ", name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; `patchbay %s --help` says more\n", name);
    return CMD_USAGE;
}

bool cmd_bin_dir(char dir[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
    char *slash;

    if (n <= 0)
        return false;
    dir[n] = 0;
    slash = strrchr(dir, '/');
    if (!slash)
        return false;
    *slash = 0;
    return true;
}

bool cmd_join(char path[PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

    return n > 0 && n < PATH_MAX;
}

char *cmd_package_path(const char *given)
{
    const char *first = given ? given : getenv("PATCHBAY_PACKAGE_PATH");
    char bin[PATH_MAX], *path = NULL, *up;
    int n;

    if (!cmd_bin_dir(bin))
        return pb_strndup(pbay_str(first));
    up = strrchr(bin, '/');
    if (up)
        *up = 0;
    n = asprintf(&path, "%s%s%s/%s", first ? first : "", first && *first ? ":" : "", bin, PACKAGES);
    return n < 0 ? pb_strndup(pbay_str(first)) : path;
}

enum pbay_err cmd_load(const char *file, const char *package_path, struct pbay_agent_conf **conf)
{
    struct pbay_conf_error error = {""};
    enum pbay_err err = pbay_agent_conf_load(file, package_path, conf, &error);

    if (err)
        fprintf(stderr, "%s\n", error.text);
    return err;
}

const char *cmd_endpoint(const struct pbay_agent_conf *conf)
{
    const char *given = getenv("PATCHBAY_ENDPOINT");

    if (given && *given)
        return given; /* nodes may reach the broker by another way than it binds: a proxy, a service name */
    for (size_t i = 0; i < conf->n_endpoints; i++) {
        if (strncmp(conf->endpoints[i], "ipc://", 6) == 0)
            return conf->endpoints[i];
    }
    return conf->n_endpoints ? conf->endpoints[0] : NULL;
}

bool cmd_number(const char *text, long min, long max, long *value)
{
    char *end;

    errno = 0;
    *value = strtol(text, &end, 10);
    return !errno && end != text && !*end && *value >= min && *value <= max;
}
