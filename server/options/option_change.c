/* Settings that change while the hub runs: all that a request names, or none. */
#include "server/options/options_table.h"

#include "store/memory.h"

#include <stdlib.h>

static struct option_given *copy_given(const struct option_given *given)
{
    struct option_given *copy = memory_allocate_array(option_row_count, sizeof *copy);
    for (size_t i = 0; i < option_row_count; i++) {
        copy[i] = (struct option_given){given[i].source, memory_copy_string(given[i].text)};
    }
    return copy;
}

static void free_given(struct option_given *given)
{
    for (size_t i = 0; i < option_row_count; i++) {
        free(given[i].text);
    }
    free(given);
}

/* What can change owns no memory, so a copy of the values can be dropped or kept. */
bool options_change(struct options *options, const struct json_t *object, char mistake[static 512])
{
    const struct option_origin origin = {SOURCE_RUNTIME, NULL};
    struct options changed = *options;
    changed.given = copy_given(options->given);
    if (!option_take_object(&changed, object, "", origin, mistake) ||
        !option_check_ranges(&changed, NULL, mistake)) {
        free_given(changed.given);
        return false;
    }
    if (options->started) {
        free_given(options->given);
    } else {
        changed.started = memory_allocate(sizeof *changed.started);
        *changed.started = *options;
    }
    *options = changed;
    return true;
}

void options_undo_changes(struct options *options)
{
    if (options->started) {
        struct options *started = options->started;
        free_given(options->given);
        *options = *started;
        free(started);
    }
}
