/*
 * Answers that come when the journal has what is waited for, or when real time is over.
 */
#include "server/control/internal.h"
#include "store/iso8601.h"
#include "store/memory.h"

#include <stdlib.h>

#define WAITERS_MAX 256
#define TIMEOUT_MAX DURATION_MINUTES(10)

struct waiter {
    struct control *control;
    struct http_request *request;
    struct journal_filter filter;
    struct loop_timer *timer;
    uint64_t wanted; /* how many entries */
    uint64_t looked; /* at entries up to this id */
    json_t *entries;
    struct waiter *previous, *next;
};

static void unlink_waiter(struct waiter *waiter)
{
    if (waiter->previous) {
        waiter->previous->next = waiter->next;
    } else {
        waiter->control->waiters = waiter->next;
    }
    if (waiter->next) {
        waiter->next->previous = waiter->previous;
    }
}

/* The entries are committed: the answer need not wait for another commit. */
static void finish(struct waiter *waiter, int status)
{
    json_t *shape = json_object();
    unlink_waiter(waiter);
    json_object_set_new(shape, "entries", waiter->entries);
    http_answer(waiter->request, http_response_json(status, HTTP_JSON_TYPE, shape));
    loop_timer_free(waiter->timer);
    free(waiter);
}

static void look(struct waiter *waiter)
{
    const struct journal *journal = hub_journal(waiter->control->hub);
    const struct journal_entry *entry;
    while (json_array_size(waiter->entries) < waiter->wanted &&
           (entry = journal_filter_next(journal, &waiter->filter, waiter->looked))) {
        json_array_append_new(waiter->entries, shape_entry(entry));
        waiter->looked = entry->id;
    }
    if (json_array_size(waiter->entries) >= waiter->wanted) {
        finish(waiter, 200);
    }
}

void waiters_look(struct control *control)
{
    for (struct waiter *waiter = control->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        look(waiter);
    }
}

void waiters_dismiss(struct control *control)
{
    for (struct waiter *waiter = control->waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        finish(waiter, 408);
    }
}

static void time_over(void *context)
{
    finish(context, 408);
}

static size_t count_waiters(const struct control *control)
{
    size_t count = 0;
    for (const struct waiter *waiter = control->waiters; waiter; waiter = waiter->next) {
        count++;
    }
    return count;
}

/* The query's `timeout`, 10 seconds by default. */
static bool read_timeout(struct http_request *request, struct duration *timeout)
{
    char text[ISO8601_SIZE];
    *timeout = DURATION_SECONDS(10);
    if (!http_request_query(request, "timeout", text, sizeof text)) {
        return true;
    }
    return iso8601_parse_duration(text, timeout) && timeout->us <= TIMEOUT_MAX.us;
}

static void begin(struct control *control, struct http_request *request,
    const struct journal_filter *filter, uint64_t count, struct duration timeout)
{
    struct waiter *waiter = memory_allocate(sizeof *waiter);
    *waiter = (struct waiter){.control = control,
        .request = request,
        .filter = *filter,
        .timer = loop_timer_create(control->options.loop, time_over, waiter),
        .wanted = count,
        .looked = filter->after,
        .entries = json_array(),
        .next = control->waiters};
    if (waiter->next) {
        waiter->next->previous = waiter;
    }
    control->waiters = waiter;
    loop_timer_arm(waiter->timer, timeout.us / 1000);
    look(waiter);
}

void control_wait(void *context, struct http_request *request)
{
    static const char *const parameters[] = {
        "device", "messageId", "event", "count", "timeout", "after", NULL};
    struct control *control = context;
    struct journal_filter filter;
    struct duration timeout;
    struct hub_error error;
    uint64_t count;
    if (!control_check_query(request, parameters) || !journal_filter_read(request, &filter) ||
        !control_read_number(request, "count", 1, LIST_LIMIT_MAX, 1, &count)) {
        return;
    }
    if (!read_timeout(request, &timeout)) {
        hub_refuse(&error, HUB_ARGUMENT_INVALID,
            "The query parameter \"timeout\" is not an ISO 8601 duration up to PT10M.");
        control_refuse(request, &error);
    } else if (count_waiters(control) >= WAITERS_MAX) {
        http_answer(request, http_problem(503, "Too many requests wait already."));
    } else {
        begin(control, request, &filter, count, timeout);
    }
}
