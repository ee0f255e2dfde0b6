/*
 * Queries: what is read can be evaluated, what is refused says why, and neither leaves its bounds.
 */
#include "protocols/https/query_language.h"
#include "store/memory.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static const char document[] = "{\"deviceId\":\"d1\",\"version\":7,\"tags\":{\"floor\":2.5,"
                               "\"list\":[1,{\"a\":1}],\"none\":null},"
                               "\"properties\":{\"desired\":{},\"reported\":{\"on\":true}}}";

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_rows(const struct query *query)
{
    json_t *twin = json_loads(document, 0, NULL);
    json_t *row;
    query_matches(query, twin);
    if (query_counts(query)) {
        check(!query_selects_all(query));
        row = query_write_count(query, 1);
        check(json_object_size(row) == 1);
    } else {
        row = query_write_row(query, twin);
        check(json_is_object(row));
    }
    json_decref(row);
    json_decref(twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct hub_error error = {0};
    /* A copy without a zero behind it, so that reading past the end is seen. */
    char *copy = memory_allocate(length + 1);
    memcpy(copy + 1, bytes, length);
    struct query *query = query_parse((struct text){copy + 1, length}, &error);
    if (query) {
        check_rows(query);
    } else {
        check(error.code == HUB_ARGUMENT_INVALID && strlen(error.sentence) > 12);
    }
    query_free(query);
    free(copy);
    return 0;
}
