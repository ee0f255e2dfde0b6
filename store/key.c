#include "store/key.h"

#include "store/random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

bool key_parse(const char *base64, struct key *key)
{
    size_t length = strlen(base64);
    uint8_t bytes[96];
    if (length == 0 || length % 4 != 0 || length > KEY_TEXT_SIZE - 1) {
        return false;
    }
    int decoded = EVP_DecodeBlock(bytes, (const uint8_t *)base64, (int)length);
    if (decoded < 0) {
        return false;
    }
    decoded -= (base64[length - 1] == '=') + (base64[length - 2] == '=');
    bool fits = decoded >= KEY_MIN && decoded <= KEY_MAX;
    if (fits) {
        memcpy(key->bytes, bytes, (size_t)decoded);
        key->length = (size_t)decoded;
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
    return fits;
}

void key_format(const struct key *key, char out[KEY_TEXT_SIZE])
{
    EVP_EncodeBlock((uint8_t *)out, key->bytes, (int)key->length);
}

struct key key_generate(void)
{
    struct key key = {.length = 32};
    random_fill(key.bytes, key.length);
    return key;
}

struct key key_derive(const char *device_id)
{
    static const char label[] = "devicebound device key";
    struct key key = {.length = 32};
    unsigned length = 0;
    HMAC(EVP_sha256(), label, sizeof label - 1, (const uint8_t *)device_id, strlen(device_id),
        key.bytes, &length);
    return key;
}
