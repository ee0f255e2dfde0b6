/*
 * SAS tokens and their audiences: what is read stays within its bounds.
 */
#include "protocols/auth/audience.h"
#include "protocols/auth/sas_token.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct key key = {.bytes = {1}, .length = 32};
    struct sas_token token;
    struct audience audience;
    char scope[288];

    if (sas_token_parse((struct text){(const char *)bytes, length}, &token) != NULL) {
        return 0;
    }
    if (token.expires.us < 0 || token.resource.length == 0 ||
        sas_token_is_signed_with(&token, &key)) {
        abort();
    }
    if (audience_parse(token.resource, &audience) &&
        audience_write_scope(&audience, "d", scope, sizeof(scope)) && !scope_covers(scope, scope)) {
        abort();
    }
    return 0;
}
