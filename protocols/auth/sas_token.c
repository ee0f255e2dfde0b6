#include "protocols/auth/sas_token.h"

#include "protocols/address/address.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* base64 of HMAC-SHA256's 32 bytes, without a zero. */
#define SIGNATURE_LENGTH 44

/* More digits than this are after any time that matters, and would overflow. */
#define EXPIRY_DIGITS_MAX 12

enum field {
    FIELD_RESOURCE,
    FIELD_SIGNATURE,
    FIELD_EXPIRY,
    FIELD_POLICY,
    FIELD_COUNT
};

static const struct text field_names[FIELD_COUNT] = {
    [FIELD_RESOURCE] = {"sr", 2},
    [FIELD_SIGNATURE] = {"sig", 3},
    [FIELD_EXPIRY] = {"se", 2},
    [FIELD_POLICY] = {"skn", 3},
};

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Takes the next word off `rest`; an empty one at the end. */
static struct text next_word(struct text *rest)
{
    struct text word;

    while (rest->length > 0 && is_space(rest->bytes[0])) {
        rest->bytes++;
        rest->length--;
    }
    word = (struct text){rest->bytes, 0};
    while (rest->length > 0 && !is_space(rest->bytes[0])) {
        rest->bytes++;
        rest->length--;
        word.length++;
    }
    return word;
}

/* Unknown fields are ignored. False: a field twice. */
static bool fields_cut(struct text rest, struct text values[FIELD_COUNT])
{
    while (rest.length > 0) {
        struct text value = text_take_until(&rest, '&');
        struct text name = text_take_until(&value, '=');

        for (size_t i = 0; i < FIELD_COUNT; i++) {
            if (text_equal_nocase(name, field_names[i])) {
                if (values[i].bytes) {
                    return false;
                }
                values[i] = value.bytes ? value : TEXT("");
            }
        }
    }
    return true;
}

/* Whole seconds, or a decimal fraction of them, as some clients write. */
static bool expiry_parse(struct text text, struct instant *expires)
{
    int64_t seconds = 0;
    int64_t unit = 1000000;
    size_t digits = 0;
    size_t i = 0;

    for (; i < text.length && text.bytes[i] >= '0' && text.bytes[i] <= '9'; i++) {
        digits += digits > 0 || text.bytes[i] != '0';
        if (digits <= EXPIRY_DIGITS_MAX) {
            seconds = seconds * 10 + (text.bytes[i] - '0');
        }
    }
    if (i == 0) {
        return false;
    }
    *expires = digits > EXPIRY_DIGITS_MAX ? INSTANT_NEVER : (struct instant){seconds * 1000000};
    if (i < text.length && text.bytes[i] == '.') {
        for (i++; i < text.length && text.bytes[i] >= '0' && text.bytes[i] <= '9'; i++) {
            unit /= 10;
            *expires = instant_add(*expires, (struct duration){(text.bytes[i] - '0') * unit});
        }
    }
    return i == text.length;
}

const char *sas_token_parse(struct text text, struct sas_token *token)
{
    struct text values[FIELD_COUNT] = {0};
    char expiry[64];

    if (!text.bytes || text.length > SAS_TOKEN_MAX) {
        return "The SAS token is missing or too long.";
    }
    if (!text_equal(next_word(&text), TEXT("SharedAccessSignature"))) {
        return "The SAS token does not begin with SharedAccessSignature.";
    }
    struct text fields = next_word(&text);
    if (fields.length == 0 || next_word(&text).length != 0) {
        return "The SAS token is not one word behind SharedAccessSignature.";
    }
    if (!fields_cut(fields, values)) {
        return "The SAS token has a field twice.";
    }
    for (size_t i = 0; i < FIELD_POLICY; i++) {
        if (values[i].length == 0) {
            return "The SAS token lacks one of sr, sig and se.";
        }
    }
    token->resource = values[FIELD_RESOURCE];
    token->expiry = values[FIELD_EXPIRY];
    if (!percent_decode(values[FIELD_SIGNATURE], token->signature, sizeof(token->signature)) ||
        !percent_decode(values[FIELD_POLICY], token->policy, sizeof(token->policy)) ||
        !percent_decode(values[FIELD_EXPIRY], expiry, sizeof(expiry)) ||
        !expiry_parse(text_of(expiry), &token->expires)) {
        return "A field of the SAS token is not readable.";
    }
    return NULL;
}

bool sas_token_is_signed_with(const struct sas_token *token, const struct key *key)
{
    unsigned char text[SAS_TOKEN_MAX + 1];
    unsigned char code[EVP_MAX_MD_SIZE];
    unsigned char expected[SIGNATURE_LENGTH + 1];
    unsigned code_length = 0;
    size_t length = 0;

    if (key->length == 0 || strlen(token->signature) != SIGNATURE_LENGTH) {
        return false;
    }
    memcpy(text, token->resource.bytes, token->resource.length);
    length = token->resource.length;
    text[length++] = '\n';
    memcpy(text + length, token->expiry.bytes, token->expiry.length);
    length += token->expiry.length;
    if (!HMAC(EVP_sha256(), key->bytes, (int)key->length, text, length, code, &code_length)) {
        return false;
    }
    EVP_EncodeBlock(expected, code, (int)code_length);
    return CRYPTO_memcmp(expected, token->signature, SIGNATURE_LENGTH) == 0;
}
