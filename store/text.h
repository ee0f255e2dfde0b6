/*
 * Bytes with a length, borrowed from whoever holds them. For everybody who reads or writes what is
 * not a C string: parts of a message, of a topic, of a token.
 */
#ifndef DEVICEBOUND_STORE_TEXT_H
#define DEVICEBOUND_STORE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* `bytes` NULL means absent, which is not empty. */
struct text {
    const char *bytes;
    size_t length;
};

#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})
#define TEXT_ABSENT ((struct text){0, 0})

struct text text_of(const char *string); /* NULL gives TEXT_ABSENT */
bool text_equal(struct text a, struct text b);
bool text_equal_nocase(struct text a, struct text b); /* ASCII case folded */

/* Cuts off `rest` what stands before the first `separator`, and the separator. Where there is none
 * that is all of it, and `rest` becomes absent. */
struct text text_take_until(struct text *rest, char separator);

#endif
