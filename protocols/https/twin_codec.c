#include "protocols/https/twin_codec.h"

#include "protocols/https/etag.h"
#include "protocols/https/identity_codec.h"

static void set(json_t *object, const char *name, json_t *value)
{
    json_object_set_new(object, name, value);
}

static json_t *write_thumbprint(const char *thumbprint)
{
    return thumbprint[0] != '\0' ? json_string(thumbprint) : json_null();
}

/* A module has the status of its device. */
static void write_identity(json_t *body, struct hub *hub, const struct identity *identity)
{
    const struct identity *device = identity->device ? identity->device : identity;
    set(body, "status", json_string(device->is.enabled ? "enabled" : "disabled"));
    if (device->is.status_reason[0] != '\0') {
        set(body, "statusReason", json_string(device->is.status_reason));
    }
    set(body, "statusUpdateTime", identity_write_time(device->status_updated, false));
    set(body, "connectionState",
        json_string(identity->connections > 0 ? "Connected" : "Disconnected"));
    set(body, "lastActivityTime", identity_write_time(identity->last_activity, false));
    set(body, "cloudToDeviceMessageCount",
        json_integer((json_int_t)mailbox_depth(hub_mailboxes(hub), identity)));
    set(body, "authenticationType", json_string(identity_type_name(identity->is.authentication)));
    json_t *thumbprints = json_object();
    set(thumbprints, "PrimaryThumbprint", write_thumbprint(identity->is.primary_thumbprint));
    set(thumbprints, "SecondaryThumbprint", write_thumbprint(identity->is.secondary_thumbprint));
    set(body, "x509Thumbprint", thumbprints);
}

/* What was never changed is as old as the identity. */
static json_t *write_properties(
    const struct twin_properties *properties, const struct identity *identity)
{
    json_t *body = json_copy(properties->values);
    if (json_object_size(properties->metadata) == 0) {
        set(properties->metadata, "$lastUpdated", identity_write_time(identity->created, false));
    }
    json_object_set(body, "$metadata", properties->metadata);
    set(body, "$version", json_integer((json_int_t)properties->version));
    return body;
}

json_t *twin_write(struct hub *hub, const struct identity *identity)
{
    char etag[ETAG_TEXT_SIZE];
    struct twin twin = twins_load(hub_twins(hub), identity->row);
    json_t *body = json_object();
    set(body, "deviceId", json_string(identity->is.device_id));
    if (identity->device) {
        set(body, "moduleId", json_string(identity->is.module_id));
    }
    etag_format_twin(twin.etag, etag);
    set(body, "etag", json_string(etag));
    etag_format(identity->etag, etag);
    set(body, "deviceEtag", json_string(etag));
    write_identity(body, hub, identity);
    if (!identity->device) {
        set(body, "modelId", json_string(""));
    }
    set(body, "version", json_integer((json_int_t)twin.version));
    if (json_object_size(twin.tags) > 0) {
        json_object_set(body, "tags", twin.tags);
    }
    json_t *properties = json_object();
    set(properties, "desired", write_properties(&twin.desired, identity));
    set(properties, "reported", write_properties(&twin.reported, identity));
    set(body, "properties", properties);
    if (!identity->device) {
        json_t *capabilities = json_object();
        set(capabilities, "iotEdge", json_boolean(identity->is.iot_edge));
        set(body, "capabilities", capabilities);
    }
    twin_release(&twin);
    return body;
}
