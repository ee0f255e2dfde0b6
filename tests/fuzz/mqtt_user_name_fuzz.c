/*
 * User names against client ids, the two parted by a line feed: what is read lies within them.
 */
#include "protocols/mqtt/user_name.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_within(struct text part, struct text whole)
{
    if (part.bytes &&
        (part.bytes < whole.bytes || part.bytes + part.length > whole.bytes + whole.length)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *start = (const char *)bytes, *end = length > 0 ? memchr(bytes, '\n', length) : NULL;
    struct text client_id = end ? (struct text){start, (size_t)(end - start)} : TEXT("d1");
    struct text name =
        end ? (struct text){end + 1, length - client_id.length - 1} : (struct text){start, length};
    struct user_name out;

    if (user_name_parse(name, client_id, &out)) {
        check_within(out.host, name);
        check_within(out.device, name);
        check_within(out.module, name);
        if (out.device.length == 0 || strlen(out.client_type) > USER_NAME_PARAMETER_MAX) {
            abort();
        }
    }
    return 0;
}
