/*
 * Snapshots: the whole hub under a name, to be brought back later. Each is a database of its own:
 * a file beside the hub's, or, of a hub that keeps nothing on disk, in memory. Called by store/hub.
 *
 * The clock is part of it, for every deadline is an instant on it. Belongs to the loop's thread.
 */
#ifndef DEVICEBOUND_STORE_SNAPSHOT_H
#define DEVICEBOUND_STORE_SNAPSHOT_H

#include "store/clock.h"
#include "store/database.h"

#define SNAPSHOT_NAME_MAX 64
#define SNAPSHOTS_MAX 100

struct snapshots;

/* `path`: of the hub's database; NULL: nothing on disk. Returns owned. */
struct snapshots *snapshots_open(const char *path);
void snapshots_free(struct snapshots *snapshots);

/* 1 to 64 letters, digits and - _ . but none of these first. */
bool snapshot_name_is_valid(const char *name);

/* Replaces one of the same name. No group may be open. Errors: ARGUMENT_INVALID (name),
 * IOT_HUB_QUOTA_EXCEEDED, SERVER_ERROR. */
enum hub_code snapshot_save(struct snapshots *snapshots, const char *name,
    struct database *database, const struct clock *clock, struct hub_error *error);

/* The rows and the clock; database_reload has to follow. Errors: GENERIC_NOT_FOUND, SERVER_ERROR,
 * with nothing changed. */
enum hub_code snapshot_restore(struct snapshots *snapshots, const char *name,
    struct database *database, struct clock *clock, struct hub_error *error);

bool snapshot_remove(struct snapshots *snapshots, const char *name); /* false: there is none */

struct snapshot_view {
    char name[SNAPSHOT_NAME_MAX + 1];
    struct instant saved; /* on the machine's clock */
    size_t size; /* bytes */
};
/* In the order of their names, those above `after` (""). False at the end. */
bool snapshots_next(struct snapshots *snapshots, const char *after, struct snapshot_view *view);

#endif
