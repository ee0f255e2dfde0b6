#include "store/memory.h"
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rest rest;

#define FEEDBACK "/messages/serviceBound/feedback"

static struct answer *send_message(const char *target, const char *headers, const char *body)
{
    return rest_ask(&rest, "POST", target, (struct rest_request){.headers = headers, .body = body});
}

/* ---- sending ---- */

START_TEST(test_a_message_sent_by_rest_reaches_its_device)
{
    rest_open(&rest);
    struct answer *answer = send_message("/messages/deviceBound?" VERSION,
        "iothub-to: /devices/d1/messages/devicebound\r\niothub-messageid: m1\r\n"
        "iothub-ack: full\r\niothub-contenttype: text/plain\r\n"
        "iothub-expiry: 2023-11-14T23:00:00Z\r\niothub-app-Color: red\r\n",
        "hi");
    answer_check_status(answer, 204);
    answer = rest_as_device(&rest, 200, "GET", "/devices/d1/messages/deviceBound?" VERSION);
    ck_assert_str_eq(answer->body, "hi");
    ck_assert_str_eq(answer_header(answer, "iothub-messageid"), "m1");
    ck_assert_str_eq(answer_header(answer, "iothub-ack"), "full");
    ck_assert_str_eq(answer_header(answer, "iothub-expiry"), "11/14/2023 11:00:00 PM");
    ck_assert_str_eq(answer_header(answer, "iothub-app-Color"), "red");
    ck_assert_str_eq(answer_header(answer, "ContentType"), "text/plain");
    answer_check_status(
        send_message("/devices/d1/messages/devicebound?" VERSION, NULL, "direct"), 204);
    answer = rest_as_device(&rest, 200, "GET", "/devices/d1/messages/deviceBound?" VERSION);
    ck_assert_str_eq(answer->body, "direct");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_message_that_cannot_be_sent_is_refused)
{
    static const struct {
        const char *target, *headers;
        enum hub_code code;
    } cases[] = {{"/messages/devicebound?" VERSION, "", HUB_ARGUMENT_INVALID},
        {"/messages/devicebound?" VERSION, "iothub-to: /devices/d1\r\n", HUB_ARGUMENT_INVALID},
        {"/messages/devicebound?" VERSION,
            "iothub-to: /devices/d1/modules/m/messages/devicebound\r\n", HUB_ARGUMENT_INVALID},
        {"/messages/devicebound?" VERSION, "iothub-to: /devices/no/messages/devicebound\r\n",
            HUB_DEVICE_NOT_FOUND},
        {"/devices/no/messages/devicebound?" VERSION, "", HUB_DEVICE_NOT_FOUND},
        {"/devices/d1/messages/devicebound?" VERSION, "iothub-messageid: a b\r\n",
            HUB_ARGUMENT_INVALID},
        {"/devices/d1/messages/devicebound?" VERSION, "iothub-expiry: 2001-01-01T00:00:00Z\r\n",
            HUB_INVALID_MESSAGE_EXPIRY_TIME},
        {"/devices/d1/messages/devicebound?" VERSION, "iothub-expiry: soon\r\n",
            HUB_INVALID_MESSAGE_EXPIRY_TIME},
        {"/devices/d1/messages/devicebound?" VERSION, "iothub-app-: x\r\n", HUB_ARGUMENT_INVALID}};
    rest_open(&rest);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        answer_check_flat(send_message(cases[i].target, cases[i].headers, "x"), cases[i].code);
    }
    ck_assert_uint_eq(rest_counts(&rest, "d1").enqueued, 0);
    rest_close(&rest);
}
END_TEST

START_TEST(test_size_and_depth_are_checked)
{
    const char *target = "/devices/d1/messages/devicebound?" VERSION;
    rest_open(&rest);
    char *body = memory_allocate(65538);
    memset(body, 'x', 65537);
    answer_check_flat(send_message(target, NULL, body), HUB_MESSAGE_TOO_LARGE);
    body[65536] = '\0';
    answer_check_flat(send_message(target, "iothub-app-a: b\r\n", body), HUB_MESSAGE_TOO_LARGE);
    answer_check_status(send_message(target, NULL, body), 204);
    free(body);
    for (int i = 1; i < 50; i++) {
        answer_check_status(send_message(target, NULL, ""), 204);
    }
    answer_check_flat(send_message(target, NULL, ""), HUB_DEVICE_MAXIMUM_QUEUE_DEPTH_EXCEEDED);
    rest_close(&rest);
}
END_TEST

/* ---- a token for one device ---- */

static int status_with(const char *resource, const char *target)
{
    const char *token =
        make_token((struct token_recipe){.resource = resource, .policy = "iothubowner"});
    return rest_ask(&rest, "POST", target, (struct rest_request){.token = token, .body = "x"})
        ->status;
}

START_TEST(test_a_policys_token_for_one_device_opens_its_path_however_it_is_spelled)
{
    static const char *const ids[] = {"d#3", "d%3", "d?3", "d%41", "d=3"};
    static const char *const encoded[] = {"d%233", "d%253", "d%3F3", "d%2541", "d%3d3"};
    static const char *const twice[] = {"d%25233", "d%25253", "d%253F3", "d%252541", "d%253d3"};
    char target[160], resource[160];
    rest_open(&rest);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        small_hub_add(&rest.small, ids[i]);
        snprintf(target, sizeof target, "/devices/%s/messages/devicebound?" VERSION, encoded[i]);
        snprintf(resource, sizeof resource, "hub.local%%2Fdevices%%2F%s", encoded[i]);
        ck_assert_int_eq(status_with(resource, target), 204);
        snprintf(resource, sizeof resource, "hub.local%%2Fdevices%%2F%s", twice[i]);
        ck_assert_int_eq(status_with(resource, target), 204);
        ck_assert_int_eq(status_with("hub.local/devices/d1", target), 401);
    }
    ck_assert_int_eq(
        status_with("hub.local/devices/d1", "/devices/%641/messages/devicebound?" VERSION), 204);
    ck_assert_int_eq(status_with("hub.local/devices/d1",
                         "https://hub.local/devices/d1/messages/devicebound?" VERSION),
        204);
    rest_close(&rest);
}
END_TEST

START_TEST(test_an_encoded_slash_leads_to_no_other_device)
{
    rest_open(&rest);
    ck_assert_int_eq(
        status_with("hub.local/devices/d1", "/devices/d1%2Fx/messages/devicebound?" VERSION), 401);
    ck_assert_int_eq(
        status_with("hub.local/devices/d1", "/devices%2Fd1/messages/devicebound?" VERSION), 404);
    rest_close(&rest);
}
END_TEST

/* ---- feedback ---- */

static void make_feedback(void)
{
    struct message *message = message_create();
    message_set(message, MESSAGE_ID, TEXT("m1"), NULL);
    message_add_property(message, TEXT("iothub-ack"), TEXT("full"), NULL);
    rest_enqueue(&rest, "d1", message);
    rest_expect(&rest, 200, "DELETE", "/devices/d1/commands?" VERSION);
    feedback_flush(hub_feedback(rest.hub), hub_now(rest.hub));
    hub_end_turn(rest.hub);
}

START_TEST(test_feedback_is_received_abandoned_and_completed)
{
    char target[160];
    rest_open(&rest);
    rest_expect(&rest, 204, "GET", FEEDBACK "?" VERSION);
    make_feedback();
    struct answer *answer = rest_expect(&rest, 200, "GET", FEEDBACK "?" VERSION);
    ck_assert_str_eq(answer_header(answer, "Content-Type"), FEEDBACK_CONTENT_TYPE);
    ck_assert_str_eq(answer_header(answer, "iothub-userid"), hub_settings(rest.hub)->name);
    ck_assert_str_eq(answer_header(answer, "iothub-deliverycount"), "0");
    ck_assert_ptr_nonnull(strstr(answer->body, "\"statusCode\":\"Purged\""));
    snprintf(target, sizeof target, FEEDBACK "/%.36s/abandon?" VERSION,
        answer_header(answer, "ETag") + 1);
    rest_expect(&rest, 204, "POST", target);
    answer = rest_expect(&rest, 200, "GET", FEEDBACK "?" VERSION);
    ck_assert_str_eq(answer_header(answer, "iothub-deliverycount"), "1");
    snprintf(target, sizeof target, FEEDBACK "/%.36s?" VERSION, answer_header(answer, "ETag") + 1);
    rest_expect(&rest, 204, "DELETE", target);
    answer_check_nested(rest_expect(&rest, 412, "DELETE", target), HUB_DEVICE_MESSAGE_LOCK_LOST);
    answer_check_nested(rest_expect(&rest, 412, "POST", FEEDBACK "/x/abandon?" VERSION),
        HUB_DEVICE_MESSAGE_LOCK_LOST);
    rest_expect(&rest, 204, "GET", FEEDBACK "?" VERSION);
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("service", test_a_message_sent_by_rest_reaches_its_device,
    test_a_message_that_cannot_be_sent_is_refused, test_size_and_depth_are_checked,
    test_a_policys_token_for_one_device_opens_its_path_however_it_is_spelled,
    test_an_encoded_slash_leads_to_no_other_device,
    test_feedback_is_received_abandoned_and_completed)
