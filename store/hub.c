#include "store/hub.h"

#include "store/iso8601.h"
#include "store/memory.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hub {
    struct clock *clock;
    struct database *database;
    struct journal *journal;
    struct identity_registry *registry;
    struct queues *queues;
    struct feedback *feedback;
    struct mailboxes *mailboxes;
    struct subscriptions *subscriptions;
    struct twins *twins;
    struct telemetry *telemetry;
    struct snapshots *snapshots;
    struct hub_settings settings;
    struct instant now; /* of this turn, once it has begun */
    bool turn_has_begun;
    struct deadlines timers;
    hub_time_passed *passed;
    void *passed_listener;
    hub_device_lost *lost;
    void *lost_listener;
};

/* ---- opening ---- */

static void journal_committed(void *owner)
{
    journal_publish(owner);
}

static void journal_undone(void *owner, const struct hub_error *failure)
{
    (void)failure;
    journal_discard(owner);
}

static const struct database_member journal_member = {journal_committed, journal_undone};

enum hub_code hub_open(struct hub **out, const struct hub_options *options, struct hub_error *error)
{
    struct database *database;
    enum hub_code code = database_open(&database, options->path, options->durability, error);
    if (code != HUB_OK) {
        return code;
    }
    struct hub *hub = memory_allocate(sizeof *hub);
    hub->clock = options->clock;
    hub->settings = options->settings;
    hub->database = database;
    hub->journal = journal_create(JOURNAL_CAPACITY_DEFAULT);
    /* The order in which they hear of the end of a group: what is looked up comes first. */
    database_join(database, &journal_member, hub->journal);
    hub->telemetry =
        telemetry_open(database, hub->journal, TELEMETRY_COUNT_MAX, TELEMETRY_BYTES_MAX);
    hub->registry = identity_registry_open(database);
    hub->queues = queues_open(database, hub->journal);
    hub->feedback = feedback_open(database, hub->queues, hub->journal, &hub->settings);
    hub->mailboxes = mailboxes_open(
        database, hub->queues, hub->registry, hub->feedback, hub->journal, &hub->settings);
    hub->subscriptions = subscriptions_open(database);
    hub->twins = twins_open(database);
    hub->snapshots = snapshots_open(options->path);
    journal_note(hub->journal,
        &(struct journal_entry){.at = clock_now(hub->clock), .event = JOURNAL_STARTED});
    hub_now(hub);
    hub_end_turn(hub);
    *out = hub;
    return HUB_OK;
}

void hub_close(struct hub *hub)
{
    if (!hub) {
        return;
    }
    database_commit(hub->database);
    snapshots_free(hub->snapshots);
    twins_free(hub->twins);
    subscriptions_free(hub->subscriptions);
    mailboxes_free(hub->mailboxes);
    feedback_free(hub->feedback);
    queues_free(hub->queues);
    identity_registry_free(hub->registry);
    telemetry_free(hub->telemetry);
    database_close(hub->database);
    journal_free(hub->journal);
    deadlines_release(&hub->timers);
    free(hub);
}

struct clock *hub_clock(struct hub *hub)
{
    return hub->clock;
}

struct database *hub_database(struct hub *hub)
{
    return hub->database;
}

struct identity_registry *hub_identities(struct hub *hub)
{
    return hub->registry;
}

struct queues *hub_queues(struct hub *hub)
{
    return hub->queues;
}

struct mailboxes *hub_mailboxes(struct hub *hub)
{
    return hub->mailboxes;
}

struct feedback *hub_feedback(struct hub *hub)
{
    return hub->feedback;
}

struct journal *hub_journal(struct hub *hub)
{
    return hub->journal;
}

struct subscriptions *hub_subscriptions(struct hub *hub)
{
    return hub->subscriptions;
}

struct twins *hub_twins(struct hub *hub)
{
    return hub->twins;
}

struct telemetry *hub_telemetry(struct hub *hub)
{
    return hub->telemetry;
}

struct hub_settings *hub_settings(struct hub *hub)
{
    return &hub->settings;
}

/* ---- the turn ---- */

static struct instant next_timer_due(const struct hub *hub)
{
    const struct deadline *first = deadlines_first(&hub->timers);
    return first ? first->at : INSTANT_NEVER;
}

struct instant hub_next_due(const struct hub *hub)
{
    struct instant due =
        instant_min(queues_next_due(hub->queues), feedback_next_due(hub->feedback));
    return instant_min(due, next_timer_due(hub));
}

static void fire_next_timer(struct hub *hub, struct instant at)
{
    struct deadline *first = deadlines_first(&hub->timers);
    struct hub_timer *timer =
        (struct hub_timer *)((char *)first - offsetof(struct hub_timer, deadline));
    deadlines_remove(&hub->timers, first);
    timer->fire(timer->owner, at);
}

static void tell_time(const struct hub *hub, struct instant now)
{
    if (hub->passed) {
        hub->passed(hub->passed_listener, now);
    }
}

/* Lets everything up to `until` fall due, the earliest first. */
static void run_due(struct hub *hub, struct instant until)
{
    for (struct instant due; instant_compare(due = hub_next_due(hub), until) <= 0;) {
        if (instant_compare(queues_next_due(hub->queues), due) <= 0) {
            queues_run_next_due(hub->queues, due);
        } else if (instant_compare(feedback_next_due(hub->feedback), due) <= 0) {
            feedback_run_due(hub->feedback, due);
        } else {
            fire_next_timer(hub, due);
        }
        tell_time(hub, due);
    }
}

struct instant hub_now(struct hub *hub)
{
    if (!hub->turn_has_begun) {
        hub->turn_has_begun = true;
        hub->now = clock_now(hub->clock);
        run_due(hub, hub->now);
    }
    return hub->now;
}

bool hub_end_turn(struct hub *hub)
{
    hub->turn_has_begun = false;
    return database_commit(hub->database);
}

void hub_timer_arm(struct hub *hub, struct hub_timer *timer, struct instant at)
{
    deadlines_set(&hub->timers, &timer->deadline, at);
}

void hub_timer_disarm(struct hub *hub, struct hub_timer *timer)
{
    deadlines_remove(&hub->timers, &timer->deadline);
}

void hub_listen_time(struct hub *hub, hub_time_passed *passed, void *listener)
{
    hub->passed = passed;
    hub->passed_listener = listener;
}

void hub_advance(struct hub *hub, struct instant to)
{
    tell_time(hub, hub_now(hub));
    run_due(hub, to);
    clock_set(hub->clock, to);
    hub->now = to;
    hub->turn_has_begun = true;
    char text[ISO8601_SIZE];
    iso8601_format_instant(to, 3, text);
    journal_note(hub->journal,
        &(struct journal_entry){.at = to, .event = JOURNAL_CLOCK_CHANGED, .reason = text});
}

/* ---- beginning anew ---- */

/* Commits what is open. Its answers may begin another group. */
static void end_turns(struct hub *hub)
{
    while (hub_end_turn(hub)) {
    }
}

static void note_failure(void *owner, void *item, const struct hub_error *failure)
{
    (void)owner;
    if (failure) {
        *(struct hub_error *)item = *failure;
    }
}

/* Memory is made from the rows, which are others now. */
static void read_again(struct hub *hub, enum journal_event event)
{
    queues_forget_all(hub->queues);
    database_reload(hub->database);
    journal_clear(hub->journal);
    journal_note(
        hub->journal, &(struct journal_entry){.at = clock_now(hub->clock), .event = event});
    end_turns(hub);
}

enum hub_code hub_reset(struct hub *hub, bool keep_devices, struct hub_error *error)
{
    static const char *const nothing[] = {NULL};
    static const char *const devices[] = {"identity", "twin", NULL};
    struct hub_error failure = {HUB_OK, ""};
    end_turns(hub);
    database_clear(hub->database, keep_devices ? devices : nothing);
    database_await(hub->database, note_failure, hub, &failure);
    hub_end_turn(hub);
    if (failure.code != HUB_OK) {
        return hub_refuse(error, failure.code, "%s", failure.sentence);
    }
    clock_reset(hub->clock);
    read_again(hub, JOURNAL_RESET);
    return HUB_OK;
}

struct snapshots *hub_snapshots(struct hub *hub)
{
    return hub->snapshots;
}

enum hub_code hub_save(struct hub *hub, const char *name, struct hub_error *error)
{
    end_turns(hub);
    return snapshot_save(hub->snapshots, name, hub->database, hub->clock, error);
}

enum hub_code hub_restore(struct hub *hub, const char *name, struct hub_error *error)
{
    end_turns(hub);
    enum hub_code code = snapshot_restore(hub->snapshots, name, hub->database, hub->clock, error);
    if (code == HUB_OK) {
        read_again(hub, JOURNAL_RESTORED);
    }
    return code;
}

/* ---- identities ---- */

/* An identity that may no longer be spoken for, until the commit makes it true. */
struct loss {
    bool deleted;
    char name[IDENTITY_NAME_MAX + 1];
};

static void tell_loss(void *owner, void *item, const struct hub_error *failure)
{
    struct hub *hub = owner;
    struct loss *loss = item;
    if (!failure && hub->lost) {
        hub->lost(hub->lost_listener, loss->name, loss->deleted);
    }
    free(loss);
}

static void note_loss(struct hub *hub, const char *name, bool deleted)
{
    struct loss *loss = memory_allocate(sizeof *loss);
    loss->deleted = deleted;
    snprintf(loss->name, sizeof loss->name, "%s", name);
    database_await(hub->database, tell_loss, hub, loss);
}

enum hub_code hub_put_device(struct hub *hub, const struct identity_draft *draft,
    struct etag_condition condition, struct identity **out, struct hub_error *error)
{
    const struct identity *before = identity_find(hub->registry, draft->device_id), *module = NULL;
    bool was_enabled = before && before->is.enabled;
    enum hub_code code = identity_put(hub->registry, draft, condition, hub_now(hub), out, error);
    if (code == HUB_OK && was_enabled && !draft->enabled) {
        note_loss(hub, draft->device_id, false);
        while ((module = identity_next_module(*out, module))) {
            note_loss(hub, module->name, false);
        }
    }
    return code;
}

/* What remains to be done for an identity when it is deleted. */
struct rest {
    int64_t row;
    char name[IDENTITY_NAME_MAX + 1];
};

static void append_rest(struct rest *rests, size_t *count, const struct identity *identity)
{
    rests[*count].row = identity->row;
    memcpy(rests[(*count)++].name, identity->name, sizeof identity->name);
}

static void forget(struct hub *hub, const struct rest *rest)
{
    mailbox_remove(hub->mailboxes, rest->row, hub_now(hub));
    feedback_forget_device(hub->feedback, rest->name);
    subscriptions_forget(hub->subscriptions, rest->row);
    twins_forget(hub->twins, rest->row);
    note_loss(hub, rest->name, true);
}

static enum hub_code delete (struct hub *hub, const struct identity *identity, const char *name,
    struct etag_condition condition, struct hub_error *error) {
    const struct identity *module = NULL; size_t count = 0;
        struct rest *rests = memory_allocate_array(MODULES_MAX + 1, sizeof *rests);
        if (identity){append_rest(rests, &count, identity);
            while (!identity->device && (module = identity_next_module(identity, module))){
                append_rest(rests, &count, module);
}
}
enum hub_code code = identity_delete(hub->registry, name, condition, error);
for (size_t i = 0; code == HUB_OK && i < count; i++) {
    forget(hub, &rests[i]);
}
free(rests);
return code;
}

enum hub_code hub_delete_device(struct hub *hub, const char *device_id,
    struct etag_condition condition, struct hub_error *error)
{
    const struct identity *identity = identity_find(hub->registry, device_id);
    if (!identity && strchr(device_id, '/')) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "%s", device_id);
    }
    return delete (hub, identity, device_id, condition, error);
}

enum hub_code hub_delete_module(struct hub *hub, const char *device_id, const char *module_id,
    struct etag_condition condition, struct hub_error *error)
{
    char name[IDENTITY_NAME_MAX + 1];
    const struct identity *identity = identity_find_module(hub->registry, device_id, module_id);
    identity_write_name(device_id, module_id, name);
    return delete (hub, identity, name, condition, error);
}

void hub_listen_devices(struct hub *hub, hub_device_lost *lost, void *listener)
{
    hub->lost = lost;
    hub->lost_listener = listener;
}
