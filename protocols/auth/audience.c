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

void audience_find_device(const struct audience *audience, struct identity_registry *registry,
    const char *addressed, char device_id[AUDIENCE_SEGMENT_MAX + 1])
{
    device_id[0] = '\0';
    if (!audience_has_device(audience)) {
        return;
    }
    if (addressed && strlen(addressed) <= AUDIENCE_SEGMENT_MAX &&
        segment_names(audience->segments[1], addressed, 2)) {
        memcpy(device_id, addressed, strlen(addressed) + 1);
        return;
    }
    for (int times = 0; times <= 2; times++) {
        if (segment_decode(audience->segments[1], times, device_id) &&
            identity_find(registry, device_id)) {
            return;
        }
    }
    if (!segment_decode(audience->segments[1], 1, device_id)) {
        device_id[0] = '\0';
    }
}

bool audience_write_scope(
    const struct audience *audience, const char *device_id, char *scope, size_t size)
{
    char reading[AUDIENCE_SEGMENT_MAX + 1];
    size_t used = 0;

    scope[0] = '\0';
    for (size_t i = 0; i < audience->count; i++) {
        const char *segment = reading;
        int written;

        if (i == 1 && audience_has_device(audience)) {
            segment = device_id;
        } else if (!segment_decode(audience->segments[i], 1, reading)) {
            return false;
        }
        written = snprintf(scope + used, size - used, "/%s", segment);
        if (written < 0 || (size_t)written >= size - used) {
            return false;
        }
        used += (size_t)written;
    }
    return true;
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
