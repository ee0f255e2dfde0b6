#include "store/twin_document.h"

#include "store/iso8601.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SIZE 1024
#define STRING_MAX_SIZE 4096
#define INTEGER_LEAST (-4503599627370496LL)
#define INTEGER_MOST 4503599627370495LL
#define DEPTH_MAX 10 /* objects below the outermost */

json_t *document_some(json_t *json)
{
    if (!json) {
        abort();
    }
    return json;
}

void document_set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new_nocheck(object, name, document_some(value)) != 0) {
        abort();
    }
}

char *document_dump(const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (!text) {
        abort();
    }
    return text;
}

/* ---- limits ---- */

/* Bytes of what jansson has found to be UTF-8. */
static bool is_control(const unsigned char *at)
{
    return *at < ' ' || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0);
}

static enum hub_code check_name(const char *name, struct hub_error *error)
{
    const unsigned char *at = (const unsigned char *)name;
    if (strlen(name) > NAME_MAX_SIZE) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "A property name is longer than %d bytes of UTF-8.", NAME_MAX_SIZE);
    }
    while (*at && !is_control(at) && !strchr(".$ ", *at)) {
        at++;
    }
    return *name && !*at ? HUB_OK
                         : hub_refuse(error, HUB_ARGUMENT_INVALID,
                               "A property name is empty or has a dot, a dollar sign, a space or a"
                               " control character.");
}

static enum hub_code check_integer(json_int_t value, struct hub_error *error)
{
    return value >= INTEGER_LEAST && value <= INTEGER_MOST
               ? HUB_OK
               : hub_refuse(error, HUB_ARGUMENT_INVALID, "An integer is not between %lld and %lld.",
                     INTEGER_LEAST, INTEGER_MOST);
}

static enum hub_code check_string(const json_t *value, struct hub_error *error)
{
    return json_string_length(value) <= STRING_MAX_SIZE
               ? HUB_OK
               : hub_refuse(error, HUB_ARGUMENT_INVALID,
                     "A string value is longer than %d bytes of UTF-8.", STRING_MAX_SIZE);
}

/* Where a value is. */
struct place {
    int depth; /* objects around it */
    bool is_in_array; /* at any distance */
};

static enum hub_code check(const json_t *value, struct place place, struct hub_error *error);

static enum hub_code check_object(const json_t *object, struct place place, struct hub_error *error)
{
    const char *name;
    json_t *member;
    if (place.depth++ > DEPTH_MAX) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The properties are nested deeper than %d levels.", DEPTH_MAX);
    }
    json_object_foreach((json_t *)object, name, member)
    {
        enum hub_code code = check_name(name, error);
        code = code == HUB_OK ? check(member, place, error) : code;
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

/* How deep arrays stand in arrays is bounded by jansson. */
static enum hub_code check_array(const json_t *array, struct place place, struct hub_error *error)
{
    enum hub_code code = HUB_OK;
    place.is_in_array = true;
    for (size_t i = 0; code == HUB_OK && i < json_array_size(array); i++) {
        code = check(json_array_get(array, i), place, error);
    }
    return code;
}

static enum hub_code check(const json_t *value, struct place place, struct hub_error *error)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return check_object(value, place, error);
    case JSON_ARRAY:
        return check_array(value, place, error);
    case JSON_STRING:
        return check_string(value, error);
    case JSON_INTEGER:
        return check_integer(json_integer_value(value), error);
    case JSON_NULL:
        return place.is_in_array ? hub_refuse(error, HUB_ARGUMENT_INVALID, "An array holds a null.")
                                 : HUB_OK;
    default:
        return HUB_OK;
    }
}

enum hub_code document_check(const json_t *object, struct hub_error *error)
{
    return check(object, (struct place){0}, error);
}

size_t document_size(const json_t *value)
{
    const char *name;
    json_t *member;
    size_t size = 0;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        json_object_foreach((json_t *)value, name, member)
        {
            size += strlen(name) + document_size(member);
        }
        return size;
    case JSON_STRING:
        return json_string_length(value);
    case JSON_INTEGER:
    case JSON_REAL:
        return 8;
    case JSON_ARRAY:
        return json_dumpb(value, NULL, 0, JSON_COMPACT);
    default:
        return 4;
    }
}

/* ---- changes ---- */

/* The member as an object: what else it was is replaced. */
static json_t *open_member(json_t *object, const char *name)
{
    if (!json_is_object(json_object_get(object, name))) {
        document_set(object, name, json_object());
    }
    return json_object_get(object, name);
}

void document_merge(json_t *target, json_t *patch)
{
    const char *name;
    json_t *value;
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(target, name);
        } else if (json_is_object(value)) {
            document_merge(open_member(target, name), value);
        } else {
            document_set(target, name, json_incref(value));
        }
    }
}

static void stamp(json_t *metadata, json_t *patch, const char *at, uint64_t version)
{
    const char *name;
    json_t *value;
    document_set(metadata, "$lastUpdated", json_string(at));
    if (version > 0) {
        document_set(metadata, "$lastUpdatedVersion", json_integer((json_int_t)version));
    }
    json_object_foreach(patch, name, value)
    {
        if (json_is_null(value)) {
            json_object_del(metadata, name);
            continue;
        }
        if (!json_is_object(value)) {
            json_object_del(metadata, name); /* what was below it is gone */
        }
        stamp(open_member(metadata, name), json_is_object(value) ? value : NULL, at, version);
    }
}

void document_stamp(json_t *metadata, json_t *patch, struct instant now, uint64_t version)
{
    char at[ISO8601_SIZE];
    iso8601_format_instant(now, 7, at);
    stamp(metadata, patch, at, version);
}
