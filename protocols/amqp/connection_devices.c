#include "protocols/amqp/connection.h"

#include "protocols/amqp/link.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static void attended_drop(struct amqp_connection *connection, struct attended *attended)
{
    HASH_DEL(connection->attended, attended);
    if (attended->attendance) {
        attendance_close(attended->attendance);
    }
    free(attended);
}

void amqp_connection_forget_devices(struct amqp_connection *connection)
{
    struct attended *attended, *next;
    HASH_ITER (hh, connection->attended, attended, next) {
        attended_drop(connection, attended);
    }
}

static bool has_rights(const struct amqp_connection *connection)
{
    const struct amqp_link *link;
    DL_FOREACH (connection->links, link) {
        if (link->kind->right != LINK_FOR_ALL) {
            return true;
        }
    }
    return connection->tokens.count > 0;
}

static void end_if_without_rights(struct amqp_connection *connection, const struct hub_error *error)
{
    if (!has_rights(connection)) {
        amqp_connection_close(connection, error, NULL);
    }
}

/* A device that no link is about and no token opens is not spoken for any longer. */
static void drop_idle_attendances(struct amqp_connection *connection)
{
    struct attended *attended, *next;
    HASH_ITER (hh, connection->attended, attended, next) {
        const struct amqp_link *link = NULL;
        DL_FOREACH (connection->links, link) {
            if (link->device_id && strcmp(link->device_id, attended->device_id) == 0) {
                break;
            }
        }
        if (!link && tokens_authorize_device(&connection->tokens, connection->server->context.auth,
                         attended->device_id, NULL) != HUB_OK) {
            attended_drop(connection, attended);
        }
    }
}

void amqp_connection_check_rights(struct amqp_connection *connection, const struct hub_error *error)
{
    struct amqp_link *link, *next;
    DL_FOREACH_SAFE (connection->links, link, next) {
        if (amqp_link_authorize(link, NULL) != HUB_OK) {
            amqp_link_end(link, error, NULL);
        }
    }
    drop_idle_attendances(connection);
    end_if_without_rights(connection, error);
}

/* The device is disabled or deleted: its links end, those of others stay. */
static void device_lost(void *owner, enum session_end end)
{
    struct attended *attended = owner;
    struct amqp_connection *connection = attended->connection;
    struct hub_error error;
    struct amqp_link *link, *next;
    hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "Device %s %s.", attended->device_id,
        end == END_DEVICE_DELETED ? "was deleted" : "is disabled");
    DL_FOREACH_SAFE (connection->links, link, next) {
        if (link->device_id && strcmp(link->device_id, attended->device_id) == 0) {
            amqp_link_end(link, &error, NULL);
        }
    }
    tokens_delete_device(&connection->tokens, attended->device_id);
    attended->attendance = NULL;
    attended_drop(connection, attended);
    end_if_without_rights(connection, &error);
    amqp_connection_flush_soon(connection);
}

void amqp_connection_attend(struct amqp_connection *connection, const char *device_id)
{
    struct attended *attended;
    HASH_FIND_STR(connection->attended, device_id, attended);
    if (attended) {
        return;
    }
    attended = memory_allocate(sizeof(*attended));
    attended->connection = connection;
    snprintf(attended->device_id, sizeof(attended->device_id), "%s", device_id);
    HASH_ADD_STR(connection->attended, device_id, attended);
    attended->attendance =
        attendance_open(connection->session, attended->device_id, device_lost, attended);
    connection_set_identity(connection->session, attended->device_id);
}
