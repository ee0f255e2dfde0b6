#include "store/base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

/* EVP_DecodeBlock takes blanks at both ends, and padding anywhere. */
static bool is_of_alphabet(const char *text, size_t length)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i++) {
        if (!memchr(alphabet, text[i], sizeof alphabet - 1)) {
            return false;
        }
    }
    return true;
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
    if (!is_of_alphabet(text, length - padding)) {
        return false;
    }
    *decoded = (size_t)EVP_DecodeBlock(out, (const uint8_t *)text, (int)length) - padding;
    return true;
}
