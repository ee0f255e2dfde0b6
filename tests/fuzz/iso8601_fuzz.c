/*
 * Instants and durations as text: what is read is written so that it is read as the same again.
 */
#include "store/iso8601.h"
#include "store/memory.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *text = memory_copy_bytes(bytes, length);
    char written[ISO8601_SIZE];
    struct instant at, again;
    if (iso8601_parse_instant(text, &at)) {
        iso8601_format_instant(at, 7, written);
        if (!iso8601_parse_instant(written, &again) || again.us != at.us) {
            abort();
        }
    }
    struct duration span, same;
    if (iso8601_parse_duration(text, &span)) {
        iso8601_format_duration(span, written);
        if (!iso8601_parse_duration(written, &same) || same.us != span.us) {
            abort();
        }
    }
    free(text);
    return 0;
}
