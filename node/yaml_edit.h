/* Changes to a YAML text that leave every other byte as it is: comments, order, quotes, line ends. A change works on
 * the text, by the positions of the nodes, and is then read again: unless the new tree is the old one with just that
 * change, the text stays as it was and the change is refused. So a layout that is not understood costs a message, not a
 * file.
 *
 * Nodes and docs live until the next change that succeeds. Functions that return bool have filled e->error when they
 * return false. */
#ifndef PB_YAML_EDIT_H
#define PB_YAML_EDIT_H

#include "schema/yaml_tree.h"

struct yaml_edit {
    const char *name;   /* in errors; borrowed */
    struct pb_buf text; /* what would be written */
    struct pb_arena arena;
    struct pb_yaml_node *docs;
    struct pbay_conf_error error;
};

/* The text is copied. PBAY_CONFIG also if there is no document in it. */
bool yaml_edit_init(struct yaml_edit *e, const char *name, struct pbay_str text);
void yaml_edit_fini(struct yaml_edit *e);

/* The value of keys[0].keys[1]... below a mapping becomes `text`, which is YAML in one line: a scalar, [...] or {...}.
 * Mappings on the way that are not there are made; a new key comes behind the others. */
bool yaml_edit_set(struct yaml_edit *e, const struct pb_yaml_node *map, const char *const *keys, size_t n,
                   const char *text);

/* The value of a mapping's key is replaced. */
bool yaml_edit_replace(struct yaml_edit *e, const struct pb_yaml_node *value, const char *text);

/* One more entry at the end of a sequence. */
bool yaml_edit_append(struct yaml_edit *e, const struct pb_yaml_node *sequence, const char *text);

/* An entry of a sequence goes; of a block, with its lines and what is said in a comment at the end of them. */
bool yaml_edit_remove(struct yaml_edit *e, const struct pb_yaml_node *item);

/* One more document at the end: a mapping with these lines, each with its \n. */
bool yaml_edit_document(struct yaml_edit *e, const char *lines);

/* text as a scalar in one line that is read as this text, quoted where it has to be; lives in the arena. */
const char *yaml_edit_quote(struct pb_arena *arena, const char *text);

#endif
