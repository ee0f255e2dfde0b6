#include "store/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

/* EVP_DecodeBlock takes blanks at both ends, padding anywhere, and bits that say nothing. */
static bool is_canonical(const char *text, size_t length, size_t padding)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const size_t idle_bits[] = {0, 3, 15}; /* of the last character, by padding */
    const char *at = alphabet;
    for (size_t i = 0; at && i < length - padding; i++) {
        at = memchr(alphabet, text[i], sizeof alphabet - 1);
    }
    return at && ((size_t)(at - alphabet) & idle_bits[padding]) == 0;
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *decoded)
{
    size_t padding = 0;
    if (length % 4 != 0 || length > INT_MAX) {
        return false;
    }
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=') {
        padding++;
    }
    if (!is_canonical(text, length, padding)) {
        return false;
    }
    *decoded = (size_t)EVP_DecodeBlock(out, (const uint8_t *)text, (int)length) - padding;
    return true;
}
