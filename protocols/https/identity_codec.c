#include "protocols/https/identity_codec.h"

#include "protocols/https/etag.h"
#include "store/iso8601.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

/* ---- writing ---- */

static const char *const type_names[] = {[AUTHENTICATION_SAS] = "sas",
    [AUTHENTICATION_SELF_SIGNED] = "selfSigned",
    [AUTHENTICATION_CA] = "certificateAuthority",
    [AUTHENTICATION_NONE] = "none"};

json_t *identity_write_time(struct instant at, bool is_new)
{
    char text[ISO8601_SIZE];
    if (at.us == 0) {
        return json_string(is_new ? "0001-01-01T00:00:00" : "0001-01-01T00:00:00Z");
    }
    iso8601_format_instant(at, 7, text);
    return json_string(text);
}

const char *identity_type_name(enum identity_authentication authentication)
{
    return type_names[authentication];
}

static json_t *write_key(const struct key *key)
{
    char text[KEY_TEXT_SIZE];
    if (key->length == 0) {
        return json_null();
    }
    key_format(key, text);
    json_t *value = json_string(text);
    OPENSSL_cleanse(text, sizeof text);
    return value;
}

static json_t *write_text(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *write_authentication(const struct identity_draft *is)
{
    json_t *keys = json_object();
    json_object_set_new(keys, "primaryKey", write_key(&is->primary));
    json_object_set_new(keys, "secondaryKey", write_key(&is->secondary));
    json_t *thumbprints = json_object();
    json_object_set_new(thumbprints, "primaryThumbprint", write_text(is->primary_thumbprint));
    json_object_set_new(thumbprints, "secondaryThumbprint", write_text(is->secondary_thumbprint));
    json_t *authentication = json_object();
    json_object_set_new(authentication, "symmetricKey", keys);
    json_object_set_new(authentication, "x509Thumbprint", thumbprints);
    json_object_set_new(authentication, "type", json_string(type_names[is->authentication]));
    return authentication;
}

/* What devices and modules have at the same place. */
static void write_connection(json_t *body, const struct identity *identity, bool is_new)
{
    json_object_set_new(body, "connectionStateUpdatedTime",
        identity_write_time(identity->connection_updated, is_new));
    if (!identity->device) {
        json_object_set_new(
            body, "statusUpdatedTime", identity_write_time(identity->status_updated, is_new));
    }
    json_object_set_new(
        body, "lastActivityTime", identity_write_time(identity->last_activity, is_new));
}

static void write_ids(json_t *body, const struct identity *identity)
{
    char etag[ETAG_TEXT_SIZE];
    etag_format(identity->etag, etag);
    if (identity->device) {
        json_object_set_new(body, "moduleId", json_string(identity->is.module_id));
        json_object_set_new(body, "managedBy", write_text(identity->is.managed_by));
    }
    json_object_set_new(body, "deviceId", json_string(identity->is.device_id));
    json_object_set_new(body, "generationId", json_string(identity->generation_id));
    json_object_set_new(body, "etag", json_string(etag));
    json_object_set_new(body, "connectionState",
        json_string(identity->connections > 0 ? "Connected" : "Disconnected"));
}

json_t *identity_write(struct hub *hub, const struct identity *identity, bool is_new)
{
    json_t *body = json_object();
    write_ids(body, identity);
    if (!identity->device) {
        json_object_set_new(
            body, "status", json_string(identity->is.enabled ? "enabled" : "disabled"));
        json_object_set_new(body, "statusReason", write_text(identity->is.status_reason));
    }
    write_connection(body, identity, is_new);
    json_object_set_new(body, "cloudToDeviceMessageCount",
        json_integer((json_int_t)mailbox_depth(hub_mailboxes(hub), identity)));
    json_object_set_new(body, "authentication", write_authentication(&identity->is));
    if (!identity->device) {
        json_t *capabilities = json_object();
        json_object_set_new(capabilities, "iotEdge", json_boolean(identity->is.iot_edge));
        json_object_set_new(body, "capabilities", capabilities);
    }
    return body;
}

/* ---- reading ---- */

/* Copies a string member that may be missing or null. False: it is something else, or too long. */
static bool read_text(const json_t *object, const char *name, char *out, size_t size)
{
    const json_t *value = json_object_get(object, name);
    out[0] = '\0';
    if (!value || json_is_null(value)) {
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) >= size) {
        return false;
    }
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return true;
}

static enum hub_code refuse(struct hub_error *error, const char *sentence)
{
    return hub_refuse(error, HUB_ARGUMENT_INVALID, "%s", sentence);
}

static enum hub_code read_key(
    const json_t *keys, const char *name, struct key *key, struct hub_error *error)
{
    char text[KEY_TEXT_SIZE];
    bool is_good =
        read_text(keys, name, text, sizeof text) && (text[0] == '\0' || key_parse(text, key));
    OPENSSL_cleanse(text, sizeof text);
    return is_good ? HUB_OK : refuse(error, "A symmetric key is not the base64 of 16 to 64 bytes.");
}

static enum hub_code read_type(
    const json_t *authentication, struct identity_draft *draft, struct hub_error *error)
{
    char type[32];
    if (!read_text(authentication, "type", type, sizeof type)) {
        return refuse(error, "The authentication type is not known.");
    }
    if (type[0] == '\0') {
        /* Older clients leave it out. */
        bool has_thumbprint = draft->primary_thumbprint[0] || draft->secondary_thumbprint[0];
        draft->authentication = has_thumbprint ? AUTHENTICATION_SELF_SIGNED : AUTHENTICATION_SAS;
        return HUB_OK;
    }
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (strcasecmp(type, type_names[i]) == 0) {
            draft->authentication = (enum identity_authentication)i;
            bool is_fit = i != AUTHENTICATION_NONE || draft->module_id[0] != '\0';
            return is_fit ? HUB_OK : refuse(error, "A device has to authenticate in some way.");
        }
    }
    return refuse(error, "The authentication type is not sas, selfSigned or certificateAuthority.");
}

static enum hub_code read_authentication(
    const json_t *authentication, struct identity_draft *draft, struct hub_error *error)
{
    if (!authentication || json_is_null(authentication)) {
        return HUB_OK;
    }
    if (!json_is_object(authentication)) {
        return refuse(error, "The authentication is not an object.");
    }
    const json_t *keys = json_object_get(authentication, "symmetricKey");
    const json_t *thumbprints = json_object_get(authentication, "x509Thumbprint");
    if (!read_text(thumbprints, "primaryThumbprint", draft->primary_thumbprint,
            sizeof draft->primary_thumbprint) ||
        !read_text(thumbprints, "secondaryThumbprint", draft->secondary_thumbprint,
            sizeof draft->secondary_thumbprint)) {
        return refuse(error, "A thumbprint is not 40 or 64 hexadecimal digits.");
    }
    enum hub_code code = read_key(keys, "primaryKey", &draft->primary, error);
    if (code == HUB_OK) {
        code = read_key(keys, "secondaryKey", &draft->secondary, error);
    }
    return code == HUB_OK ? read_type(authentication, draft, error) : code;
}

static enum hub_code read_status(
    const json_t *body, struct identity_draft *draft, struct hub_error *error)
{
    char status[16];
    if (!read_text(body, "status", status, sizeof status) ||
        (status[0] && strcasecmp(status, "enabled") != 0 && strcasecmp(status, "disabled") != 0)) {
        return refuse(error, "The status is neither enabled nor disabled.");
    }
    draft->enabled = strcasecmp(status, "disabled") != 0;
    if (!read_text(body, "statusReason", draft->status_reason, sizeof draft->status_reason)) {
        return refuse(error, "The status reason is longer than 128 characters.");
    }
    return HUB_OK;
}

/* The id goes into a text of DEVICE_ID_MAX + 1. */
static enum hub_code read_id(const char *id, const char *what, char *out, struct hub_error *error)
{
    if (!identity_id_is_valid(id)) {
        return hub_refuse(error, HUB_ARGUMENT_INVALID,
            "The %s id is empty, longer than 128 characters, or has a character that is not"
            " allowed.",
            what);
    }
    memcpy(out, id, strlen(id) + 1);
    return HUB_OK;
}

/* What only one of the two kinds has. */
static enum hub_code read_kind(
    const json_t *body, struct identity_draft *draft, struct hub_error *error)
{
    if (draft->module_id[0] == '\0') {
        const json_t *capabilities = json_object_get(body, "capabilities");
        draft->iot_edge = json_is_true(json_object_get(capabilities, "iotEdge"));
        return read_status(body, draft, error);
    }
    if (!read_text(body, "managedBy", draft->managed_by, sizeof draft->managed_by)) {
        return refuse(error, "managedBy is longer than 128 characters.");
    }
    return HUB_OK;
}

enum hub_code identity_read(const json_t *body, const char *device_id, struct identity_draft *draft,
    struct hub_error *error)
{
    return identity_read_module(body, device_id, NULL, draft, error);
}

enum hub_code identity_read_module(const json_t *body, const char *device_id, const char *module_id,
    struct identity_draft *draft, struct hub_error *error)
{
    *draft = (struct identity_draft){.enabled = true};
    enum hub_code code = read_id(device_id, "device", draft->device_id, error);
    if (code == HUB_OK && module_id) {
        code = read_id(module_id, "module", draft->module_id, error);
    }
    if (code == HUB_OK) {
        code = read_kind(body, draft, error);
    }
    if (code == HUB_OK) {
        code = read_authentication(json_object_get(body, "authentication"), draft, error);
    }
    return code;
}
