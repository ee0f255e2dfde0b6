/*
 * The inside of the room: what session.c (connections, attendances) and consumer.c share. Private
 * to them.
 */
#ifndef DEVICEBOUND_PROTOCOLS_SESSION_SESSIONS_H
#define DEVICEBOUND_PROTOCOLS_SESSION_SESSIONS_H

#include "protocols/session/fault.h"

#include <uthash.h>

struct attendance {
    struct connection *connection;
    char device_id[IDENTITY_NAME_MAX + 1];
    void (*ended)(void *owner, enum session_end end);
    void *owner;
    struct attendance *prev, *next; /* of the connection */
    struct attendance *prev_of_device, *next_of_device; /* of the device */
    bool is_further; /* the connection came as another: this one comes and goes by itself */
};

/* The attendances of one device. */
struct attended_device {
    char device_id[IDENTITY_NAME_MAX + 1];
    struct attendance *attendances;
    UT_hash_handle by_id;
};

struct connection {
    struct sessions *sessions;
    uint64_t id;
    enum protocol protocol;
    char *identity, *client_version, *address;
    char *came_as; /* the first identity; its coming is in the journal. NULL: nobody yet */
    const char *going_because; /* while it is being closed */
    struct instant since;
    bool fault_was_asked; /* for its beginning */
    connection_ended *ended;
    void (*clock_moved)(void *owner); /* NULL: does not mind */
    void *owner;
    struct attendance *attendances;
    struct consumer *consumers;
    struct connection *prev, *next; /* in the order of their ids */
};

struct sessions {
    struct hub *hub;
    struct connection *connections;
    size_t count;
    uint64_t last_id;
    struct attended_device *attended;
    struct simulator *simulators; /* by device id */
    struct faults *faults; /* NULL: there was never one */
    bool takes_fault_orders;
    struct throttle *throttle; /* NULL: there was never a profile */
};

/* Implemented by simulator.c: something is deliverable, or time has passed in whose course it may
 * have become so. */
void simulators_ready(struct sessions *sessions, const struct queue *queue);
void simulators_time_passed(void *listener, struct instant now);
void simulators_remove_all(struct sessions *sessions);

/* Implemented by fault.c. */
void faults_free(struct sessions *sessions);
enum fault_family fault_family_of(enum protocol protocol);
/* Journals a fault that is injected. `device_id` may be NULL. */
void fault_note(const struct connection *connection, const char *device_id, const char *reason);

/* Implemented by throttle.c. */
void throttle_free(struct sessions *sessions);

/* Implemented by consumer.c: the queue's side. */
void consumers_ready(void *listener, struct queue *queue);
void consumers_removed(void *listener, struct queue *queue);

/* Given to the consumers of the connection, and neither settled nor lapsed. */
size_t consumers_in_flight(const struct connection *connection);

#endif
