/*
 * Statements 69 to 72 of store/LIFECYCLE.md: what survives, and what never happens.
 *
 * The hub runs in a child that is killed with SIGKILL right after the act under test has been
 * confirmed through a pipe; the parent then opens the file.
 */
#include "tests/store/fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fixture f;

/* Runs `act` on the fixture's file in a child, which is killed once `act` has returned. */
static void act_and_be_killed(void (*act)(void))
{
    hub_close(f.hub);
    f.hub = NULL;
    int confirmed[2];
    ck_assert_int_eq(pipe(confirmed), 0);
    pid_t child = fork();
    if (child == 0) {
        const struct hub_options options = {
            .path = f.path, .clock = f.clock, .settings = hub_settings_default()};
        if (hub_open(&f.hub, &options, &f.error) == HUB_OK) {
            act();
            if (write(confirmed[1], "x", 1) == 1) {
                pause();
            }
        }
        _exit(1);
    }
    char byte;
    ck_assert_int_eq(read(confirmed[0], &byte, 1), 1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(confirmed[0]);
    close(confirmed[1]);
    const struct hub_options options = {
        .path = f.path, .clock = f.clock, .settings = hub_settings_default()};
    ck_assert_int_eq(hub_open(&f.hub, &options, &f.error), HUB_OK);
}

static void complete_the_first(void)
{
    struct delivery delivery;
    ck_assert(fixture_receive(&f, "d1", &delivery));
    ck_assert_int_eq(fixture_settle(&f, "d1", delivery.lock_token, SETTLE_COMPLETE), HUB_OK);
}

START_TEST(test_69_a_confirmed_completion_survives_a_kill)
{
    struct delivery delivery;
    fixture_open(&f, true);
    fixture_send_many(&f, "d1", 1);
    act_and_be_killed(complete_the_first);
    fixture_advance(&f, DURATION_SECONDS(61));
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

static void send_one(void)
{
    ck_assert_int_eq(fixture_send(&f, "d1", (struct sending){.id = "kept"}), HUB_OK);
}

START_TEST(test_70_a_confirmed_send_survives_a_kill)
{
    struct delivery delivery;
    fixture_open(&f, true);
    act_and_be_killed(send_one);
    ck_assert(fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(delivery.sequence, 1);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_close(&f);
}
END_TEST

static void lock_the_first(void)
{
    struct delivery delivery;
    ck_assert(fixture_receive(&f, "d1", &delivery));
}

START_TEST(test_71_a_lock_holds_over_a_kill_until_its_time)
{
    struct delivery delivery;
    fixture_open(&f, true);
    fixture_send_many(&f, "d1", 1);
    act_and_be_killed(lock_the_first);
    ck_assert(!fixture_receive(&f, "d1", &delivery));
    fixture_advance(&f, DURATION_SECONDS(60));
    ck_assert(fixture_receive(&f, "d1", &delivery));
    ck_assert_uint_eq(delivery.delivery_count, 0);
    fixture_close(&f);
}
END_TEST

/* ---- 72: ten thousand random acts against what the journal says happened ---- */

#define ACTS 10000

static struct {
    const char *device, *ack; /* the ack word of each message, by its id */
} sent[ACTS];
static size_t sent_count;
static struct delivery held[ACTS];
static const char *held_device[ACTS];
static size_t held_count;

static const char *pick_device(void)
{
    return rand() % 2 ? "d1" : "d2";
}

static void act_randomly(void)
{
    static const char *const acks[] = {NULL, "positive", "negative", "full"};
    char id[16];
    int dice = rand() % 100;
    if (dice < 40) {
        const char *device = pick_device(), *ack = acks[rand() % 4];
        snprintf(id, sizeof id, "%zu", sent_count);
        const struct sending sending = {
            .id = id, .ack = ack, .expires_in = DURATION_SECONDS(1 + rand() % 600)};
        if (fixture_send(&f, device, sending) == HUB_OK) {
            sent[sent_count].device = device;
            sent[sent_count++].ack = ack;
        }
    } else if (dice < 70) {
        held_device[held_count] = pick_device();
        held_count += fixture_receive(&f, held_device[held_count], &held[held_count]);
    } else if (dice < 94 && held_count > 0) {
        size_t i = (size_t)rand() % held_count;
        fixture_settle(&f, held_device[i], held[i].lock_token,
            (enum queue_settlement)(rand() % (SETTLE_RELEASE + 1)));
    } else if (dice < 99) {
        fixture_advance(&f, DURATION_SECONDS(rand() % 30));
    } else if (rand() % 10 == 0) {
        fixture_purge(&f, pick_device());
    }
    ck_assert_uint_le(fixture_counts(&f, "d1").enqueued + fixture_counts(&f, "d1").invisible, 50);
    ck_assert_uint_le(fixture_counts(&f, "d2").enqueued + fixture_counts(&f, "d2").invisible, 50);
}

/* How often each message ended, and whether with success, by the journal. */
static void count_ends(unsigned *ends, bool *succeeded)
{
    const struct journal_entry *entry = NULL;
    while ((entry = journal_next(hub_journal(f.hub), entry ? entry->id : 0))) {
        bool is_final = entry->device && entry->to &&
                        (!strcmp(entry->to, "completed") || !strcmp(entry->to, "deadLettered") ||
                            !strcmp(entry->to, "removed"));
        if (is_final) {
            size_t i = strtoul(entry->message_id, NULL, 10);
            ends[i]++;
            succeeded[i] = !strcmp(entry->to, "completed");
        }
    }
}

static void count_records(unsigned *records)
{
    feedback_flush(hub_feedback(f.hub), hub_now(f.hub));
    hub_end_turn(f.hub);
    for (json_t *batch; (batch = fixture_read_batch(&f)); json_decref(batch)) {
        size_t index;
        json_t *record;
        json_array_foreach(batch, index, record)
        {
            records[strtoul(
                json_string_value(json_object_get(record, "originalMessageId")), NULL, 10)]++;
        }
    }
}

static int compare_tokens(const void *left, const void *right)
{
    const struct delivery *a = left, *b = right;
    return memcmp(&a->lock_token, &b->lock_token, sizeof a->lock_token);
}

START_TEST(test_72_random_acts_end_each_message_exactly_once)
{
    static unsigned ends[ACTS], records[ACTS];
    static bool succeeded[ACTS];
    srand(72);
    fixture_open(&f, false);
    hub_settings(f.hub)->feedback.ttl = DURATION_DAYS(1000);
    for (int i = 0; i < ACTS; i++) {
        act_randomly();
    }
    fixture_advance(&f, DURATION_DAYS(3));
    count_ends(ends, succeeded);
    count_records(records);
    ck_assert_uint_gt(sent_count, 1000);
    for (size_t i = 0; i < sent_count; i++) {
        const char *ack = sent[i].ack;
        bool wanted =
            ack && (!strcmp(ack, "full") || !strcmp(ack, succeeded[i] ? "positive" : "negative"));
        ck_assert_msg(ends[i] == 1, "message %zu ended %u times", i, ends[i]);
        ck_assert_msg(records[i] == wanted, "message %zu has %u records", i, records[i]);
    }
    qsort(held, held_count, sizeof *held, compare_tokens);
    for (size_t i = 1; i < held_count; i++) {
        ck_assert_int_ne(compare_tokens(&held[i - 1], &held[i]), 0);
    }
    fixture_close(&f);
}
END_TEST

SUITE_MAIN("lifecycle: durability", test_69_a_confirmed_completion_survives_a_kill,
    test_70_a_confirmed_send_survives_a_kill, test_71_a_lock_holds_over_a_kill_until_its_time,
    test_72_random_acts_end_each_message_exactly_once)
