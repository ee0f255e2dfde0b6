/*
 * Who is connected, and the end of it.
 */
#include "server/control/internal.h"

#include <stdlib.h>
#include <string.h>

void control_connections(void *context, struct http_request *request)
{
    struct control *control = context;
    struct list_page page;
    if (!control_read_page(request, &page)) {
        return;
    }
    json_t *items = json_array();
    struct connection_view view;
    bool is_more = false;
    while (sessions_next_connection(control->options.sessions, page.after, &view)) {
        is_more = json_array_size(items) == page.limit;
        if (is_more) {
            break;
        }
        json_array_append_new(items, shape_connection(&view));
        page.after = view.id;
    }
    control_answer_json(control, request, 200, shape_page(items, is_more, page.after));
}

void control_drop_connection(void *context, struct http_request *request)
{
    static const char *const parameters[] = {"how", NULL};
    struct control *control = context;
    struct hub_error error;
    char how[8] = "close", *end;
    if (!control_check_query(request, parameters)) {
        return;
    }
    http_request_query(request, "how", how, sizeof how);
    bool is_reset = strcmp(how, "reset") == 0;
    if (!is_reset && strcmp(how, "close") != 0) {
        hub_refuse(&error, HUB_ARGUMENT_INVALID,
            "The query parameter \"how\" is neither close nor reset.");
        control_refuse(request, &error);
        return;
    }
    const char *text = http_request_parameter(request, 0);
    uint64_t id = strtoull(text, &end, 10);
    if (*end != '\0' || id == 0 ||
        !sessions_end_connection(
            control->options.sessions, id, is_reset ? END_RESET : END_DROPPED)) {
        hub_refuse(&error, HUB_GENERIC_NOT_FOUND, "There is no connection \"%.20s\".", text);
        control_refuse(request, &error);
        return;
    }
    control_answer_empty(control, request);
}
