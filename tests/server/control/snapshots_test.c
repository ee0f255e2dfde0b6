#include "tests/server/control/control_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SNAPSHOTS V1 "/snapshots"

static void be_gone(void *owner, enum session_end end)
{
    ck_assert_int_eq(end, END_RESET);
    struct connection **connection = owner;
    connection_close(*connection, "reset");
    *connection = NULL;
}

static size_t depth(const char *device_id)
{
    struct queue_counts counts = queue_get_counts(mailbox_of(hub_mailboxes(small.hub), device_id));
    return counts.enqueued + counts.invisible;
}

START_TEST(test_a_snapshot_brings_everything_back)
{
    begin();
    act(201, "PUT", V1 "/devices/d2", NULL);
    act(201, "POST", V1 "/devices/d2/messages", "{\"messageId\":\"m1\",\"ack\":\"full\"}");
    act(201, "POST", V1 "/devices/d2/messages", "{\"messageId\":\"m2\",\"ack\":\"full\"}");
    json_t *message = ask(200, "POST", V1 "/devices/d2/receive", NULL);
    char settle[120];
    snprintf(settle, sizeof settle, V1 "/messages/%s/complete", text(message, "lockToken"));
    json_decref(message);
    act(201, "POST", V1 "/devices/d1/messages", "{\"ack\":\"full\"}");
    act(200, "DELETE", V1 "/devices/d1/messages", NULL);
    act(204, "POST", SNAPSHOTS "/before", NULL);

    act(204, "POST", settle, NULL);
    act(204, "DELETE", V1 "/devices/d1", NULL);
    act(201, "PUT", V1 "/devices/d3", NULL);
    act(201, "POST", V1 "/devices/d3/messages", NULL);
    act(200, "POST", V1 "/clock/advance", "{\"by\":\"P3D\"}");
    act(200, "POST", V1 "/clock/resume", NULL);
    act(200, "POST", V1 "/feedback/flush", NULL);
    struct connection *connection =
        connection_open(sessions, PROTOCOL_MQTT, "127.0.90.2:1", be_gone, &connection);
    act(204, "POST", SNAPSHOTS "/before/restore", NULL);

    ck_assert_ptr_null(connection);
    ck_assert_ptr_null(identity_find(hub_identities(small.hub), "d3"));
    ck_assert_ptr_nonnull(identity_find(hub_identities(small.hub), "d1"));
    ck_assert_uint_eq(depth("d2"), 2);
    ck_assert_uint_eq(feedback_pending(hub_feedback(small.hub)), 1);
    ck_assert(!queue_has_ready(feedback_queue(hub_feedback(small.hub))));
    ck_assert(clock_is_frozen(small.clock));
    ck_assert_int_eq(instant_compare(clock_now(small.clock), TEST_NOW), 0);
    ck_assert_uint_eq(count_entries("restored"), 1);
    ck_assert_uint_eq(count_entries("enqueued"), 0);
    act(204, "POST", settle, NULL); /* the lock is held as it was */
    act(201, "PUT", V1 "/devices/d4", NULL);
    act(201, "POST", V1 "/devices/d4/messages", NULL);
    json_t *devices = ask(200, "GET", V1 "/devices?limit=2", NULL);
    const json_t *items = json_object_get(devices, "items");
    ck_assert_str_eq(text(json_array_get(items, 0), "deviceId"), "d1");
    json_decref(devices);
    finish();
}
END_TEST

START_TEST(test_snapshots_are_listed_replaced_and_deleted)
{
    begin();
    act(204, "POST", SNAPSHOTS "/b", NULL);
    act(204, "POST", SNAPSHOTS "/a", "{}");
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    act(204, "POST", SNAPSHOTS "/b", NULL);
    json_t *list = ask(200, "GET", SNAPSHOTS "?limit=1", NULL);
    const json_t *item = json_array_get(json_object_get(list, "items"), 0);
    ck_assert_str_eq(text(item, "name"), "a");
    ck_assert_int_gt(number(item, "size"), 4096);
    ck_assert_str_ne(text(item, "saved"), "");
    ck_assert_str_eq(text(list, "next"), "a");
    json_decref(list);
    list = ask(200, "GET", SNAPSHOTS "?after=a", NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "items")), 1);
    ck_assert(json_is_null(json_object_get(list, "next")));
    json_decref(list);
    act(200, "GET", SNAPSHOTS "/b", NULL);
    act(204, "POST", SNAPSHOTS "/a/restore", NULL);
    ck_assert_uint_eq(depth("d1"), 0);
    act(204, "POST", SNAPSHOTS "/b/restore", NULL);
    ck_assert_uint_eq(depth("d1"), 1);
    act(204, "DELETE", SNAPSHOTS "/b", NULL);
    check_refused(404, "DELETE", SNAPSHOTS "/b", NULL, "\"b\"");
    check_refused(404, "GET", SNAPSHOTS "/b", NULL, "\"b\"");
    check_refused(404, "POST", SNAPSHOTS "/b/restore", NULL, "\"b\"");
    act(204, "POST", V1 "/reset", NULL);
    act(200, "GET", SNAPSHOTS "/a", NULL); /* a reset leaves them */
    finish();
}
END_TEST

START_TEST(test_a_snapshot_that_cannot_be_is_refused)
{
    static const char *const names[] = {".hidden", "-x", "a%2Fb", "..", "a%20b", "%C3%A4",
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaa")};
    begin();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char target[200];
        snprintf(target, sizeof target, SNAPSHOTS "/%s", names[i]);
        check_refused(400, "POST", target, NULL, "letters");
        check_refused(404, "DELETE", target, NULL, "no snapshot");
    }
    check_refused(400, "POST", SNAPSHOTS "/a", "{\"b\":1}", "\"b\"");
    for (int i = 0; i < SNAPSHOTS_MAX; i++) {
        char target[80];
        snprintf(target, sizeof target, SNAPSHOTS "/s%d", i);
        act(204, "POST", target, NULL);
    }
    check_refused(403, "POST", SNAPSHOTS "/more", NULL, "already");
    act(204, "POST", SNAPSHOTS "/s1", NULL);
    finish();
}
END_TEST

SUITE_MAIN("snapshots", test_a_snapshot_brings_everything_back,
    test_snapshots_are_listed_replaced_and_deleted, test_a_snapshot_that_cannot_be_is_refused)
