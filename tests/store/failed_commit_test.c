/*
 * A group that cannot be committed: all its answers are refused, and what the hub knows is again
 * what the log says.
 */
#include "store/memory.h"
#include "tests/store/fixture.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

static struct fixture f;

/* ---- failing ---- */

static int refuse_commit(void *context)
{
    (void)context;
    return 1; /* SQLite rolls back instead */
}

static void let_commits_fail(bool fail)
{
    sqlite3_commit_hook(database_handle(hub_database(f.hub)), fail ? refuse_commit : NULL, NULL);
}

static struct {
    char order[32]; /* of the answers, by the first letter of their items */
    size_t count, refused;
    char sentence[256];
} told;

static void answer(void *owner, void *item, const struct hub_error *failure)
{
    ck_assert_ptr_eq(owner, &told);
    told.order[told.count++] = *(const char *)item;
    if (failure) {
        told.refused++;
        ck_assert_int_eq(failure->code, HUB_SERVER_ERROR);
        snprintf(told.sentence, sizeof told.sentence, "%s", failure->sentence);
    }
}

static void await_answer(const char *item)
{
    database_await(hub_database(f.hub), answer, &told, (void *)item);
}

/* ---- all the hub knows, as text ---- */

static void show_queue(FILE *out, const struct queue *queue)
{
    struct queue_view view;
    for (uint64_t after = 0; queue_view_next(queue, after, &view); after = view.sequence) {
        char token[LOCK_TOKEN_TEXT_SIZE] = "";
        if (view.state == QUEUE_INVISIBLE) {
            lock_token_format(&view.lock_token, token);
        }
        fprintf(out, " %" PRIu64 " %s %u %s %" PRId64 " %" PRId64 " %.*s\n", view.sequence,
            queue_state_name(view.state), view.delivery_count, token, view.expires.us,
            view.state == QUEUE_INVISIBLE ? view.locked_until.us : 0, (int)view.message_id.length,
            view.message_id.bytes ? view.message_id.bytes : "");
    }
}

static void show_device(FILE *out, const struct identity *device)
{
    char *twin = twins_read(hub_twins(f.hub), device->row);
    struct subscription subscriptions[SUBSCRIPTIONS_MAX];
    fprintf(out, "%s row %" PRId64 " etag %" PRIu64 " generation %s %s depth %zu twin %s\n",
        device->is.device_id, device->row, device->etag, device->generation_id,
        device->is.enabled ? "enabled" : "disabled", mailbox_depth(hub_mailboxes(f.hub), device),
        twin);
    size_t count = subscriptions_read(hub_subscriptions(f.hub), device->row, subscriptions);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, " subscribed %s\n", subscriptions[i].filter);
    }
    show_queue(out, mailbox_of(hub_mailboxes(f.hub), device->is.device_id));
    free(twin);
}

/* What is in the log too. Returns owned. */
static char *state(void)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const struct identity *device = NULL;
    while ((device = identity_next(hub_identities(f.hub), device))) {
        show_device(out, device);
    }
    fprintf(out, "feedback %zu, due %" PRId64 "\n", feedback_pending(hub_feedback(f.hub)),
        hub_next_due(f.hub).us);
    show_queue(out, feedback_queue(hub_feedback(f.hub)));
    fclose(out);
    return text;
}

/* What memory alone knows. Returns owned. */
static char *record(void)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const struct journal_entry *entry = NULL;
    const struct queue_totals totals = queues_get_totals(hub_queues(f.hub));
    while ((entry = journal_next(hub_journal(f.hub), entry ? entry->id : 0))) {
        fprintf(out, "%" PRIu64 " %s %s\n", entry->id, journal_event_name(entry->event),
            entry->device ? entry->device : "");
    }
    fprintf(out, "enqueued %" PRIu64 " delivered %" PRIu64 " again %" PRIu64 " lapsed %" PRIu64,
        totals.enqueued, totals.delivered, totals.redelivered, totals.lock_expired);
    fprintf(out, " now %zu %zu ended", totals.enqueued_now, totals.invisible_now);
    for (size_t i = 0; i < QUEUE_OUTCOME_COUNT; i++) {
        fprintf(out, " %" PRIu64, totals.ended[i]);
    }
    fclose(out);
    return text;
}

static void check_same(char *before, char *after)
{
    ck_assert_msg(strcmp(before, after) == 0, "before:\n%s\nafter:\n%s", before, after);
    free(after);
}

/* ---- a hub with something of everything, and acts upon each ---- */

static struct delivery held;

static void open_full(bool on_disk)
{
    memset(&told, 0, sizeof told);
    fixture_open(&f, on_disk);
    fixture_send(&f, "d1", (struct sending){.id = "a", .ack = "full"});
    fixture_send(&f, "d1", (struct sending){.id = "b", .ack = "full"});
    fixture_send(&f, "d1", (struct sending){.id = "c"});
    fixture_send(&f, "d2", (struct sending){.id = "d", .ack = "full"});
    fixture_create(&f, "d3");
    fixture_send(&f, "d3", (struct sending){.id = "e", .ack = "full"});
    ck_assert(fixture_receive(&f, "d1", &held));
    struct delivery done;
    ck_assert(fixture_receive(&f, "d2", &done));
    fixture_settle(&f, "d2", done.lock_token, SETTLE_REJECT);
}

static void send_quietly(const char *device, const char *id)
{
    struct message *message = message_create();
    message_set(message, MESSAGE_ID, text_of(id), NULL);
    ck_assert_int_eq(mailbox_send(hub_mailboxes(f.hub), device, message, NULL, hub_now(f.hub),
                         &f.sequence, &f.error),
        HUB_OK);
    message_release(message);
    await_answer(id);
}

static void put_device(const char *id, enum etag_match match)
{
    struct identity_draft draft = {.enabled = match != ETAG_ANY};
    struct identity *identity;
    snprintf(draft.device_id, sizeof draft.device_id, "%s", id);
    ck_assert_int_eq(
        hub_put_device(f.hub, &draft, (struct etag_condition){match, 0}, &identity, &f.error),
        HUB_OK);
    await_answer(match == ETAG_ANY ? "update" : "new");
}

static void settle_quietly(void)
{
    ck_assert_int_eq(mailbox_settle(hub_mailboxes(f.hub), "d1", &held.lock_token, SETTLE_COMPLETE,
                         NULL, hub_now(f.hub), &f.error),
        HUB_OK);
    await_answer("settle");
}

static void lock_quietly(void)
{
    struct delivery delivery;
    ck_assert_int_eq(mailbox_receive(hub_mailboxes(f.hub), "d1", NULL, NULL, hub_now(f.hub),
                         &delivery, &f.error),
        HUB_OK);
    ck_assert_ptr_nonnull(delivery.message);
    message_release(delivery.message);
    await_answer("lock");
}

static void act_on_everything(void)
{
    const struct identity *d1 = identity_find(hub_identities(f.hub), "d1");
    const struct subscription subscription = {.filter = "devices/d1/#", .qos = 1};
    uint64_t version;
    send_quietly("d1", "x");
    settle_quietly();
    lock_quietly();
    put_device("d9", ETAG_CREATE_ONLY);
    put_device("d2", ETAG_ANY);
    ck_assert_int_eq(
        hub_delete_device(f.hub, "d3", (struct etag_condition){ETAG_ANY, 0}, &f.error), HUB_OK);
    await_answer("delete");
    ck_assert_int_eq(twins_report(hub_twins(f.hub), d1->row, TEXT("{\"a\":1}"), hub_now(f.hub),
                         &version, &f.error),
        HUB_OK);
    subscriptions_put(hub_subscriptions(f.hub), d1->row, &subscription);
    send_quietly("d9", "y");
    feedback_flush(hub_feedback(f.hub), hub_now(f.hub));
    await_answer("flush");
}

START_TEST(test_every_answer_of_the_group_is_refused_in_order)
{
    open_full(false);
    let_commits_fail(true);
    act_on_everything();
    ck_assert_uint_eq(told.count, 0); /* nothing is said before */
    ck_assert(!hub_end_turn(f.hub));
    ck_assert_str_eq(told.order, "xslnudyf");
    ck_assert_uint_eq(told.refused, told.count);
    ck_assert_ptr_nonnull(strstr(told.sentence, "could not store"));
    ck_assert_uint_eq(database_get_counts(hub_database(f.hub)).failed_commits, 1);
    fixture_close(&f);
}
END_TEST

START_TEST(test_nothing_of_the_group_is_left)
{
    open_full(false);
    char *before = state(), *recorded = record();
    let_commits_fail(true);
    act_on_everything();
    hub_end_turn(f.hub);
    check_same(before, state());
    check_same(recorded, record());
    free(before);
    free(recorded);
    fixture_close(&f);
}
END_TEST

START_TEST(test_what_fell_due_in_the_group_is_not_over_either)
{
    open_full(false);
    char *recorded = record();
    let_commits_fail(true);
    clock_advance(f.clock, DURATION_MINUTES(61)); /* locks lapse, messages expire */
    hub_now(f.hub);
    hub_end_turn(f.hub);
    check_same(recorded, record());
    let_commits_fail(false);
    hub_now(f.hub); /* once more, and now for good */
    hub_end_turn(f.hub);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_EXPIRED), 5); /* a feedback batch among them */
    ck_assert_uint_eq(queues_get_totals(hub_queues(f.hub)).lock_expired, 1);
    free(recorded);
    fixture_close(&f);
}
END_TEST

START_TEST(test_the_index_is_what_the_log_says)
{
    open_full(true);
    let_commits_fail(true);
    act_on_everything();
    hub_end_turn(f.hub);
    let_commits_fail(false);
    char *before = state();
    fixture_restart(&f, (struct duration){0});
    check_same(before, state());
    free(before);
    fixture_close(&f);
}
END_TEST

START_TEST(test_the_hub_goes_on_as_if_the_group_had_never_been)
{
    open_full(true);
    let_commits_fail(true);
    act_on_everything();
    hub_end_turn(f.hub);
    let_commits_fail(false);
    memset(&told, 0, sizeof told);
    act_on_everything();
    ck_assert_uint_eq(f.sequence, 1); /* of d9, which is new once more */
    hub_end_turn(f.hub);
    ck_assert_str_eq(told.order, "xslnudyf");
    ck_assert_uint_eq(told.refused, 0);
    ck_assert_uint_eq(fixture_ended(&f, OUTCOME_COMPLETED), 1);
    ck_assert_uint_eq(fixture_counts(&f, "d9").enqueued, 1);
    char *before = state();
    fixture_restart(&f, (struct duration){0});
    check_same(before, state());
    free(before);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_write_that_fails_dooms_the_whole_group)
{
    open_full(false);
    char *before = state(), *recorded = record();
    sqlite3 *handle = database_handle(hub_database(f.hub));
    ck_assert_int_eq(sqlite3_exec(handle,
                         "CREATE TEMP TRIGGER full BEFORE INSERT ON main.identity BEGIN"
                         " SELECT RAISE(FAIL, 'the disk is full'); END",
                         NULL, NULL, NULL),
        SQLITE_OK);
    act_on_everything();
    hub_end_turn(f.hub);
    ck_assert_uint_eq(told.refused, told.count);
    ck_assert_ptr_nonnull(strstr(told.sentence, "the disk is full"));
    check_same(before, state());
    check_same(recorded, record());
    free(before);
    free(recorded);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_device_of_a_failed_group_is_told_to_nobody)
{
    open_full(false);
    let_commits_fail(true);
    put_device("d9", ETAG_CREATE_ONLY);
    hub_end_turn(f.hub);
    ck_assert_ptr_null(identity_find(hub_identities(f.hub), "d9"));
    ck_assert_ptr_null(mailbox_of(hub_mailboxes(f.hub), "d9"));
    ck_assert_uint_eq(identity_count(hub_identities(f.hub)), 3);
    fixture_close(&f);
}
END_TEST

START_TEST(test_a_device_whose_deletion_failed_keeps_its_place)
{
    open_full(false);
    char *before = state();
    let_commits_fail(true);
    ck_assert_int_eq(
        hub_delete_device(f.hub, "d1", (struct etag_condition){ETAG_ANY, 0}, &f.error), HUB_OK);
    hub_end_turn(f.hub);
    check_same(before, state());
    free(before);
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("failed commit", test_every_answer_of_the_group_is_refused_in_order,
    test_nothing_of_the_group_is_left, test_what_fell_due_in_the_group_is_not_over_either,
    test_the_index_is_what_the_log_says, test_the_hub_goes_on_as_if_the_group_had_never_been,
    test_a_write_that_fails_dooms_the_whole_group,
    test_a_device_of_a_failed_group_is_told_to_nobody,
    test_a_device_whose_deletion_failed_keeps_its_place)
