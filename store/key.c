#include "store/key.h"

#include "store/base64.h"
#include "store/random.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

bool key_parse(const char *base64, struct key *key)
{
    size_t length = strlen(base64), decoded;
    uint8_t bytes[KEY_TEXT_SIZE];
    bool fits = length < KEY_TEXT_SIZE && base64_decode(base64, length, bytes, &decoded) &&
                decoded >= KEY_MIN && decoded <= KEY_MAX;
    if (fits) {
        memcpy(key->bytes, bytes, decoded);
        key->length = decoded;
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
