#include "tests/store/fixture.h"

#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void open_hub(struct fixture *f)
{
    const struct hub_options options = {
        .path = f->path, .clock = f->clock, .settings = hub_settings_default()};
    ck_assert_int_eq(hub_open(&f->hub, &options, &f->error), HUB_OK);
}

void fixture_open(struct fixture *f, bool on_disk)
{
    *f = (struct fixture){.clock = clock_create_frozen(START)};
    if (on_disk) {
        char directory[] = "/tmp/devicebound-test-XXXXXX";
        ck_assert_ptr_nonnull(mkdtemp(directory));
        f->path = memory_allocate(sizeof directory + 8);
        sprintf(f->path, "%s/hub.db", directory);
    }
    open_hub(f);
    fixture_create(f, "d1");
    fixture_create(f, "d2");
}

static void remove_files(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    char name[128];
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    snprintf(name, sizeof name, "%s", path);
    *strrchr(name, '/') = '\0';
    rmdir(name);
}

void fixture_close(struct fixture *f)
{
    hub_close(f->hub);
    clock_free(f->clock);
    if (f->path) {
        remove_files(f->path);
        free(f->path);
    }
}

void fixture_restart(struct fixture *f, struct duration down)
{
    hub_close(f->hub);
    clock_advance(f->clock, down);
    open_hub(f);
}

enum hub_code fixture_send(struct fixture *f, const char *device, struct sending sending)
{
    struct message *message = message_create();
    if (sending.id) {
        message_set(message, MESSAGE_ID, text_of(sending.id), NULL);
    }
    if (sending.ack) {
        message_add_property(message, TEXT("iothub-ack"), text_of(sending.ack), NULL);
    }
    if (sending.expires_in.us != 0) {
        message_set_expiry(message, instant_add(clock_now(f->clock), sending.expires_in));
    }
    const char *body = sending.body ? sending.body : "";
    message_append_body(message, body, strlen(body));
    enum hub_code code = mailbox_send(
        hub_mailboxes(f->hub), device, message, NULL, hub_now(f->hub), &f->sequence, &f->error);
    message_release(message);
    hub_end_turn(f->hub);
    return code;
}

void fixture_send_many(struct fixture *f, const char *device, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(fixture_send(f, device, (struct sending){0}), HUB_OK);
    }
}

bool fixture_receive(struct fixture *f, const char *device, struct delivery *delivery)
{
    enum hub_code code = mailbox_receive(
        hub_mailboxes(f->hub), device, NULL, NULL, hub_now(f->hub), delivery, &f->error);
    hub_end_turn(f->hub);
    if (code != HUB_OK || !delivery->message) {
        return false;
    }
    message_release(delivery->message);
    delivery->message = NULL;
    return true;
}

enum hub_code fixture_settle(struct fixture *f, const char *device, struct lock_token token,
    enum queue_settlement settlement)
{
    enum hub_code code = mailbox_settle(
        hub_mailboxes(f->hub), device, &token, settlement, NULL, hub_now(f->hub), &f->error);
    hub_end_turn(f->hub);
    return code;
}

size_t fixture_purge(struct fixture *f, const char *device)
{
    size_t count = 0;
    ck_assert_int_eq(
        mailbox_purge(hub_mailboxes(f->hub), device, NULL, hub_now(f->hub), &count, &f->error),
        HUB_OK);
    hub_end_turn(f->hub);
    return count;
}

static void put(struct fixture *f, const char *device, bool enabled, enum etag_match match)
{
    struct identity_draft draft = {.enabled = enabled};
    struct identity *identity = identity_find(hub_identities(f->hub), device);
    if (identity) {
        draft = identity->is;
        draft.enabled = enabled;
    }
    snprintf(draft.device_id, sizeof draft.device_id, "%s", device);
    ck_assert_int_eq(
        hub_put_device(f->hub, &draft, (struct etag_condition){match, 0}, &identity, &f->error),
        HUB_OK);
    hub_end_turn(f->hub);
}

void fixture_enable(struct fixture *f, const char *device, bool enabled)
{
    put(f, device, enabled, ETAG_ANY);
}

void fixture_create(struct fixture *f, const char *device)
{
    put(f, device, true, ETAG_CREATE_ONLY);
}

void fixture_delete(struct fixture *f, const char *device)
{
    ck_assert_int_eq(
        hub_delete_device(f->hub, device, (struct etag_condition){ETAG_ANY, 0}, &f->error), HUB_OK);
    hub_end_turn(f->hub);
}

void fixture_advance(struct fixture *f, struct duration by)
{
    hub_advance(f->hub, instant_add(clock_now(f->clock), by));
    hub_end_turn(f->hub);
}

struct queue_counts fixture_counts(struct fixture *f, const char *device)
{
    return queue_get_counts(mailbox_of(hub_mailboxes(f->hub), device));
}

uint64_t fixture_ended(struct fixture *f, enum queue_outcome outcome)
{
    return queues_get_totals(hub_queues(f->hub)).ended[outcome];
}

json_t *fixture_read_batch(struct fixture *f)
{
    struct queue *queue = feedback_queue(hub_feedback(f->hub));
    struct delivery delivery;
    if (!queue_lock_next(queue, NULL, NULL, hub_now(f->hub), &delivery)) {
        return NULL;
    }
    struct text body = message_body(delivery.message);
    json_t *batch = json_loadb(body.bytes, body.length, 0, NULL);
    ck_assert_msg(json_is_array(batch), "a feedback batch is an array");
    message_release(delivery.message);
    queue_settle(queue, &delivery.lock_token, SETTLE_COMPLETE, NULL, hub_now(f->hub), NULL);
    hub_end_turn(f->hub);
    return batch;
}

const char *fixture_statuses(struct fixture *f)
{
    static char text[4096];
    text[0] = '\0';
    feedback_flush(hub_feedback(f->hub), hub_now(f->hub));
    hub_end_turn(f->hub);
    for (json_t *batch; (batch = fixture_read_batch(f)); json_decref(batch)) {
        size_t index;
        json_t *record;
        json_array_foreach(batch, index, record)
        {
            size_t length = strlen(text);
            snprintf(text + length, sizeof text - length, "%s%s", length ? "," : "",
                json_string_value(json_object_get(record, "statusCode")));
        }
    }
    return text;
}
