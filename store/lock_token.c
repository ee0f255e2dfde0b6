#include "store/lock_token.h"

#include "store/random.h"

#include <stdio.h>

struct lock_token lock_token_generate(void)
{
    struct lock_token token;
    random_fill(token.bytes, sizeof token.bytes);
    token.bytes[6] = (uint8_t)((token.bytes[6] & 0x0f) | 0x40);
    token.bytes[8] = (uint8_t)((token.bytes[8] & 0x3f) | 0x80);
    return token;
}

static bool dash_before(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void lock_token_format(const struct lock_token *token, char out[LOCK_TOKEN_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof token->bytes; i++) {
        if (dash_before(i)) {
            *out++ = '-';
        }
        *out++ = digits[token->bytes[i] >> 4];
        *out++ = digits[token->bytes[i] & 0x0f];
    }
    *out = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool lock_token_parse(struct text text, struct lock_token *token)
{
    bool dashed = text.length == 36;
    if (!dashed && text.length != 32) {
        return false;
    }
    const char *at = text.bytes;
    for (size_t i = 0; i < sizeof token->bytes; i++) {
        if (dashed && dash_before(i) && *at++ != '-') {
            return false;
        }
        int high = digit_value(at[0]), low = digit_value(at[1]);
        if (high < 0 || low < 0) {
            return false;
        }
        token->bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}
