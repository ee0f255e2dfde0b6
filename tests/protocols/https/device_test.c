#include "protocols/auth/certificate.h"
#include "protocols/https/message_codec.h"
#include "store/memory.h"
#include "tests/protocols/auth/certificate_maker.h"
#include "tests/protocols/https/rest.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rest rest;

#define BOUND "/devices/d1/messages/deviceBound"

static struct answer *receive(int status)
{
    return rest_as_device(&rest, status, "GET", BOUND "?" VERSION);
}

/* Receives, and gives the token without its quotes. Static. */
static const char *receive_token(void)
{
    static char tokens[4][64];
    static unsigned turn;
    char *token = tokens[turn++ % 4];
    const char *quoted = answer_header(receive(200), "ETag");
    ck_assert_uint_eq(strlen(quoted), 38);
    snprintf(token, 64, "%.36s", quoted + 1);
    return token;
}

/* `form` with the token in place of %s. */
static struct answer *settle(const char *method, const char *form, const char *token)
{
    char target[256];
    const char *mark = strstr(form, "{}");
    snprintf(target, sizeof target, "%.*s%s%s", (int)(mark - form), form, token, mark + 2);
    return rest_ask(
        &rest, method, target, (struct rest_request){.token = token_for("hub.local/devices/d1")});
}

#define COMPLETE BOUND "/{}?" VERSION
#define REJECT BOUND "/{}?" VERSION "&reject"
#define ABANDON BOUND "/{}/abandon?" VERSION

/* ---- receive ---- */

START_TEST(test_an_empty_queue_gives_204_and_nothing_else)
{
    rest_open(&rest);
    struct answer *answer = receive(204);
    char expected[200];
    snprintf(expected, sizeof expected,
        "HTTP/1.1 204 No Content\r\nDate: %s\r\nContent-Length: 0\r\n"
        "Server: Microsoft-HTTPAPI/2.0\r\n\r\n",
        answer_header(answer, "Date"));
    ck_assert_str_eq(answer->head, expected);
    rest_close(&rest);
}
END_TEST

START_TEST(test_the_head_of_a_message_is_exactly_so)
{
    rest_open(&rest);
    struct message *message = message_create();
    message_set(message, MESSAGE_ID, TEXT("m-1"), NULL);
    message_set(message, MESSAGE_CORRELATION_ID, TEXT("c-1"), NULL);
    message_set(message, MESSAGE_USER_ID, TEXT("u"), NULL);
    message_set(message, MESSAGE_TO, TEXT("/devices/d1/messages/deviceBound"), NULL);
    message_set(message, MESSAGE_CONTENT_TYPE, TEXT("application/json"), NULL);
    message_set(message, MESSAGE_CONTENT_ENCODING, TEXT("utf-8"), NULL);
    message_add_property(message, TEXT("iothub-ack"), TEXT("Full"), NULL);
    message_add_property(message, TEXT("Color"), TEXT("r\xc3\xb6t"), NULL);
    message_set_expiry(message, instant_add(TEST_NOW, DURATION_HOURS(1)));
    message_append_body(message, "\0{}\xff", 4);
    rest_enqueue(&rest, "d1", message);
    struct answer *answer = receive(200);
    char expected[1200], date[64], etag[64];
    strcpy(date, answer_header(answer, "Date"));
    strcpy(etag, answer_header(answer, "ETag"));
    snprintf(expected, sizeof expected,
        "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json\r\nETag: %s\r\n"
        "iothub-messageid: m-1\r\niothub-correlationid: c-1\r\niothub-sequencenumber: 1\r\n"
        "iothub-to: /devices/d1/messages/deviceBound\r\niothub-userid: u\r\niothub-ack: full\r\n"
        "iothub-expiry: 11/14/2023 11:13:20 PM\r\niothub-enqueuedtime: 11/14/2023 10:13:20 PM\r\n"
        "iothub-deliverycount: 0\r\nContentType: application/json\r\n"
        "iothub-contenttype: application/json\r\nContentEncoding: utf-8\r\n"
        "iothub-contentencoding: utf-8\r\niothub-app-Color: r\xc3\xb6t\r\n"
        "Server: Microsoft-HTTPAPI/2.0\r\nContent-Length: 4\r\n\r\n",
        date, etag);
    ck_assert_str_eq(answer->head, expected);
    ck_assert_int_eq(memcmp(answer->body, "\0{}\xff", 4), 0);
    rest_close(&rest);
}
END_TEST

START_TEST(test_properties_that_are_unset_arrive_empty)
{
    static const char *const names[] = {
        "iothub-messageid", "iothub-correlationid", "iothub-userid", "iothub-expiry"};
    rest_open(&rest);
    rest_send(&rest, "");
    struct answer *answer = receive(200);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(answer_header(answer, names[i]), "");
    }
    ck_assert_str_eq(answer_header(answer, "iothub-ack"), "none");
    ck_assert_str_eq(answer_header(answer, "iothub-to"), "/devices/d1/messages/devicebound");
    ck_assert_str_eq(answer_header(answer, "Content-Type"), "application/octet-stream");
    ck_assert_ptr_null(answer_header(answer, "ContentType"));
    ck_assert_ptr_null(answer_header(answer, "iothub-contenttype"));
    ck_assert_uint_eq(answer->body_length, 0);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_property_value_cannot_split_the_head)
{
    rest_open(&rest);
    struct message *message = message_create();
    message_add_property(message, TEXT("a"), TEXT("x\r\nETag: \"evil\"\r\n\r\nbody"), NULL);
    message_add_property(message, TEXT("b c:"), TEXT(""), NULL);
    message_append_body(message, "ok", 2);
    rest_enqueue(&rest, "d1", message);
    struct answer *answer = receive(200);
    ck_assert_str_eq(answer_header(answer, "iothub-app-a"), "xETag: \"evil\"body");
    ck_assert_str_eq(answer_header(answer, "iothub-app-b_c_"), "");
    ck_assert_str_eq(answer->body, "ok");
    rest_close(&rest);
}
END_TEST

START_TEST(test_the_largest_head_a_message_can_make_arrives)
{
    rest_open(&rest);
    struct message *message = message_create();
    for (int i = 0; i < MESSAGE_PROPERTIES_MAX; i++) {
        char name[16], value[64];
        snprintf(name, sizeof name, "p%05d", i);
        snprintf(value, sizeof value, "%058d", i);
        message_add_property(message, text_of(name), text_of(value), NULL);
    }
    ck_assert_uint_eq(message_size(message), 65536);
    rest_enqueue(&rest, "d1", message);
    struct answer *answer = receive(200);
    ck_assert_uint_eq(strlen(answer_header(answer, "iothub-app-p01023")), 58);
    message = message_create();
    char *type = memory_allocate(65537);
    memset(type, 't', 65536);
    message_set(message, MESSAGE_CONTENT_TYPE, text_of(type), NULL);
    rest_enqueue(&rest, "d1", message);
    answer = receive(200);
    ck_assert_uint_eq(strlen(answer_header(answer, "ContentType")), 65536);
    ck_assert_str_eq(answer_header(answer, "Content-Type"), "application/octet-stream");
    message = message_create();
    memset(type, ' ', 65536);
    message_add_property(message, text_of(type), TEXT(""), NULL);
    rest_enqueue(&rest, "d1", message);
    ck_assert_ptr_nonnull(strstr(receive(200)->head, "iothub-app-____"));
    free(type);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_date_has_no_padding_and_twelve_hours)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "1/1/1970 12:00:00 AM"}, {1575892800, "12/9/2019 12:00:00 PM"},
        {1513901652, "12/22/2017 12:14:12 AM"}, {1594966264, "7/17/2020 6:11:04 AM"},
        {1594991464, "7/17/2020 1:11:04 PM"}};
    char text[MESSAGE_DATE_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        message_format_date((struct instant){cases[i].seconds * 1000000}, text);
        ck_assert_str_eq(text, cases[i].text);
    }
    message_format_date(INSTANT_NEVER, text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(test_each_get_gives_the_next_message_until_all_are_locked)
{
    rest_open(&rest);
    rest_send(&rest, "1");
    rest_send(&rest, "2");
    ck_assert_str_eq(receive(200)->body, "1");
    ck_assert_str_eq(receive(200)->body, "2");
    receive(204);
    rest_advance(&rest, DURATION_SECONDS(59));
    receive(204);
    rest_advance(&rest, DURATION_SECONDS(2));
    struct answer *answer = receive(200);
    ck_assert_str_eq(answer->body, "1");
    ck_assert_str_eq(answer_header(answer, "iothub-sequencenumber"), "1");
    ck_assert_str_eq(answer_header(answer, "iothub-deliverycount"), "0");
    rest_close(&rest);
}
END_TEST

/* ---- settle ---- */

START_TEST(test_a_settlement_is_good_once)
{
    static const struct {
        const char *method, *form;
    } cases[] = {{"DELETE", COMPLETE}, {"DELETE", REJECT}, {"POST", ABANDON}};
    rest_open(&rest);
    for (size_t i = 0; i < 3; i++) {
        rest_send(&rest, "x");
        const char *token = receive_token();
        struct answer *answer = settle(cases[i].method, cases[i].form, token);
        answer_check_status(answer, 204);
        ck_assert_ptr_null(answer_header(answer, "Content-Type"));
        answer = settle(cases[i].method, cases[i].form, token);
        answer_check_nested(answer, HUB_DEVICE_MESSAGE_LOCK_LOST);
        ck_assert_ptr_nonnull(strstr(answer->body, "\\\"message\\\":\\\"PreconditionFailed\\\""));
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_every_form_of_reject_dead_letters)
{
    static const char *const forms[] = {BOUND "/{}?" VERSION "&reject",
        BOUND "/{}?" VERSION "&reject=", BOUND "/{}?reject=true&" VERSION,
        BOUND "/{}?" VERSION "&%3Freject=true",
        ("/devices/d1/messages/devicebound/{}/?REJECT&" VERSION)};
    rest_open(&rest);
    for (size_t i = 0; i < 5; i++) {
        rest_send(&rest, "x");
        answer_check_status(settle("DELETE", forms[i], receive_token()), 204);
        ck_assert_uint_eq(queues_get_totals(hub_queues(rest.hub)).ended[OUTCOME_REJECTED], i + 1);
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_abandon_takes_every_odd_form)
{
    static const struct rest_request forms[] = {{.body = ""}, {.body = "x"},
        {.headers = "If-Match: \"{}\"\r\n"}, {.headers = "If-Match: {}\r\n"},
        {.headers = "IfMatch: x\r\n"},
        {.headers = "Content-Type: application/x-www-form-urlencoded\r\n"}, {.headers = NULL}};
    rest_open(&rest);
    rest_send(&rest, "x");
    for (size_t i = 0; i < 7; i++) {
        char target[160], count[16];
        struct answer *answer = receive(200);
        snprintf(count, sizeof count, "%zu", i);
        ck_assert_str_eq(answer_header(answer, "iothub-deliverycount"), count);
        ck_assert_str_eq(answer_header(answer, "iothub-sequencenumber"), "1");
        snprintf(target, sizeof target, BOUND "/%.36s/Abandon?" VERSION,
            answer_header(answer, "ETag") + 1);
        struct rest_request request = forms[i];
        request.token = token_for("hub.local/devices/d1");
        answer_check_status(rest_ask(&rest, "POST", target, request), 204);
    }
    receive(200);
    rest_close(&rest);
}
END_TEST

START_TEST(test_tokens_compare_as_guids)
{
    rest_open(&rest);
    rest_send(&rest, "x");
    char upper[64];
    const char *token = receive_token();
    for (size_t i = 0; i <= strlen(token); i++) {
        upper[i] = (char)(token[i] >= 'a' && token[i] <= 'f' ? token[i] - 32 : token[i]);
    }
    answer_check_status(settle("DELETE", COMPLETE, upper), 204);
    static const char *const bad[] = {"x", "%20", "00000000-0000-0000-0000-000000000000", "%00",
        "0000000000000000000000000000000000000"};
    for (size_t i = 0; i < 5; i++) {
        answer_check_nested(settle("DELETE", COMPLETE, bad[i]), HUB_DEVICE_MESSAGE_LOCK_LOST);
    }
    rest_close(&rest);
}
END_TEST

START_TEST(test_another_devices_token_settles_nothing)
{
    rest_open(&rest);
    rest_send(&rest, "x");
    char target[160];
    snprintf(
        target, sizeof target, "/devices/d2/messages/devicebound/%s?" VERSION, receive_token());
    struct answer *answer = rest_ask(
        &rest, "DELETE", target, (struct rest_request){.token = token_for("hub.local/devices/d2")});
    answer_check_nested(answer, HUB_DEVICE_MESSAGE_LOCK_LOST);
    ck_assert_uint_eq(rest_counts(&rest, "d1").invisible, 1);
    rest_close(&rest);
}
END_TEST

/* ---- lock time ---- */

static struct answer *receive_wishing(const char *query, const char *header)
{
    char target[160], headers[80] = "";
    snprintf(target, sizeof target, BOUND "?" VERSION "%s", query);
    if (header) {
        snprintf(headers, sizeof headers, "IotHub-MessageLockTimeout: %s\r\n", header);
    }
    struct answer *answer = rest_ask(&rest, "GET", target,
        (struct rest_request){.token = token_for("hub.local/devices/d1"), .headers = headers});
    answer_check_status(answer, 200);
    return answer;
}

/* How many seconds the only message stays locked. */
static int seconds_locked(void)
{
    for (int seconds = 0;; seconds += 5) {
        if (rest_counts(&rest, "d1").enqueued == 1) {
            return seconds;
        }
        rest_advance(&rest, DURATION_SECONDS(5));
    }
}

static void check_lock_times(bool honour)
{
    static const struct {
        const char *query, *header;
        int honoured;
    } cases[] = {{"&iothub-messagelocktimeout=180", NULL, 180}, {"", "5", 5}, {"", "x", 60},
        {"", "0", 60}, {"", "3601", 60}, {"&iothub-messagelocktimeout=", NULL, 60},
        {"", "99999999999999999999", 60}};
    rest_open_with(&rest, &(struct https_options){.honour_lock_time = honour});
    rest_send(&rest, "x");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        receive_wishing(cases[i].query, cases[i].header);
        ck_assert_int_eq(seconds_locked(), honour ? cases[i].honoured : 60);
    }
    rest_close(&rest);
}

START_TEST(test_a_lock_time_that_is_asked_for_is_ignored)
{
    check_lock_times(false);
}
END_TEST

START_TEST(test_a_lock_time_is_honoured_if_so_set)
{
    check_lock_times(true);
}
END_TEST

/* ---- who asks ---- */

static void set_enabled(const char *device_id, bool enabled)
{
    struct identity *identity = identity_find(hub_identities(rest.hub), device_id);
    struct identity_draft draft = identity->is;
    draft.enabled = enabled;
    hub_put_device(rest.hub, &draft, (struct etag_condition){.match = ETAG_ANY}, &identity, NULL);
    hub_end_turn(rest.hub);
}

static struct answer *receive_with(const char *target, const char *token)
{
    return rest_ask(&rest, "GET", target, (struct rest_request){.token = token});
}

START_TEST(test_a_bad_token_is_401_and_no_device_404)
{
    rest_open(&rest);
    const char *const bad[] = {"", "x", token_for("hub.local/devices/d2"),
        make_token((struct token_recipe){.resource = "hub.local/devices/d1", .expiry = "1"}),
        make_token((struct token_recipe){
            .resource = "hub.local/devices/d1", .key = "YWJjZGVmZ2hpamtsbW5vcA=="})};
    for (size_t i = 0; i < 5; i++) {
        answer_check_flat(receive_with(BOUND "?" VERSION, bad[i]), HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    }
    answer_check_nested(receive_with("/devices/none/messages/devicebound?" VERSION,
                            token_for("hub.local/devices/none")),
        HUB_DEVICE_NOT_FOUND);
    set_enabled("d1", false);
    answer_check_nested(
        receive_with(BOUND "?" VERSION, token_for("hub.local/devices/d1")), HUB_DEVICE_NOT_FOUND);
    set_enabled("d1", true);
    receive(204);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_certificate_of_the_connection_opens_its_device)
{
    struct identity_draft draft = {
        .device_id = "x1", .enabled = true, .authentication = AUTHENTICATION_SELF_SIGNED};
    rest_open(&rest);
    X509 *certificate = make_device_certificate("any");
    strcpy(draft.primary_thumbprint, certificate_hash(certificate).sha256);
    small_hub_put(&rest.small, &draft);
    peer_set_certificate(rest.peer, certificate, false);
    answer_check_status(receive_with("/devices/x1/messages/devicebound?" VERSION, ""), 204);
    /* The registered type decides which of the two counts. */
    answer_check_status(receive_with("/devices/x1/messages/devicebound?" VERSION,
                            token_for("hub.local/devices/x1")),
        204);
    answer_check_status(receive_with(BOUND "?" VERSION, token_for("hub.local/devices/d1")), 204);
    answer_check_flat(receive_with(BOUND "?" VERSION, ""), HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    peer_set_certificate(rest.peer, NULL, false);
    answer_check_flat(receive_with("/devices/x1/messages/devicebound?" VERSION,
                          token_for("hub.local/devices/x1")),
        HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    X509_free(certificate);
    rest_close(&rest);
}
END_TEST

START_TEST(test_what_devices_do_not_have_over_https_is_refused)
{
    rest_open(&rest);
    answer_check_flat(rest_as_device(&rest, 401, "GET", "/devices/d1/twin?" VERSION),
        HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    answer_check_flat(
        rest_as_device(&rest, 401, "POST", "/devices/d1/methods/devicebound?" VERSION),
        HUB_IOT_HUB_UNAUTHORIZED_ACCESS);
    answer_check_flat(
        rest_as_device(&rest, 404, "GET", "/devices/d1/modules/m/messages/devicebound?" VERSION),
        HUB_GENERIC_NOT_FOUND);
    answer_check_flat(rest_as_device(&rest, 400, "POST", "/devices/d1/files?" VERSION),
        HUB_DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED);
    answer_check_flat(
        rest_as_device(&rest, 400, "POST", "/devices/d1/files/notifications/c1?" VERSION),
        HUB_DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED);
    rest_close(&rest);
}
END_TEST

/* ---- telemetry ---- */

static struct answer *report(const char *type, const char *body)
{
    char headers[128] = "iothub-messageid: t1\r\n";
    if (type) {
        snprintf(headers, sizeof headers, "Content-Type: %s\r\n", type);
    }
    return rest_ask(&rest, "POST", "/devices/d1/messages/events?" VERSION,
        (struct rest_request){
            .token = token_for("hub.local/devices/d1"), .headers = headers, .body = body});
}

#define BATCH "application/vnd.microsoft.iothub.json"

START_TEST(test_telemetry_is_taken_one_by_one_and_in_batches)
{
    rest_open(&rest);
    answer_check_status(report(NULL, "21.5"), 204);
    answer_check_status(report("application/octet-stream", ""), 204);
    ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_TELEMETRY), 2);
    answer_check_status(report(BATCH, "[{\"body\":\"aGk=\",\"base64Encoded\":true,"
                                      "\"properties\":{\"a\":\"b\"}},{\"body\":\"hi\"}]"),
        204);
    ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_TELEMETRY), 4);
    answer_check_nested(report(BATCH, "{"), HUB_DESERIALIZATION_ERROR);
    answer_check_nested(report(BATCH "; charset=utf-8", "{}"), HUB_IOT_HUB_FORMAT_ERROR);
    answer_check_nested(report(BATCH, "[{\"body\":1}]"), HUB_IOT_HUB_FORMAT_ERROR);
    answer_check_nested(
        report(BATCH, "[{\"body\":\"#\",\"base64Encoded\":true}]"), HUB_IOT_HUB_FORMAT_ERROR);
    ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_TELEMETRY), 4);
    rest_close(&rest);
}
END_TEST

/* "body name=value …", a `$` before the names of system properties. Static. */
static const char *describe(const struct telemetry_item *item)
{
    static char text[1024];
    struct telemetry_property property;
    struct text body = telemetry_event_body(item->event);
    size_t at = 0;
    int length = snprintf(text, sizeof text, "%.*s", (int)body.length, body.bytes);
    while (telemetry_event_next(item->event, &at, &property)) {
        length += snprintf(text + length, sizeof text - (size_t)length, " %s%s=%s",
            property.kind == TELEMETRY_SYSTEM ? "$" : "", property.name.bytes,
            property.value.bytes ? property.value.bytes : "(null)");
    }
    return text;
}

START_TEST(test_telemetry_is_kept_with_what_it_carried)
{
    rest_open(&rest);
    struct telemetry *telemetry = hub_telemetry(rest.hub);
    struct rest_request request = {.token = token_for("hub.local/devices/d1"),
        .headers = "iothub-messageid: t1\r\nIoTHub-App-Level: high\r\niothub-app-empty:\r\n"
                   "iothub-contenttype: text/plain\r\niothub-interface-id: urn:x\r\n",
        .body = "21.5"};
    answer_check_status(
        rest_ask(&rest, "POST", "/devices/d1/messages/events?" VERSION, request), 204);
    const struct telemetry_item *item = telemetry_next(telemetry, "d1", 0);
    ck_assert_str_eq(item->protocol, "https");
    ck_assert_str_eq(describe(item), "21.5 $messageId=t1 Level=high empty= $contentType=text/plain "
                                     "$iothub-interface-id=urn:x");
    answer_check_status(report(BATCH, "[{\"body\":\"aGk=\",\"base64Encoded\":true,"
                                      "\"properties\":{\"iothub-app-a\":\"b\",\"c\":1,"
                                      "\"iothub-messageid\":\"t2\",\"n\":null}},"
                                      "{\"body\":\"ho\"}]"),
        204);
    item = telemetry_next(telemetry, "d1", item->id);
    ck_assert_str_eq(describe(item), "hi a=b c=1 $messageId=t2 n=(null)");
    item = telemetry_next(telemetry, "d1", item->id);
    ck_assert_str_eq(describe(item), "ho");
    answer_check_nested(
        report(BATCH, "[{\"body\":\"good\"},{\"body\":1}]"), HUB_IOT_HUB_FORMAT_ERROR);
    ck_assert_ptr_null(telemetry_next(telemetry, "d1", item->id));
    rest_close(&rest);
}
END_TEST

START_TEST(test_telemetry_beyond_256_kb_is_refused)
{
    rest_open(&rest);
    char *body = memory_allocate(256 * 1024 + 2);
    memset(body, 'x', 256 * 1024 + 1);
    answer_check_nested(report(NULL, body), HUB_MESSAGE_TOO_LARGE);
    body[256 * 1024] = '\0';
    answer_check_status(report(NULL, body), 204);
    free(body);
    rest_close(&rest);
}
END_TEST

/* ---- connections ---- */

static bool is_closed(void *context)
{
    return peer_is_closed(context);
}

START_TEST(test_a_connection_is_listed_and_can_be_dropped)
{
    struct connection_view view;
    rest_open(&rest);
    receive(204);
    ck_assert(sessions_next_connection(rest.sessions, 0, &view));
    ck_assert_str_eq(view.identity, "d1");
    ck_assert_int_eq(view.protocol, PROTOCOL_HTTPS);
    ck_assert(sessions_end_connection(rest.sessions, view.id, END_DROPPED));
    bench_run_until(&rest.bench, is_closed, rest.peer);
    ck_assert(!peer_is_reset(rest.peer));
    bench_run_for(&rest.bench, 5);
    ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_DISCONNECTED), 1);
    rest_close(&rest);
}
END_TEST

START_TEST(test_a_connection_can_be_reset)
{
    struct connection_view view;
    rest_open(&rest);
    receive(204);
    ck_assert(sessions_next_connection(rest.sessions, 0, &view));
    ck_assert(sessions_end_connection(rest.sessions, view.id, END_RESET));
    ck_assert(peer_is_reset(rest.peer));
    bench_run_for(&rest.bench, 5);
    ck_assert_uint_eq(rest_journal_count(&rest, JOURNAL_DISCONNECTED), 1);
    rest_close(&rest);
}
END_TEST

SUITE_MAIN("device", test_an_empty_queue_gives_204_and_nothing_else,
    test_the_head_of_a_message_is_exactly_so, test_properties_that_are_unset_arrive_empty,
    test_a_property_value_cannot_split_the_head, test_the_largest_head_a_message_can_make_arrives,
    test_a_date_has_no_padding_and_twelve_hours,
    test_each_get_gives_the_next_message_until_all_are_locked, test_a_settlement_is_good_once,
    test_every_form_of_reject_dead_letters, test_abandon_takes_every_odd_form,
    test_tokens_compare_as_guids, test_another_devices_token_settles_nothing,
    test_a_lock_time_that_is_asked_for_is_ignored, test_a_lock_time_is_honoured_if_so_set,
    test_a_bad_token_is_401_and_no_device_404,
    test_a_certificate_of_the_connection_opens_its_device,
    test_what_devices_do_not_have_over_https_is_refused,
    test_telemetry_is_taken_one_by_one_and_in_batches, test_telemetry_is_kept_with_what_it_carried,
    test_telemetry_beyond_256_kb_is_refused, test_a_connection_is_listed_and_can_be_dropped,
    test_a_connection_can_be_reset)
