/*
 * Addresses are cut at '/' and compared with a table of templates.
 */
#include "protocols/address/address.h"

#include <string.h>
#include <strings.h>

/* The longest template has six segments; `messages/events` may carry more behind it. */
#define SEGMENTS_MAX 6

/* One row per template. '{d}' and '{m}' take an id, '*' takes whatever follows, nothing included.
 */
static const struct template
{
    enum address_kind kind;
    const char *segments[SEGMENTS_MAX + 1];
}
templates[] = {
    {ADDRESS_SERVICE_SEND, {"messages", "devicebound"}},
    {ADDRESS_SERVICE_FEEDBACK, {"messages", "servicebound", "feedback"}},
    {ADDRESS_SERVICE_FILES, {"messages", "servicebound", "filenotifications"}},
    {ADDRESS_SERVICE_TELEMETRY, {"messages", "events", "*"}},
    {ADDRESS_DEVICE_BOUND, {"devices", "{d}", "messages", "devicebound"}},
    {ADDRESS_DEVICE_BOUND, {"devices", "{d}", "modules", "{m}", "messages", "devicebound"}},
    {ADDRESS_DEVICE_EVENTS, {"devices", "{d}", "messages", "events", "*"}},
    {ADDRESS_DEVICE_EVENTS, {"devices", "{d}", "modules", "{m}", "messages", "events", "*"}},
    {ADDRESS_DEVICE_TWIN, {"devices", "{d}", "twin"}},
    {ADDRESS_DEVICE_TWIN, {"devices", "{d}", "modules", "{m}", "twin"}},
    {ADDRESS_DEVICE_METHODS, {"devices", "{d}", "methods", "devicebound"}},
    {ADDRESS_DEVICE_METHODS, {"devices", "{d}", "modules", "{m}", "methods", "devicebound"}},
};

/* A path, cut. `more`: there were segments behind the last one kept. */
struct path {
    struct text segments[SEGMENTS_MAX];
    size_t count;
    bool more;
};

static struct text text_from(struct text text, size_t offset)
{
    return (struct text){text.bytes + offset, text.length - offset};
}

/* Drops "amqps://user@host:port" of an absolute address; what is left begins with '/' or is
 * empty. */
static struct text without_authority(struct text text)
{
    static const char *const schemes[] = {"amqps://", "amqp://"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t length = strlen(schemes[i]);

        if (text.length >= length && strncasecmp(text.bytes, schemes[i], length) == 0) {
            const char *slash = memchr(text.bytes + length, '/', text.length - length);

            return text_from(text, slash ? (size_t)(slash - text.bytes) : text.length);
        }
    }
    return text;
}

static struct path path_cut(struct text text)
{
    struct path path = {0};

    while (path.count < SEGMENTS_MAX) {
        const char *slash = memchr(text.bytes, '/', text.length);
        size_t length = slash ? (size_t)(slash - text.bytes) : text.length;

        path.segments[path.count++] = (struct text){text.bytes, length};
        if (!slash) {
            return path;
        }
        text = text_from(text, length + 1);
    }
    path.more = true;
    return path;
}

/* False: empty, longer than any id can be, or with a NUL, which no id has. */
static bool id_take(struct text segment, struct address_id *id)
{
    if (segment.length == 0 || segment.length > ADDRESS_ID_MAX ||
        memchr(segment.bytes, '\0', segment.length)) {
        return false;
    }
    memcpy(id->raw, segment.bytes, segment.length);
    id->raw[segment.length] = '\0';
    if (!percent_decode(segment, id->decoded, sizeof(id->decoded))) {
        /* '%' is legal in ids, and some clients do not encode. */
        memcpy(id->decoded, id->raw, segment.length + 1);
    }
    return true;
}

static bool segment_equal(struct text segment, const char *literal)
{
    return strlen(literal) == segment.length &&
           strncasecmp(segment.bytes, literal, segment.length) == 0;
}

static bool path_matches(
    const struct path *path, const struct template *template, struct address *address)
{
    size_t i = 0;

    for (; template->segments[i]; i++) {
        const char *expected = template->segments[i];
        bool fits;

        if (strcmp(expected, "*") == 0) {
            return true;
        }
        if (i == path->count) {
            return false;
        }
        if (strcmp(expected, "{d}") == 0) {
            fits = id_take(path->segments[i], &address->device);
        } else if (strcmp(expected, "{m}") == 0) {
            fits = id_take(path->segments[i], &address->module);
        } else {
            fits = segment_equal(path->segments[i], expected);
        }
        if (!fits) {
            return false;
        }
    }
    return i == path->count && !path->more;
}

struct address address_parse(struct text text)
{
    struct path path;

    if (!text.bytes) {
        return (struct address){.kind = ADDRESS_UNKNOWN};
    }
    text = without_authority(text);
    if (text.length > 0 && text.bytes[0] == '/') {
        text = text_from(text, 1);
    }
    if (text_equal(text, TEXT("$cbs"))) {
        return (struct address){.kind = ADDRESS_CBS};
    }
    path = path_cut(text);
    for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++) {
        struct address address = {.kind = templates[i].kind};

        if (path_matches(&path, &templates[i], &address)) {
            return address;
        }
    }
    return (struct address){.kind = ADDRESS_UNKNOWN};
}

struct identity *address_find_device(
    struct identity_registry *registry, const struct address_id *id)
{
    struct identity *identity = identity_find(registry, id->raw);

    return identity ? identity : identity_find(registry, id->decoded);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

bool percent_decode(struct text encoded, char *out, size_t out_size)
{
    size_t used = 0;

    for (size_t i = 0; i < encoded.length; i++) {
        char byte = encoded.bytes[i];

        if (byte == '%') {
            int high = i + 2 < encoded.length ? hex_value(encoded.bytes[i + 1]) : -1;
            int low = i + 2 < encoded.length ? hex_value(encoded.bytes[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }
            byte = (char)(high * 16 + low);
            i += 2;
        }
        if (byte == '\0' || used + 1 >= out_size) {
            return false;
        }
        out[used++] = byte;
    }
    if (used >= out_size) {
        return false;
    }
    out[used] = '\0';
    return true;
}
