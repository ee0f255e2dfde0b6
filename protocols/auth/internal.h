/*
 * Shared between auth.c and grant.c.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AUTH_INTERNAL_H
#define DEVICEBOUND_PROTOCOLS_AUTH_INTERNAL_H

#include "protocols/auth/auth.h"

/* The registered device or module of that name. In lenient mode an unknown one is registered: for
 * `certificate`'s thumbprint, or for keys when that is NULL. `*identity` borrows as identity_find,
 * and is NULL on refusal. Errors: DEVICE_NOT_FOUND, MODULE_NOT_FOUND. */
enum hub_code auth_find_identity(struct auth *auth, const char *name, struct x509_st *certificate,
    struct identity **identity, struct hub_error *error);

#endif
