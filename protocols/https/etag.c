#include "protocols/https/etag.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_ETAG UINT64_MAX

void etag_format(uint64_t etag, char out[ETAG_TEXT_SIZE])
{
    char decimal[21];
    int length = snprintf(decimal, sizeof decimal, "%" PRIu64, etag);
    EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)decimal, length);
}

/* Only what etag_format writes is read: anything else is some other ETag. */
static uint64_t parse(const char *text, size_t length)
{
    unsigned char decimal[ETAG_TEXT_SIZE];
    char canonical[ETAG_TEXT_SIZE];
    if (length == 0 || length >= ETAG_TEXT_SIZE - 1 || length % 4 != 0 ||
        EVP_DecodeBlock(decimal, (const unsigned char *)text, (int)length) < 0) {
        return NO_ETAG;
    }
    uint64_t etag = strtoull((const char *)decimal, NULL, 10);
    etag_format(etag, canonical);
    return strlen(canonical) == length && memcmp(canonical, text, length) == 0 ? etag : NO_ETAG;
}

struct etag_condition etag_read_condition(const char *value)
{
    size_t length = value ? strlen(value) : 0;
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value++;
        length -= 2;
    }
    if (length == 0) {
        return (struct etag_condition){.match = ETAG_CREATE_ONLY};
    }
    if (length == 1 && value[0] == '*') {
        return (struct etag_condition){.match = ETAG_ANY};
    }
    return (struct etag_condition){.match = ETAG_EXACT, .etag = parse(value, length)};
}
