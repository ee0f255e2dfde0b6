/*
 * What happened, page by page.
 */
#include "server/control/internal.h"

#include <string.h>

static bool refuse(struct http_request *request, const char *sentence)
{
    struct hub_error error;
    hub_refuse(&error, HUB_ARGUMENT_INVALID, "%s", sentence);
    control_refuse(request, &error);
    return false;
}

/* False: no event has that name. */
static bool parse_event(const char *name, enum journal_event *event)
{
    static const enum journal_event events[] = {
#define JOURNAL_EVENT(enumerator, text) JOURNAL_##enumerator,
        JOURNAL_EVENTS(JOURNAL_EVENT)
#undef JOURNAL_EVENT
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (strcmp(journal_event_name(events[i]), name) == 0) {
            *event = events[i];
            return true;
        }
    }
    return false;
}

bool journal_filter_read(struct http_request *request, struct journal_filter *filter)
{
    char name[40];
    *filter = (struct journal_filter){0};
    http_request_query(request, "device", filter->device, sizeof filter->device);
    http_request_query(request, "messageId", filter->message_id, sizeof filter->message_id);
    if (http_request_query(request, "event", name, sizeof name)) {
        filter->has_event = true;
        if (!parse_event(name, &filter->event)) {
            return refuse(request, "The query parameter \"event\" names no event.");
        }
    }
    return control_read_number(request, "after", 0, INT64_MAX, 0, &filter->after);
}

bool journal_filter_fits(const struct journal_filter *filter, const struct journal_entry *entry)
{
    return (filter->device[0] == '\0' ||
               (entry->device && strcmp(entry->device, filter->device) == 0)) &&
           (filter->message_id[0] == '\0' ||
               (entry->message_id && strcmp(entry->message_id, filter->message_id) == 0)) &&
           (!filter->has_event || entry->event == filter->event);
}

const struct journal_entry *journal_filter_next(
    const struct journal *journal, const struct journal_filter *filter, uint64_t after)
{
    const struct journal_entry *entry = journal_next(journal, after);
    while (entry && !journal_filter_fits(filter, entry)) {
        entry = journal_next(journal, entry->id);
    }
    return entry;
}

void control_journal(void *context, struct http_request *request)
{
    static const char *const parameters[] = {
        "device", "messageId", "event", "after", "limit", NULL};
    struct control *control = context;
    struct journal_filter filter;
    uint64_t limit;
    if (!control_check_query(request, parameters) || !journal_filter_read(request, &filter) ||
        !control_read_number(request, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT, &limit)) {
        return;
    }
    const struct journal *journal = hub_journal(control->hub);
    json_t *items = json_array();
    uint64_t last = filter.after;
    const struct journal_entry *entry;
    while (
        (entry = journal_filter_next(journal, &filter, last)) && json_array_size(items) < limit) {
        json_array_append_new(items, shape_entry(entry));
        last = entry->id;
    }
    json_t *list = shape_page(items, entry != NULL, last);
    json_object_set_new(list, "last", json_integer((json_int_t)journal_last_id(journal)));
    json_object_set_new(list, "dropped", json_integer((json_int_t)journal_dropped(journal)));
    control_answer_json(control, request, 200, list);
}
