/*
 * The JSON of twins: which names and depths are allowed, merging, and the metadata that says when
 * each value was last written. Called by twin.c. Pure functions on jansson's values; a lack of
 * memory ends the process.
 *
 * Sources: learn.microsoft.com, "Understand and use device twins in IoT Hub" (limits, metadata);
 * RFC 7396 (merge patch).
 */
#ifndef DEVICEBOUND_STORE_TWIN_DOCUMENT_H
#define DEVICEBOUND_STORE_TWIN_DOCUMENT_H

#include "store/clock.h"
#include "store/error.h"

#include <jansson.h>
#include <stdint.h>

/* What jansson made; never NULL. */
json_t *document_some(json_t *json);

/* Takes `value`. */
void document_set(json_t *object, const char *name, json_t *value);

/* Compact. Returns owned (free). */
char *document_dump(const json_t *json);

/* Errors: ARGUMENT_INVALID with what is wrong: a name with `.`, `$`, a space or a control
 * character, or too many levels. */
enum hub_code document_check(const json_t *object, struct hub_error *error);

/* RFC 7396, section 2: null deletes. Both are objects that document_check has passed. */
void document_merge(json_t *target, json_t *patch);

/* Writes into `metadata`, for everything that the patch changes, when that was; and with what
 * version, if it is not 0. */
void document_stamp(json_t *metadata, json_t *patch, struct instant now, uint64_t version);

#endif
