/*
 * What devices sent: each message taken is counted, noted in the journal and kept in a bounded ring
 * in memory, where tests look it up. As in the journal, it becomes visible when the commit group
 * that acknowledges it has succeeded, and vanishes with one that failed. It costs no SQL; each
 * start begins anew.
 *
 * Filled by the protocols, read by the control API. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_STORE_TELEMETRY_H
#define DEVICEBOUND_STORE_TELEMETRY_H

#include "store/database.h"
#include "store/journal.h"
#include "store/queue.h"

/* ---- one message, as it came ---- */

/* Nothing of it is checked: what a protocol lets pass is kept as it was written. */
struct telemetry_event;

/* The names of system properties that every protocol has; others keep the name they had on the
 * wire. */
#define TELEMETRY_MESSAGE_ID "messageId"
#define TELEMETRY_CORRELATION_ID "correlationId"
#define TELEMETRY_USER_ID "userId"
#define TELEMETRY_TO "to"
#define TELEMETRY_EXPIRY_TIME "expiryTime"
#define TELEMETRY_CONTENT_TYPE "contentType"
#define TELEMETRY_CONTENT_ENCODING "contentEncoding"

enum telemetry_kind {
    TELEMETRY_SYSTEM,
    TELEMETRY_APPLICATION
};

/* Returns owned. */
struct telemetry_event *telemetry_event_create(void);
void telemetry_event_free(struct telemetry_event *event); /* NULL is nothing */

/* Copies both; a value may be absent. */
void telemetry_event_add(
    struct telemetry_event *event, enum telemetry_kind kind, struct text name, struct text value);

/* Appends to the body. */
void telemetry_event_append(struct telemetry_event *event, const void *bytes, size_t length);

/* A property; its texts are zero-terminated, and borrowed like the body. */
struct telemetry_property {
    enum telemetry_kind kind;
    struct text name, value;
};

/* The properties in their order: `*at` begins as 0. False: there are no more. */
bool telemetry_event_next(
    const struct telemetry_event *event, size_t *at, struct telemetry_property *property);

/* The first system property of that name; absent: none. */
struct text telemetry_event_find(const struct telemetry_event *event, const char *name);

struct text telemetry_event_body(const struct telemetry_event *event);

/* ---- all of them ---- */

#define TELEMETRY_COUNT_MAX 10000 /* kept, of the whole hub */
#define TELEMETRY_BYTES_MAX 16777216

struct telemetry;

/* Borrows both. `count_max` and `bytes_max`: what is kept before the oldest are dropped. Returns
 * owned. */
struct telemetry *telemetry_open(
    struct database *database, struct journal *journal, size_t count_max, size_t bytes_max);
void telemetry_free(struct telemetry *telemetry);

/* Takes the event, as part of the open group. `reason` is for the journal; may be NULL. */
void telemetry_take(struct telemetry *telemetry, struct telemetry_event *event,
    const char *device_id, const struct actor *actor, const char *reason, struct instant now);

struct telemetry_item {
    uint64_t id; /* rising from 1 */
    struct instant at;
    char *device_id;
    const char *protocol; /* as in the journal */
    struct telemetry_event *event;
};

/* The first visible item of that device with an id above `after`; NULL when there is none. Returns
 * borrowed until the next telemetry_take. */
const struct telemetry_item *telemetry_next(
    const struct telemetry *telemetry, const char *device_id, uint64_t after);

/* How many were taken since the start, and how many of them dropped for lack of room. */
uint64_t telemetry_count(const struct telemetry *telemetry);
uint64_t telemetry_dropped(const struct telemetry *telemetry);

#endif
