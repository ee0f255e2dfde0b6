#include "protocols/amqp/tokens.h"

#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tokens_release(struct tokens *tokens)
{
    free(tokens->grants);
    *tokens = (struct tokens){0};
}

static bool same_holder(const struct auth_grant *a, const struct auth_grant *b)
{
    return strcmp(a->scope, b->scope) == 0 && strcmp(a->policy, b->policy) == 0 &&
           strcmp(a->device_id, b->device_id) == 0;
}

enum hub_code tokens_put(
    struct tokens *tokens, const struct auth_grant *grant, struct hub_error *error)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (same_holder(&tokens->grants[i], grant)) {
            tokens->grants[i] = *grant;
            return HUB_OK;
        }
    }
    if (tokens->count == TOKENS_MAX) {
        return hub_refuse(error, HUB_IOT_HUB_MAX_CBS_TOKEN_EXCEEDED, NULL);
    }
    if (tokens->count == tokens->room) {
        tokens->room = tokens->room ? 2 * tokens->room : 1;
        tokens->grants = memory_grow(tokens->grants, tokens->room, sizeof(*tokens->grants));
    }
    tokens->grants[tokens->count++] = *grant;
    return HUB_OK;
}

static void drop(struct tokens *tokens, size_t index)
{
    tokens->grants[index] = tokens->grants[--tokens->count];
}

bool tokens_delete(struct tokens *tokens, const char *scope)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->grants[i].scope, scope) == 0) {
            drop(tokens, i);
            return true;
        }
    }
    return false;
}

void grant_device(const struct auth_grant *grant, char *out)
{
    static const char devices[] = "/devices/", modules[] = "/modules/";
    const char *scope = grant->scope;
    *out = '\0';
    if (grant->device_id[0] != '\0') {
        memcpy(out, grant->device_id, sizeof(grant->device_id));
    } else if (strncmp(scope, devices, sizeof(devices) - 1) == 0) {
        const char *device = scope + sizeof(devices) - 1, *module = "";
        size_t length = strcspn(device, "/");
        if (strncmp(device + length, modules, sizeof(modules) - 1) == 0) {
            module = device + length + sizeof(modules) - 1;
        }
        snprintf(out, IDENTITY_NAME_MAX + 1, "%.*s%s%.*s", (int)length, device, *module ? "/" : "",
            (int)strcspn(module, "/"), module);
    }
}

void tokens_delete_device(struct tokens *tokens, const char *device_id)
{
    char id[IDENTITY_NAME_MAX + 1];
    for (size_t i = tokens->count; i > 0; i--) {
        grant_device(&tokens->grants[i - 1], id);
        if (strcmp(id, device_id) == 0) {
            drop(tokens, i - 1);
        }
    }
}

bool tokens_drop_expired(struct tokens *tokens, struct instant now)
{
    size_t before = tokens->count;
    for (size_t i = tokens->count; i > 0; i--) {
        if (auth_grant_is_over(&tokens->grants[i - 1], now)) {
            drop(tokens, i - 1);
        }
    }
    return tokens->count < before;
}

struct instant tokens_next_expiry(const struct tokens *tokens)
{
    struct instant next = INSTANT_NEVER;
    for (size_t i = 0; i < tokens->count; i++) {
        next = instant_min(next, instant_add(tokens->grants[i].expires, AUTH_CLOCK_SKEW));
    }
    return next;
}

enum hub_code tokens_authorize_service(
    const struct tokens *tokens, const char *path, struct hub_error *error)
{
    enum hub_code code = hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
        "No token was put on this connection that opens the service side.");
    for (size_t i = 0; code != HUB_OK && i < tokens->count; i++) {
        code = auth_authorize_service(&tokens->grants[i], PERMISSION_SERVICE_CONNECT, path, error);
    }
    return code;
}

/* A token that opens the device and finds it missing tells more than one that does not open it. */
enum hub_code tokens_authorize_device(
    const struct tokens *tokens, struct auth *auth, const char *device_id, struct hub_error *error)
{
    enum hub_code code = hub_refuse(error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
        "No token was put on this connection that opens the device.");
    for (size_t i = 0; code == HUB_IOT_HUB_UNAUTHORIZED_ACCESS && i < tokens->count; i++) {
        code = auth_authorize_device(auth, &tokens->grants[i], device_id, error);
    }
    return code;
}
