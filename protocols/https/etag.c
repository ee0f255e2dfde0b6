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

void etag_format_twin(uint64_t etag, char out[ETAG_TEXT_SIZE])
{
    unsigned char bytes[8];
    for (int i = 7; i >= 0; i--) {
        bytes[i] = (unsigned char)etag;
        etag >>= 8;
    }
    EVP_EncodeBlock((unsigned char *)out, bytes, sizeof bytes);
}

/* The bytes that base64 stands for. Returns their number; -1: it is none. */
static int decode(const char *text, size_t length, unsigned char bytes[ETAG_TEXT_SIZE])
{
    if (length == 0 || length >= ETAG_TEXT_SIZE - 1 || length % 4 != 0) {
        return -1;
    }
    return EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length);
}

/* Only what etag_format writes is read: anything else is some other ETag. */
static uint64_t parse(const char *text, size_t length)
{
    unsigned char decimal[ETAG_TEXT_SIZE] = {0};
    char canonical[ETAG_TEXT_SIZE];
    if (decode(text, length, decimal) < 0) {
        return NO_ETAG;
    }
    uint64_t etag = strtoull((const char *)decimal, NULL, 10);
    etag_format(etag, canonical);
    return strlen(canonical) == length && memcmp(canonical, text, length) == 0 ? etag : NO_ETAG;
}

static uint64_t parse_twin(const char *text, size_t length)
{
    unsigned char bytes[ETAG_TEXT_SIZE];
    uint64_t etag = 0;
    if (length != 12 || text[11] != '=' || decode(text, length, bytes) < 0) {
        return NO_ETAG;
    }
    for (int i = 0; i < 8; i++) {
        etag = etag << 8 | bytes[i];
    }
    return etag;
}

static struct etag_condition read(
    const char *value, uint64_t parse_etag(const char *text, size_t length), enum etag_match none)
{
    size_t length = value ? strlen(value) : 0;
    if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
        value++;
        length -= 2;
    }
    if (length == 0) {
        return (struct etag_condition){.match = none};
    }
    if (length == 1 && value[0] == '*') {
        return (struct etag_condition){.match = ETAG_ANY};
    }
    return (struct etag_condition){.match = ETAG_EXACT, .etag = parse_etag(value, length)};
}

struct etag_condition etag_read_condition(const char *value)
{
    return read(value, parse, ETAG_CREATE_ONLY);
}

struct etag_condition etag_read_twin_condition(const char *value)
{
    return read(value, parse_twin, ETAG_ANY);
}
