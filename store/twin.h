/*
 * Device twins, as far as they go here: reported properties that devices write and read back,
 * versioned and persisted, and desired properties that are always empty. Called by protocols/mqtt
 * and protocols/amqp; deleted with the device by store/hub.
 *
 * A log without an index in memory; devices are named by the row of their identity. Each change is
 * part of the open commit group. Belongs to the loop's thread.
 *
 * Sources: learn.microsoft.com, "Understand and use device twins in IoT Hub" (limits, names);
 * RFC 7396 (merge patch).
 */
#ifndef DEVICEBOUND_STORE_TWIN_H
#define DEVICEBOUND_STORE_TWIN_H

#include "store/database.h"
#include "store/error.h"
#include "store/message.h"

#include <stddef.h>
#include <stdint.h>

#define TWIN_SIZE_MAX 32768 /* bytes of the reported properties, as compact JSON */
#define TWIN_DEPTH_MAX 10

struct twins;

/* Borrows `database`. Returns owned. */
struct twins *twins_open(struct database *database);
void twins_free(struct twins *twins);

/* {"desired":{"$version":1},"reported":{…,"$version":n}}. Returns owned (free). */
char *twins_read(struct twins *twins, int64_t device);

/* Merges the patch into the reported properties: null deletes. `*version` is the new one. Errors:
 * DESERIALIZATION_ERROR (no JSON object), ARGUMENT_INVALID (a name with `.`, `$`, a space or a
 * control character; too deep), MESSAGE_TOO_LARGE. */
enum hub_code twins_report(struct twins *twins, int64_t device, struct text patch,
    uint64_t *version, struct hub_error *error);

void twins_forget(struct twins *twins, int64_t device);

#endif
