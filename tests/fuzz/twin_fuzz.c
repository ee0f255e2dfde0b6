/*
 * JSON that a client writes into a twin: what passes the check can be merged, leaves no null
 * behind, is still allowed, changes nothing when it comes a second time, and takes no more text
 * than what it counts allows.
 */
#include "store/twin_document.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool has_null(json_t *object)
{
    const char *name;
    json_t *member;
    json_object_foreach(object, name, member)
    {
        if (json_is_null(member) || has_null(member)) {
            return true;
        }
    }
    return false;
}

static void check_merge(json_t *patch)
{
    json_t *target = json_object();
    json_t *metadata = json_object();
    document_merge(target, patch);
    document_stamp(metadata, patch, (struct instant){0}, 7);
    check(!has_null(target));
    check(document_check(target, NULL) == HUB_OK);
    json_t *once = json_deep_copy(target);
    document_merge(target, patch);
    check(json_equal(target, once));
    char *text = document_dump(target);
    check(strlen(text) <= 2 + 8 * document_size(target));
    free(text);
    free(document_dump(metadata));
    json_decref(once);
    json_decref(metadata);
    json_decref(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_t *patch = json_loadb((const char *)bytes, length, 0, NULL);
    if (json_is_object(patch) && document_check(patch, NULL) == HUB_OK) {
        check_merge(patch);
    }
    json_decref(patch);
    return 0;
}
