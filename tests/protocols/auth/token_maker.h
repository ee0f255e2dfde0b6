/*
 * Makes SAS tokens the way the clients do, for the tests of this folder.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_AUTH_TOKEN_MAKER_H
#define DEVICEBOUND_TESTS_PROTOCOLS_AUTH_TOKEN_MAKER_H

#define TEST_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define OTHER_KEY "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
#define MODULE_KEY "bW9kdWxlIG1vZHVsZSBtb2R1bGUgbW9kdWxlIGtleSE="
#define TEST_EXPIRY "4102444800"

struct token_recipe {
    const char *resource; /* `sr` as it stands in the token */
    const char *order; /* of the fields; NULL: "sr sig se skn" */
    const char *policy; /* NULL: no `skn` */
    const char *expiry; /* NULL: TEST_EXPIRY */
    const char *key; /* base64; NULL: TEST_KEY */
    const char *raw_in_signature; /* characters that stay as they are; NULL: none */
};

/* Returned borrowed until the next call but seven. */
const char *make_token(struct token_recipe recipe);

/* The token of that resource, signed with TEST_KEY; as above. */
const char *token_for(const char *resource);

/* base64 of HMAC-SHA256 of `resource`, line feed, `expiry`. */
void make_signature(const char *key, const char *resource, const char *expiry, char out[45]);

#endif
