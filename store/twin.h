/*
 * Twins of devices and modules: tags and desired properties that services write, reported
 * properties that devices write, each versioned, stamped and kept. Called by protocols/https,
 * protocols/mqtt and protocols/amqp; deleted with the identity by store/hub.
 *
 * A log without an index in memory; twins are named by the row of their identity. Each change is
 * part of the open commit group. Belongs to the loop's thread.
 *
 * Sources: learn.microsoft.com, "Understand and use device twins in IoT Hub" (limits, names,
 * metadata); RFC 7396 (merge patch).
 */
#ifndef DEVICEBOUND_STORE_TWIN_H
#define DEVICEBOUND_STORE_TWIN_H

#include "store/clock.h"
#include "store/database.h"
#include "store/error.h"
#include "store/message.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define TWIN_SIZE_MAX 32768 /* bytes of the desired or reported properties (document_size) */
#define TWIN_TAGS_SIZE_MAX 8192

struct twins;

/* Borrows `database`. Returns owned. */
struct twins *twins_open(struct database *database);
void twins_free(struct twins *twins);

/* One side of the properties. */
struct twin_properties {
    json_t *values, *metadata; /* objects; metadata is empty until the first change */
    uint64_t version; /* from 1, one more with each change */
};

struct twin {
    uint64_t etag; /* from 1, one more with each change by a service */
    uint64_t version; /* from 2, one more with each change */
    json_t *tags; /* an object */
    struct twin_properties desired, reported;
};

/* A copy, to be released. */
struct twin twins_load(struct twins *twins, int64_t row);
void twin_release(struct twin *twin);

/* What a device reads: {"desired":{…,"$version":n},"reported":{…,"$version":n}}. Returns owned
 * (free). */
char *twins_read(struct twins *twins, int64_t row);

/* A device merges the patch into its reported properties: null deletes. `*version` is the new one.
 * Errors: DESERIALIZATION_ERROR (no JSON object), ARGUMENT_INVALID (document_check),
 * MESSAGE_TOO_LARGE. */
enum hub_code twins_report(struct twins *twins, int64_t row, struct text patch, struct instant now,
    uint64_t *version, struct hub_error *error);

enum twin_change {
    TWIN_MERGE, /* what is not named stays */
    TWIN_REPLACE /* what is not named goes */
};

/* A service changes `tags` and `properties.desired` of {"tags":…,"properties":{"desired":…}}; null
 * empties the whole of one. Other members are not looked at, nor are `$metadata` and `$version`.
 * Errors: as twins_report. */
enum hub_code twins_change(struct twins *twins, int64_t row, const json_t *patch,
    enum twin_change change, struct instant now, struct hub_error *error);

/* Whether that change could be made. `row` 0: of a twin that is yet to come. */
enum hub_code twins_check(struct twins *twins, int64_t row, const json_t *patch,
    enum twin_change change, struct hub_error *error);

void twins_forget(struct twins *twins, int64_t row);

#endif
