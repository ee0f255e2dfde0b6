/* Devices that exist at start: as text, and as the objects of the config file. */
#include "server/message_codec.h"
#include "server/options/options_table.h"
#include "server/simulator_codec.h"

#include <jansson.h>
#include <string.h>

static bool take_id(
    const char *id, size_t length, struct seed_device *device, char mistake[static 512])
{
    *device = (struct seed_device){.draft.enabled = true};
    if (length <= DEVICE_ID_MAX) {
        memcpy(device->draft.device_id, id, length);
    }
    if (!identity_id_is_valid(device->draft.device_id)) {
        return option_mistake(mistake,
            "\"%.*s\" is no device id: accepted are 1 to %d letters, digits and "
            "- : . + %% _ # * ? ! ( ) , = @ ; $ '",
            (int)(length > 100 ? 100 : length), id, DEVICE_ID_MAX);
    }
    return true;
}

static bool bad_key(const char *id, char mistake[static 512])
{
    return option_mistake(mistake, "the key of \"%.130s\": accepted is base64 of %d to %d bytes",
        id, KEY_MIN, KEY_MAX);
}

/* The first `=` ends the id: one that holds `=` itself needs the object form. */
bool seed_parse_text(const char *text, struct seed_device *device, char mistake[static 512])
{
    const char *equals = strchr(text, '=');
    size_t id_length = equals ? (size_t)(equals - text) : strlen(text);
    if (!take_id(text, id_length, device, mistake)) {
        return false;
    }
    if (!equals) {
        return true;
    }
    if (!key_parse(equals + 1, &device->draft.primary)) {
        return bad_key(device->draft.device_id, mistake);
    }
    device->draft.secondary = device->draft.primary;
    device->has_key = true;
    return true;
}

/* ---- objects ---- */

/* The first member of `object` that is not among `names`. */
static const char *unknown_member(const json_t *object, const char *const *names)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        const char *const *name = names;
        while (*name && strcmp(*name, key) != 0) {
            name++;
        }
        if (!*name) {
            return key;
        }
    }
    return NULL;
}

static bool check_members(const char *id, const json_t *object, const char *const *names,
    const char *where, char mistake[static 512])
{
    if (!json_is_object(object)) {
        return option_mistake(mistake, "\"%s\" of device \"%.130s\" is no object", where, id);
    }
    const char *unknown = unknown_member(object, names);
    if (unknown) {
        return option_mistake(
            mistake, "\"%.100s\" is unknown in %s of device \"%.130s\"", unknown, where, id);
    }
    return true;
}

static bool take_keys(const json_t *keys, struct seed_device *device, char mistake[static 512])
{
    static const char *const names[] = {"primaryKey", "secondaryKey", NULL};
    const char *id = device->draft.device_id;
    if (!check_members(id, keys, names, "symmetricKey", mistake)) {
        return false;
    }
    const char *primary = json_string_value(json_object_get(keys, names[0]));
    const char *secondary = json_string_value(json_object_get(keys, names[1]));
    if (!primary || !key_parse(primary, &device->draft.primary) ||
        !key_parse(secondary ? secondary : primary, &device->draft.secondary)) {
        return bad_key(id, mistake);
    }
    device->has_key = true;
    return true;
}

static bool take_thumbprint(
    const json_t *value, char out[THUMBPRINT_MAX + 1], const char *id, char mistake[static 512])
{
    const char *text = json_is_null(value) || !value ? "" : json_string_value(value);
    size_t length = text ? strlen(text) : 1;
    if ((length != 0 && length != 40 && length != 64) ||
        strspn(text, "0123456789abcdefABCDEF") != length) {
        return option_mistake(
            mistake, "a thumbprint of \"%.130s\": accepted are 40 or 64 hexadecimal digits", id);
    }
    snprintf(out, THUMBPRINT_MAX + 1, "%s", text);
    return true;
}

static bool take_thumbprints(
    const json_t *prints, struct seed_device *device, char mistake[static 512])
{
    static const char *const names[] = {"primaryThumbprint", "secondaryThumbprint", NULL};
    const char *id = device->draft.device_id;
    return check_members(id, prints, names, "x509Thumbprint", mistake) &&
           take_thumbprint(
               json_object_get(prints, names[0]), device->draft.primary_thumbprint, id, mistake) &&
           take_thumbprint(
               json_object_get(prints, names[1]), device->draft.secondary_thumbprint, id, mistake);
}

static bool take_type(const json_t *type, struct seed_device *device, char mistake[static 512])
{
    static const char *const types[] = {
        [AUTHENTICATION_SAS] = "sas",
        [AUTHENTICATION_SELF_SIGNED] = "selfSigned",
        [AUTHENTICATION_CA] = "certificateAuthority",
    };
    const char *text = json_string_value(type);
    for (size_t i = 0; text && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(text, types[i]) == 0) {
            device->draft.authentication = (enum identity_authentication)i;
            device->has_authentication = true;
            return true;
        }
    }
    return option_mistake(mistake,
        "authentication.type of \"%.130s\": accepted is sas, selfSigned or "
        "certificateAuthority",
        device->draft.device_id);
}

static bool take_authentication(
    const json_t *authentication, struct seed_device *device, char mistake[static 512])
{
    static const char *const names[] = {"type", "symmetricKey", "x509Thumbprint", NULL};
    const char *id = device->draft.device_id;
    if (!check_members(id, authentication, names, "authentication", mistake)) {
        return false;
    }
    const json_t *type = json_object_get(authentication, "type");
    const json_t *keys = json_object_get(authentication, "symmetricKey");
    const json_t *prints = json_object_get(authentication, "x509Thumbprint");
    return (!type || take_type(type, device, mistake)) &&
           (!keys || take_keys(keys, device, mistake)) &&
           (!prints || take_thumbprints(prints, device, mistake));
}

static bool take_status(const json_t *status, struct seed_device *device, char mistake[static 512])
{
    const char *text = json_string_value(status);
    if (!text || (strcmp(text, "enabled") != 0 && strcmp(text, "disabled") != 0)) {
        return option_mistake(mistake, "status of \"%.130s\": accepted is enabled or disabled",
            device->draft.device_id);
    }
    device->draft.enabled = strcmp(text, "enabled") == 0;
    device->has_status = true;
    return true;
}

static bool take_simulator(
    const json_t *simulator, struct seed_device *device, char mistake[static 512])
{
    struct hub_error error;
    if (simulator_read(simulator, &device->simulator, &error) == HUB_OK) {
        return true;
    }
    return option_mistake(
        mistake, "device \"%.130s\": %.256s", device->draft.device_id, error.sentence);
}

/* A first reading, so that a mistake is told before anything starts. */
static bool check_message(
    const json_t *object, const struct seed_device *device, char mistake[static 512])
{
    struct hub_error error;
    const char *id = device->draft.device_id;
    if (!check_members(id, object, message_codec_members, "a message", mistake)) {
        return false;
    }
    struct message *message = message_create();
    enum hub_code code = message_codec_read(object, INSTANT_NEVER, message, &error);
    message_release(message);
    return code == HUB_OK ||
           option_mistake(mistake, "a message of device \"%.130s\": %.256s", id, error.sentence);
}

static bool take_messages(json_t *messages, struct seed_device *device, char mistake[static 512])
{
    size_t index;
    json_t *object;
    if (!json_is_array(messages)) {
        return option_mistake(
            mistake, "\"messages\" of device \"%.130s\" is no list", device->draft.device_id);
    }
    json_array_foreach(messages, index, object)
    {
        if (!check_message(object, device, mistake)) {
            return false;
        }
    }
    device->messages = json_incref(messages);
    return true;
}

bool seed_parse_object(
    const struct json_t *object, struct seed_device *device, char mistake[static 512])
{
    static const char *const names[] = {
        "deviceId", "status", "authentication", "messages", "simulator", NULL};
    const char *id = json_string_value(json_object_get(object, "deviceId"));
    if (!id) {
        return option_mistake(mistake, "a device has no \"deviceId\"");
    }
    if (!take_id(id, strlen(id), device, mistake) ||
        !check_members(id, object, names, "the object", mistake)) {
        return false;
    }
    const json_t *status = json_object_get(object, "status");
    const json_t *authentication = json_object_get(object, "authentication");
    const json_t *simulator = json_object_get(object, "simulator");
    json_t *messages = json_object_get(object, "messages");
    return (!status || take_status(status, device, mistake)) &&
           (!authentication || take_authentication(authentication, device, mistake)) &&
           (!simulator || take_simulator(simulator, device, mistake)) &&
           (!messages || take_messages(messages, device, mistake));
}
