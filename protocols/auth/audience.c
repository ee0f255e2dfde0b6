#include "protocols/auth/audience.h"

#include "protocols/address/address.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Takes the next segment off `rest`; a slash may be encoded. False at the end. */
static bool next_segment(struct text *rest, struct text *segment)
{
    size_t length = 0;
    size_t slash = 0;

    if (!rest->bytes) {
        return false;
    }
    while (length < rest->length && slash == 0) {
        if (rest->bytes[length] == '/') {
            slash = 1;
        } else if (rest->length - length >= 3 && strncasecmp(rest->bytes + length, "%2f", 3) == 0) {
            slash = 3;
        } else {
            length++;
        }
    }
    *segment = (struct text){rest->bytes, length};
    rest->bytes = slash ? rest->bytes + length + slash : NULL;
    rest->length -= length + slash;
    return true;
}

/* Decoded as often as `times` says, as far as it can be: '%' is legal in an id. */
static bool segment_decode(struct text segment, int times, char out[AUDIENCE_SEGMENT_MAX + 1])
{
    char before[AUDIENCE_SEGMENT_MAX + 1];

    if (segment.length > AUDIENCE_SEGMENT_MAX || memchr(segment.bytes, '\0', segment.length)) {
        return false;
    }
    memcpy(out, segment.bytes, segment.length);
    out[segment.length] = '\0';
    for (int i = 0; i < times; i++) {
        memcpy(before, out, strlen(out) + 1);
        if (!percent_decode(text_of(before), out, AUDIENCE_SEGMENT_MAX + 1)) {
            memcpy(out, before, strlen(before) + 1);
            break;
        }
    }
    return true;
}

/* Whether one of its readings, decoded at most `most` times, is the id. */
static bool segment_names(struct text segment, const char *id, int most)
{
    char reading[AUDIENCE_SEGMENT_MAX + 1];

    for (int times = 0; times <= most; times++) {
        if (segment_decode(segment, times, reading) && strcasecmp(reading, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Some documents show a token whose resource ends in "/api-version=2016-11-14". */
static bool is_parameter(struct text segment)
{
    static const struct text prefix = {"api-version=", 12};

    return segment.length > 0 &&
           (segment.bytes[0] == '?' ||
               (segment.length >= prefix.length &&
                   text_equal_nocase((struct text){segment.bytes, prefix.length}, prefix)));
}

bool audience_parse(struct text resource, struct audience *audience)
{
    struct text segment;

    audience->count = 0;
    if (!next_segment(&resource, &segment) ||
        !percent_decode(segment, audience->host, sizeof(audience->host))) {
        return false;
    }
    while (next_segment(&resource, &segment)) {
        bool last = !resource.bytes;

        if (last && (segment.length == 0 || is_parameter(segment))) {
            return true;
        }
        if (segment.length == 0 || audience->count == AUDIENCE_SEGMENTS_MAX) {
            return false;
        }
        audience->segments[audience->count++] = segment;
    }
    return true;
}

bool audience_has_device(const struct audience *audience)
{
    return audience->count >= 2 && text_equal_nocase(audience->segments[0], TEXT("devices"));
}

bool audience_has_module(const struct audience *audience)
{
    return audience_has_device(audience) && audience->count >= 4 &&
           text_equal_nocase(audience->segments[2], TEXT("modules"));
}

/* An id of a device (`device_id` NULL), or of a module of that device. */
static bool is_registered(struct identity_registry *registry, const char *device_id, const char *id)
{
    return device_id ? identity_find_module(registry, device_id, id) != NULL
                     : identity_find(registry, id) != NULL;
}

static void find_id(struct text segment, struct identity_registry *registry, const char *device_id,
    const char *addressed, char id[AUDIENCE_SEGMENT_MAX + 1])
{
    if (addressed && strlen(addressed) <= AUDIENCE_SEGMENT_MAX &&
        segment_names(segment, addressed, 2)) {
        memcpy(id, addressed, strlen(addressed) + 1);
        return;
    }
    for (int times = 0; times <= 2; times++) {
        if (segment_decode(segment, times, id) && is_registered(registry, device_id, id)) {
            return;
        }
    }
    if (!segment_decode(segment, 1, id)) {
        id[0] = '\0';
    }
}

/* A name's two ids; `module` is NULL for a device. False: it is too long. */
static bool split_name(const char *name, char copy[AUDIENCE_NAME_MAX + 1], const char **module)
{
    char *slash;

    if (strlen(name) > AUDIENCE_NAME_MAX) {
        return false;
    }
    memcpy(copy, name, strlen(name) + 1);
    slash = strchr(copy, '/');
    *module = slash ? slash + 1 : NULL;
    if (slash) {
        *slash = '\0';
    }
    return true;
}

void audience_find_identity(const struct audience *audience, struct identity_registry *registry,
    const char *addressed, char name[AUDIENCE_NAME_MAX + 1])
{
    char copy[AUDIENCE_NAME_MAX + 1];
    char device[AUDIENCE_SEGMENT_MAX + 1];
    char module[AUDIENCE_SEGMENT_MAX + 1] = "";
    const char *addressed_module = NULL;
    bool has_addressed = addressed && split_name(addressed, copy, &addressed_module);

    name[0] = '\0';
    if (!audience_has_device(audience)) {
        return;
    }
    find_id(audience->segments[1], registry, NULL, has_addressed ? copy : NULL, device);
    if (audience_has_module(audience)) {
        find_id(audience->segments[3], registry, device, addressed_module, module);
    }
    snprintf(name, AUDIENCE_NAME_MAX + 1, "%s%s%s", device,
        audience_has_module(audience) ? "/" : "", module);
}

bool audience_write_scope(
    const struct audience *audience, const char *name, char *scope, size_t size)
{
    char reading[AUDIENCE_SEGMENT_MAX + 1];
    size_t used = 0, first = 0;

    scope[0] = '\0';
    if (audience_has_device(audience)) {
        if (!scope_of_name(name, scope, size)) {
            return false;
        }
        used = strlen(scope);
        first = audience_has_module(audience) ? 4 : 2;
    }
    for (size_t i = first; i < audience->count; i++) {
        int written;

        if (!segment_decode(audience->segments[i], 1, reading)) {
            return false;
        }
        written = snprintf(scope + used, size - used, "/%s", reading);
        if (written < 0 || (size_t)written >= size - used) {
            return false;
        }
        used += (size_t)written;
    }
    return true;
}

bool scope_of_name(const char *name, char *path, size_t size)
{
    size_t device = strcspn(name, "/");
    bool is_module = name[device] == '/';
    int length = snprintf(path, size, "/devices/%.*s%s%s", (int)device, name,
        is_module ? "/modules/" : "", is_module ? name + device + 1 : "");

    return length >= 0 && (size_t)length < size;
}

/* Takes the next segment of a path that begins with '/', empty ones skipped. False at the end. */
static bool next_path_segment(const char **path, struct text *segment)
{
    *path += strspn(*path, "/");
    *segment = (struct text){*path, strcspn(*path, "/")};
    *path += segment->length;
    return segment->length > 0;
}

bool scope_covers(const char *scope, const char *path)
{
    struct text opened;
    struct text asked;

    while (next_path_segment(&scope, &opened)) {
        char plain[AUDIENCE_SEGMENT_MAX + 1];

        /* An id that no registered device had was decoded once only. */
        if (!next_path_segment(&path, &asked) || !segment_decode(asked, 0, plain) ||
            !segment_names(opened, plain, 1)) {
            return false;
        }
    }
    return true;
}
