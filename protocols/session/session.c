#include "protocols/session/sessions.h"

#include "store/log.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- all ---- */

static void device_lost(void *listener, const char *device_id, bool deleted);

static const struct queues_listener queues_listener = {consumers_ready, consumers_removed};

struct sessions *sessions_open(struct hub *hub)
{
    struct sessions *sessions = memory_allocate(sizeof *sessions);
    sessions->hub = hub;
    queues_listen(hub_queues(hub), &queues_listener, sessions);
    hub_listen_devices(hub, device_lost, sessions);
    hub_listen_time(hub, simulators_time_passed, sessions);
    return sessions;
}

void sessions_close(struct sessions *sessions)
{
    if (!sessions) {
        return;
    }
    while (sessions->connections) {
        connection_close(sessions->connections, "shutdown");
    }
    queues_listen(hub_queues(sessions->hub), NULL, NULL);
    hub_listen_devices(sessions->hub, NULL, NULL);
    hub_listen_time(sessions->hub, NULL, NULL);
    simulators_remove_all(sessions);
    faults_free(sessions);
    throttle_free(sessions);
    free(sessions);
}

struct hub *sessions_hub(struct sessions *sessions)
{
    return sessions->hub;
}

const char *protocol_name(enum protocol protocol)
{
    static const char *const names[] = {[PROTOCOL_AMQP] = "amqp",
        [PROTOCOL_AMQP_WS] = "amqpWs",
        [PROTOCOL_MQTT] = "mqtt",
        [PROTOCOL_MQTT_WS] = "mqttWs",
        [PROTOCOL_HTTPS] = "https"};
    return names[protocol];
}

const char *session_end_name(enum session_end end)
{
    static const char *const names[] = {[END_DISPLACED] = "displaced",
        [END_DEVICE_DISABLED] = "deviceDisabled",
        [END_DEVICE_DELETED] = "deviceDeleted",
        [END_DROPPED] = "dropped",
        [END_RESET] = "reset",
        [END_SHUTDOWN] = "shutdown"};
    return names[end];
}

/* ---- connections ---- */

static void note(const struct connection *connection, enum journal_event event, const char *who)
{
    const char *reason = event == JOURNAL_DISCONNECTED ? connection->going_because : NULL;
    struct hub *hub = connection->sessions->hub;
    journal_note(hub_journal(hub), &(struct journal_entry){.at = hub_now(hub),
                                       .event = event,
                                       .device = who,
                                       .protocol = protocol_name(connection->protocol),
                                       .connection = connection->id,
                                       .reason = reason});
    LOG(LOG_DEBUG, event == JOURNAL_CONNECTED ? "CONNECTION-OPEN" : "CONNECTION-CLOSED",
        journal_event_name(event), {"protocol", protocol_name(connection->protocol)},
        {"address", connection->address}, {"identity", who}, {"reason", reason});
}

struct connection *connection_open(struct sessions *sessions, enum protocol protocol,
    const char *address, connection_ended *ended, void *owner)
{
    struct connection *connection = memory_allocate(sizeof *connection);
    *connection = (struct connection){.sessions = sessions,
        .id = ++sessions->last_id,
        .protocol = protocol,
        .address = memory_copy_string(address),
        .since = hub_now(sessions->hub),
        .ended = ended,
        .owner = owner};
    DL_APPEND(sessions->connections, connection);
    sessions->count++;
    return connection;
}

void connection_close(struct connection *connection, const char *reason)
{
    struct sessions *sessions = connection->sessions;
    connection->going_because = reason;
    while (connection->consumers) {
        consumer_close(connection->consumers);
    }
    while (connection->attendances) {
        attendance_close(connection->attendances);
    }
    if (connection->came_as) {
        note(connection, JOURNAL_DISCONNECTED, connection->came_as);
    }
    DL_DELETE(sessions->connections, connection);
    sessions->count--;
    free(connection->identity);
    free(connection->came_as);
    free(connection->client_version);
    free(connection->address);
    free(connection);
}

void connection_listen_clock(struct connection *connection, void (*moved)(void *owner))
{
    connection->clock_moved = moved;
}

uint64_t connection_id(const struct connection *connection)
{
    return connection->id;
}

struct actor connection_actor(const struct connection *connection)
{
    return (struct actor){protocol_name(connection->protocol), connection->id};
}

static void replace(char **text, const char *by)
{
    if (!*text || strcmp(*text, by) != 0) {
        free(*text);
        *text = memory_copy_string(by);
    }
}

void connection_set_identity(struct connection *connection, const char *identity)
{
    replace(&connection->identity, identity);
    if (!connection->came_as) {
        connection->came_as = memory_copy_string(identity);
        note(connection, JOURNAL_CONNECTED, identity);
    }
}

void connection_set_client_version(struct connection *connection, const char *version)
{
    replace(&connection->client_version, version);
}

bool sessions_next_connection(
    const struct sessions *sessions, uint64_t after, struct connection_view *view)
{
    const struct connection *connection;
    DL_FOREACH (sessions->connections, connection) {
        if (connection->id > after) {
            *view = (struct connection_view){.id = connection->id,
                .protocol = connection->protocol,
                .identity = connection->identity,
                .client_version = connection->client_version,
                .address = connection->address,
                .since = connection->since,
                .in_flight = consumers_in_flight(connection)};
            return true;
        }
    }
    return false;
}

size_t sessions_count(const struct sessions *sessions)
{
    return sessions->count;
}

static struct connection *next_connection(const struct sessions *sessions, uint64_t after)
{
    struct connection *connection;
    DL_FOREACH (sessions->connections, connection) {
        if (connection->id > after) {
            return connection;
        }
    }
    return NULL;
}

bool sessions_end_connection(struct sessions *sessions, uint64_t id, enum session_end end)
{
    struct connection *connection = next_connection(sessions, id - 1);
    if (!connection || connection->id != id) {
        return false;
    }
    connection->ended(connection->owner, end);
    return true;
}

/* By id, since a connection that is told to end may be gone at once, with others. */
void sessions_end_all(struct sessions *sessions, enum session_end end)
{
    uint64_t last = sessions->last_id;
    struct connection *connection;
    for (uint64_t id = 0; (connection = next_connection(sessions, id)) && connection->id <= last;) {
        id = connection->id;
        connection->ended(connection->owner, end);
    }
}

void sessions_tell_clock(struct sessions *sessions)
{
    struct connection *connection;
    for (uint64_t id = 0; (connection = next_connection(sessions, id));) {
        id = connection->id;
        if (connection->clock_moved) {
            connection->clock_moved(connection->owner);
        }
    }
}

/* ---- attendance ---- */

/* The registry's view: how many connections a device has, and since when. */
static void mark_connected(struct sessions *sessions, const char *device_id, int change)
{
    struct identity *identity = identity_find_name(hub_identities(sessions->hub), device_id);
    if (!identity) {
        return;
    }
    uint32_t before = identity->connections;
    identity->connections = change < 0 && before == 0 ? 0 : before + (uint32_t)change;
    identity->last_activity = hub_now(sessions->hub);
    if ((before == 0) != (identity->connections == 0)) {
        identity->connection_updated = identity->last_activity;
    }
}

static struct attended_device *find_attended(struct sessions *sessions, const char *device_id)
{
    struct attended_device *device;
    HASH_FIND(by_id, sessions->attended, device_id, strlen(device_id), device);
    return device;
}

struct attendance *attendance_open(struct connection *connection, const char *device_id,
    void (*ended)(void *owner, enum session_end end), void *owner)
{
    struct sessions *sessions = connection->sessions;
    struct attended_device *device = find_attended(sessions, device_id);
    if (!device) {
        device = memory_allocate(sizeof *device);
        snprintf(device->device_id, sizeof device->device_id, "%s", device_id);
        HASH_ADD(by_id, sessions->attended, device_id[0], strlen(device->device_id), device);
    }
    struct attendance *attendance = memory_allocate(sizeof *attendance);
    attendance->connection = connection;
    attendance->ended = ended;
    attendance->owner = owner;
    memcpy(attendance->device_id, device->device_id, sizeof attendance->device_id);
    DL_APPEND(connection->attendances, attendance);
    DL_APPEND2(device->attendances, attendance, prev_of_device, next_of_device);
    mark_connected(sessions, device_id, 1);
    if (connection->came_as && strcmp(connection->came_as, attendance->device_id) != 0) {
        attendance->is_further = true;
        note(connection, JOURNAL_CONNECTED, attendance->device_id);
    }
    return attendance;
}

void attendance_close(struct attendance *attendance)
{
    struct sessions *sessions = attendance->connection->sessions;
    struct attended_device *device = find_attended(sessions, attendance->device_id);
    DL_DELETE(attendance->connection->attendances, attendance);
    DL_DELETE2(device->attendances, attendance, prev_of_device, next_of_device);
    mark_connected(sessions, attendance->device_id, -1);
    if (attendance->is_further) {
        note(attendance->connection, JOURNAL_DISCONNECTED, attendance->device_id);
    }
    if (!device->attendances) {
        HASH_DELETE(by_id, sessions->attended, device);
        free(device);
    }
    free(attendance);
}

/* One at a time, looked up anew: the owner that is told may close others. */
static void device_lost(void *listener, const char *device_id, bool deleted)
{
    struct sessions *sessions = listener;
    enum session_end end = deleted ? END_DEVICE_DELETED : END_DEVICE_DISABLED;
    for (struct attended_device *device; (device = find_attended(sessions, device_id));) {
        struct attendance *attendance = device->attendances;
        void (*ended)(void *owner, enum session_end end) = attendance->ended;
        void *owner = attendance->owner;
        attendance_close(attendance);
        ended(owner, end);
    }
}
