/* The subcommands of `patchbay`: what runs, and what is said about it by `--help`, the completion scripts and
 * patchbay(1). To add one: a row here, its function in cmd.h, its file in cmd.cmake. Its usage is read by
 * cmd_completion.c: options begin with --, what the user replaces is in upper case, words in lower case are meant
 * literally. */
#include "node/cmd.h"

static const struct cmd_entry commands[] = {
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
     "  --package-path DIRS  as for up\n"
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
     "fetchai/prometheus:1.0.0, fetchai/state_update:1.0.0, open_aea/signing:1.0.0, "
     "patchbay/vcx_connection:1.0.0,\n"
     "valory/http:1.0.0, valory/ledger_api:1.0.0, that of a specification in FILE or in ./protocols/*.yaml, or "
     "`envelope` for an AEA "
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
    {"keygen", cmd_keygen, "make key pairs for tcp", "keygen [--out DIR] NAME...",
     "Writes DIR/NAME, a CURVE certificate with a public key to give away, and DIR/NAME_secret, which has the secret "
     "key as well\n"
     "and stays with whoever is NAME; in czmq's format, the second with mode 0600. Nothing that is there is written "
     "over.\n"
     "\n"
     "  --out DIR  default: keys; made if it is not there\n"
     "\n"
     "The broker's is named by patchbay.key of agent.yaml, those of others are listed by the file that patchbay.policy "
     "names. A\n"
     "connection or an agent finds its own by PATCHBAY_KEY, the broker's by PATCHBAY_BROKER_KEY.\n"
     "\n"
     "Exit status: 0, 1 = a file cannot be written or is there already, 2 = wrong arguments.\n"
     "\n"
     "Example:\n"
     "  patchbay keygen broker web\n"},
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
     "  --package-path DIRS  as for up\n"
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

    {"list", cmd_list, "show an agent's connections and protocols",
     "list [--available] [--json] [--package-path DIRS] [agent.yaml]",
     "Shows each connection of the agent with its folder, its instances and its executable (\"missing\" if there is "
     "none),\n"
     "and the protocols that are shipped or in ./protocols/*.yaml.\n"
     "\n"
     "  --available          instead, the packages that the agent could have and does not name\n"
     "  --json               the same for programs\n"
     "  --package-path DIRS  as for up\n"
     "\n"
     "Exit status: 0, or 2 for wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay list --available\n"},
    {"add", cmd_add, "add a connection to an agent", "add connection [--package-path DIRS] [--config FILE] PUBLIC_ID",
     "Writes the connection at the end of `connections` in agent.yaml; comments and all else stay as they are. The "
     "package\n"
     "has to be found: of this version, or of any if PUBLIC_ID has none; then the one that is found is written. Unless "
     "the\n"
     "result is good, nothing is changed.\n"
     "\n"
     "  --package-path DIRS  as for up\n"
     "  --config FILE        default: ./agent.yaml\n"
     "\n"
     "Exit status: 0, 1 = the file cannot be written, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay add connection fetchai/stub\n"},
    {"remove", cmd_remove, "remove a connection from an agent", "remove connection [--config FILE] NAME|PUBLIC_ID",
     "Takes the connection out of `connections` in agent.yaml, with a comment at the end of its line; all else stays. "
     "Refused\n"
     "while default_connection, default_routing or an override document names it.\n"
     "\n"
     "  --config FILE  default: ./agent.yaml\n"
     "\n"
     "Exit status: 0, 1 = the file cannot be written, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay remove connection stub\n"},
    {"config", cmd_config, "show or change one value of an agent's configuration",
     "config get [--config FILE] PATH\n"
     "       patchbay config set [--config FILE] [--type TYPE] PATH VALUE",
     "PATH is agent.KEY for the first document of agent.yaml, or connections.NAME.config.KEY for a connection's value, "
     "of\n"
     "which agent.yaml's override counts, else the package's; vendor.AUTHOR.connections.NAME.config.KEY asks for the "
     "author\n"
     "too. A KEY may be KEY.KEY. get prints lists and dicts as JSON. set changes agent.yaml in place and nothing else "
     "in it;\n"
     "a connection's value goes into its override document, which is made if there is none. Unless the result is "
     "good,\n"
     "nothing is changed. A VALUE that begins with - comes behind --.\n"
     "\n"
     "  --config FILE  default: ./agent.yaml\n"
     "  --type TYPE    str, int, float, bool, list, dict or none; default: that of the value that is there, else what\n"
     "                 VALUE looks like. A list or dict is JSON.\n"
     "\n"
     "Exit status: 0, 1 = not set, or the file cannot be written, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  patchbay config set connections.http_server.config.port 8080\n"},
    {"interact", cmd_interact, "talk with an agent over its stub connection", "interact [--config FILE] [--timeout MS]",
     "Sends each line that is typed to the agent as a fetchai/default `bytes` message from AGENT_interact, through the "
     "input\n"
     "file of its stub connection, and prints what comes to the output file: fetchai/default decoded, of others the "
     "sender,\n"
     "the protocol and the length. An empty line says whether there is anything new. Ends at the end of standard input "
     "or\n"
     "at Ctrl-C.\n"
     "\n"
     "  --config FILE  default: ./agent.yaml\n"
     "  --timeout MS   after the end of standard input, how long to wait until as many messages have come as were "
     "sent;\n"
     "                 default: 0\n"
     "\n"
     "Exit status: 0, 1 = a file cannot be read or written, 2 = wrong arguments or configuration.\n"
     "\n"
     "Example:\n"
     "  echo hello | patchbay interact --timeout 5000\n"},
    {"completion", cmd_completion, "print a completion script for a shell", "completion bash|zsh|fish",
     "The scripts are installed with patchbay; this is for a shell that does not find them.\n"
     "\n"
     "Exit status: 0, or 2 for wrong arguments.\n"
     "\n"
     "Example:\n"
     "  source <(patchbay completion bash)\n"},
};

const struct cmd_entry *cmd_at(size_t i)
{
    return i < sizeof commands / sizeof *commands ? &commands[i] : NULL;
}
