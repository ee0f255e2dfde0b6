#include "store/twin_document.h"

#include "store/iso8601.h"

#include <stdbool.h>
#include <stdlib.h>

#define DEPTH_MAX 10

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

static bool name_is_valid(const char *name)
{
    for (const unsigned char *at = (const unsigned char *)name; *at; at++) {
        if (*at <= ' ' || *at == 0x7f || *at == '.' || *at == '$') {
            return false;
        }
    }
    return *name != 0;
}

/* `depth`: levels that may still be opened below this value. */
static enum hub_code check(const json_t *value, int depth, struct hub_error *error)
{
    if (!json_is_object(value) && !json_is_array(value)) {
        return HUB_OK;
    }
    if (depth == 0) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The properties are nested deeper than %d levels.", DEPTH_MAX);
    }
    enum hub_code code = HUB_OK;
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)value, name, member)
    {
        if (!name_is_valid(name)) {
            return hub_refuse(error, HUB_ARGUMENT_INVALID,
                "A property name is empty or has a dot, a dollar sign, a space or a control"
                " character.");
        }
        code = check(member, depth - 1, error);
        if (code != HUB_OK) {
            return code;
        }
    }
    size_t index;
    json_array_foreach(value, index, member)
    {
        code = check(member, depth - 1, error);
        if (code != HUB_OK) {
            return code;
        }
    }
    return HUB_OK;
}

enum hub_code document_check(const json_t *object, struct hub_error *error)
{
    return check(object, DEPTH_MAX, error);
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
