/*
 * Symmetric keys of devices, modules and policies. Pure functions, but for key_generate.
 */
#ifndef DEVICEBOUND_STORE_KEY_H
#define DEVICEBOUND_STORE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEY_MIN 16 /* bytes, decoded */
#define KEY_MAX 64

/* A symmetric key, decoded. `length` 0: none. */
struct key {
    uint8_t bytes[KEY_MAX];
    size_t length;
};

#define KEY_TEXT_SIZE 89 /* base64 of KEY_MAX bytes, with its zero */

/* False: not base64 (store/base64), or not of 16 to 64 bytes. */
bool key_parse(const char *base64, struct key *key);
void key_format(const struct key *key, char out[KEY_TEXT_SIZE]);
/* 32 random bytes. */
struct key key_generate(void);
/* The same 32 bytes for the same id on every machine: keys of devices named at the start. */
struct key key_derive(const char *device_id);

#endif
