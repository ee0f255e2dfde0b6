#include "tests/bench/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

void token_make(const char *host, const char *key_text, const char *policy, char out[TOKEN_SIZE])
{
    uint8_t key[96], mac[32];
    char text[256], sig[64], escaped[200] = "";
    unsigned length = 0;
    int key_length = EVP_DecodeBlock(key, (const uint8_t *)key_text, (int)strlen(key_text));
    for (size_t i = strlen(key_text); i > 0 && key_text[i - 1] == '='; i--) {
        key_length--;
    }
    snprintf(text, sizeof text, "%s\n4102444800", host);
    HMAC(EVP_sha256(), key, key_length, (const uint8_t *)text, strlen(text), mac, &length);
    EVP_EncodeBlock((uint8_t *)sig, mac, (int)length);
    for (const char *c = sig; *c; c++) {
        static const char *const forms[] = {['+'] = "%2B", ['/'] = "%2F", ['='] = "%3D"};
        const char plain[] = {*c, 0};
        const char *form = (size_t)*c < sizeof forms / sizeof *forms ? forms[(size_t)*c] : NULL;
        strcat(escaped, form ? form : plain);
    }
    snprintf(out, TOKEN_SIZE, "SharedAccessSignature sr=%s&sig=%s&se=4102444800&skn=%s", host,
        escaped, policy);
}
