/*
 * Base64 as peers and operators write it: padded, and of its alphabet alone. Bits of the last
 * character that say nothing may be set: whoever makes a key up sets them, and every SDK reads it.
 * Called by key and, above, for bodies. Pure functions.
 *
 * Source: RFC 4648 section 4; sections 3.2 to 3.5 leave it to the decoder how strict it is.
 */
#ifndef DEVICEBOUND_STORE_BASE64_H
#define DEVICEBOUND_STORE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `out` has room for three bytes for each four of `text`. False: it is no base64. */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *decoded);

#endif
