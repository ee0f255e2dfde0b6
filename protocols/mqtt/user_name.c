#include "protocols/mqtt/user_name.h"

#include "protocols/mqtt/percent.h"

#include <string.h>

static struct text slice(const char *from, const char *to)
{
    return (struct text){from, (size_t)(to - from)};
}

static bool contains(struct text text, const char *word)
{
    return text.length > 0 && memmem(text.bytes, text.length, word, strlen(word)) != NULL;
}

/* ---- parameters ---- */

/* Decoded as far as it can be, cut to fit: it is only shown to people. */
static void decode(struct text encoded, char out[USER_NAME_PARAMETER_MAX + 1])
{
    size_t length = 0;
    for (size_t i = 0; i < encoded.length && length < USER_NAME_PARAMETER_MAX; i++) {
        char byte = encoded.bytes[i], escaped;
        if (percent_take(encoded.bytes + i, encoded.length - i, &escaped) && escaped != 0) {
            byte = escaped;
            i += 2;
        }
        out[length++] = byte;
    }
    out[length] = 0;
}

static void set_parameter(struct user_name *out, struct text name, struct text value)
{
    struct {
        struct text name;
        char *target;
    } known[] = {{TEXT("api-version"), out->api_version},
        {TEXT("DeviceClientType"), out->client_type}, {TEXT("model-id"), out->model_id}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (text_equal(name, known[i].name) && known[i].target[0] == 0) {
            decode(value, known[i].target);
        }
    }
}

/* The oldest form separates by `/`, and its values contain some: a piece without `=` belongs to
 * the value before it. */
static struct text take_pair(struct text *rest, char separator)
{
    struct text pair = text_take_until(rest, separator);
    while (separator == '/' && rest->bytes) {
        struct text ahead = *rest, next = text_take_until(&ahead, '/');
        if (contains(next, "=")) {
            break;
        }
        pair.length = (size_t)(next.bytes + next.length - pair.bytes);
        *rest = ahead;
    }
    return pair;
}

static void parse_parameters(struct text rest, struct user_name *out)
{
    bool has_mark = rest.length > 0 && rest.bytes[0] == '?';
    char separator = has_mark || contains(rest, "&") ? '&' : '/';
    rest.bytes += has_mark;
    rest.length -= has_mark;
    while (rest.bytes) {
        struct text value = take_pair(&rest, separator);
        struct text name = text_take_until(&value, '=');
        if (value.bytes) {
            set_parameter(out, name, value);
        }
    }
}

/* ---- identity ---- */

static bool begins_parameters(struct text segment)
{
    return (segment.length > 0 && segment.bytes[0] == '?') || contains(segment, "api-version=");
}

static bool names_one(const struct user_name *name)
{
    return name->device.length > 0 && (!name->module.bytes || name->module.length > 0);
}

/* The reading that the client id names: `rest` is it, alone or with parameters behind. */
static bool parse_as(struct text rest, struct text client_id, struct user_name *out)
{
    if (rest.length < client_id.length || client_id.length == 0 ||
        memcmp(rest.bytes, client_id.bytes, client_id.length) != 0) {
        return false;
    }
    struct text identity = slice(rest.bytes, rest.bytes + client_id.length);
    struct text behind = slice(rest.bytes + client_id.length, rest.bytes + rest.length);
    if (behind.length > 0 && behind.bytes[0] != '/') {
        return false;
    }
    if (behind.length > 0) {
        behind.bytes++;
        behind.length--;
        struct text ahead = behind;
        if (behind.length > 0 && !begins_parameters(text_take_until(&ahead, '/'))) {
            return false;
        }
    }
    out->device = text_take_until(&identity, '/');
    out->module = identity;
    if (!names_one(out) ||
        (out->module.bytes && memchr(out->module.bytes, '/', out->module.length))) {
        return false;
    }
    parse_parameters(behind, out);
    return true;
}

static bool parse_plainly(struct text rest, struct user_name *out)
{
    out->device = text_take_until(&rest, '/');
    out->module = TEXT_ABSENT;
    for (int count = 1; rest.bytes; count++) {
        struct text from_here = rest, segment = text_take_until(&rest, '/');
        if (begins_parameters(segment)) {
            parse_parameters(from_here, out);
            break;
        }
        if (segment.length == 0 && !rest.bytes) {
            break;
        }
        if (count > 1) {
            return false;
        }
        out->module = segment;
    }
    return names_one(out);
}

bool user_name_parse(struct text text, struct text client_id, struct user_name *out)
{
    *out = (struct user_name){0};
    if (!text.bytes) {
        return false;
    }
    struct text rest = text;
    out->host = text_take_until(&rest, '/');
    if (out->host.length == 0 || !rest.bytes) {
        return false;
    }
    return parse_as(rest, client_id, out) || parse_plainly(rest, out);
}

bool user_name_matches(const struct user_name *name, struct text client_id)
{
    struct text rest = client_id;
    struct text device = text_take_until(&rest, '/');
    return client_id.bytes && text_equal(name->device, device) &&
           (name->module.bytes ? text_equal(name->module, rest) : !rest.bytes);
}
