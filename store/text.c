#include "store/text.h"

#include <string.h>
#include <strings.h>

struct text text_of(const char *string)
{
    return (struct text){string, string ? strlen(string) : 0};
}

bool text_equal(struct text a, struct text b)
{
    return (a.bytes == NULL) == (b.bytes == NULL) && a.length == b.length &&
           (a.length == 0 || memcmp(a.bytes, b.bytes, a.length) == 0);
}

bool text_equal_nocase(struct text a, struct text b)
{
    return (a.bytes == NULL) == (b.bytes == NULL) && a.length == b.length &&
           (a.length == 0 || strncasecmp(a.bytes, b.bytes, a.length) == 0);
}

struct text text_take_until(struct text *rest, char separator)
{
    struct text piece = *rest;
    const char *end = rest->length > 0 ? memchr(rest->bytes, separator, rest->length) : NULL;
    if (!end) {
        *rest = TEXT_ABSENT;
        return piece;
    }
    piece.length = (size_t)(end - piece.bytes);
    *rest = (struct text){end + 1, rest->length - piece.length - 1};
    return piece;
}
