#include "server/connection_string.h"

#include <stdio.h>

static const char *key_text(const struct key *key, char text[KEY_TEXT_SIZE])
{
    if (!key) {
        return "***";
    }
    key_format(key, text);
    return text;
}

void connection_string_of_policy(const char *host_name, const char *policy, const struct key *key,
    char out[CONNECTION_STRING_SIZE])
{
    char text[KEY_TEXT_SIZE];
    snprintf(out, CONNECTION_STRING_SIZE, "HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s",
        host_name, policy, key_text(key, text));
}

void connection_string_of_device(const char *host_name, const struct identity_draft *device,
    bool masked, char out[CONNECTION_STRING_SIZE])
{
    char text[KEY_TEXT_SIZE];
    if (device->authentication != AUTHENTICATION_SAS) {
        snprintf(out, CONNECTION_STRING_SIZE, "HostName=%s;DeviceId=%s;x509=true", host_name,
            device->device_id);
        return;
    }
    snprintf(out, CONNECTION_STRING_SIZE, "HostName=%s;DeviceId=%s;SharedAccessKey=%s", host_name,
        device->device_id, key_text(masked ? NULL : &device->primary, text));
}
