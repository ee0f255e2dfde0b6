/*
 * What a device sent, page by page.
 */
#include "server/control/internal.h"

#include <inttypes.h>
#include <stdio.h>

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
    static const char *const parameters[] = {"limit", "after", NULL};
    struct control *control = context;
    const struct telemetry *telemetry = hub_telemetry(control->hub);
    const char *device_id = http_request_parameter(request, 0);
    uint64_t limit, after, next;
    char text[24];
    if (!control_check_query(request, parameters) ||
        !control_read_number(request, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit) ||
        !control_read_number(request, "after", 0, INT64_MAX, 0, &after)) {
        return;
    }
    if (!identity_find(hub_identities(control->hub), device_id)) {
        struct hub_error error;
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, "There is no device \"%.128s\".", device_id);
        control_refuse(request, &error);
        return;
    }
    json_t *items = read_page(telemetry, device_id, after, limit, &next);
    snprintf(text, sizeof text, "%" PRIu64, next);
    json_t *list = shape_list(items, next > 0 ? text : NULL);
    json_object_set_new(list, "dropped", json_integer((json_int_t)telemetry_dropped(telemetry)));
    control_answer_json(control, request, 200, list);
}
