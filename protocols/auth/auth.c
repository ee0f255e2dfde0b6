/*
 * Reads tokens and certificates: who signed, with which key, for what, until when.
 */
#include "protocols/auth/auth.h"

#include "protocols/auth/audience.h"
#include "protocols/auth/certificate.h"
#include "protocols/auth/internal.h"
#include "protocols/auth/sas_token.h"
#include "store/log.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct auth {
    struct hub *hub;
    char **host_names; /* NULL-terminated */
    bool lenient;
};

struct auth *auth_create(struct hub *hub, const struct auth_options *options)
{
    struct auth *auth = memory_allocate(sizeof(*auth));
    size_t count = 0;

    while (options->host_names[count]) {
        count++;
    }
    auth->hub = hub;
    auth->lenient = options->lenient;
    auth->host_names = memory_allocate_array(count + 1, sizeof(*auth->host_names));
    for (size_t i = 0; i < count; i++) {
        auth->host_names[i] = memory_copy_string(options->host_names[i]);
    }
    return auth;
}

void auth_free(struct auth *auth)
{
    if (!auth) {
        return;
    }
    for (char **name = auth->host_names; *name; name++) {
        free(*name);
    }
    free(auth->host_names);
    free(auth);
}

/* Cuts a port, and the brackets of an IPv6 address. */
static struct text host_without_port(struct text host)
{
    const char *colon = memchr(host.bytes, ':', host.length);

    if (host.length > 0 && host.bytes[0] == '[') {
        const char *end = memchr(host.bytes, ']', host.length);

        return end ? (struct text){host.bytes + 1, (size_t)(end - host.bytes - 1)} : host;
    }
    if (colon) {
        size_t length = (size_t)(colon - host.bytes);

        /* More than one colon: an IPv6 address without brackets has no port. */
        if (!memchr(colon + 1, ':', host.length - length - 1)) {
            host.length = length;
        }
    }
    return host;
}

bool auth_knows_host(const struct auth *auth, struct text host)
{
    if (!host.bytes) {
        return false;
    }
    host = host_without_port(host);
    for (char **name = auth->host_names; *name; name++) {
        if (text_equal_nocase(host, host_without_port(text_of(*name)))) {
            return true;
        }
    }
    return false;
}

static enum hub_code refuse(struct hub_error *error, const char *sentence)
{
    return hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS, "%s", sentence);
}

/* Registers a device or module that shows up for the first time, in lenient mode. */
static enum hub_code register_identity(struct auth *auth, const char *device_id,
    const char *module_id, struct x509_st *certificate, struct identity **identity,
    struct hub_error *error)
{
    struct identity_draft draft = {.enabled = true};
    struct etag_condition create = {.match = ETAG_CREATE_ONLY};
    enum hub_code code;

    snprintf(draft.device_id, sizeof(draft.device_id), "%s", device_id);
    snprintf(draft.module_id, sizeof(draft.module_id), "%s", module_id);
    if (certificate) {
        struct certificate_thumbprints thumbprints = certificate_hash(certificate);

        draft.authentication = AUTHENTICATION_SELF_SIGNED;
        memcpy(draft.primary_thumbprint, thumbprints.sha256, sizeof(thumbprints.sha256));
    }
    code = hub_put_device(auth->hub, &draft, create, identity, error);
    if (code == HUB_OK) {
        LOG(LOG_WARN, "AUTH-DEVICE-REGISTERED", "registered an unknown device on first contact",
            {"device", (*identity)->name});
    } else {
        *identity = NULL;
    }
    return code;
}

static enum hub_code register_both(struct auth *auth, const char *device_id, const char *module_id,
    struct x509_st *certificate, struct identity **identity, struct hub_error *error)
{
    if (module_id[0] != '\0' && !identity_find(hub_identities(auth->hub), device_id)) {
        enum hub_code code = register_identity(auth, device_id, "", NULL, identity, error);

        if (code != HUB_OK) {
            return code;
        }
    }
    return register_identity(auth, device_id, module_id, certificate, identity, error);
}

/* False: no identity can have that name. */
static bool split_name(
    const char *name, char device_id[DEVICE_ID_MAX + 1], char module_id[DEVICE_ID_MAX + 1])
{
    size_t length = strcspn(name, "/");

    if (length > DEVICE_ID_MAX || strlen(name + length) > DEVICE_ID_MAX + 1) {
        return false;
    }
    memcpy(device_id, name, length);
    device_id[length] = '\0';
    snprintf(module_id, DEVICE_ID_MAX + 1, "%s", name[length] ? name + length + 1 : "");
    return identity_id_is_valid(device_id) && (!name[length] || identity_id_is_valid(module_id));
}

enum hub_code auth_find_identity(struct auth *auth, const char *name, struct x509_st *certificate,
    struct identity **identity, struct hub_error *error)
{
    char device_id[DEVICE_ID_MAX + 1];
    char module_id[DEVICE_ID_MAX + 1];

    *identity = NULL;
    if (!split_name(name, device_id, module_id)) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, NULL);
    }
    *identity = identity_find_name(hub_identities(auth->hub), name);
    if (*identity) {
        return HUB_OK;
    }
    if (auth->lenient) {
        return register_both(auth, device_id, module_id, certificate, identity, error);
    }
    if (module_id[0] != '\0' && identity_find(hub_identities(auth->hub), device_id)) {
        return hub_refuse(error, HUB_MODULE_NOT_FOUND, "Module %s of device %s is not registered.",
            module_id, device_id);
    }
    return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "Device %s at IotHub %s not registered.",
        device_id, hub_settings(auth->hub)->name);
}

/* ---- tokens ---- */

static bool is_bearer(struct text token)
{
    return token.bytes && token.length >= 7 && strncasecmp(token.bytes, "Bearer ", 7) == 0;
}

/* Microsoft Entra's tokens cannot be checked without Microsoft Entra. */
static enum hub_code read_bearer(
    const struct auth *auth, struct text token, struct auth_grant *grant, struct hub_error *error)
{
    size_t used = 7;

    while (used < token.length && token.bytes[used] == ' ') {
        used++;
    }
    if (!auth->lenient) {
        return refuse(error, "Bearer tokens cannot be checked here; use a SAS token.");
    }
    if (used == token.length) {
        return refuse(error, "The bearer token is empty.");
    }
    grant->permissions = PERMISSION_REGISTRY_READ | PERMISSION_REGISTRY_WRITE |
                         PERMISSION_SERVICE_CONNECT | PERMISSION_DEVICE_CONNECT;
    snprintf(grant->policy, sizeof(grant->policy), "bearer");
    return HUB_OK;
}

static enum hub_code check_signature(const struct auth *auth, const struct sas_token *token,
    const struct key *primary, const struct key *secondary, struct hub_error *error)
{
    if (auth->lenient || sas_token_is_signed_with(token, primary) ||
        sas_token_is_signed_with(token, secondary)) {
        return HUB_OK;
    }
    return refuse(error, "The specified SAS token has an invalid signature. It does not match "
                         "either the primary or secondary key.");
}

static enum hub_code read_policy_token(const struct auth *auth, const struct sas_token *token,
    struct auth_grant *grant, struct hub_error *error)
{
    const struct policy *policy = identity_policy_find(hub_identities(auth->hub), token->policy);

    if (!policy) {
        return refuse(error, "The SAS token names a shared access policy that does not exist.");
    }
    grant->permissions = policy->permissions;
    snprintf(grant->policy, sizeof(grant->policy), "%s", policy->name);
    return check_signature(auth, token, &policy->primary, &policy->secondary, error);
}

static enum hub_code read_own_token(struct auth *auth, const struct sas_token *token,
    const char *name, struct auth_grant *grant, struct hub_error *error)
{
    struct identity *identity = NULL;
    enum hub_code code = auth_find_identity(auth, name, NULL, &identity, error);

    if (!identity) {
        return code;
    }
    if (identity->is.authentication != AUTHENTICATION_SAS) {
        return refuse(error, "The device is registered for a certificate, not for a SAS token.");
    }
    grant->permissions = PERMISSION_DEVICE_CONNECT;
    memcpy(grant->device_id, identity->name, sizeof(grant->device_id));
    return check_signature(auth, token, &identity->is.primary, &identity->is.secondary, error);
}

/* Reads the audience. In lenient mode it need not fit: then the token is for the whole hub. */
static bool read_audience(
    const struct auth *auth, const struct sas_token *token, struct audience *audience)
{
    bool fits = audience_parse(token->resource, audience);

    if (auth->lenient) {
        if (!fits || !audience_has_device(audience)) {
            audience->count = 0;
        }
        return true;
    }
    return fits && auth_knows_host(auth, text_of(audience->host));
}

/* Whose key has signed: the addressed one's if the audience covers it, else that of the one that
 * the audience names. NULL: neither. */
static const char *key_holder(
    const struct auth_grant *grant, const char *addressed, const char *named)
{
    if (named[0] != '\0') {
        return named;
    }
    if (addressed && addressed[0] != '\0' && scope_covers(grant->scope, "/devices")) {
        return addressed;
    }
    return NULL;
}

/* Whether it is the addressed one, or the device of an addressed module. */
static bool covers_addressed(const char *named, const char *addressed)
{
    size_t length = strlen(named);

    return strncmp(named, addressed, length) == 0 &&
           (addressed[length] == '\0' || addressed[length] == '/');
}

static enum hub_code read_sas(struct auth *auth, struct text text, const char *addressed,
    struct instant now, struct auth_grant *grant, struct hub_error *error)
{
    struct sas_token token;
    struct audience audience;
    char named[AUDIENCE_NAME_MAX + 1];
    const char *holder;
    const char *problem = sas_token_parse(text, &token);

    if (problem) {
        return refuse(error, problem);
    }
    if (!read_audience(auth, &token, &audience)) {
        return refuse(error, "The audience of the SAS token is not this hub.");
    }
    audience_find_identity(&audience, hub_identities(auth->hub), addressed, named);
    if (addressed && named[0] != '\0' && !covers_addressed(named, addressed)) {
        return refuse(error, "The audience of the SAS token is another device.");
    }
    if (!audience_write_scope(&audience, named, grant->scope, sizeof(grant->scope))) {
        return refuse(error, "The audience of the SAS token is too long.");
    }
    grant->expires = token.expires;
    if (auth_grant_is_over(grant, now)) {
        return refuse(error, "The specified SAS token is expired.");
    }
    if (token.policy[0] != '\0') {
        return read_policy_token(auth, &token, grant, error);
    }
    holder = key_holder(grant, addressed, named);
    if (!holder) {
        return refuse(error, "The SAS token names neither a device nor a shared access policy.");
    }
    return read_own_token(auth, &token, holder, grant, error);
}

static struct auth_grant grant_of_nothing(void)
{
    return (struct auth_grant){.expires = INSTANT_NEVER};
}

enum hub_code auth_read_token(struct auth *auth, struct text token, const char *addressed,
    struct instant now, struct auth_grant *grant, struct hub_error *error)
{
    enum hub_code code;

    *grant = grant_of_nothing();
    code = is_bearer(token) ? read_bearer(auth, token, grant, error)
                            : read_sas(auth, token, addressed, now, grant, error);
    if (code != HUB_OK) {
        *grant = grant_of_nothing();
    }
    return code;
}

/* ---- certificates ---- */

static enum hub_code check_thumbprint(
    const struct identity *device, struct x509_st *certificate, struct hub_error *error)
{
    struct certificate_thumbprints thumbprints = certificate_hash(certificate);

    if (certificate_thumbprint_is(&thumbprints, device->is.primary_thumbprint) ||
        certificate_thumbprint_is(&thumbprints, device->is.secondary_thumbprint)) {
        return HUB_OK;
    }
    return hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
        "The certificate's SHA1Hash %s and SHA2Hash %s match neither PrimaryThumbprint nor "
        "SecondaryThumbprint.",
        thumbprints.sha1, thumbprints.sha256);
}

static enum hub_code check_chain(const struct identity *device, struct x509_st *certificate,
    bool chain_is_trusted, struct hub_error *error)
{
    if (!chain_is_trusted) {
        return refuse(error, "The certificate is not signed by a CA that the hub trusts.");
    }
    if (!certificate_common_name_is(certificate, device->name)) {
        return refuse(error, "The certificate's common name is not the device id.");
    }
    return HUB_OK;
}

enum hub_code auth_read_certificate(struct auth *auth, struct x509_st *certificate,
    bool chain_is_trusted, const char *name, struct instant now, struct auth_grant *grant,
    struct hub_error *error)
{
    struct identity *device = NULL;
    enum hub_code code = auth_find_identity(auth, name, certificate, &device, error);

    *grant = grant_of_nothing();
    if (!device) {
        return code;
    }
    if (device->is.authentication != AUTHENTICATION_SELF_SIGNED &&
        device->is.authentication != AUTHENTICATION_CA) {
        return refuse(error, "The device is not registered for a certificate.");
    }
    if (!certificate_is_valid_at(certificate, now)) {
        return refuse(error, "The certificate is expired or not yet valid.");
    }
    if (!auth->lenient) {
        code = device->is.authentication == AUTHENTICATION_SELF_SIGNED
                   ? check_thumbprint(device, certificate, error)
                   : check_chain(device, certificate, chain_is_trusted, error);
    }
    if (code == HUB_OK) {
        grant->permissions = PERMISSION_DEVICE_CONNECT;
        memcpy(grant->device_id, device->name, sizeof(grant->device_id));
    }
    return code;
}
