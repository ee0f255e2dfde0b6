/*
 * A hub in memory for the tests of this folder, with the identities they talk about.
 */
#ifndef DEVICEBOUND_TESTS_PROTOCOLS_AUTH_SMALL_HUB_H
#define DEVICEBOUND_TESTS_PROTOCOLS_AUTH_SMALL_HUB_H

#include "protocols/auth/auth.h"

/* What the frozen machine's clock says in these tests. */
#define TEST_NOW ((struct instant){1700000000LL * 1000000})

struct small_hub {
    struct clock *clock;
    struct hub *hub;
    struct auth *auth;
};

/* Answers to hub.local, other.example and 127.0.11.1; every policy has TEST_KEY. */
void small_hub_open(struct small_hub *small, bool lenient);
void small_hub_close(struct small_hub *small);

/* A device of type sas with primary TEST_KEY and secondary OTHER_KEY. */
void small_hub_add(struct small_hub *small, const char *device_id);

/* A module of a device, of type sas with MODULE_KEY as both keys. */
void small_hub_add_module(struct small_hub *small, const char *device_id, const char *module_id);

/* A device of another type, or disabled. */
void small_hub_put(struct small_hub *small, const struct identity_draft *draft);

#endif
