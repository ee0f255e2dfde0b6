/*
 * The name of one delivery: 16 random bytes, never used twice; as text a lower-case GUID. Called by
 * store/queue and by the protocols' codecs.
 */
#ifndef DEVICEBOUND_STORE_LOCK_TOKEN_H
#define DEVICEBOUND_STORE_LOCK_TOKEN_H

#include "store/message.h"

#include <stdbool.h>
#include <stdint.h>

struct lock_token {
    uint8_t bytes[16];
};

#define LOCK_TOKEN_TEXT_SIZE 37

/* A version 4 GUID (RFC 9562, 5.4). */
struct lock_token lock_token_generate(void);

void lock_token_format(const struct lock_token *token, char out[LOCK_TOKEN_TEXT_SIZE]);

/* With or without dashes, any case. False: no GUID. */
bool lock_token_parse(struct text text, struct lock_token *token);

#endif
