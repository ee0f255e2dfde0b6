#include "protocols/mqtt/topic.h"

#include "store/identity.h"

#include <string.h>

/* Cuts `prefix` off the front. */
static bool take(struct text *text, struct text prefix)
{
    if (text->length < prefix.length || memcmp(text->bytes, prefix.bytes, prefix.length) != 0) {
        return false;
    }
    text->bytes += prefix.length;
    text->length -= prefix.length;
    return true;
}

/* "devices/{d}" or "devices/{d}/modules/{m}" */
static bool take_own(struct text *text, const char *name)
{
    const char *slash = strchr(name, '/');
    struct text device = {name, slash ? (size_t)(slash - name) : strlen(name)};
    return take(text, TEXT("devices/")) && take(text, device) &&
           (!slash || (take(text, TEXT("/modules/")) && take(text, text_of(slash + 1))));
}

static bool take_own_messages(struct text *text, const char *name)
{
    return take_own(text, name) && take(text, TEXT("/messages/"));
}

/* A module may ask for all of its own, or for the inputs that only Edge has. */
static enum topic_filter module_filter_of(struct text filter, const char *name)
{
    if (!strchr(name, '/') || !take_own(&filter, name)) {
        return FILTER_UNKNOWN;
    }
    if (text_equal(filter, TEXT("/#"))) {
        return FILTER_DEVICE_BOUND;
    }
    return text_equal(filter, TEXT("/inputs/#")) ? FILTER_INPUTS : FILTER_UNKNOWN;
}

enum topic_filter topic_filter_of(struct text filter, const char *name)
{
    static const struct {
        struct text text;
        enum topic_filter filter;
    } fixed[] = {{{"$iothub/twin/res/#", 18}, FILTER_TWIN_ANSWERS},
        {{"$iothub/twin/PATCH/properties/desired/#", 39}, FILTER_TWIN_DESIRED},
        {{"$iothub/methods/POST/#", 22}, FILTER_METHODS}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (text_equal(filter, fixed[i].text)) {
            return fixed[i].filter;
        }
    }
    struct text all = filter;
    if (!take_own_messages(&filter, name) || !take(&filter, TEXT("devicebound"))) {
        return module_filter_of(all, name);
    }
    if (text_equal(filter, TEXT("/#"))) {
        return FILTER_DEVICE_BOUND;
    }
    bool is_bare = filter.length == 0 || text_equal(filter, TEXT("/"));
    return is_bare ? FILTER_DEVICE_BOUND_BARE : FILTER_UNKNOWN;
}

/* ---- topics ---- */

/* The value of `$rid` in "?name=value&…"; false: this is no such query. */
static bool parse_query(struct text text, struct text *request_id)
{
    *request_id = TEXT_ABSENT;
    if (text.length > 0 && !take(&text, TEXT("?"))) {
        return false;
    }
    while (text.length > 0) {
        struct text pair = text_take_until(&text, '&');
        if (!request_id->bytes && take(&pair, TEXT("$rid="))) {
            *request_id = pair;
        }
    }
    return true;
}

/* "{status}/?$rid={rid}", the status any integer. */
static bool parse_method_answer(struct text text, struct text *request_id)
{
    take(&text, TEXT("-"));
    size_t digits = 0;
    while (digits < text.length && text.bytes[digits] >= '0' && text.bytes[digits] <= '9') {
        digits++;
    }
    if (digits == 0) {
        return false;
    }
    text.bytes += digits;
    text.length -= digits;
    return take(&text, TEXT("/")) && parse_query(text, request_id) && request_id->length > 0;
}

/* What follows "…/messages/events": nothing, "/", "/{bag}" or "/{bag}/". */
static bool parse_events(struct text text, struct text *bag)
{
    *bag = TEXT("");
    if (text.length == 0) {
        return true;
    }
    if (!take(&text, TEXT("/"))) {
        return false;
    }
    if (text.length > 0 && text.bytes[text.length - 1] == '/') {
        text.length--;
    }
    *bag = text;
    return true;
}

struct topic topic_parse(struct text text, const char *name)
{
    struct topic topic = {0};
    struct text rest = text;
    if (take_own_messages(&rest, name)) {
        if (take(&rest, TEXT("events")) && parse_events(rest, &topic.bag)) {
            topic.kind = TOPIC_TELEMETRY;
        }
        return topic;
    }
    if (take(&text, TEXT("$iothub/twin/GET/"))) {
        topic.kind = parse_query(text, &topic.request_id) ? TOPIC_TWIN_GET : TOPIC_UNKNOWN;
    } else if (take(&text, TEXT("$iothub/twin/PATCH/properties/reported/"))) {
        topic.kind = parse_query(text, &topic.request_id) ? TOPIC_TWIN_REPORT : TOPIC_UNKNOWN;
    } else if (take(&text, TEXT("$iothub/methods/res/"))) {
        topic.kind =
            parse_method_answer(text, &topic.request_id) ? TOPIC_METHOD_ANSWER : TOPIC_UNKNOWN;
    }
    return topic;
}
