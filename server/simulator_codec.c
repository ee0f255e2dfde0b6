#include "server/simulator_codec.h"

#include "store/iso8601.h"

#include <string.h>

#define TIMES_MAX 1000000

static const char *const acts[] = {[SIMULATOR_COMPLETE] = "complete",
    [SIMULATOR_REJECT] = "reject",
    [SIMULATOR_ABANDON] = "abandon",
    [SIMULATOR_IGNORE] = "ignore"};

#define ACT_COUNT (sizeof acts / sizeof acts[0])

static enum hub_code refuse(struct hub_error *error, const char *member, const char *accepted)
{
    return hub_refuse(
        error, HUB_ARGUMENT_INVALID, "The member \"%s\" of a simulator is %s.", member, accepted);
}

static enum hub_code check_members(const json_t *object, struct hub_error *error)
{
    static const char *const known[] = {"on", "do", "delay", "times", "then"};
    const char *name;
    json_t *value;
    if (!json_is_object(object)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID, "A simulator is not a JSON object.");
    }
    json_object_foreach((json_t *)object, name, value)
    {
        size_t i = 0;
        while (i < sizeof known / sizeof known[0] && strcmp(known[i], name) != 0) {
            i++;
        }
        if (i == sizeof known / sizeof known[0]) {
            return hub_refuse(
                error, HUB_ARGUMENT_INVALID, "The member \"%.64s\" is not known.", name);
        }
    }
    return HUB_OK;
}

static bool read_act(const json_t *value, enum simulator_act *act)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text && i < ACT_COUNT; i++) {
        if (strcmp(acts[i], text) == 0) {
            *act = (enum simulator_act)i;
            return true;
        }
    }
    return false;
}

static bool read_times(const json_t *value, uint32_t *times)
{
    json_int_t number = json_integer_value(value);
    *times = (uint32_t)number;
    return !value || (json_is_integer(value) && number >= 1 && number <= TIMES_MAX);
}

static bool read_delay(const json_t *value, struct duration *delay)
{
    const char *text = json_string_value(value);
    *delay = (struct duration){0};
    return !value ||
           (text && iso8601_parse_duration(text, delay) && delay->us <= DURATION_DAYS(2).us);
}

static enum hub_code read_step(
    const json_t *object, struct simulator_step *step, struct hub_error *error)
{
    const json_t *on = json_object_get(object, "on");
    enum hub_code code = check_members(object, error);
    if (code != HUB_OK) {
        return code;
    }
    if (on && (!json_is_string(on) || strcmp(json_string_value(on), "message") != 0)) {
        return refuse(error, "on", "not \"message\"");
    }
    if (!read_act(json_object_get(object, "do"), &step->act)) {
        return refuse(error, "do", "not complete, reject, abandon or ignore");
    }
    if (!read_delay(json_object_get(object, "delay"), &step->delay)) {
        return refuse(error, "delay", "not an ISO 8601 duration up to P2D");
    }
    if (!read_times(json_object_get(object, "times"), &step->times)) {
        return refuse(error, "times", "not 1 to 1000000");
    }
    if (json_object_get(object, "then") && step->times == 0) {
        return refuse(error, "then", "there without \"times\"");
    }
    return HUB_OK;
}

enum hub_code simulator_read(
    const json_t *object, struct simulator_rule *rule, struct hub_error *error)
{
    *rule = (struct simulator_rule){0};
    do {
        if (rule->count == SIMULATOR_STEPS_MAX) {
            return refuse(error, "then", "nested too deep");
        }
        enum hub_code code = read_step(object, &rule->steps[rule->count++], error);
        if (code != HUB_OK) {
            return code;
        }
    } while ((object = json_object_get(object, "then")));
    return HUB_OK;
}

json_t *simulator_write(const struct simulator_rule *rule)
{
    json_t *then = NULL;
    for (size_t i = rule->count; i-- > 0;) {
        const struct simulator_step *step = &rule->steps[i];
        char delay[ISO8601_SIZE];
        iso8601_format_duration(step->delay, delay);
        json_t *object =
            json_pack("{s:s, s:s, s:s}", "on", "message", "do", acts[step->act], "delay", delay);
        if (step->times > 0) {
            json_object_set_new(object, "times", json_integer(step->times));
        }
        if (then) {
            json_object_set_new(object, "then", then);
        }
        then = object;
    }
    return then;
}
