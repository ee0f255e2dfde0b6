/*
 * A SAS token, read and checked against a key; called by auth.c. Pure functions: they know no
 * device, no policy and no host.
 *
 * Source: learn.microsoft.com, "Control access to IoT Hub with shared access signatures".
 */
#ifndef DEVICEBOUND_PROTOCOLS_AUTH_SAS_TOKEN_H
#define DEVICEBOUND_PROTOCOLS_AUTH_SAS_TOKEN_H

#include "store/clock.h"
#include "store/identity.h"
#include "store/message.h"

#define SAS_TOKEN_MAX 4096 /* bytes; a longer one is malformed */

struct sas_token {
    struct text resource; /* `sr` as it stands: it is signed so. Borrowed from the token */
    struct text expiry; /* `se` as it stands, likewise */
    struct instant expires; /* `se`, read */
    char signature[128]; /* `sig`, percent-decoded: base64 */
    char policy[65]; /* `skn`, percent-decoded; "" when absent or empty */
};

/* NULL: read. Otherwise what is wrong, as a sentence without any part of the token. */
const char *sas_token_parse(struct text text, struct sas_token *token);

/* Compares in constant time. False for an absent key. */
bool sas_token_is_signed_with(const struct sas_token *token, const struct key *key);

#endif
