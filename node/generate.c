#include "node/generate.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- names in C ---- */

static void put_upper(FILE *f, const char *s)
{
    for (; *s; s++)
        putc(toupper((unsigned char)*s), f);
}

/* PREFIX_NAME_KIND_TEXT "text" */
static void put_constant(const struct pb_generate *g, FILE *f, const char *kind, const char *text)
{
    fputs("#define ", f);
    put_upper(f, g->prefix);
    put_upper(f, g->protocol->name);
    fprintf(f, "_%s_", kind);
    put_upper(f, text);
    fprintf(f, " \"%s\"\n", text);
}

/* What a parameter may not be called in C or C++, for their own words, or for ours. */
static bool is_taken(const char *name)
{
    static const char *const words[] = {
        "alignas",  "alignof",  "and",      "and_eq",   "asm",     "auto",      "bitand",    "bitor",    "bool",
        "break",    "case",     "catch",    "char",     "class",   "compl",     "concept",   "const",    "constexpr",
        "continue", "decltype", "default",  "delete",   "do",      "double",    "else",      "enum",     "errno",
        "explicit", "export",   "extern",   "false",    "float",   "for",       "friend",    "goto",     "if",
        "inline",   "int",      "linux",    "long",     "mutable", "namespace", "new",       "noexcept", "not",
        "not_eq",   "nullptr",  "operator", "or",       "or_eq",   "private",   "protected", "public",   "register",
        "requires", "restrict", "return",   "short",    "signed",  "sizeof",    "static",    "stderr",   "stdin",
        "stdout",   "struct",   "switch",   "template", "this",    "throw",     "true",      "try",      "typedef",
        "typeid",   "typename", "typeof",   "union",    "unix",    "unsigned",  "using",     "virtual",  "void",
        "volatile", "while",    "xor",      "xor_eq",   "NULL",    "EOF",       "m",         "err",      "protocols"};

    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i], name) == 0)
            return true;
    }
    return false;
}

static void put_parameter(FILE *f, const char *name)
{
    if (isdigit((unsigned char)*name))
        fprintf(f, "n%s", name);
    else
        fprintf(f, "%s%s", name, is_taken(name) ? "_" : "");
}

/* ---- each name once ---- */

/* Names of one kind, in the order in which they come. */
struct names {
    size_t n;
    const char *p[PBAY_MAX_PERFORMATIVES * PBAY_MAX_CONTENTS];
};

static void add(struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (strcmp(names->p[i], name) == 0)
            return;
    }
    names->p[names->n++] = name;
}

static bool check(const struct names *names, const char **a, const char **b)
{
    for (size_t i = 0; i < names->n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcasecmp(names->p[i], names->p[k]) != 0)
                continue;
            *a = names->p[k];
            *b = names->p[i];
            return false;
        }
    }
    return true;
}

static void add_contents(const struct pbay_protocol *p, struct names *names)
{
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->performatives[i].n; k++)
            add(names, p->performatives[i].contents[k].name);
    }
}

static void add_performatives(const struct pbay_protocol *p, struct names *names)
{
    for (size_t i = 0; i < p->n; i++)
        add(names, p->performatives[i].name);
}

static void add_roles(const struct pbay_protocol *p, struct names *names)
{
    for (size_t i = 0; i < p->n_roles; i++)
        add(names, p->roles[i]);
}

static void add_end_states(const struct pbay_protocol *p, struct names *names)
{
    for (size_t i = 0; i < p->n_end_states; i++)
        add(names, p->end_states[i]);
}

static const struct {
    const char *kind, *comment;
    void (*collect)(const struct pbay_protocol *p, struct names *names);
} kinds[] = {
    {"PERFORMATIVE", "performatives", add_performatives},
    {"CONTENT", "contents", add_contents},
    {"ROLE", "roles in a dialogue", add_roles},
    {"END_STATE", "how a dialogue can end", add_end_states},
};

/* ---- custom types ---- */

struct customs {
    size_t n;
    const struct pbay_custom *p[PBAY_MAX_PERFORMATIVES * PBAY_MAX_CONTENTS * 2];
};

static void add_custom(struct customs *customs, const struct pbay_custom *custom)
{
    for (size_t i = 0; custom && i < customs->n; i++) {
        if (customs->p[i] == custom)
            return;
    }
    if (custom)
        customs->p[customs->n++] = custom;
}

static void collect_customs(const struct pbay_protocol *p, struct customs *customs)
{
    customs->n = 0;
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->performatives[i].n; k++) {
            const struct pbay_content *c = &p->performatives[i].contents[k];

            add_custom(customs, c->custom);
            for (size_t j = 0; j < c->n; j++)
                add_custom(customs, c->members[j].custom);
        }
    }
}

static bool check_customs(const struct pb_generate *g, const char **a, const char **b)
{
    struct names names = {0}, values = {0};
    struct customs customs;

    collect_customs(g->protocol, &customs);
    for (size_t i = 0; i < customs.n; i++) {
        assert(customs.p[i]->n <= COUNT(values.p)); /* the loader's bound is lower */
        add(&names, customs.p[i]->name);
        values.n = 0;
        for (size_t k = 0; k < customs.p[i]->n; k++)
            add(&values, customs.p[i]->values[k]);
        if (!check(&values, a, b))
            return false;
    }
    return check(&names, a, b);
}

bool pb_generate_check(const struct pb_generate *g, const char **a, const char **b)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct names names = {0};

        kinds[i].collect(g->protocol, &names);
        if (!check(&names, a, b))
            return false;
    }
    return check_customs(g, a, b);
}

/* ---- header ---- */

static void put_head(const struct pb_generate *g, FILE *f, const char *what)
{
    fprintf(f,
            "/* %s: %s.\n * Written by `patchbay generate protocol` from %s; a change here is lost. */\n"
            "/* clang-format off */\n",
            g->protocol->id, what, g->source);
}

static void put_enums(const struct pb_generate *g, FILE *f)
{
    struct customs customs;

    collect_customs(g->protocol, &customs);
    for (size_t i = 0; i < customs.n; i++) {
        const struct pbay_custom *custom = customs.p[i];

        if (custom->n == 0)
            continue;
        fprintf(f, "\n/* ct:%s */\nenum {\n", custom->name);
        for (size_t k = 0; k < custom->n; k++) {
            fputs("    ", f);
            put_upper(f, g->prefix);
            put_upper(f, g->protocol->name);
            fputs("_ENUM_", f);
            put_upper(f, custom->name);
            putc('_', f);
            put_upper(f, custom->values[k]);
            fprintf(f, " = %zu,\n", k);
        }
        fputs("};\n", f);
    }
}

/* How a content that has one value, always, is a parameter. */
static const struct {
    const char *type, *set;
} parameters[] = {
    [PBAY_STR] = {"struct pbay_str ", "str"},
    [PBAY_BYTES] = {"struct pbay_str ", "bytes"},
    [PBAY_INT] = {"int32_t ", "int"},
    [PBAY_FLOAT] = {"double ", "float"},
    [PBAY_BOOL] = {"bool ", "bool"},
    [PBAY_ENUM] = {"int32_t ", "int"},
    [PBAY_CUSTOM] = {"struct pbay_str ", "bytes"},
};

static bool is_parameter(const struct pbay_content *c)
{
    return c->form == PBAY_ONE && !c->optional;
}

static void put_begin(const struct pb_generate *g, FILE *f, const struct pbay_performative *p)
{
    fprintf(f,
            "\nstatic inline enum pbay_err %s%s_%s_init(struct pbay_message *m, const struct pbay_protocols *protocols",
            g->prefix, g->protocol->name, p->name);
    for (size_t i = 0; i < p->n; i++) {
        if (!is_parameter(&p->contents[i]))
            continue;
        fprintf(f, ",\n    %s", parameters[p->contents[i].type].type);
        put_parameter(f, p->contents[i].name);
    }
    fprintf(f, ")\n{\n    enum pbay_err err = pbay_message_init(m, protocols, pbay_str(\"%s\"), \"%s\");\n\n",
            g->protocol->id, p->name);
    for (size_t i = 0; i < p->n; i++) {
        if (!is_parameter(&p->contents[i]))
            continue;
        fprintf(f, "    if (!err)\n        err = pbay_message_set_%s(m, \"%s\", ", parameters[p->contents[i].type].set,
                p->contents[i].name);
        put_parameter(f, p->contents[i].name);
        fputs(");\n", f);
    }
    fputs("    return err;\n}\n", f);
}

static void put_guard(const struct pb_generate *g, FILE *f, const char *directive)
{
    fprintf(f, "#%s ", directive);
    put_upper(f, g->prefix);
    put_upper(f, g->protocol->name);
    fputs("_PROTOCOL_H\n", f);
}

static void put_constants(const struct pb_generate *g, FILE *f)
{
    fputs("\n/* the protocol specification id, as envelopes have it */\n#define ", f);
    put_upper(f, g->prefix);
    put_upper(f, g->protocol->name);
    fprintf(f, "_ID \"%s\"\n", g->protocol->id);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct names names = {0};

        kinds[i].collect(g->protocol, &names);
        if (names.n)
            fprintf(f, "\n/* %s */\n", kinds[i].comment);
        for (size_t k = 0; k < names.n; k++)
            put_constant(g, f, kinds[i].kind, names.p[k]);
    }
}

void pb_generate_header(const struct pb_generate *g, FILE *f)
{
    put_head(g, f, "names, and functions that begin a message");
    put_guard(g, f, "ifndef");
    put_guard(g, f, "define");
    fputs("\n#include <pbay_message.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n", f);
    put_constants(g, f);
    put_enums(g, f);
    fprintf(f, "\n/* for pbay_protocols_add */\nextern const struct pbay_protocol %s%s_protocol;\n", g->prefix,
            g->protocol->name);
    fputs("\n/* Begin a message with those of its contents that are one value and not optional; the others are set "
          "behind it.\n"
          " *   PBAY_OK; PBAY_INVALID = the protocol is not there, or a value is out of its range: m->why */\n",
          f);
    for (size_t i = 0; i < g->protocol->n; i++)
        put_begin(g, f, &g->protocol->performatives[i]);
    fputs("\n#ifdef __cplusplus\n}\n#endif\n#endif\n", f);
}

/* ---- tables ---- */

static void put_strings(FILE *f, const char *name, const char *const *strings, size_t n)
{
    fprintf(f, "static const char *const %s[] = {", name);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s\"%s\"", i ? ", " : "", strings[i]);
    fputs("};\n", f);
}

static void put_customs(FILE *f, const struct customs *customs)
{
    char name[32];

    for (size_t i = 0; i < customs->n; i++) {
        const struct pbay_custom *custom = customs->p[i];

        snprintf(name, sizeof name, "values_%zu", i);
        if (custom->n)
            put_strings(f, name, custom->values, custom->n);
        fprintf(f, "static const struct pbay_custom custom_%zu = {\"%s\", %zu, %s};\n", i, custom->name, custom->n,
                custom->n ? name : "NULL");
    }
}

static void put_content(FILE *f, const struct pbay_content *c, const struct customs *customs, const char *members)
{
    static const char *const types[] = {
        [PBAY_STR] = "PBAY_STR",      [PBAY_BYTES] = "PBAY_BYTES", [PBAY_INT] = "PBAY_INT",
        [PBAY_FLOAT] = "PBAY_FLOAT",  [PBAY_BOOL] = "PBAY_BOOL",   [PBAY_ENUM] = "PBAY_ENUM",
        [PBAY_CUSTOM] = "PBAY_CUSTOM"};
    static const char *const forms[] = {[PBAY_ONE] = "PBAY_ONE",
                                        [PBAY_LIST] = "PBAY_LIST",
                                        [PBAY_SET] = "PBAY_SET",
                                        [PBAY_DICT] = "PBAY_DICT",
                                        [PBAY_UNION] = "PBAY_UNION"};

    fprintf(f, "    {.name = \"%s\", .field = %u", c->name, (unsigned)c->field);
    if (c->form != PBAY_UNION)
        fprintf(f, ", .type = %s", types[c->type]);
    if (c->form != PBAY_ONE)
        fprintf(f, ", .form = %s", forms[c->form]);
    if (c->form == PBAY_DICT)
        fprintf(f, ", .key = %s", types[c->key]);
    if (c->optional)
        fputs(", .optional = true", f);
    for (size_t i = 0; i < customs->n; i++) {
        if (customs->p[i] == c->custom)
            fprintf(f, ", .custom = &custom_%zu", i);
    }
    if (c->kind)
        fprintf(f, ", .kind = \"%s\"", c->kind);
    if (c->form == PBAY_UNION)
        fprintf(f, ", .n = %zu, .members = %s", c->n, members);
    fputs("},\n", f);
}

static void put_members(FILE *f, const struct pbay_content *c, const struct customs *customs, const char *name)
{
    if (c->form != PBAY_UNION)
        return;
    fprintf(f, "static const struct pbay_content %s[] = {\n", name);
    for (size_t i = 0; i < c->n; i++)
        put_content(f, &c->members[i], customs, NULL);
    fputs("};\n", f);
}

static void put_contents(FILE *f, size_t which, const struct pbay_performative *p, const struct customs *customs)
{
    char name[64];

    if (p->n == 0)
        return;
    fprintf(f, "\n/* %s */\n", p->name);
    for (size_t i = 0; i < p->n; i++) {
        snprintf(name, sizeof name, "members_%zu_%zu", which, i);
        put_members(f, &p->contents[i], customs, name);
    }
    fprintf(f, "static const struct pbay_content contents_%zu[] = {\n", which);
    for (size_t i = 0; i < p->n; i++) {
        snprintf(name, sizeof name, "members_%zu_%zu", which, i);
        put_content(f, &p->contents[i], customs, name);
    }
    fputs("};\n", f);
}

static void put_performatives(FILE *f, const struct pbay_protocol *p)
{
    fputs("\nstatic const struct pbay_performative performatives[] = {\n", f);
    for (size_t i = 0; i < p->n; i++) {
        const struct pbay_performative *one = &p->performatives[i];

        fprintf(f, "    {.name = \"%s\", .field = %u", one->name, (unsigned)one->field);
        if (one->n)
            fprintf(f, ", .n = %zu, .contents = contents_%zu", one->n, i);
        if (one->replies)
            fprintf(f, ", .replies = 0x%x", (unsigned)one->replies);
        fprintf(f, "%s%s},\n", one->initial ? ", .initial = true" : "", one->terminal ? ", .terminal = true" : "");
    }
    fputs("};\n", f);
}

void pb_generate_tables(const struct pb_generate *g, FILE *f)
{
    const struct pbay_protocol *p = g->protocol;
    struct customs customs;

    collect_customs(p, &customs);
    put_head(g, f, "its table");
    fprintf(f, "#include \"%s.h\"\n\n", p->name);
    put_customs(f, &customs);
    for (size_t i = 0; i < p->n; i++)
        put_contents(f, i, &p->performatives[i], &customs);
    put_performatives(f, p);
    if (p->n_roles)
        put_strings(f, "roles", p->roles, p->n_roles);
    if (p->n_end_states)
        put_strings(f, "end_states", p->end_states, p->n_end_states);
    fprintf(f, "\nconst struct pbay_protocol %s%s_protocol = {\n", g->prefix, p->name);
    fprintf(f, "    .name = \"%s\",\n    .id = \"%s\",\n    .n = %zu,\n    .performatives = performatives,\n", p->name,
            p->id, p->n);
    if (p->n_roles)
        fprintf(f, "    .n_roles = %zu,\n    .roles = roles,\n", p->n_roles);
    if (p->n_end_states)
        fprintf(f, "    .n_end_states = %zu,\n    .end_states = end_states,\n", p->n_end_states);
    if (p->keep_terminal)
        fputs("    .keep_terminal = true,\n", f);
    fputs("};\n", f);
}
