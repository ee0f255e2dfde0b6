#include "tests/server/control/control_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the hub ---- */

START_TEST(test_health_readiness_and_ca_are_told)
{
    begin();
    act(200, "GET", "/healthz", NULL);
    act(200, "GET", "/readyz", NULL);
    is_ready = false;
    act(200, "GET", "/healthz", NULL);
    check_refused(503, "GET", "/readyz", NULL, "not ready");
    struct answer *answer = peer_ask(peer, "GET /ca.pem HTTP/1.0\r\n\r\n");
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer->body, "-----BEGIN CERTIFICATE-----\n");
    finish();
}
END_TEST

START_TEST(test_the_hub_shows_itself)
{
    begin();
    json_t *hub = ask(200, "GET", V1 "/hub", NULL);
    ck_assert_str_eq(text(hub, "hostName"), "hub.local");
    ck_assert_str_eq(text(hub, "version"), DEVICEBOUND_VERSION);
    json_t *ports = json_object_get(hub, "ports");
    ck_assert_int_eq(number(ports, "https"), 8443);
    ck_assert(json_is_null(json_object_get(ports, "mqtts")));
    const json_t *policy = json_array_get(json_object_get(hub, "policies"), 0);
    ck_assert_str_eq(text(policy, "name"), "iothubowner");
    ck_assert_str_eq(text(policy, "connectionString"),
        "HostName=hub.local;SharedAccessKeyName=iothubowner;SharedAccessKey=" TEST_KEY);
    ck_assert_uint_eq(json_array_size(json_object_get(policy, "permissions")), 4);
    char *settings = json_dumps(json_object_get(hub, "cloudToDevice"), JSON_COMPACT);
    ck_assert_str_eq(settings,
        "{\"maxDeliveryCount\":10,\"defaultTtlAsIso8601\":\"PT1H\",\"feedback\":"
        "{\"lockDurationAsIso8601\":\"PT1M\",\"ttlAsIso8601\":\"PT1H\",\"maxDeliveryCount\":10}}");
    free(settings);
    ck_assert_str_eq(
        text(json_array_get(json_object_get(hub, "settings"), 0), "source"), "default");
    ck_assert_int_eq(number(json_object_get(hub, "counts"), "devices"), 1);
    ck_assert(json_is_true(json_object_get(json_object_get(hub, "clock"), "frozen")));
    json_decref(hub);
    finish();
}
END_TEST

START_TEST(test_what_is_not_there_is_a_problem)
{
    begin();
    check_refused(404, "GET", "/index.html", NULL, "nothing");
    check_refused(404, "GET", V1 "/fault", NULL, "nothing");
    check_refused(405, "PUT", V1 "/clock", NULL, "GET");
    char long_body[5001];
    memset(long_body, ' ', 5000);
    long_body[5000] = '\0';
    check_refused(413, "POST", V1 "/clock/advance", long_body, "4096");
    finish();
}
END_TEST

/* ---- who may ask ---- */

START_TEST(test_foreign_hosts_and_origins_are_refused)
{
    static const struct {
        const char *headers;
        int status;
    } cases[] = {{"Host: 127.0.0.1:8180", 200}, {"Host: [::1]:8180", 200}, {"Host: ::1", 403},
        {"Host: LOCALHOST", 200}, {"Host: hub.local:1", 200}, {"Host: evil.example", 403},
        {"Host: localhost.evil.example", 403}, {"Host: 127.0.0.1.evil.example", 403},
        {"Host: [::1.evil", 403}, {"Host: localhost:8180\r\nOrigin: http://localhost:8180", 200},
        {"Host: localhost:8180\r\nOrigin: http://localhost:3000", 403},
        {"Host: localhost:8180\r\nOrigin: https://evil.example", 403},
        {"Host: localhost\r\nOrigin: null", 403}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer *answer =
            peer_ask(peer, "GET /healthz HTTP/1.1\r\n%s\r\n\r\n", cases[i].headers);
        ck_assert_msg(answer->status == cases[i].status, "case %zu", i);
    }
    struct answer *answer = peer_ask(peer, "GET /nowhere HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    answer_check_status(answer, 403);
    finish();
}
END_TEST

/* ---- the clock ---- */

START_TEST(test_the_clock_is_advanced_and_set)
{
    begin();
    json_t *clock = ask(200, "POST", V1 "/clock/advance", "{\"by\":\"PT61S\"}");
    ck_assert_str_eq(text(clock, "now"), "2023-11-14T22:14:21.000Z");
    ck_assert(json_is_false(json_object_get(clock, "tokens")));
    json_decref(clock);
    clock = ask(200, "POST", V1 "/clock/set", "{\"to\":\"2023-01-01T00:00:00Z\"}");
    ck_assert_str_eq(text(clock, "now"), "2023-01-01T00:00:00.000Z");
    ck_assert_msg(text(clock, "offset")[0] == '-', "%s", text(clock, "offset"));
    json_decref(clock);
    finish();
}
END_TEST

START_TEST(test_the_clock_stops_and_goes_on)
{
    begin();
    json_t *clock = ask(200, "POST", V1 "/clock/resume", NULL);
    ck_assert(json_is_false(json_object_get(clock, "frozen")));
    json_decref(clock);
    clock = ask(200, "POST", V1 "/clock/freeze", "{}");
    ck_assert(json_is_true(json_object_get(clock, "frozen")));
    json_decref(clock);
    json_t *journal = ask(200, "GET", V1 "/journal?event=clockChanged", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(journal, "items")), 2);
    json_decref(journal);
    finish();
}
END_TEST

START_TEST(test_a_clock_that_cannot_be_so_is_refused)
{
    begin();
    const char *advance = V1 "/clock/advance";
    check_refused(400, "POST", advance, NULL, "\"by\"");
    check_refused(400, "POST", advance, "{\"by\":61}", "\"by\"");
    check_refused(400, "POST", advance, "{\"by\":\"-PT1S\"}", "\"by\"");
    check_refused(400, "POST", advance, "{\"by\":\"P1Y\"}", "\"by\"");
    check_refused(400, "POST", advance, "{\"bye\":\"PT1S\"}", "\"bye\" is not known");
    check_refused(400, "POST", advance, "{\"by\":\"P9999999D\"}", "9999");
    check_refused(400, "POST", advance, "[]", "object");
    check_refused(400, "POST", advance, "{", "JSON");
    check_refused(400, "POST", V1 "/clock/set", "{\"to\":\"tomorrow\"}", "\"to\"");
    check_refused(400, "POST", V1 "/clock/freeze", "{\"a\":1}", "\"a\"");
    ck_assert_int_eq(instant_compare(clock_now(small.clock), TEST_NOW), 0);
    finish();
}
END_TEST

START_TEST(test_advance_answers_after_what_fell_due)
{
    begin();
    act(201, "POST", V1 "/devices/d1/messages", "{\"body\":\"x\",\"ttl\":\"PT2M\"}");
    act(200, "POST", V1 "/devices/d1/receive", NULL);
    act(200, "POST", V1 "/clock/advance", "{\"by\":\"PT3M\"}");
    json_t *journal = ask(200, "GET", V1 "/journal?device=d1", NULL);
    const json_t *items = json_object_get(journal, "items");
    static const char *const events[] = {"enqueued", "delivered", "lockExpired", "expired"};
    ck_assert_uint_eq(json_array_size(items), 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(text(json_array_get(items, i), "event"), events[i]);
    }
    ck_assert_str_eq(text(json_array_get(items, 2), "time"), "2023-11-14T22:14:20.000Z");
    ck_assert_str_eq(text(json_array_get(items, 3), "time"), "2023-11-14T22:15:20.000Z");
    json_decref(journal);
    finish();
}
END_TEST

/* ---- devices ---- */

START_TEST(test_a_device_is_put_shown_listed_and_deleted)
{
    begin();
    json_t *device = ask(201, "PUT", V1 "/devices/new", NULL);
    char key[100];
    snprintf(key, sizeof key, "%s", text(device, "connectionString"));
    ck_assert_int_eq(strncmp(key, "HostName=hub.local;DeviceId=new;SharedAccessKey=", 48), 0);
    json_decref(device);
    device = ask(200, "PUT", V1 "/devices/new", "{\"status\":\"disabled\"}");
    ck_assert_str_eq(text(device, "status"), "disabled");
    ck_assert_str_eq(text(device, "connectionString"), key);
    json_decref(device);
    device = ask(200, "PUT", V1 "/devices/new", "{}");
    ck_assert_str_eq(text(device, "status"), "disabled");
    ck_assert_str_eq(text(device, "connectionString"), key);
    json_decref(device);
    device = ask(200, "GET", V1 "/devices/%6eew", NULL);
    ck_assert_int_eq(number(json_object_get(device, "queue"), "enqueued"), 0);
    ck_assert(json_is_array(json_object_get(device, "connections")));
    json_decref(device);
    act(204, "DELETE", V1 "/devices/new", NULL);
    check_refused(404, "GET", V1 "/devices/new", NULL, "new");
    check_refused(404, "DELETE", V1 "/devices/new", NULL, "new");
    check_refused(400, "PUT", V1 "/devices/a%20b", NULL, "device id");
    check_refused(400, "PUT", V1 "/devices/x", "{\"deviceId\":\"y\"}", "path");
    check_refused(400, "PUT", V1 "/devices/x", "{\"key\":\"y\"}", "\"key\"");
    finish();
}
END_TEST

START_TEST(test_a_typo_in_an_authentication_is_refused)
{
    static const struct {
        const char *body, *words;
    } cases[] = {{"{\"authentication\":{\"symetricKey\":{}}}", "symetricKey"},
        {"{\"authentication\":{\"symmetricKey\":{\"primary\":\"\"}}}", "\"primary\""},
        {"{\"authentication\":{\"x509Thumbprint\":{\"thumb\":\"\"}}}", "thumb"},
        {"{\"authentication\":{\"symmetricKey\":1}}", "symmetricKey"},
        {"{\"authentication\":{\"x509Thumbprint\":\"\"}}", "x509Thumbprint"},
        {"{\"authentication\":1}", "authentication"}, {"{\"deviceId\":1}", "device id"}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(400, "PUT", V1 "/devices/d1", cases[i].body, cases[i].words);
        check_refused(400, "PUT", V1 "/devices/new", cases[i].body, cases[i].words);
    }
    act(200, "PUT", V1 "/devices/d1", "{\"authentication\":null}");
    act(200, "PUT", V1 "/devices/d1", "{\"authentication\":{\"symmetricKey\":null}}");
    finish();
}
END_TEST

START_TEST(test_lists_go_page_by_page)
{
    begin();
    act(201, "PUT", V1 "/devices/d2", NULL);
    act(201, "PUT", V1 "/devices/d3", NULL);
    json_t *page = ask(200, "GET", V1 "/devices?limit=2", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(page, "items")), 2);
    char target[80];
    snprintf(target, sizeof target, V1 "/devices?limit=2&after=%s", text(page, "next"));
    json_decref(page);
    page = ask(200, "GET", target, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(page, "items")), 1);
    ck_assert(json_is_null(json_object_get(page, "next")));
    json_decref(page);
    static const char *const bad[] = {V1 "/devices?limit=0", V1 "/devices?limit=1001",
        V1 "/devices?limit=x", V1 "/devices?after=-1", V1 "/devices?limits=1"};
    for (size_t i = 0; i < 5; i++) {
        check_refused(400, "GET", bad[i], NULL, "query parameter");
    }
    finish();
}
END_TEST

/* ---- messages ---- */

START_TEST(test_a_message_is_sent_and_shown)
{
    begin();
    json_t *sent = ask(201, "POST", V1 "/devices/d1/messages",
        "{\"messageId\":\"m1\",\"bodyBase64\":\"aGk=\",\"ack\":\"full\",\"properties\":"
        "{\"b\":\"2\",\"a\":\"1\"},\"correlationId\":\"c\",\"contentType\":\"text/plain\","
        "\"expiryTime\":\"2023-11-14T23:00:00Z\"}");
    ck_assert_int_eq(number(sent, "sequenceNumber"), 1);
    json_decref(sent);
    json_t *list = ask(200, "GET", V1 "/devices/d1/messages", NULL);
    char *shown = json_dumps(json_array_get(json_object_get(list, "items"), 0), JSON_COMPACT);
    ck_assert_str_eq(shown,
        "{\"messageId\":\"m1\",\"correlationId\":\"c\",\"userId\":null,"
        "\"to\":\"/devices/d1/messages/devicebound\",\"contentType\":\"text/plain\","
        "\"contentEncoding\":null,\"ack\":\"full\","
        "\"properties\":{\"iothub-ack\":\"full\",\"b\":\"2\",\"a\":\"1\"},\"size\":41,"
        "\"body\":{\"base64\":\"aGk=\",\"text\":\"hi\"},\"sequenceNumber\":1,"
        "\"state\":\"enqueued\",\"deliveryCount\":0,\"expiryTime\":\"2023-11-14T23:00:00.000Z\","
        "\"enqueuedTime\":\"2023-11-14T22:13:20.000Z\"}");
    free(shown);
    json_decref(list);
    finish();
}
END_TEST

START_TEST(test_a_message_that_cannot_be_is_refused)
{
    static const struct {
        int status;
        const char *body, *words;
    } cases[] = {{400, "{\"bdy\":\"x\"}", "\"bdy\""}, {400, "{\"body\":1}", "\"body\""},
        {400, "{\"body\":\"x\",\"bodyBase64\":\"eA==\"}", "exclude"},
        {400, "{\"bodyBase64\":\"e\"}", "base64"}, {400, "{\"bodyBase64\":\"!!!!\"}", "base64"},
        {400, "{\"ack\":\"some\"}", "\"ack\""}, {400, "{\"properties\":[]}", "\"properties\""},
        {400, "{\"properties\":{\"a\":1}}", "\"a\""}, {400, "{\"properties\":{\"\":\"x\"}}", ""},
        {400, "{\"ttl\":\"1h\"}", "\"ttl\""}, {400, "{\"messageId\":\"a b\"}", ""},
        {400, "{\"expiryTime\":\"x\"}", "\"expiryTime\""},
        {400, "{\"ttl\":\"PT1H\",\"expiryTime\":\"2023-11-14T23:00:00Z\"}", "exclude"},
        {403, "{\"expiryTime\":\"2001-01-01T00:00:00Z\"}", "expiry"}};
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(
            cases[i].status, "POST", V1 "/devices/d1/messages", cases[i].body, cases[i].words);
    }
    check_refused(404, "POST", V1 "/devices/none/messages", "{}", "none");
    json_t *list = ask(200, "GET", V1 "/devices/d1/messages", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 0);
    json_decref(list);
    finish();
}
END_TEST

/* Receives as d1; the target of that settlement. Static. */
static const char *settlement_of_next(const char *word)
{
    static char target[120];
    json_t *message = ask(200, "POST", V1 "/devices/d1/receive", NULL);
    ck_assert_str_eq(text(message, "state"), "invisible");
    ck_assert_str_ne(text(message, "lockedUntil"), "");
    snprintf(target, sizeof target, V1 "/messages/%s/%s", text(message, "lockToken"), word);
    json_decref(message);
    return target;
}

START_TEST(test_a_device_is_played)
{
    begin();
    act(204, "POST", V1 "/devices/d1/receive", NULL);
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    act(204, "POST", settlement_of_next("abandon"), NULL);
    const char *complete = settlement_of_next("complete");
    act(204, "POST", complete, NULL);
    check_refused(412, "POST", complete, NULL, "token");
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    act(204, "POST", settlement_of_next("reject"), NULL);
    check_refused(412, "POST", V1 "/messages/x/reject", NULL, "token");
    check_refused(404, "POST", V1 "/messages/x/eat", NULL, "nothing");
    check_refused(404, "POST", V1 "/devices/none/receive", NULL, "none");
    struct queue_totals totals = queues_get_totals(hub_queues(small.hub));
    ck_assert_uint_eq(totals.ended[OUTCOME_COMPLETED], 1);
    ck_assert_uint_eq(totals.ended[OUTCOME_REJECTED], 1);
    finish();
}
END_TEST

START_TEST(test_a_purge_and_a_flush_tell_their_count)
{
    begin();
    act(201, "POST", V1 "/devices/d1/messages", "{\"ack\":\"full\"}");
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    json_t *purged = ask(200, "DELETE", V1 "/devices/d1/messages", NULL);
    ck_assert_int_eq(number(purged, "totalMessagesPurged"), 2);
    json_decref(purged);
    json_t *flushed = ask(200, "POST", V1 "/feedback/flush", NULL);
    ck_assert_int_eq(number(flushed, "records"), 1);
    json_decref(flushed);
    ck_assert(queue_has_ready(feedback_queue(hub_feedback(small.hub))));
    check_refused(404, "DELETE", V1 "/devices/none/messages", NULL, "none");
    finish();
}
END_TEST

/* One page of the feedback: how many batches and waiting records it has. Returns owned. */
static json_t *check_feedback(const char *query, size_t batches, size_t waiting)
{
    char target[80];
    snprintf(target, sizeof target, V1 "/feedback%s", query);
    json_t *list = ask(200, "GET", target, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), batches);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "waiting")), waiting);
    return list;
}

static void end_message(const char *id)
{
    char body[80];
    snprintf(body, sizeof body, "{\"messageId\":\"%s\",\"ack\":\"full\"}", id);
    act(201, "POST", V1 "/devices/d1/messages", body);
    act(200, "DELETE", V1 "/devices/d1/messages", NULL);
}

START_TEST(test_feedback_is_shown_and_not_taken)
{
    begin();
    json_decref(check_feedback("", 0, 0));
    end_message("m1");
    json_t *list = check_feedback("", 0, 1);
    const json_t *record = json_array_get(json_object_get(list, "waiting"), 0);
    ck_assert_str_eq(text(record, "originalMessageId"), "m1");
    ck_assert_str_eq(text(record, "statusCode"), "Purged");
    json_decref(list);
    act(200, "POST", V1 "/feedback/flush", NULL);
    for (size_t i = 0; i < 2; i++) {
        list = check_feedback("", 1, 0);
        const json_t *batch = json_array_get(json_object_get(list, "items"), 0);
        ck_assert_str_eq(text(batch, "state"), "enqueued");
        record = json_array_get(json_object_get(batch, "records"), 0);
        ck_assert_str_eq(text(record, "originalMessageId"), "m1");
        json_decref(list);
    }
    ck_assert(queue_has_ready(feedback_queue(hub_feedback(small.hub))));
    finish();
}
END_TEST

START_TEST(test_the_hub_counts_messages_of_devices_and_no_feedback)
{
    begin();
    end_message("m1");
    act(200, "POST", V1 "/feedback/flush", NULL);
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    act(200, "POST", V1 "/devices/d1/receive", NULL);
    json_t *hub = ask(200, "GET", V1 "/hub", NULL);
    const json_t *counts = json_object_get(hub, "counts");
    ck_assert_int_eq(number(counts, "enqueued"), 1);
    ck_assert_int_eq(number(counts, "invisible"), 1);
    json_decref(hub);
    finish();
}
END_TEST

START_TEST(test_feedback_goes_page_by_page)
{
    char query[40];
    begin();
    for (size_t i = 0; i < 2; i++) {
        end_message("m1");
        act(200, "POST", V1 "/feedback/flush", NULL);
    }
    json_t *list = check_feedback("?limit=1", 1, 0);
    snprintf(query, sizeof query, "?limit=1&after=%s", text(list, "next"));
    json_decref(list);
    list = check_feedback(query, 1, 0);
    ck_assert(json_is_null(json_object_get(list, "next")));
    json_decref(list);
    check_refused(400, "GET", V1 "/feedback?limit=0", NULL, "limit");
    check_refused(400, "GET", V1 "/feedback?device=d1", NULL, "device");
    finish();
}
END_TEST

/* ---- journal and wait ---- */

static void take_telemetry(const char *device, size_t body_length)
{
    static char body[700000];
    static const struct actor actor = {.protocol = "mqttWs"};
    struct telemetry_event *event = telemetry_event_create();
    telemetry_event_add(event, TELEMETRY_SYSTEM, TEXT(TELEMETRY_MESSAGE_ID), TEXT("m1"));
    telemetry_event_add(event, TELEMETRY_APPLICATION, TEXT("a"), TEXT("\xff"));
    telemetry_event_add(event, TELEMETRY_APPLICATION, TEXT("n"), TEXT_ABSENT);
    memset(body, 'x', sizeof body);
    telemetry_event_append(event, body, body_length);
    telemetry_take(hub_telemetry(small.hub), event, device, &actor, NULL, hub_now(small.hub));
    hub_end_turn(small.hub);
}

START_TEST(test_telemetry_is_shown)
{
    begin();
    act(201, "PUT", V1 "/devices/d2", NULL);
    take_telemetry("d1", 2);
    take_telemetry("d2", 0);
    json_t *list = ask(200, "GET", V1 "/devices/d1/telemetry", NULL);
    json_t *expected = json_loads("{\"id\":1,\"protocol\":\"mqttWs\","
                                  "\"systemProperties\":{\"messageId\":\"m1\"},"
                                  "\"properties\":{\"a\":\"\xef\xbf\xbd\",\"n\":null},"
                                  "\"body\":{\"base64\":\"eHg=\",\"text\":\"xx\"}}",
        0, NULL);
    json_t *items = json_object_get(list, "items");
    ck_assert_uint_eq(json_array_size(items), 1);
    json_t *item = json_array_get(items, 0);
    ck_assert_uint_eq(strlen(text(item, "time")), strlen("2026-03-01T12:00:00.000Z"));
    json_object_del(item, "time");
    ck_assert(json_equal(item, expected));
    ck_assert(json_is_null(json_object_get(list, "next")));
    ck_assert_int_eq(number(list, "dropped"), 0);
    json_decref(expected);
    json_decref(list);
    list = ask(200, "GET", V1 "/hub", NULL);
    ck_assert_int_eq(number(json_object_get(list, "counts"), "telemetry"), 2);
    json_decref(list);
    check_refused(404, "GET", V1 "/devices/none/telemetry", NULL, "none");
    check_refused(400, "GET", V1 "/devices/d1/telemetry?top=1", NULL, "top");
    finish();
}
END_TEST

START_TEST(test_telemetry_goes_page_by_page)
{
    begin();
    for (int i = 0; i < 3; i++) {
        take_telemetry("d1", 700000);
    }
    json_t *list = ask(200, "GET", V1 "/devices/d1/telemetry?limit=1", NULL);
    ck_assert_str_eq(text(list, "next"), "1");
    json_decref(list);
    list = ask(200, "GET", V1 "/devices/d1/telemetry", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 2); /* large ones */
    ck_assert_str_eq(text(list, "next"), "2");
    json_decref(list);
    list = ask(200, "GET", V1 "/devices/d1/telemetry?after=2", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 1);
    ck_assert(json_is_null(json_object_get(list, "next")));
    json_decref(list);
    finish();
}
END_TEST

START_TEST(test_the_journal_is_filtered)
{
    begin();
    act(201, "POST", V1 "/devices/d1/messages", "{\"messageId\":\"m1\"}");
    act(201, "POST", V1 "/devices/d1/messages", "{\"messageId\":\"m2\"}");
    json_t *list = ask(200, "GET", V1 "/journal?messageId=m2", NULL);
    const json_t *items = json_object_get(list, "items");
    ck_assert_uint_eq(json_array_size(items), 1);
    ck_assert_str_eq(text(json_array_get(items, 0), "protocol"), "control");
    ck_assert_str_eq(text(json_array_get(items, 0), "to"), "enqueued");
    json_decref(list);
    list = ask(200, "GET", V1 "/journal?limit=1", NULL);
    ck_assert_str_ne(text(list, "next"), "");
    json_decref(list);
    check_refused(400, "GET", V1 "/journal?event=none", NULL, "event");
    finish();
}
END_TEST

START_TEST(test_a_wait_ends_with_its_last_entry)
{
    begin();
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    json_t *seen = ask(200, "GET", V1 "/wait?event=enqueued", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(seen, "entries")), 1);
    json_decref(seen);
    print("GET", V1 "/wait?device=d1&event=enqueued&count=2&timeout=PT10S", NULL);
    bench_run_for(&bench, 5);
    struct peer *other = peer_create(&bench), *waiting = peer;
    control_accept(control, peer_stream(other));
    peer = other;
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    peer = waiting;
    struct answer *answer = peer_answer(peer);
    answer_check_status(answer, 200);
    stop_control();
    peer_free(other);
    finish();
}
END_TEST

START_TEST(test_a_wait_that_is_over_tells_what_it_saw)
{
    begin();
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    json_t *seen = ask(408, "GET", V1 "/wait?event=enqueued&count=2&timeout=PT0.01S", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(seen, "entries")), 1);
    json_decref(seen);
    check_refused(400, "GET", V1 "/wait?timeout=10", NULL, "timeout");
    check_refused(400, "GET", V1 "/wait?timeout=PT11M", NULL, "timeout");
    check_refused(400, "GET", V1 "/wait?for=x", NULL, "\"for\"");
    print("GET", V1 "/wait?event=rejected", NULL);
    bench_run_for(&bench, 5);
    finish(); /* whoever waits is dismissed */
}
END_TEST

/* ---- connections ---- */

static enum session_end told;

static void note_end(void *owner, enum session_end end)
{
    (void)owner;
    told = end;
}

START_TEST(test_connections_are_listed_and_dropped)
{
    begin();
    struct connection *connection =
        connection_open(sessions, PROTOCOL_AMQP, "127.0.12.2:1", note_end, NULL);
    connection_set_identity(connection, "d1");
    json_t *list = ask(200, "GET", V1 "/connections", NULL);
    char *shown = json_dumps(json_object_get(list, "items"), JSON_COMPACT);
    ck_assert_str_eq(shown,
        "[{\"id\":1,\"protocol\":\"amqp\",\"identity\":\"d1\",\"since\":"
        "\"2023-11-14T22:13:20.000Z\",\"inFlight\":0,\"address\":\"127.0.12.2:1\"}]");
    free(shown);
    json_decref(list);
    json_t *device = ask(200, "GET", V1 "/devices/d1", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(device, "connections")), 1);
    json_decref(device);
    act(204, "DELETE", V1 "/connections/1", NULL);
    ck_assert_int_eq(told, END_DROPPED);
    act(204, "DELETE", V1 "/connections/1?how=reset", NULL);
    ck_assert_int_eq(told, END_RESET);
    check_refused(400, "DELETE", V1 "/connections/1?how=kindly", NULL, "how");
    check_refused(404, "DELETE", V1 "/connections/2", NULL, "\"2\"");
    check_refused(404, "DELETE", V1 "/connections/x", NULL, "\"x\"");
    check_refused(404, "DELETE", V1 "/connections/0", NULL, "\"0\"");
    connection_close(connection, NULL);
    finish();
}
END_TEST

SUITE_MAIN("control", test_health_readiness_and_ca_are_told, test_the_hub_shows_itself,
    test_what_is_not_there_is_a_problem, test_foreign_hosts_and_origins_are_refused,
    test_the_clock_is_advanced_and_set, test_the_clock_stops_and_goes_on,
    test_a_clock_that_cannot_be_so_is_refused, test_advance_answers_after_what_fell_due,
    test_a_device_is_put_shown_listed_and_deleted, test_a_typo_in_an_authentication_is_refused,
    test_lists_go_page_by_page, test_a_message_is_sent_and_shown,
    test_a_message_that_cannot_be_is_refused, test_a_device_is_played,
    test_a_purge_and_a_flush_tell_their_count, test_feedback_is_shown_and_not_taken,
    test_the_hub_counts_messages_of_devices_and_no_feedback, test_feedback_goes_page_by_page,
    test_telemetry_is_shown, test_telemetry_goes_page_by_page, test_the_journal_is_filtered,
    test_a_wait_ends_with_its_last_entry, test_a_wait_that_is_over_tells_what_it_saw,
    test_connections_are_listed_and_dropped)
