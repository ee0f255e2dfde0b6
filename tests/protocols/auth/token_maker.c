#include "tests/protocols/auth/token_maker.h"

#include "store/identity.h"

#include <check.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

void make_signature(const char *key_text, const char *resource, const char *expiry, char out[45])
{
    char text[2048];
    unsigned char code[32];
    unsigned length = 0;
    struct key key;

    ck_assert(key_parse(key_text, &key));
    snprintf(text, sizeof(text), "%s\n%s", resource, expiry);
    ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key.bytes, (int)key.length, (unsigned char *)text,
        strlen(text), code, &length));
    EVP_EncodeBlock((unsigned char *)out, code, (int)length);
}

static void percent_encode(const char *text, const char *raw, char *out)
{
    for (; *text; text++) {
        if (isalnum((unsigned char)*text) || (raw && strchr(raw, *text))) {
            *out++ = *text;
        } else {
            out += sprintf(out, "%%%02X", (unsigned char)*text);
        }
    }
    *out = '\0';
}

const char *make_token(struct token_recipe recipe)
{
    static char tokens[8][2048];
    static size_t turn;
    char *token = tokens[turn++ % 8];
    const char *order = recipe.order ? recipe.order : "sr sig se skn";
    const char *expiry = recipe.expiry ? recipe.expiry : TEST_EXPIRY;
    const char *key = recipe.key ? recipe.key : TEST_KEY;
    char names[64];
    char signature[45];
    char encoded[3 * 45];
    char *rest = names;
    char separator = ' ';
    char *end = token + sprintf(token, "SharedAccessSignature");

    make_signature(key, recipe.resource, expiry, signature);
    percent_encode(signature, recipe.raw_in_signature, encoded);
    snprintf(names, sizeof(names), "%s", order);
    for (char *name; (name = strsep(&rest, " "));) {
        const char *value = strcmp(name, "sr") == 0    ? recipe.resource
                            : strcmp(name, "sig") == 0 ? encoded
                            : strcmp(name, "se") == 0  ? expiry
                                                       : recipe.policy;

        if (value) {
            end += sprintf(end, "%c%s=%s", separator, name, value);
            separator = '&';
        }
    }
    return token;
}

const char *token_for(const char *resource)
{
    return make_token((struct token_recipe){.resource = resource});
}
