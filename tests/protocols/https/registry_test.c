#include "protocols/https/etag.h"
#include "store/memory.h"
#include "tests/protocols/https/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rest rest;

#define DEVICE(id) "/devices/" id "?" VERSION

static struct answer *put(const char *target, const char *if_match, const char *body)
{
    char headers[128] = "";
    if (if_match) {
        snprintf(headers, sizeof headers, "If-Match: %s\r\n", if_match);
    }
    return rest_ask(&rest, "PUT", target, (struct rest_request){.headers = headers, .body = body});
}

static struct answer *delete_with(const char *target, const char *if_match)
{
    char headers[128];
    snprintf(headers, sizeof headers, "If-Match: %s\r\n", if_match);
    return rest_ask(&rest, "DELETE", target, (struct rest_request){.headers = headers});
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* ---- ETags ---- */

START_TEST(test_an_etag_is_base64_of_a_decimal_number)
{
    char text[ETAG_TEXT_SIZE];
    etag_format(0, text);
    ck_assert_str_eq(text, "MA==");
    etag_format(123456789, text);
    ck_assert_str_eq(text, "MTIzNDU2Nzg5");
    etag_format(UINT64_MAX, text);
    ck_assert_uint_eq(strlen(text), 28);
}
END_TEST

START_TEST(test_if_match_is_read_bare_and_quoted)
{
    static const struct {
        const char *value;
        enum etag_match match;
        uint64_t etag;
    } cases[] = {{NULL, ETAG_CREATE_ONLY, 0}, {"", ETAG_CREATE_ONLY, 0},
        {"\"\"", ETAG_CREATE_ONLY, 0}, {"*", ETAG_ANY, 0}, {"\"*\"", ETAG_ANY, 0},
        {"MA==", ETAG_EXACT, 0}, {"\"MA==\"", ETAG_EXACT, 0}, {"MTI=", ETAG_EXACT, 12},
        {"MTIz", ETAG_EXACT, 123}, {"MTIzNDU2Nzg5", ETAG_EXACT, 123456789},
        {"W/\"MA==\"", ETAG_EXACT, UINT64_MAX}, {"junk", ETAG_EXACT, UINT64_MAX},
        {"MA", ETAG_EXACT, UINT64_MAX}, {"MDE=", ETAG_EXACT, UINT64_MAX},
        {"\"", ETAG_EXACT, UINT64_MAX},
        {"MTExMTExMTExMTExMTExMTExMTExMTExMTExMTEx", ETAG_EXACT, UINT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct etag_condition condition = etag_read_condition(cases[i].value);
        ck_assert_msg(
            condition.match == cases[i].match && condition.etag == cases[i].etag, "case %zu", i);
    }
}
END_TEST

/* ---- one device ---- */

START_TEST(test_an_identity_is_written_in_the_recorded_order)
{
    rest_open(&rest);
    struct answer *answer = put(DEVICE("new"), NULL, "{\"deviceId\":\"new\"}");
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer_header(answer, "ETag"), "\"MA==\"");
    ck_assert_str_eq(answer_header(answer, "Server"), "Microsoft-HTTPAPI/2.0");
    ck_assert_str_eq(answer_header(answer, "Vary"), "Origin");
    ck_assert_uint_eq(strlen(answer_header(answer, "x-ms-request-id")), 36);
    json_t *body = answer_json(answer);
    char expected[1024];
    const json_t *keys = json_object_get(json_object_get(body, "authentication"), "symmetricKey");
    snprintf(expected, sizeof expected,
        "{\"deviceId\":\"new\",\"generationId\":\"%s\",\"etag\":\"MA==\","
        "\"connectionState\":\"Disconnected\",\"status\":\"enabled\",\"statusReason\":null,"
        "\"connectionStateUpdatedTime\":\"0001-01-01T00:00:00\","
        "\"statusUpdatedTime\":\"0001-01-01T00:00:00\","
        "\"lastActivityTime\":\"0001-01-01T00:00:00\",\"cloudToDeviceMessageCount\":0,"
        "\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"%s\",\"secondaryKey\":\"%s\"},"
        "\"x509Thumbprint\":{\"primaryThumbprint\":null,\"secondaryThumbprint\":null},"
        "\"type\":\"sas\"},\"capabilities\":{\"iotEdge\":false}}",
        member(body, "generationId"), member(keys, "primaryKey"), member(keys, "secondaryKey"));
    ck_assert_str_eq(answer->body, expected);
    ck_assert_uint_eq(strlen(member(body, "generationId")), 18);
    json_decref(body);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_put_without_if_match_creates_once)
{
    rest_open(&rest);
    answer_check_status(put(DEVICE("new"), NULL, "{}"), 200);
    answer_check_flat(put(DEVICE("new"), NULL, "{\"etag\":\"MA==\"}"), HUB_DEVICE_ALREADY_EXISTS);
    answer_check_flat(put(DEVICE("new"), "\"\"", "{}"), HUB_DEVICE_ALREADY_EXISTS);
    answer_check_status(put(DEVICE("newer"), "\"\"", "{}"), 200);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_put_with_if_match_updates)
{
    static const char *const good[] = {"*", "\"*\"", "Mg==", "\"Mw==\""};
    rest_open(&rest);
    for (size_t i = 0; i < 4; i++) {
        answer_check_status(put(DEVICE("d1"), good[i], "{}"), 200);
    }
    answer_check_flat(put(DEVICE("d1"), "\"MA==\"", "{}"), HUB_PRECONDITION_FAILED);
    answer_check_flat(put(DEVICE("none"), "*", "{}"), HUB_DEVICE_NOT_FOUND);
    answer_check_flat(put(DEVICE("none"), "\"MA==\"", "{}"), HUB_DEVICE_NOT_FOUND);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_delete_needs_if_match)
{
    rest_open(&rest);
    answer_check_flat(rest_expect(&rest, 412, "DELETE", DEVICE("d1")), HUB_PRECONDITION_FAILED);
    answer_check_flat(delete_with(DEVICE("d1"), "\"MTIz\""), HUB_PRECONDITION_FAILED);
    struct answer *answer = delete_with(DEVICE("d1"), "*");
    answer_check_status(answer, 204);
    ck_assert_ptr_null(answer_header(answer, "Content-Type"));
    answer_check_flat(delete_with(DEVICE("d1"), "*"), HUB_DEVICE_NOT_FOUND);
    answer = rest_expect(&rest, 404, "GET", DEVICE("d1"));
    answer_check_flat(answer, HUB_DEVICE_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(answer->body, "\"Message\":\"ErrorCode:DeviceNotFound;d1\""));
    rest_close(&rest);
}
END_TEST

/* The primary key in the answer to an update with that body; "" when it is refused. Static. */
static const char *key_after(const char *body)
{
    static char key[KEY_TEXT_SIZE];
    struct answer *answer = put(DEVICE("d1"), "*", body);
    key[0] = '\0';
    if (answer->status == 200) {
        json_t *identity = answer_json(answer);
        const json_t *keys =
            json_object_get(json_object_get(identity, "authentication"), "symmetricKey");
        ck_assert_str_ne(member(keys, "primaryKey"), member(keys, "secondaryKey"));
        snprintf(key, sizeof key, "%s", member(keys, "primaryKey"));
        json_decref(identity);
    } else {
        answer_check_flat(answer, HUB_ARGUMENT_INVALID);
    }
    return key;
}

#define KEYS(primary, secondary)                                                                   \
    "{\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"" primary            \
    "\",\"secondaryKey\":\"" secondary "\"}}}"

START_TEST(test_an_update_without_keys_makes_new_ones)
{
    char first[KEY_TEXT_SIZE], second[KEY_TEXT_SIZE];
    rest_open(&rest);
    strcpy(first, key_after("{}"));
    ck_assert_str_ne(first, TEST_KEY);
    strcpy(second, key_after(KEYS("", "")));
    ck_assert_str_ne(second, "");
    ck_assert_str_ne(second, first);
    ck_assert_str_eq(key_after(KEYS(TEST_KEY, OTHER_KEY)), TEST_KEY);
    ck_assert_str_eq(key_after(KEYS(TEST_KEY, "")), "");
    ck_assert_str_eq(key_after(KEYS("", TEST_KEY)), "");
    ck_assert_str_eq(key_after(KEYS("c2hvcnQ=", "c2hvcnQ=")), "");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_body_that_makes_no_device_is_refused)
{
    static const struct {
        const char *body;
        enum hub_code code;
    } cases[] = {{"", HUB_DESERIALIZATION_ERROR}, {"{", HUB_DESERIALIZATION_ERROR},
        {"[]", HUB_ARGUMENT_INVALID}, {"{\"deviceId\":\"other\"}", HUB_ARGUMENT_INVALID},
        {"{\"deviceId\":1}", HUB_ARGUMENT_INVALID}, {"{\"status\":\"off\"}", HUB_ARGUMENT_INVALID},
        {"{\"authentication\":{\"type\":\"none\"}}", HUB_ARGUMENT_INVALID},
        {"{\"authentication\":3}", HUB_ARGUMENT_INVALID},
        {"{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":"
         "{\"primaryThumbprint\":\"AA:BB\"}}}",
            HUB_ARGUMENT_INVALID},
        {"{\"a\":1,\"a\":2}", HUB_DESERIALIZATION_ERROR}};
    rest_open(&rest);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        answer_check_flat(put(DEVICE("new"), NULL, cases[i].body), cases[i].code);
    }
    answer_check_flat(put(DEVICE("a%20b"), NULL, "{}"), HUB_ARGUMENT_INVALID);
    ck_assert_uint_eq(identity_count(hub_identities(rest.hub)), 2);
    rest_close(&rest);
}
END_TEST

START_TEST(test_thumbprints_and_status_are_kept_as_given)
{
    rest_open(&rest);
    struct answer *answer = put(DEVICE("x"), NULL,
        "{\"status\":\"disabled\",\"statusReason\":\"lost\",\"authentication\":"
        "{\"type\":\"selfSigned\",\"x509Thumbprint\":{\"primaryThumbprint\":"
        "\"aBcdef0123456789abcdef0123456789abcdef01\"}},\"capabilities\":{\"iotEdge\":true}}");
    answer_check_status(answer, 200);
    ck_assert_ptr_nonnull(strstr(answer->body, "\"aBcdef0123456789abcdef0123456789abcdef01\""));
    ck_assert_ptr_nonnull(
        strstr(answer->body, "\"status\":\"disabled\",\"statusReason\":\"lost\""));
    ck_assert_ptr_nonnull(strstr(answer->body, "\"type\":\"selfSigned\""));
    ck_assert_ptr_nonnull(strstr(answer->body, "\"iotEdge\":true"));
    ck_assert_ptr_nonnull(strstr(answer->body, "\"primaryKey\":null"));
    answer_check_status(
        put(DEVICE("y"), NULL, "{\"authentication\":{\"type\":\"selfSigned\"}}"), 200);
    rest_close(&rest);
}
END_TEST

START_TEST(test_the_message_count_is_the_depth_of_the_queue)
{
    rest_open(&rest);
    rest_send(&rest, "1");
    rest_send(&rest, "2");
    rest_as_device(&rest, 200, "GET", "/devices/d1/messages/devicebound?" VERSION);
    struct answer *answer = rest_expect(&rest, 200, "GET", DEVICE("d1"));
    ck_assert_ptr_nonnull(strstr(answer->body, "\"cloudToDeviceMessageCount\":2,"));
    ck_assert_ptr_nonnull(strstr(answer->body, "\"connectionState\":\"Disconnected\""));
    rest_close(&rest);
}
END_TEST

/* ---- ids and paths ---- */

START_TEST(test_ids_of_every_allowed_character_are_found)
{
    static const char *const targets[] = {
        "a%25b", "a%23b", "a%3Fb", "a%3fb", "a+b", "a%2Bb", "a'b", "a%27b", "a%3Ab"};
    static const char *const ids[] = {
        "a%b", "a#b", "a?b", "a?b", "a+b", "a+b", "a'b", "a'b", "a:b"};
    rest_open(&rest);
    for (size_t i = 0; i < 9; i++) {
        char target[64], expected[32];
        snprintf(target, sizeof target, "/DEVICES/%s/?" VERSION, targets[i]);
        int status = put(target, "*", "{}")->status;
        struct answer *answer = status == 404
                                    ? put(target, NULL, "{}")
                                    : rest_ask(&rest, "GET", target, (struct rest_request){0});
        answer_check_status(answer, 200);
        snprintf(expected, sizeof expected, "{\"deviceId\":\"%s\"", ids[i]);
        ck_assert_msg(strncmp(answer->body, expected, strlen(expected)) == 0, "%s", answer->body);
    }
    ck_assert_uint_eq(identity_count(hub_identities(rest.hub)), 8);
    rest_close(&rest);
}
END_TEST

START_TEST(test_ids_are_case_sensitive)
{
    rest_open(&rest);
    rest_expect(&rest, 404, "GET", DEVICE("D1"));
    rest_expect(&rest, 200, "GET", "/Devices/d1?API-VERSION=2021-04-12");
    rest_close(&rest);
}
END_TEST

START_TEST(test_the_api_version_has_to_be_a_known_one)
{
    static const struct {
        const char *query;
        int status;
    } cases[] = {{"", 400}, {"?api-version", 400}, {"?api-version=", 400}, {"?api-version=1", 400},
        {"?api-version=2015-08-14", 400}, {"?api-version=2015-08-15-other", 400},
        {"?api-version=2015-08-15", 200}, {"?api-version=2015-08-15-preview", 200},
        {"?api-version=2016-11-14", 200}, {"?api-version=2020-05-31-preview", 200},
        {"?x=1&api-version=2024-03-31", 200}};
    rest_open(&rest);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[80];
        snprintf(target, sizeof target, "/devices/d1%s", cases[i].query);
        struct answer *answer = rest_expect(&rest, cases[i].status, "GET", target);
        if (cases[i].status == 400) {
            answer_check_flat(answer, HUB_INVALID_PROTOCOL_VERSION);
        }
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_unknown_routes_methods_and_hosts_are_refused)
{
    rest_open(&rest);
    answer_check_flat(rest_expect(&rest, 404, "GET", "/nowhere?" VERSION), HUB_GENERIC_NOT_FOUND);
    struct answer *answer = rest_expect(&rest, 405, "PATCH", DEVICE("d1"));
    answer_check_flat(answer, HUB_GENERIC_METHOD_NOT_ALLOWED);
    ck_assert_str_eq(answer_header(answer, "Allow"), "PUT, GET, DELETE");
    answer = peer_ask(rest.peer, "GET " DEVICE("d1") " HTTP/1.1\r\nHost: other.hub\r\n\r\n");
    answer_check_flat(answer, HUB_IOT_HUB_NOT_FOUND);
    answer = rest_ask(&rest, "GET", "/$iothub/websocket",
        (struct rest_request){.headers = "Upgrade: websocket\r\nConnection: Upgrade\r\n"});
    answer_check_flat(answer, HUB_GENERIC_BAD_REQUEST);
    rest_close(&rest);
}
END_TEST

/* ---- permissions ---- */

START_TEST(test_a_policy_that_may_act_for_devices_is_told_that_one_is_missing)
{
    rest_open(&rest);
    const char *token =
        make_token((struct token_recipe){.resource = "hub.local", .policy = "device"});
    answer_check_nested(rest_ask(&rest, "GET", "/devices/none/messages/deviceBound?" VERSION,
                            (struct rest_request){.token = token}),
        HUB_DEVICE_NOT_FOUND);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_service_route_refuses_other_tokens)
{
    rest_open(&rest);
    const char *const tokens[] = {"", "junk", "Bearer abc", token_for("hub.local/devices/d1"),
        token_for("hub.local/devices/none"),
        make_token((struct token_recipe){.resource = "elsewhere", .policy = "iothubowner"}),
        make_token((struct token_recipe){
            .resource = "hub.local", .policy = "iothubowner", .key = OTHER_KEY})};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        struct answer *answer =
            rest_ask(&rest, "GET", DEVICE("d1"), (struct rest_request){.token = tokens[i]});
        ck_assert_msg(answer->status == 401, "case %zu", i);
        answer_check_flat(answer, HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    }
    ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_AUTHENTICATION_FAILED), 7);
    rest_close(&rest);
}
END_TEST

/* ---- many devices ---- */

START_TEST(test_a_list_has_at_most_top_devices)
{
    static const struct {
        const char *target;
        size_t count; /* 0: refused */
    } cases[] = {{"/devices?" VERSION, 2}, {"/devices/?top=1000&" VERSION, 2},
        {"/devices?top=1&" VERSION, 1}, {"/devices?top=0&" VERSION, 0},
        {"/devices?top=1001&" VERSION, 0}, {"/devices?top=x&" VERSION, 0}};
    rest_open(&rest);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer *answer =
            rest_expect(&rest, cases[i].count ? 200 : 400, "GET", cases[i].target);
        if (cases[i].count) {
            json_t *list = answer_json(answer);
            ck_assert_uint_eq(json_array_size(list), cases[i].count);
            json_decref(list);
        } else {
            answer_check_flat(answer, HUB_ARGUMENT_INVALID);
        }
    }
    rest_close(&rest);
}
END_TEST

static struct answer *bulk(const char *body)
{
    return rest_ask(&rest, "POST", "/devices?" VERSION, (struct rest_request){.body = body});
}

static struct answer *bulk_create(size_t count)
{
    char *body = memory_allocate(count * 64 + 8);
    size_t length = 0;
    body[length++] = '[';
    for (size_t i = 0; i < count; i++) {
        length += (size_t)sprintf(
            body + length, "%s{\"id\":\"b%zu\",\"importMode\":\"create\"}", i > 0 ? "," : "", i);
    }
    body[length] = ']';
    struct answer *answer = bulk(body);
    free(body);
    return answer;
}

START_TEST(test_a_bulk_of_a_hundred_is_done_and_one_more_refused)
{
    rest_open(&rest);
    answer_check_flat(bulk_create(101), HUB_TOO_MANY_DEVICES);
    ck_assert_uint_eq(identity_count(hub_identities(rest.hub)), 2);
    struct answer *answer = bulk_create(100);
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer->body, "{\"isSuccessful\":true,\"errors\":[],\"warnings\":[]}");
    ck_assert_uint_eq(identity_count(hub_identities(rest.hub)), 102);
    answer_check_flat(bulk("{}"), HUB_ARGUMENT_INVALID);
    answer_check_flat(bulk("["), HUB_DESERIALIZATION_ERROR);
    rest_close(&rest);
}
END_TEST

START_TEST(test_the_items_of_a_bulk_are_independent)
{
    rest_open(&rest);
    struct answer *answer =
        bulk("[{\"id\":\"d1\",\"importMode\":\"create\"},"
             "{\"id\":\"n1\",\"importMode\":\"Create\"},"
             "{\"id\":\"d2\",\"importMode\":\"Update\",\"status\":\"disabled\"},"
             "{\"id\":\"no\",\"importMode\":\"delete\"},"
             "{\"id\":\"n1\",\"importMode\":\"delete\"},"
             "{\"id\":\"d1\",\"importMode\":\"updateTwin\"},"
             "{\"importMode\":\"create\"},"
             "7]");
    answer_check_status(answer, 400);
    ck_assert_str_eq(answer_header(answer, "IotHubErrorCode"), "BulkRegistryOperationFailure");
    ck_assert_str_eq(answer->body,
        "{\"isSuccessful\":false,\"errors\":["
        "{\"deviceId\":\"d1\",\"errorCode\":409001,\"errorStatus\":\"d1\"},"
        "{\"deviceId\":\"no\",\"errorCode\":404001,\"errorStatus\":\"no\"},"
        "{\"deviceId\":\"n1\",\"errorCode\":400011,\"errorStatus\":\"n1\"},"
        "{\"deviceId\":\"d1\",\"errorCode\":400011,\"errorStatus\":\"d1\"},"
        "{\"deviceId\":\"\",\"errorCode\":400005,\"errorStatus\":\"The item has no id.\"},"
        "{\"deviceId\":\"\",\"errorCode\":400005,\"errorStatus\":\"The item has no id.\"}],"
        "\"warnings\":[]}");
    ck_assert(!identity_find(hub_identities(rest.hub), "d2")->is.enabled);
    ck_assert_ptr_nonnull(identity_find(hub_identities(rest.hub), "n1"));
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_bulk_item_may_name_the_version_it_changes)
{
    rest_open(&rest);
    answer_check_status(
        bulk("[{\"id\":\"d1\",\"importMode\":\"UpdateIfMatchETag\",\"eTag\":\"MA==\"},"
             "{\"id\":\"d2\",\"importMode\":\"DeleteIfMatchETag\",\"eTag\":\"\\\"MA==\\\"\"}]"),
        200);
    struct answer *answer =
        bulk("[{\"id\":\"d1\",\"importMode\":\"updateIfMatchETag\",\"eTag\":\"MA==\"}]");
    ck_assert_ptr_nonnull(strstr(answer->body, "\"errorCode\":412001"));
    answer = bulk("[{\"id\":\"d1\",\"importMode\":\"deleteIfMatchETag\"}]");
    ck_assert_ptr_nonnull(strstr(answer->body, "\"errorCode\":412001"));
    /* The name that the npm SDK sends. */
    answer_check_status(
        bulk("[{\"id\":\"d1\",\"importMode\":\"deleteIfMatchETag\",\"etag\":\"MQ==\"}]"), 200);
    rest_close(&rest);
}
END_TEST

START_TEST(test_statistics_are_exact)
{
    rest_open(&rest);
    answer_check_status(put(DEVICE("d2"), "*", "{\"status\":\"disabled\"}"), 200);
    ck_assert_str_eq(rest_expect(&rest, 200, "GET", "/statistics/devices?" VERSION)->body,
        "{\"totalDeviceCount\":2,\"enabledDeviceCount\":1,\"disabledDeviceCount\":1}");
    ck_assert_str_eq(rest_expect(&rest, 200, "GET", "/statistics/service?" VERSION)->body,
        "{\"connectedDeviceCount\":0}");
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_purge_tells_how_many_messages_ended)
{
    rest_open(&rest);
    ck_assert_str_eq(rest_expect(&rest, 200, "DELETE", "/devices/d1/commands?" VERSION)->body,
        "{\"deviceId\":\"d1\",\"moduleId\":null,\"totalMessagesPurged\":0}");
    for (int i = 0; i < 4; i++) {
        rest_send(&rest, "x");
    }
    rest_as_device(&rest, 200, "GET", "/devices/d1/messages/devicebound?" VERSION);
    ck_assert_str_eq(rest_expect(&rest, 200, "DELETE", "/devices/d1/commands?" VERSION)->body,
        "{\"deviceId\":\"d1\",\"moduleId\":null,\"totalMessagesPurged\":4}");
    answer_check_flat(
        rest_expect(&rest, 404, "DELETE", "/devices/none/commands?" VERSION), HUB_DEVICE_NOT_FOUND);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_purge_finds_an_id_that_was_not_escaped)
{
    rest_open(&rest);
    small_hub_add(&rest.small, "a%41");
    small_hub_add(&rest.small, "50%");
    rest_expect(&rest, 200, "DELETE", "/devices/a%41/commands?" VERSION);
    rest_expect(&rest, 200, "DELETE", "/devices/50%/commands?" VERSION);
    rest_expect(&rest, 200, "DELETE", "/devices/a%2541/commands?" VERSION);
    rest_close(&rest);
}
END_TEST

START_TEST(test_nothing_is_answered_before_the_commit)
{
    rest_open(&rest);
    rest.bench.end_turn = NULL;
    peer_print(rest.peer,
        "PUT " DEVICE("new") " HTTP/1.1\r\nHost: hub.local\r\nContent-Length: 2\r\n"
                             "Authorization: %s\r\n\r\n{}",
        make_token((struct token_recipe){.resource = "hub.local", .policy = "iothubowner"}));
    bench_run_for(&rest.bench, 20);
    size_t length;
    peer_received(rest.peer, &length);
    ck_assert_uint_eq(length, 0);
    ck_assert_ptr_nonnull(identity_find(hub_identities(rest.hub), "new"));
    hub_end_turn(rest.hub);
    answer_check_status(peer_answer(rest.peer), 200);
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("registry", test_an_etag_is_base64_of_a_decimal_number,
    test_if_match_is_read_bare_and_quoted, test_an_identity_is_written_in_the_recorded_order,
    test_a_put_without_if_match_creates_once, test_a_put_with_if_match_updates,
    test_a_delete_needs_if_match, test_an_update_without_keys_makes_new_ones,
    test_a_body_that_makes_no_device_is_refused, test_thumbprints_and_status_are_kept_as_given,
    test_the_message_count_is_the_depth_of_the_queue, test_ids_of_every_allowed_character_are_found,
    test_ids_are_case_sensitive, test_the_api_version_has_to_be_a_known_one,
    test_unknown_routes_methods_and_hosts_are_refused,
    test_a_policy_that_may_act_for_devices_is_told_that_one_is_missing,
    test_a_service_route_refuses_other_tokens, test_a_list_has_at_most_top_devices,
    test_a_bulk_of_a_hundred_is_done_and_one_more_refused, test_the_items_of_a_bulk_are_independent,
    test_a_bulk_item_may_name_the_version_it_changes, test_statistics_are_exact,
    test_a_purge_tells_how_many_messages_ended, test_a_purge_finds_an_id_that_was_not_escaped,
    test_nothing_is_answered_before_the_commit)
