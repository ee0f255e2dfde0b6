/*
 * The JSON of twins: which names, values and depths are allowed, how much it counts, merging, and
 * the metadata that says when each value was last written. Called by twin.c. Pure functions on
 * jansson's values; a lack of memory ends the process.
 *
 * Sources: learn.microsoft.com, "Understand and use device twins in IoT Hub" (limits, size,
 * metadata); Azure/azure-iot-sdk-csharp, issue 1741 (no null in arrays); RFC 7396 (merge patch).
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

/* Errors: ARGUMENT_INVALID with what is wrong: a name that is empty, beyond 1 KB or with `.`, `$`,
 * a space or a control character; a string beyond 4 KB; an integer beyond 52 bits and a sign; a
 * null within an array; objects nested deeper than 10 levels. */
enum hub_code document_check(const json_t *object, struct hub_error *error);

/* What counts toward the limits of twins: names and strings their bytes, a number 8, a boolean 4;
 * an array, which the source does not mention, its compact JSON. Control characters count too, so
 * that the text itself is bounded. */
size_t document_size(const json_t *value);

/* RFC 7396, section 2: null deletes. Both are objects that document_check has passed. */
void document_merge(json_t *target, json_t *patch);

/* Writes into `metadata`, for everything that the patch changes, when that was; and with what
 * version, if it is not 0. */
void document_stamp(json_t *metadata, json_t *patch, struct instant now, uint64_t version);

#endif
