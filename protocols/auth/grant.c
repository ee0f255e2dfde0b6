/*
 * What a grant opens: permission, audience, and the device itself.
 */
#include "protocols/auth/audience.h"
#include "protocols/auth/auth.h"
#include "protocols/auth/internal.h"

#include <string.h>

/* Writing the registry includes reading it. */
static bool permissions_hold(unsigned permissions, enum permission wanted)
{
    if (permissions & PERMISSION_REGISTRY_WRITE) {
        permissions |= PERMISSION_REGISTRY_READ;
    }
    return (permissions & wanted) == (unsigned)wanted;
}

enum hub_code auth_authorize_service(const struct auth_grant *grant, enum permission permission,
    const char *path, struct hub_error *error)
{
    if (grant->device_id[0] != '\0') {
        return hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
            "A device's own credentials do not open the service side.");
    }
    if (!permissions_hold(grant->permissions, permission)) {
        return hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
            "The shared access policy lacks the permission.");
    }
    if (!scope_covers(grant->scope, path)) {
        return hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
            "The audience of the SAS token does not cover the request.");
    }
    return HUB_OK;
}

static bool grant_speaks_for(const struct auth_grant *grant, const char *name)
{
    char path[IDENTITY_NAME_MAX + 32];

    if (!scope_of_name(name, path, sizeof(path))) {
        return false;
    }
    if (grant->device_id[0] != '\0' && strcmp(grant->device_id, name) != 0) {
        return false;
    }
    return permissions_hold(grant->permissions, PERMISSION_DEVICE_CONNECT) &&
           scope_covers(grant->scope, path);
}

enum hub_code auth_authorize_device(
    struct auth *auth, const struct auth_grant *grant, const char *name, struct hub_error *error)
{
    struct identity *identity = NULL;
    enum hub_code code;

    if (!grant_speaks_for(grant, name)) {
        return hub_refuse(
            error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "The credentials do not open this device.");
    }
    code = auth_find_identity(auth, name, NULL, &identity, error);
    if (!identity) {
        return code;
    }
    if (!identity_is_enabled(identity)) {
        return hub_refuse(
            error, HUB_DEVICE_NOT_FOUND, "Device %s is disabled.", identity->is.device_id);
    }
    return HUB_OK;
}

bool auth_grant_is_over(const struct auth_grant *grant, struct instant now)
{
    return instant_compare(instant_add(grant->expires, AUTH_CLOCK_SKEW), now) < 0;
}
