#include "tests/server/control/control_fixture.h"

#include "protocols/session/throttle.h"

#include <stdlib.h>
#include <string.h>

#define HUB V1 "/hub"
#define CLOCK V1 "/clock"

/* The value of the setting, which has that source. Valid until the next call. */
static const char *setting(const char *name, const char *source)
{
    static json_t *hub;
    json_decref(hub);
    hub = ask(200, "GET", HUB, NULL);
    size_t index;
    json_t *item;
    json_array_foreach(json_object_get(hub, "settings"), index, item)
    {
        if (strcmp(text(item, "name"), name) == 0) {
            ck_assert_str_eq(text(item, "source"), source);
            return text(item, "value");
        }
    }
    ck_abort_msg("no setting %s", name);
}

/* ---- settings ---- */

START_TEST(test_settings_change_while_the_hub_runs)
{
    begin();
    ck_assert_str_eq(setting("cloudToDevice.maxDeliveryCount", "default"), "10");
    json_t *hub = ask(200, "PATCH", HUB,
        "{\"cloudToDevice\":{\"defaultTtlAsIso8601\":\"PT5M\",\"maxDeliveryCount\":3,"
        "\"lockDurationAsIso8601\":\"PT10S\",\"queueDepth\":2,\"countLockExpiry\":true,"
        "\"feedback\":{\"ttlAsIso8601\":\"PT2M\",\"batchSize\":1}},"
        "\"log\":{\"level\":\"error\"},\"trace\":[\"https\",\"amqp\"]}");
    const json_t *shape = json_object_get(hub, "cloudToDevice");
    ck_assert_str_eq(text(shape, "defaultTtlAsIso8601"), "PT5M");
    ck_assert_int_eq(number(shape, "maxDeliveryCount"), 3);
    ck_assert_str_eq(text(json_object_get(shape, "feedback"), "ttlAsIso8601"), "PT2M");
    json_decref(hub);
    const struct hub_settings *settings = hub_settings(small.hub);
    ck_assert_int_eq(settings->device.lock.us, DURATION_SECONDS(10).us);
    ck_assert_uint_eq(settings->device.depth, 2);
    ck_assert(settings->device.count_lock_expiry);
    ck_assert_uint_eq(settings->feedback_batch_size, 1);
    ck_assert_str_eq(setting("cloudToDevice.maxDeliveryCount", "runtime"), "3");
    ck_assert_str_eq(setting("cloudToDevice.feedback.batchSize", "runtime"), "1");
    ck_assert_str_eq(setting("log.level", "runtime"), "error");
    ck_assert_str_eq(setting("trace", "runtime"), "https,amqp");
    ck_assert_str_eq(setting("inMemory", "commandLine"), "true");
    ck_assert_uint_eq(options.trace, TRACE_AMQP | TRACE_HTTPS);
    act(200, "PATCH", HUB, "{\"trace\":[]}");
    ck_assert_uint_eq(options.trace, 0);
    act(200, "PATCH", HUB, "{}");
    finish();
}
END_TEST

START_TEST(test_a_change_out_of_range_changes_nothing)
{
    static const struct {
        const char *body, *words;
    } cases[] = {{"{\"cloudToDevice\":{\"queueDepth\":2,\"maxDeliveryCount\":101}}", "1 to 100"},
        {"{\"cloudToDevice\":{\"queueDepth\":2,\"maxDeliveryCount\":0}}", "1 to 100"},
        {"{\"cloudToDevice\":{\"queueDepth\":2,\"maxDeliveryCount\":\"3\"}}", "JSON type"},
        {"{\"cloudToDevice\":{\"queueDepth\":2,\"defaultTtlAsIso8601\":\"PT59S\"}}", "PT1M"},
        {"{\"cloudToDevice\":{\"queueDepth\":2,\"defaultTtlAsIso8601\":\"P2DT1S\"}}", "P2D"},
        {"{\"cloudToDevice\":{\"queueDepth\":2,\"defaultTtlAsIso8601\":\"1h\"}}", "P2D"},
        {"{\"cloudToDevice\":{\"queueDepth\":2,\"feedback\":{\"batchSize\":65}}}", "1 to 64"},
        {"{\"cloudToDevice\":{\"queueDepth\":2,\"maxdeliverycount\":3}}", "maxdeliverycount"},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"log\":{\"level\":\"loud\"}}", "debug"},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"log\":{\"format\":\"json\"}}", "cannot change"},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"trace\":[\"ftp\"]}", "amqp, mqtt and https"},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"trace\":[1]}", "trace"},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"hostname\":\"x.y\"}", "\"hostname\""},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"unsafeRanges\":true}", "\"unsafeRanges\""},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"throttle\":\"s4\"}", "throttle \"s4\""},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"throttle\":\"s4\"}", "off, free, s1, s2 or s3"},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"throttle\":1}", "throttle 1"},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"mqtt\":{\"inflight\":1}}", "\"mqtt.inflight\""},
        {"{\"cloudToDevice\":{\"queueDepth\":2},\"nonsense\":1}", "\"nonsense\""},
        {"{\"cloudToDevice\":3}", "cloudToDevice"}, {"[]", "object"}, {"{", "JSON"}};
    begin();
    const struct hub_settings before = *hub_settings(small.hub);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(400, "PATCH", HUB, cases[i].body, cases[i].words);
    }
    ck_assert_mem_eq(&before, hub_settings(small.hub), sizeof before);
    ck_assert_str_eq(setting("cloudToDevice.queueDepth", "default"), "50");
    finish();
}
END_TEST

START_TEST(test_a_changed_limit_holds_from_then_on)
{
    begin();
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    act(200, "PATCH", HUB, "{\"cloudToDevice\":{\"queueDepth\":1,\"maxDeliveryCount\":1}}");
    check_refused(403, "POST", V1 "/devices/d1/messages", "{}", "depth");
    json_t *message = ask(200, "POST", V1 "/devices/d1/receive", NULL);
    char target[120];
    snprintf(target, sizeof target, V1 "/messages/%s/abandon", text(message, "lockToken"));
    json_decref(message);
    act(204, "POST", target, NULL);
    ck_assert_uint_eq(count_entries("deliveryCountExceeded"), 1);
    finish();
}
END_TEST

/* How many sends pass before one is refused; at most what the largest bucket of these tests holds.
 */
static int count_sends(void)
{
    int count = 0;
    while (count < 301 &&
           throttle_take(sessions, THROTTLE_SEND, clock_now(small.clock), NULL) == HUB_OK) {
        count++;
    }
    return count;
}

START_TEST(test_rate_limits_change_while_the_hub_runs)
{
    begin();
    ck_assert_int_eq(count_sends(), 301);
    act(200, "PATCH", HUB, "{\"throttle\":\"free\"}");
    ck_assert_str_eq(setting("throttle", "runtime"), "free");
    ck_assert_int_eq(count_sends(), 300);
    check_refused(400, "PATCH", HUB, "{\"throttle\":\"s4\"}", "throttle");
    act(200, "PATCH", HUB, "{\"throttle\":\"free\",\"cloudToDevice\":{\"queueDepth\":2}}");
    ck_assert_int_eq(count_sends(), 0);
    act(200, "PATCH", HUB, "{\"throttle\":\"off\"}");
    ck_assert_int_eq(count_sends(), 301);
    act(200, "PATCH", HUB, "{\"throttle\":\"s1\"}");
    ck_assert_int_eq(count_sends(), 300);
    act(204, "POST", V1 "/reset", "{\"keep\":[\"settings\"]}");
    ck_assert_str_eq(setting("throttle", "runtime"), "s1");
    ck_assert_int_eq(count_sends(), 300);
    act(204, "POST", V1 "/reset", NULL);
    ck_assert_str_eq(setting("throttle", "default"), "off");
    ck_assert_int_eq(count_sends(), 301);
    finish();
}
END_TEST

/* ---- tokens and the clock ---- */

static bool moved;

static void note_move(void *owner)
{
    (void)owner;
    moved = true;
}

static void stay(void *owner, enum session_end end)
{
    (void)owner;
    (void)end;
}

START_TEST(test_tokens_follow_the_clock_when_told)
{
    begin();
    struct connection *connection =
        connection_open(sessions, PROTOCOL_MQTT, "127.0.90.2:1", stay, NULL);
    connection_listen_clock(connection, note_move);
    ck_assert_int_ne(instant_compare(clock_token_now(small.clock), TEST_NOW), 0);
    json_t *clock = ask(200, "PATCH", CLOCK, "{\"tokens\":true}");
    ck_assert(json_is_true(json_object_get(clock, "tokens")));
    json_decref(clock);
    ck_assert(moved);
    ck_assert_int_eq(instant_compare(clock_token_now(small.clock), TEST_NOW), 0);
    moved = false;
    act(200, "POST", CLOCK "/advance", "{\"by\":\"P1D\"}");
    ck_assert(moved);
    ck_assert_int_eq(
        instant_compare(clock_token_now(small.clock), instant_add(TEST_NOW, DURATION_DAYS(1))), 0);
    act(200, "PATCH", CLOCK, "{\"tokens\":false}");
    ck_assert_int_ne(instant_compare(clock_token_now(small.clock), clock_now(small.clock)), 0);
    ck_assert_uint_eq(count_entries("clockChanged"), 3);
    connection_close(connection, NULL);
    finish();
}
END_TEST

START_TEST(test_what_the_clock_does_not_have_is_refused)
{
    begin();
    check_refused(400, "PATCH", CLOCK, "{}", "\"tokens\"");
    check_refused(400, "PATCH", CLOCK, "{\"tokens\":1}", "\"tokens\"");
    check_refused(400, "PATCH", CLOCK, "{\"token\":true}", "\"token\"");
    ck_assert(!clock_tokens_follow(small.clock));
    finish();
}
END_TEST

SUITE_MAIN("settings", test_settings_change_while_the_hub_runs,
    test_a_change_out_of_range_changes_nothing, test_a_changed_limit_holds_from_then_on,
    test_rate_limits_change_while_the_hub_runs, test_tokens_follow_the_clock_when_told,
    test_what_the_clock_does_not_have_is_refused)
