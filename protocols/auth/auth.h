/*
 * Who may do what: reads SAS tokens and client certificates, and says what they open. Called by
 * every protocol; holds no connection. Secrets and tokens never reach a log or a sentence.
 *
 * Validity is judged at the `now` that the caller gives: the machine's clock, or the hub's where
 * the operator asked for that. Tokens have five minutes of grace for clocks that differ.
 *
 * Sources: learn.microsoft.com, "Control access to IoT Hub with shared access signatures" and
 * "Authenticate identities with X.509 certificates".
 */
#ifndef DEVICEBOUND_PROTOCOLS_AUTH_AUTH_H
#define DEVICEBOUND_PROTOCOLS_AUTH_AUTH_H

#include "store/hub.h"

struct x509_st;
struct auth;

struct auth_options {
    const char *const *host_names; /* names and addresses the hub answers to; NULL-terminated */
    bool lenient; /* signatures are not checked, unknown devices are registered on first contact */
};

/* Borrows the hub, copies the names. Returns owned. */
struct auth *auth_create(struct hub *hub, const struct auth_options *options);
void auth_free(struct auth *auth);

#define AUTH_CLOCK_SKEW DURATION_MINUTES(5)

/* What a verified token or certificate opens. A value; holds no secret. */
struct auth_grant {
    unsigned permissions; /* enum permission */
    char policy[65]; /* "" when a device's own key or certificate gave it */
    char device_id[IDENTITY_NAME_MAX + 1]; /* name of the device or module whose own key or
                                            * certificate it was, else "" */
    char scope[IDENTITY_NAME_MAX +
               32]; /* decoded path of the audience: "", "/devices", "/devices/d1" */
    struct instant expires; /* `se`, without grace; INSTANT_NEVER for certificates */
};

/* Verifies a SAS token: form, audience host, key holder, signature, expiry. `addressed`: the name
 * of the device or module a request or connection is about, whose key it is when the token has no
 * `skn` and its audience names none; may be NULL. A Bearer token is refused, or in lenient mode
 * opens everything under the policy name "bearer". Errors: IOT_HUB_UNAUTHORIZED_ACCESS for
 * everything that is wrong with the token, an audience that names another device than `addressed`
 * included (the sentence says what, for the log and for CBS); DEVICE_NOT_FOUND or MODULE_NOT_FOUND
 * when a well-formed token names one that is not registered. `*grant` opens nothing after a
 * refusal. */
enum hub_code auth_read_token(struct auth *auth, struct text token, const char *addressed,
    struct instant now, struct auth_grant *grant, struct hub_error *error);

/* Verifies the certificate of the device or module of that name: validity, and thumbprint, or chain
 * and common name, as it is registered. Errors: IOT_HUB_UNAUTHORIZED_ACCESS, DEVICE_NOT_FOUND,
 * MODULE_NOT_FOUND. */
enum hub_code auth_read_certificate(struct auth *auth, struct x509_st *certificate,
    bool chain_is_trusted, const char *name, struct instant now, struct auth_grant *grant,
    struct hub_error *error);

/* Whether the grant has the permission, and its audience is the hub itself or lies above `path`,
 * the decoded path of the request, such as "/devices/d1" or "/messages/devicebound". Errors:
 * IOT_HUB_UNAUTHORIZED_ACCESS. */
enum hub_code auth_authorize_service(const struct auth_grant *grant, enum permission permission,
    const char *path, struct hub_error *error);

/* Whether the grant may act as the device or module of that name, and it exists and its device is
 * enabled. A policy's token acts for every authentication type; a device's own does not act for its
 * modules. Errors: IOT_HUB_UNAUTHORIZED_ACCESS, DEVICE_NOT_FOUND (missing or disabled; in lenient
 * mode a missing one is registered), MODULE_NOT_FOUND. */
enum hub_code auth_authorize_device(
    struct auth *auth, const struct auth_grant *grant, const char *name, struct hub_error *error);

/* True when the grant's time, grace included, is over at `now`. */
bool auth_grant_is_over(const struct auth_grant *grant, struct instant now);

/* True when `host` (a port is cut, case is ignored) is a name of this hub. */
bool auth_knows_host(const struct auth *auth, struct text host);

#endif
