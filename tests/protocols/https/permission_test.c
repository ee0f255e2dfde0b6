/* Who may do what: every operation by every policy, and by what is no policy at all. */
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rest rest;

/* Whose token it is. */
enum caller {
    OWNER,
    SERVICE,
    DEVICE,
    REGISTRY_READ,
    REGISTRY_READ_WRITE,
    DEVICE_KEY, /* of d1 */
    MODULE_KEY_OF_D1, /* of d1/m1 */
    NOBODY,
    CALLER_COUNT
};

/* Sets of callers. */
#define BIT(caller) (1u << (caller))
#define READERS (BIT(OWNER) | BIT(REGISTRY_READ) | BIT(REGISTRY_READ_WRITE))
#define WRITERS (BIT(OWNER) | BIT(REGISTRY_READ_WRITE))
#define SERVICES (BIT(OWNER) | BIT(SERVICE))
#define DEVICES (BIT(OWNER) | BIT(DEVICE) | BIT(DEVICE_KEY))

#define QUESTION "?api-version=2021-04-12"
#define TOKEN "/01234567-89ab-cdef-0123-456789abcdef"

static const struct operation {
    unsigned callers;
    const char *method, *target, *body;
    int status; /* for those who may */
} operations[] = {
    {READERS, "GET", "/devices" QUESTION, NULL, 200},
    {READERS, "GET", "/devices/d1" QUESTION, NULL, 200},
    {READERS, "GET", "/devices/d1/modules" QUESTION, NULL, 200},
    {READERS, "GET", "/devices/d1/modules/m1" QUESTION, NULL, 200},
    {READERS, "GET", "/statistics/devices" QUESTION, NULL, 200},
    {READERS, "GET", "/statistics/service" QUESTION, NULL, 200},
    {WRITERS, "PUT", "/devices/d1" QUESTION, "{}", 200},
    {WRITERS, "DELETE", "/devices/d1" QUESTION, NULL, 204},
    {WRITERS, "PUT", "/devices/d1/modules/m1" QUESTION, "{}", 200},
    {WRITERS, "DELETE", "/devices/d1/modules/m1" QUESTION, NULL, 204},
    {WRITERS, "POST", "/devices" QUESTION, "[{\"id\":\"new\",\"importMode\":\"create\"}]", 200},
    {SERVICES, "DELETE", "/devices/d1/commands" QUESTION, NULL, 200},
    {SERVICES, "POST", "/devices/query" QUESTION, "{\"query\":\"SELECT * FROM devices\"}", 200},
    {SERVICES, "GET", "/twins/d1" QUESTION, NULL, 200},
    {SERVICES, "PATCH", "/twins/d1" QUESTION, "{\"tags\":{\"a\":1}}", 200},
    {SERVICES, "PUT", "/twins/d1" QUESTION, "{\"tags\":{\"a\":1}}", 200},
    {SERVICES, "GET", "/twins/d1/modules/m1" QUESTION, NULL, 200},
    {SERVICES, "PATCH", "/twins/d1/modules/m1" QUESTION, "{\"tags\":{\"a\":1}}", 200},
    {SERVICES, "PUT", "/twins/d1/modules/m1" QUESTION, "{\"tags\":{\"a\":1}}", 200},
    {SERVICES, "POST", "/messages/devicebound" QUESTION, "x", 204},
    {SERVICES, "POST", "/devices/d1/messages/devicebound" QUESTION, "x", 204},
    {SERVICES, "GET", "/messages/serviceBound/feedback" QUESTION, NULL, 204},
    {SERVICES, "DELETE", "/messages/serviceBound/feedback" TOKEN QUESTION, NULL, 412},
    {SERVICES, "POST", "/messages/serviceBound/feedback" TOKEN "/abandon" QUESTION, "", 412},
    {DEVICES, "GET", "/devices/d1/messages/deviceBound" QUESTION, NULL, 200},
    {DEVICES, "DELETE", "/devices/d1/messages/deviceBound" TOKEN QUESTION, NULL, 412},
    {DEVICES, "POST", "/devices/d1/messages/deviceBound" TOKEN "/abandon" QUESTION, "", 412},
    {DEVICES, "POST", "/devices/d1/messages/events" QUESTION, "x", 204},
    {DEVICES, "POST", "/devices/d1/files" QUESTION, "{\"blobName\":\"x\"}", 400},
    {0, "GET", "/devices/d1/twin" QUESTION, NULL, 0},
};

static const char *token_of(enum caller caller)
{
    static const char *const policies[] = {[OWNER] = "iothubowner",
        [SERVICE] = "service",
        [DEVICE] = "device",
        [REGISTRY_READ] = "registryRead",
        [REGISTRY_READ_WRITE] = "registryReadWrite"};
    switch (caller) {
    case DEVICE_KEY:
        return token_for("hub.local/devices/d1");
    case MODULE_KEY_OF_D1:
        return make_token((struct token_recipe){
            .resource = "hub.local/devices/d1/modules/m1", .key = MODULE_KEY});
    case NOBODY:
        return "";
    default:
        return make_token(
            (struct token_recipe){.resource = "hub.local", .policy = policies[caller]});
    }
}

static struct answer *perform(const struct operation *operation, enum caller caller)
{
    return rest_ask(&rest, operation->method, operation->target,
        (struct rest_request){.token = token_of(caller),
            .headers = "If-Match: *\r\niothub-to: /devices/d1/messages/devicebound\r\n",
            .body = operation->body});
}

static void open_hub(void)
{
    rest_open(&rest);
    small_hub_add_module(&rest.small, "d1", "m1");
    rest_send(&rest, "waiting");
}

static void check(const struct operation *operation, enum caller caller)
{
    open_hub();
    char *before = rest_write_state(&rest);
    struct answer *answer = perform(operation, caller);
    int expected = operation->callers & BIT(caller) ? operation->status : 401;
    /* Its headers say create-or-update for PUT, so that nothing but the right is in question. */
    ck_assert_msg(answer->status == expected, "%s %s by caller %d: %d instead of %d",
        operation->method, operation->target, caller, answer->status, expected);
    if (expected == 401) {
        answer_check_flat(answer, HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
        char *after = rest_write_state(&rest);
        ck_assert_str_eq(after, before);
        free(after);
    }
    free(before);
    rest_close(&rest);
}

START_TEST(test_each_operation_is_for_the_policies_that_have_its_permission)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        for (int caller = 0; caller < CALLER_COUNT; caller++) {
            check(&operations[i], caller);
        }
    }
}
END_TEST

START_TEST(test_after_a_change_of_keys_an_old_token_fails_at_the_next_request)
{
    open_hub();
    const struct operation *receive = &operations[24];
    ck_assert_ptr_nonnull(strstr(receive->target, "/messages/deviceBound?"));
    answer_check_status(perform(receive, DEVICE_KEY), 200);
    answer_check_status(
        perform(
            &(struct operation){.method = "PUT", .target = "/devices/d1" QUESTION, .body = "{}"},
            OWNER),
        200);
    answer_check_flat(perform(receive, DEVICE_KEY), HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    answer_check_status(perform(receive, DEVICE), 204);
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("permissions", test_each_operation_is_for_the_policies_that_have_its_permission,
    test_after_a_change_of_keys_an_old_token_fails_at_the_next_request)
