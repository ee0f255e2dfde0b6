/*
 * Splits and decodes targets.
 */
#include "protocols/http/uri.h"

#include <string.h>

static struct text slice(const char *begin, const char *end)
{
    return (struct text){begin, (size_t)(end - begin)};
}

/* "https://hub.local/devices" is legal in a request (RFC 9112, 3.2.2). */
static struct text drop_authority(struct text target)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < 2; i++) {
        size_t length = strlen(schemes[i]);
        if (target.length > length &&
            text_equal_nocase((struct text){target.bytes, length}, text_of(schemes[i]))) {
            const char *end = target.bytes + target.length;
            const char *path = memchr(target.bytes + length, '/', target.length - length);
            return path ? slice(path, end) : TEXT("/");
        }
    }
    return target;
}

static bool split(const char *at, const char *end, struct uri *uri)
{
    if (at == end) {
        return true; /* the root */
    }
    while (uri->segment_count < HTTP_SEGMENTS_MAX) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        uri->segments[uri->segment_count++] = slice(at, slash ? slash : end);
        if (!slash) {
            return true;
        }
        at = slash + 1;
    }
    return false;
}

bool uri_parse(struct text target, struct uri *uri)
{
    *uri = (struct uri){0};
    target = drop_authority(target);
    const char *end = target.bytes + target.length;
    const char *mark = target.length > 0 ? memchr(target.bytes, '?', target.length) : NULL;
    if (mark) {
        uri->query = slice(mark + 1, end);
        end = mark;
    }
    if (end == target.bytes || target.bytes[0] != '/') {
        return false;
    }
    if (end - target.bytes > 1 && end[-1] == '/') {
        end--;
    }
    return split(target.bytes + 1, end, uri);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

long uri_decode(struct text encoded, char *out, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < encoded.length; i++) {
        int byte = (unsigned char)encoded.bytes[i];
        if (byte == '%') {
            int high = i + 2 < encoded.length ? hex_value(encoded.bytes[i + 1]) : -1;
            int low = i + 2 < encoded.length ? hex_value(encoded.bytes[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -1;
            }
            byte = high * 16 + low;
            i += 2;
        }
        if (byte == '\0' || length + 1 >= size) {
            return -1;
        }
        out[length++] = (char)byte;
    }
    if (size == 0) {
        return -1;
    }
    out[length] = '\0';
    return (long)length;
}

bool uri_next_pair(struct text *query, struct uri_pair *pair)
{
    while (query->length > 0) {
        struct text piece = text_take_until(query, '&');
        if (piece.length == 0) {
            continue;
        }
        pair->key = text_take_until(&piece, '=');
        const char *end = pair->key.bytes + pair->key.length;
        pair->value = piece.bytes ? piece : slice(end, end);
        return true;
    }
    return false;
}

static bool fits_literal(struct text segment, struct text literal)
{
    char decoded[64];
    long length = uri_decode(segment, decoded, sizeof decoded);
    return length >= 0 && text_equal_nocase((struct text){decoded, (size_t)length}, literal);
}

bool uri_match(const struct uri *uri, const char *pattern, struct text *parameters, size_t *count)
{
    struct uri wanted;
    *count = 0;
    if (!uri_parse(text_of(pattern), &wanted) || wanted.segment_count != uri->segment_count) {
        return false;
    }
    for (size_t i = 0; i < wanted.segment_count; i++) {
        if (text_equal(wanted.segments[i], TEXT("{}"))) {
            if (uri->segments[i].length == 0 || *count == HTTP_PARAMETERS_MAX) {
                return false;
            }
            parameters[(*count)++] = uri->segments[i];
        } else if (!fits_literal(uri->segments[i], wanted.segments[i])) {
            return false;
        }
    }
    return true;
}
