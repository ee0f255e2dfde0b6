/*
 * Random bytes of cryptographic quality: lock tokens, keys, tracking ids. Called by every floor,
 * from the loop's thread: bytes are drawn from the system in blocks.
 */
#ifndef DEVICEBOUND_STORE_RANDOM_H
#define DEVICEBOUND_STORE_RANDOM_H

#include <stddef.h>

/* Aborts when the system has none to give: tokens that can be guessed are no tokens. */
void random_fill(void *bytes, size_t length);

#endif
