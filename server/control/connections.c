/*
 * Who is connected, and the end of it.
 */
#include "server/control/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void control_connections(void *context, struct http_request *request)
{
    static const char *const parameters[] = {"limit", "after", NULL};
    struct control *control = context;
    uint64_t limit, after;
    char next[24];
    if (!control_check_query(request, parameters) ||
        !control_read_number(request, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit) ||
        !control_read_number(request, "after", 0, INT64_MAX, 0, &after)) {
        return;
    }
    json_t *items = json_array();
    struct connection_view view;
    bool is_more = false;
    while (sessions_next_connection(control->options.sessions, after, &view)) {
        is_more = json_array_size(items) == limit;
        if (is_more) {
            break;
        }
        json_array_append_new(items, shape_connection(&view));
        after = view.id;
    }
    snprintf(next, sizeof next, "%" PRIu64, after);
    control_answer_json(control, request, 200, shape_list(items, is_more ? next : NULL));
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
