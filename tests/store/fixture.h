/*
 * A hub on a frozen clock, and the acts of a back end and of devices as one-liners. Each act ends
 * its turn, so that what a test asserts is committed.
 */
#ifndef DEVICEBOUND_TESTS_STORE_FIXTURE_H
#define DEVICEBOUND_TESTS_STORE_FIXTURE_H

#include "store/hub.h"
#include "tests/suite.h"

#include <jansson.h>

struct fixture {
    struct clock *clock;
    struct hub *hub;
    char *path; /* NULL: in memory */
    struct hub_error error; /* of the last act */
    uint64_t sequence; /* of the last send */
};

#define START ((struct instant){1772366400000000}) /* 2026-03-01T12:00:00Z */

/* A hub with defaults and the devices d1 and d2. `on_disk`: in a new temporary directory. */
void fixture_open(struct fixture *f, bool on_disk);
void fixture_close(struct fixture *f);

/* Closes the hub and opens it again on the same file, `down` later on its clock. */
void fixture_restart(struct fixture *f, struct duration down);

/* What a message may carry beside its body. */
struct sending {
    const char *body, *id, *ack;
    struct duration expires_in; /* 0: no expiry */
};
enum hub_code fixture_send(struct fixture *f, const char *device, struct sending sending);
void fixture_send_many(struct fixture *f, const char *device, size_t count);

/* True: `*delivery` is locked; its message is released already. */
bool fixture_receive(struct fixture *f, const char *device, struct delivery *delivery);
enum hub_code fixture_settle(struct fixture *f, const char *device, struct lock_token token,
    enum queue_settlement settlement);
size_t fixture_purge(struct fixture *f, const char *device);
void fixture_enable(struct fixture *f, const char *device, bool enabled);
void fixture_create(struct fixture *f, const char *device);
void fixture_delete(struct fixture *f, const char *device);
void fixture_advance(struct fixture *f, struct duration by);

struct queue_counts fixture_counts(struct fixture *f, const char *device);
uint64_t fixture_ended(struct fixture *f, enum queue_outcome outcome);

/* The next batch that is ready, completed; NULL: none. Returns owned (json_decref). */
json_t *fixture_read_batch(struct fixture *f);
/* Flushes, then the statuses of all batches in one string: "Success,Rejected". Static. */
const char *fixture_statuses(struct fixture *f);

#endif
