/*
 * Feedback: looked at without taking it from the back end, and sent at once.
 */
#include "server/control/internal.h"

static json_t *shape_batch(struct queue *queue, const struct queue_view *view)
{
    json_t *shape = json_object();
    shape_set_view(shape, view);
    struct message *message = queue_read(queue, view->sequence);
    if (message) {
        struct text body = message_body(message);
        json_object_set_new(shape, "records", json_loadb(body.bytes, body.length, 0, NULL));
        message_release(message);
    }
    return shape;
}

void control_feedback(void *context, struct http_request *request)
{
    struct control *control = context;
    struct feedback *feedback = hub_feedback(control->hub);
    struct queue *queue = feedback_queue(feedback);
    struct queue_view view;
    struct list_page page;
    bool is_more = false;
    if (!control_read_page(request, &page)) {
        return;
    }
    hub_now(control->hub); /* what fell due has left, or is gone */
    json_t *items = json_array();
    while (!is_more && queue_view_next(queue, page.after, &view)) {
        json_array_append_new(items, shape_batch(queue, &view));
        page.after = view.sequence;
        is_more = json_array_size(items) == page.limit && queue_view_next(queue, page.after, &view);
    }
    json_t *list = shape_page(items, is_more, page.after);
    json_object_set_new(list, "waiting", feedback_waiting(feedback));
    control_answer_json(control, request, 200, list);
}

void control_flush(void *context, struct http_request *request)
{
    struct control *control = context;
    struct hub *hub = control->hub;
    if (control_check_bare(request)) {
        size_t count = feedback_flush(hub_feedback(hub), hub_now(hub));
        control_answer_json(
            control, request, 200, json_pack("{s:I}", "records", (json_int_t)count));
    }
}
