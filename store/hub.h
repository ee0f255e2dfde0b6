/*
 * The hub itself: opens the parts of the store in order, ends one turn of the loop by one commit,
 * runs what fell due, and deletes or disables devices with all that hangs on them. It knows no
 * socket and no protocol.
 *
 * One turn: the first hub_now samples the clock and runs what is due; protocols act; hub_end_turn
 * commits, then the answers run. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_STORE_HUB_H
#define DEVICEBOUND_STORE_HUB_H

#include "store/clock.h"
#include "store/database.h"
#include "store/deadline.h"
#include "store/error.h"
#include "store/feedback.h"
#include "store/identity.h"
#include "store/journal.h"
#include "store/mailbox.h"
#include "store/settings.h"
#include "store/snapshot.h"
#include "store/subscription.h"
#include "store/telemetry.h"
#include "store/twin.h"

struct hub;

struct hub_options {
    const char *path; /* of the database; NULL: nothing on disk */
    enum durability durability;
    struct clock *clock; /* borrowed */
    struct hub_settings settings;
};

/* Returns owned in `*out`. Errors as database_open. What fell due while the hub was down has
 * happened when this returns. */
enum hub_code hub_open(
    struct hub **out, const struct hub_options *options, struct hub_error *error);
void hub_close(struct hub *hub);

/* Returned borrowed, for the life of the hub. */
struct clock *hub_clock(struct hub *hub);
struct database *hub_database(struct hub *hub);
struct identity_registry *hub_identities(struct hub *hub);
struct queues *hub_queues(struct hub *hub);
struct mailboxes *hub_mailboxes(struct hub *hub);
struct feedback *hub_feedback(struct hub *hub);
struct journal *hub_journal(struct hub *hub);
struct subscriptions *hub_subscriptions(struct hub *hub);
struct twins *hub_twins(struct hub *hub);
struct telemetry *hub_telemetry(struct hub *hub);
/* May be written: a change takes effect at its next use. */
struct hub_settings *hub_settings(struct hub *hub);

/* ---- the turn ---- */

/* The `now` of everything in this turn. The first call of a turn samples the hub's clock and runs
 * every deadline up to it, so that nothing is done for a message whose time is over. */
struct instant hub_now(struct hub *hub);

/* Commits and runs the answers. True: they began another group; end another turn soon. */
bool hub_end_turn(struct hub *hub);

/* The earliest deadline on the hub's clock; INSTANT_NEVER when none. */
struct instant hub_next_due(const struct hub *hub);

/* Moves the clock to `to`, letting every deadline on the way take effect in due order, each at its
 * own time; `to` in the past sets the clock back and runs nothing. */
void hub_advance(struct hub *hub, struct instant to);

/* ---- timers on the hub's clock ---- */

/* Lies within its owner; zeroed but for `fire` and `owner` it is not armed. */
struct hub_timer {
    struct deadline deadline;
    void (*fire)(void *owner, struct instant at); /* at its own time; may arm it again */
    void *owner;
};
/* Instead of any earlier arming. */
void hub_timer_arm(struct hub *hub, struct hub_timer *timer, struct instant at);
void hub_timer_disarm(struct hub *hub, struct hub_timer *timer);

/* `passed`: time has passed up to `now`, in whose course something may have become deliverable.
 * Called for each deadline that took effect, so that what follows from it has its own time. One
 * listener. */
typedef void hub_time_passed(void *listener, struct instant now);
void hub_listen_time(struct hub *hub, hub_time_passed *passed, void *listener);

/* ---- beginning anew; between turns, with nobody connected ---- */

/* Empties the hub: devices, messages, feedback and journal go, the clock is the machine's again.
 * The devices stay if `keep_devices`. Errors: SERVER_ERROR, with nothing changed. */
enum hub_code hub_reset(struct hub *hub, bool keep_devices, struct hub_error *error);

struct snapshots *hub_snapshots(struct hub *hub);

/* As snapshot_save and snapshot_restore; what waits for a commit is committed before. A hub that is
 * restored has the rows and the clock of then; its journal begins anew. */
enum hub_code hub_save(struct hub *hub, const char *name, struct hub_error *error);
enum hub_code hub_restore(struct hub *hub, const char *name, struct hub_error *error);

/* ---- identities, with all that hangs on them ---- */

/* As identity_put, for devices and modules; a device that becomes disabled is told to the listener
 * after the commit, with its modules. */
enum hub_code hub_put_device(struct hub *hub, const struct identity_draft *draft,
    struct etag_condition condition, struct identity **out, struct hub_error *error);

/* As identity_delete; its modules, its messages and waiting feedback go, the listener is told after
 * the commit. */
enum hub_code hub_delete_device(struct hub *hub, const char *device_id,
    struct etag_condition condition, struct hub_error *error);
enum hub_code hub_delete_module(struct hub *hub, const char *device_id, const char *module_id,
    struct etag_condition condition, struct hub_error *error);

/* `deleted` false: disabled. `name` is that of a device or module, borrowed during the call. One
 * listener. */
typedef void hub_device_lost(void *listener, const char *name, bool deleted);
void hub_listen_devices(struct hub *hub, hub_device_lost *lost, void *listener);

#endif
