/*
 * A device receives and settles.
 *
 * Source: learn.microsoft.com, REST reference of Device - Receive, Complete, Abandon Device Bound
 * Notification.
 */
#include "protocols/https/access.h"
#include "protocols/https/fault.h"
#include "protocols/https/handlers.h"
#include "protocols/https/message_codec.h"

#include <stdlib.h>
#include <strings.h>

#define LOCK_SECONDS_MAX 3600

/* Clients ask for a lock time in a header or in the query; junk is no wish. */
static bool read_lock_time(const struct http_request *request, struct duration *lock)
{
    char text[16], *end;
    const char *wish = http_request_header(request, "iothub-messagelocktimeout");
    if (!wish) {
        if (!http_request_query(request, "iothub-messagelocktimeout", text, sizeof text)) {
            return false;
        }
        wish = text;
    }
    long seconds = strtol(wish, &end, 10);
    if (end == wish || *end != '\0' || seconds < 1 || seconds > LOCK_SECONDS_MAX) {
        return false;
    }
    *lock = DURATION_SECONDS(seconds);
    return true;
}

void device_receive(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct hub *hub = server->context.hub;
    struct delivery delivery;
    struct duration lock;
    struct hub_error error;
    if (!access_device(server, request)) {
        return;
    }
    const char *device_id = http_request_parameter(request, 0);
    struct queue *queue = mailbox_of(hub_mailboxes(hub), device_id);
    hub_now(hub);
    if (queue && queue_has_ready(queue) &&
        !https_fault_passes(server, request, FAULT_DELIVER, device_id)) {
        return;
    }
    if (!access_rate(server, request, THROTTLE_RECEIVE)) {
        return;
    }
    struct actor actor = access_actor(request);
    bool is_wished = server->options.honour_lock_time && read_lock_time(request, &lock);
    if (mailbox_receive(hub_mailboxes(hub), device_id, is_wished ? &lock : NULL, &actor,
            hub_now(hub), &delivery, &error) != HUB_OK) {
        answer_refusal(server, request, &error);
    } else if (!delivery.message) {
        answer_committed_empty(server, request);
    } else {
        answer_committed(server, request, message_write(&delivery));
        message_release(delivery.message);
        if (https_fault_duplicates(request)) {
            /* In the same group: the next to ask gets it again. */
            queue_settle(queue, &delivery.lock_token, SETTLE_RELEASE, &actor, hub_now(hub), NULL);
        }
    }
}

/* A token that is no GUID is the token of no delivery. */
static void settle(
    struct https_server *server, struct http_request *request, enum queue_settlement settlement)
{
    struct hub *hub = server->context.hub;
    struct lock_token token;
    struct hub_error error;
    enum hub_code code;
    const char *device_id = http_request_parameter(request, 0);
    if (!https_fault_passes(server, request, FAULT_SETTLE, device_id)) {
        return;
    }
    struct actor actor = access_actor(request);
    if (!lock_token_parse(text_of(http_request_parameter(request, 1)), &token)) {
        code = hub_refuse(&error, HUB_DEVICE_MESSAGE_LOCK_LOST, NULL);
    } else {
        if (https_fault_expires_lock(request)) {
            mailbox_settle(hub_mailboxes(hub), device_id, &token, SETTLE_RELEASE, &actor,
                hub_now(hub), &error);
        }
        code = mailbox_settle(
            hub_mailboxes(hub), device_id, &token, settlement, &actor, hub_now(hub), &error);
    }
    if (code == HUB_OK) {
        answer_committed_empty(server, request);
    } else {
        answer_refusal(server, request, &error);
    }
}

/* `reject`, `reject=`, `reject=true`; the Java SDK encodes the question mark with it. */
static bool is_rejection(const struct http_request *request)
{
    char value[8];
    return (http_request_query(request, "reject", value, sizeof value) ||
               http_request_query(request, "?reject", value, sizeof value)) &&
           strcasecmp(value, "false") != 0;
}

void device_settle(void *context, struct http_request *request)
{
    if (access_device(context, request)) {
        settle(context, request, is_rejection(request) ? SETTLE_REJECT : SETTLE_COMPLETE);
    }
}

void device_abandon(void *context, struct http_request *request)
{
    if (access_device(context, request)) {
        settle(context, request, SETTLE_ABANDON);
    }
}

/* ---- what a device does not have over HTTPS ---- */

void device_no_twin(void *context, struct http_request *request)
{
    struct hub_error error;
    hub_refuse(&error, HUB_IOT_HUB_UNAUTHORIZED_ACCESS,
        "Twins and direct methods are not there for devices over HTTPS.");
    answer_refusal(context, request, &error);
}

static void refuse_upload(struct https_server *server, struct http_request *request)
{
    struct hub_error error;
    hub_refuse(&error, HUB_DEFAULT_STORAGE_ENDPOINT_NOT_CONFIGURED, NULL);
    answer_refusal(server, request, &error);
}

void device_no_upload(void *context, struct http_request *request)
{
    if (access_device(context, request) && access_rate(context, request, THROTTLE_UPLOAD)) {
        refuse_upload(context, request);
    }
}

/* Of how an upload went: starts alone have a rate. */
void device_no_upload_notification(void *context, struct http_request *request)
{
    if (access_device(context, request)) {
        refuse_upload(context, request);
    }
}
