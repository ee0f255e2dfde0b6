/*
 * What one connection was granted: the tokens put on it by $cbs, the one token of SASL PLAIN, and
 * its TLS client certificate. Rights belong to this set, never to the connection: many devices may
 * share one, and one of them failing leaves the others alone. Called by sasl.c, cbs.c and link.c.
 *
 * Source: OASIS AMQP Claims-based Security 1.0, section 3; learn.microsoft.com, "Control access to
 * IoT Hub with shared access signatures".
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_TOKENS_H
#define DEVICEBOUND_PROTOCOLS_AMQP_TOKENS_H

#include "protocols/auth/auth.h"

#define TOKENS_MAX 2048 /* of one connection */

struct tokens {
    struct auth_grant *grants;
    size_t count, room;
};

void tokens_release(struct tokens *tokens);

/* Adds a grant, or replaces the one of the same holder and audience. Errors:
 * IOT_HUB_MAX_CBS_TOKEN_EXCEEDED. */
enum hub_code tokens_put(
    struct tokens *tokens, const struct auth_grant *grant, struct hub_error *error);

/* Drops the grant of that audience path ("" is the hub). False: there is none. */
bool tokens_delete(struct tokens *tokens, const char *scope);

/* Drops the grants that speak for this device alone. */
void tokens_delete_device(struct tokens *tokens, const char *device_id);

/* Drops those whose time is over. True: some were. */
bool tokens_drop_expired(struct tokens *tokens, struct instant now);

/* When the first one's time is over, grace included; INSTANT_NEVER without any. */
struct instant tokens_next_expiry(const struct tokens *tokens);

/* Name of the device or module a grant speaks for alone; "" when it is not bound to one. `out`:
 * IDENTITY_NAME_MAX + 1. */
void grant_device(const struct auth_grant *grant, char *out);

/* Whether one of them lets the peer use the service's endpoint at `path`. */
enum hub_code tokens_authorize_service(
    const struct tokens *tokens, const char *path, struct hub_error *error);

/* Whether one of them lets the peer act as the device. */
enum hub_code tokens_authorize_device(
    const struct tokens *tokens, struct auth *auth, const char *device_id, struct hub_error *error);

#endif
