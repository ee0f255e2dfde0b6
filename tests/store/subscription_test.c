/* What MQTT remembers of a device. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static int64_t row_of(struct fixture *f, const char *device)
{
    return identity_find(hub_identities(f->hub), device)->row;
}

static void put(struct fixture *f, const char *device, const char *filter, uint8_t qos)
{
    struct subscription subscription = {.qos = qos, .created = hub_now(f->hub)};
    strcpy(subscription.filter, filter);
    subscriptions_put(hub_subscriptions(f->hub), row_of(f, device), &subscription);
    hub_end_turn(f->hub);
}

static size_t read_filters(struct fixture *f, const char *device, struct subscription *out)
{
    return subscriptions_read(hub_subscriptions(f->hub), row_of(f, device), out);
}

static void put_id(struct fixture *f, uint16_t id, uint64_t sequence)
{
    struct unacknowledged row = {sequence, id};
    subscriptions_put_unacknowledged(hub_subscriptions(f->hub), row_of(f, "d1"), &row);
    hub_end_turn(f->hub);
}

START_TEST(test_filters_survive_a_restart_with_their_creation_time)
{
    struct fixture f;
    struct subscription read[SUBSCRIPTIONS_MAX];
    fixture_open(&f, true);
    put(&f, "d1", "b/#", 1);
    fixture_advance(&f, DURATION_SECONDS(5));
    put(&f, "d1", "a/#", 0);
    put(&f, "d2", "c/#", 1);
    fixture_restart(&f, DURATION_HOURS(1));
    ck_assert_uint_eq(read_filters(&f, "d1", read), 2);
    ck_assert_str_eq(read[0].filter, "a/#");
    ck_assert_uint_eq(read[0].qos, 0);
    ck_assert_int_eq(read[0].created.us, START.us + 5000000);
    ck_assert_str_eq(read[1].filter, "b/#");
    ck_assert_int_eq(read[1].created.us, START.us);
    fixture_close(&f);
}
END_TEST

START_TEST(test_same_filter_replaces_and_removal_removes)
{
    struct fixture f;
    struct subscription read[SUBSCRIPTIONS_MAX];
    fixture_open(&f, false);
    put(&f, "d1", "a/#", 0);
    put(&f, "d1", "a/#", 1);
    ck_assert_uint_eq(read_filters(&f, "d1", read), 1);
    ck_assert_uint_eq(read[0].qos, 1);
    subscriptions_remove(hub_subscriptions(f.hub), row_of(&f, "d1"), "a/#");
    ck_assert_uint_eq(read_filters(&f, "d1", read), 0);
    fixture_close(&f);
}
END_TEST

START_TEST(test_unacknowledged_come_back_in_the_order_of_the_queue)
{
    struct fixture f;
    size_t count;
    fixture_open(&f, true);
    put_id(&f, 9, 3);
    put_id(&f, 65535, 1);
    put_id(&f, 4, 2);
    subscriptions_acknowledge(hub_subscriptions(f.hub), row_of(&f, "d1"), 4);
    fixture_restart(&f, DURATION_HOURS(1));
    struct unacknowledged *list =
        subscriptions_read_unacknowledged(hub_subscriptions(f.hub), row_of(&f, "d1"), &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(list[0].sequence, 1);
    ck_assert_uint_eq(list[0].packet_id, 65535);
    ck_assert_uint_eq(list[1].packet_id, 9);
    free(list);
    fixture_close(&f);
}
END_TEST

START_TEST(test_deleted_device_leaves_nothing)
{
    struct fixture f;
    struct subscription read[SUBSCRIPTIONS_MAX];
    size_t count;
    fixture_open(&f, false);
    put(&f, "d1", "a/#", 0);
    put_id(&f, 9, 3);
    int64_t row = row_of(&f, "d1");
    fixture_delete(&f, "d1");
    ck_assert_uint_eq(subscriptions_read(hub_subscriptions(f.hub), row, read), 0);
    ck_assert_ptr_null(subscriptions_read_unacknowledged(hub_subscriptions(f.hub), row, &count));
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("subscription", test_filters_survive_a_restart_with_their_creation_time,
    test_same_filter_replaces_and_removal_removes,
    test_unacknowledged_come_back_in_the_order_of_the_queue, test_deleted_device_leaves_nothing)
