/*
 * ETags and If-Match of the registry and of twins. Pure functions. Source: learn.microsoft.com,
 * REST reference of Devices - Create Or Update Identity: If-Match none creates, "*" updates any
 * version.
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_ETAG_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_ETAG_H

#include "store/identity.h"

#define ETAG_TEXT_SIZE 32

/* The service's form: base64 of the decimal number, "MA==" for 0. */
void etag_format(uint64_t etag, char out[ETAG_TEXT_SIZE]);

/* `value` of If-Match, or NULL. None and "" create only; * and "*" are any; an ETag may be bare or
 * quoted. What is no ETag of ours matches nothing. */
struct etag_condition etag_read_condition(const char *value);

/* Twins have a form of their own: base64 of a big-endian number of eight bytes. */
void etag_format_twin(uint64_t etag, char out[ETAG_TEXT_SIZE]);

/* As above, but without If-Match any version is changed: a twin is always there. */
struct etag_condition etag_read_twin_condition(const char *value);

#endif
