/*
 * What a device sent, page by page.
 */
#include "server/control/internal.h"

#define PAGE_BYTES 1048576 /* of bodies: a page ends after the one that reaches it */

/* The items of a page; `*next`: the last one's id, if more follow. */
static json_t *read_page(const struct telemetry *telemetry, const char *device_id, uint64_t after,
    size_t limit, uint64_t *next)
{
    json_t *items = json_array();
    size_t bytes = 0;
    const struct telemetry_item *item = telemetry_next(telemetry, device_id, after);
    while (item && json_array_size(items) < limit && bytes < PAGE_BYTES) {
        json_array_append_new(items, shape_telemetry(item));
        bytes += telemetry_event_body(item->event).length;
        after = item->id;
        item = telemetry_next(telemetry, device_id, after);
    }
    *next = item ? after : 0;
    return items;
}

void control_telemetry(void *context, struct http_request *request)
{
    struct control *control = context;
    const struct telemetry *telemetry = hub_telemetry(control->hub);
    const char *device_id = http_request_parameter(request, 0);
    struct list_page page;
    uint64_t next;
    if (!control_read_page(request, &page)) {
        return;
    }
    if (!identity_find(hub_identities(control->hub), device_id)) {
        struct hub_error error;
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "There is no device \"%.128s\".", device_id);
        control_refuse(request, &error);
        return;
    }
    json_t *items = read_page(telemetry, device_id, page.after, page.limit, &next);
    json_t *list = shape_page(items, next > 0, next);
    json_object_set_new(list, "dropped", json_integer((json_int_t)telemetry_dropped(telemetry)));
    control_answer_json(control, request, 200, list);
}
