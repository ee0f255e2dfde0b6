/*
 * What a token is for: a host and a path, which opens everything below it, segment by segment.
 * Called by auth.c and grant.c. Pure functions.
 *
 * Clients encode the path not at all, once, or an id in it twice, so a segment names an id when
 * any of these readings does; case is ignored. Which of two devices that differ in case is meant,
 * the request says.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AUTH_AUDIENCE_H
#define DEVICEBOUND_PROTOCOLS_AUTH_AUDIENCE_H

#include "store/identity.h"
#include "store/message.h"

#define AUDIENCE_HOST_MAX 255
#define AUDIENCE_SEGMENTS_MAX 6
#define AUDIENCE_SEGMENT_MAX ((size_t)5 * DEVICE_ID_MAX) /* every character encoded twice */

struct audience {
    char host[AUDIENCE_HOST_MAX + 1]; /* decoded, a port included */
    struct text segments[AUDIENCE_SEGMENTS_MAX]; /* still encoded; borrowed from the token */
    size_t count;
};

/* False: a segment is empty, or there are too many. A trailing slash and a last segment
 * "api-version=…" are dropped. */
bool audience_parse(struct text resource, struct audience *audience);

#define AUDIENCE_NAME_MAX (2 * AUDIENCE_SEGMENT_MAX + 1)

/* Whether it is about one device, or something of it; about one of its modules. */
bool audience_has_device(const struct audience *audience);
bool audience_has_module(const struct audience *audience);

/* Which device or module that is, as a name: each id is that of `addressed` (a name; may be NULL)
 * if it fits, else the registered one that fits as it stands, decoded once or twice, else decoded
 * once. Writes "" when it names none. */
void audience_find_identity(const struct audience *audience, struct identity_registry *registry,
    const char *addressed, char name[AUDIENCE_NAME_MAX + 1]);

/* The path with `name` in its place, such as "/devices/d1". False: `scope` is too small. */
bool audience_write_scope(
    const struct audience *audience, const char *name, char *scope, size_t size);

/* "/devices/d1" or "/devices/d1/modules/m1". False: `path` is too small. */
bool scope_of_name(const char *name, char *path, size_t size);

/* Whether `path`, decoded, lies at or below `scope`. */
bool scope_covers(const char *scope, const char *path);

#endif
