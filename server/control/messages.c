/*
 * Messages: looked at, sent and settled without an SDK.
 */
#include "server/control/internal.h"
#include "server/message_codec.h"
#include "store/iso8601.h"

#include <stdlib.h>
#include <string.h>

/* The queue of the device that the path names; NULL: refused. */
static struct queue *find_queue(struct control *control, struct http_request *request)
{
    const char *id = http_request_parameter(request, 0);
    struct queue *queue = mailbox_of(hub_mailboxes(control->hub), id);
    if (!queue) {
        struct hub_error error;
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "There is no device \"%.128s\".", id);
        control_refuse(request, &error);
    }
    return queue;
}

/* ---- looking ---- */

static json_t *shape_view(struct queue *queue, const struct queue_view *view)
{
    struct message *message = queue_read(queue, view->sequence);
    json_t *shape = message ? shape_message(message) : json_object();
    message_release(message);
    shape_set_view(shape, view);
    return shape;
}

void control_messages(void *context, struct http_request *request)
{
    struct control *control = context;
    struct list_page page;
    hub_now(control->hub);
    struct queue *queue = find_queue(control, request);
    if (!queue || !control_read_page(request, &page)) {
        return;
    }
    json_t *items = json_array();
    struct queue_view view;
    bool is_more = false;
    while (queue_view_next(queue, page.after, &view)) {
        is_more = json_array_size(items) == page.limit;
        if (is_more) {
            break;
        }
        json_array_append_new(items, shape_view(queue, &view));
        page.after = view.sequence;
    }
    control_answer_json(control, request, 200, shape_page(items, is_more, page.after));
}

/* ---- sending ---- */

void control_send(void *context, struct http_request *request)
{
    struct control *control = context;
    struct actor actor = control_actor();
    struct hub_error error;
    uint64_t sequence;
    json_t *body = control_read_body(request, message_codec_members);
    if (!body) {
        return;
    }
    struct instant now = hub_now(control->hub);
    struct message *message = message_create();
    enum hub_code code = message_codec_read(body, now, message, &error);
    if (code == HUB_OK) {
        code = mailbox_send(hub_mailboxes(control->hub), http_request_parameter(request, 0),
            message, &actor, now, &sequence, &error);
    }
    message_release(message);
    json_decref(body);
    if (code == HUB_OK) {
        control_answer_json(
            control, request, 201, json_pack("{s:I}", "sequenceNumber", (json_int_t)sequence));
    } else {
        control_refuse(request, &error);
    }
}

/* ---- acting as a device ---- */

void control_purge(void *context, struct http_request *request)
{
    struct control *control = context;
    struct actor actor = control_actor();
    struct hub_error error;
    size_t count;
    const char *id = http_request_parameter(request, 0);
    if (!control_check_no_query(request)) {
        return;
    }
    if (mailbox_purge(hub_mailboxes(control->hub), id, &actor, hub_now(control->hub), &count,
            &error) != HUB_OK) {
        control_refuse(request, &error);
        return;
    }
    control_answer_json(control, request, 200,
        json_pack("{s:s, s:I}", "deviceId", id, "totalMessagesPurged", (json_int_t)count));
}

void control_receive(void *context, struct http_request *request)
{
    struct control *control = context;
    struct actor actor = control_actor();
    struct delivery delivery;
    struct hub_error error;
    if (!control_check_bare(request)) {
        return;
    }
    if (mailbox_receive(hub_mailboxes(control->hub), http_request_parameter(request, 0), NULL,
            &actor, hub_now(control->hub), &delivery, &error) != HUB_OK) {
        control_refuse(request, &error);
    } else if (!delivery.message) {
        control_answer_empty(control, request);
    } else {
        json_t *shape = shape_message(delivery.message);
        message_release(delivery.message);
        shape_set_view(shape, &(struct queue_view){.sequence = delivery.sequence,
                                  .state = QUEUE_INVISIBLE,
                                  .delivery_count = delivery.delivery_count,
                                  .lock_token = delivery.lock_token,
                                  .enqueued = delivery.enqueued,
                                  .expires = delivery.expires,
                                  .locked_until = delivery.locked_until});
        control_answer_json(control, request, 200, shape);
    }
}

static bool holds(struct queue *queue, const struct lock_token *token)
{
    struct queue_view view = {0};
    if (queue_get_counts(queue).invisible == 0) {
        return false;
    }
    while (queue_view_next(queue, view.sequence, &view)) {
        if (view.state == QUEUE_INVISIBLE &&
            memcmp(view.lock_token.bytes, token->bytes, sizeof token->bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* The device whose message that token locks; NULL: none. */
static const char *find_holder(struct hub *hub, const struct lock_token *token)
{
    const struct identity *identity = NULL;
    while ((identity = identity_next(hub_identities(hub), identity))) {
        if (holds(mailbox_of(hub_mailboxes(hub), identity->is.device_id), token)) {
            return identity->is.device_id;
        }
    }
    return NULL;
}

static bool read_settlement(const char *word, enum queue_settlement *settlement)
{
    static const char *const words[] = {
        [SETTLE_COMPLETE] = "complete", [SETTLE_REJECT] = "reject", [SETTLE_ABANDON] = "abandon"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *settlement = (enum queue_settlement)i;
            return true;
        }
    }
    return false;
}

void control_settle(void *context, struct http_request *request)
{
    struct control *control = context;
    struct actor actor = control_actor();
    struct instant now = hub_now(control->hub);
    enum queue_settlement settlement;
    struct lock_token token;
    struct hub_error error;
    enum hub_code code = HUB_OK;
    const char *holder = NULL;
    if (!control_check_bare(request)) {
        return;
    }
    if (!read_settlement(http_request_parameter(request, 1), &settlement)) {
        code = hub_refuse(&error, HUB_GENERIC_NOT_FOUND, NULL);
    } else if (!lock_token_parse(text_of(http_request_parameter(request, 0)), &token) ||
               !(holder = find_holder(control->hub, &token))) {
        code = hub_refuse(
            &error, HUB_DEVICE_MESSAGE_LOCK_LOST, "No message is locked with this token.");
    } else {
        code = mailbox_settle(
            hub_mailboxes(control->hub), holder, &token, settlement, &actor, now, &error);
    }
    if (code == HUB_OK) {
        control_answer_empty(control, request);
    } else {
        control_refuse(request, &error);
    }
}
