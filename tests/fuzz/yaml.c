/* Any bytes as a YAML file: a bounded tree or an error with a line, never more memory than the bounds allow. */
#include <assert.h>
#include <string.h>

#include "schema/yaml_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct pb_arena arena = {0};
    struct pb_yaml_node *docs = NULL;
    struct pbay_conf_error error = {{0}};

    if (pb_yaml_parse("input", (const char *)data, n, &arena, &docs, &error))
        assert(!docs && strncmp(error.text, "input:", 6) == 0);
    pb_arena_fini(&arena);
    return 0;
}
