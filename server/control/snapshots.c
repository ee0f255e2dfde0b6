/*
 * The hub under a name, saved and brought back.
 */
#include "server/control/internal.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

static json_t *shape_snapshot(const struct snapshot_view *view)
{
    json_t *shape = json_object();
    json_object_set_new(shape, "name", json_string(view->name));
    json_object_set_new(shape, "saved", shape_instant(view->saved));
    json_object_set_new(shape, "size", json_integer((json_int_t)view->size));
    return shape;
}

void control_snapshots(void *context, struct http_request *request)
{
    static const char *const parameters[] = {"limit", "after", NULL};
    struct control *control = context;
    struct snapshot_view view = {.name = ""};
    uint64_t limit;
    bool is_more = false;
    char next[SNAPSHOT_NAME_MAX + 1];
    if (!control_check_query(request, parameters) ||
        !control_read_number(request, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit)) {
        return;
    }
    http_request_query(request, "after", view.name, sizeof view.name);
    json_t *items = json_array();
    while (!is_more && snapshots_next(hub_snapshots(control->hub), view.name, &view)) {
        is_more = json_array_size(items) == limit;
        if (!is_more) {
            json_array_append_new(items, shape_snapshot(&view));
            memcpy(next, view.name, sizeof next);
        }
    }
    control_answer_json(control, request, 200, shape_list(items, is_more ? next : NULL));
}

static void refuse_unknown(struct http_request *request)
{
    struct hub_error error;
    hub_refuse(&error, HUB_GENERIC_NOT_FOUND, "There is no snapshot \"%.64s\".",
        http_request_parameter(request, 0));
    control_refuse(request, &error);
}

static bool find(struct control *control, const char *name, struct snapshot_view *view)
{
    *view = (struct snapshot_view){.name = ""};
    while (snapshots_next(hub_snapshots(control->hub), view->name, view)) {
        if (strcmp(view->name, name) == 0) {
            return true;
        }
    }
    return false;
}

void control_get_snapshot(void *context, struct http_request *request)
{
    struct snapshot_view view;
    if (!control_check_no_query(request)) {
        return;
    }
    if (find(context, http_request_parameter(request, 0), &view)) {
        control_answer_json(context, request, 200, shape_snapshot(&view));
    } else {
        refuse_unknown(request);
    }
}

static enum hub_code save(struct control *control, void *item, struct hub_error *error)
{
    enum hub_code code = hub_save(control->hub, item, error);
    free(item);
    return code;
}

static enum hub_code restore(struct control *control, void *item, struct hub_error *error)
{
    enum hub_code code = hub_restore(control->hub, item, error);
    free(item);
    return code;
}

static void begin(
    struct control *control, struct http_request *request, bool drops, upheaval_act *act)
{
    upheaval_begin(
        control, request, drops, act, memory_copy_string(http_request_parameter(request, 0)));
}

void control_save(void *context, struct http_request *request)
{
    if (control_check_bare(request)) {
        begin(context, request, false, save);
    }
}

/* Nobody is dropped for a snapshot that is not there. */
void control_restore(void *context, struct http_request *request)
{
    struct snapshot_view view;
    if (!control_check_bare(request)) {
        return;
    }
    if (find(context, http_request_parameter(request, 0), &view)) {
        begin(context, request, true, restore);
    } else {
        refuse_unknown(request);
    }
}

void control_delete_snapshot(void *context, struct http_request *request)
{
    struct control *control = context;
    if (!control_check_no_query(request)) {
        return;
    }
    if (snapshot_remove(hub_snapshots(control->hub), http_request_parameter(request, 0))) {
        control_answer_empty(control, request);
    } else {
        refuse_unknown(request);
    }
}
