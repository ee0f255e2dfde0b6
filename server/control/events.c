/*
 * The journal as it grows, as Server-Sent Events. A listener holds a place in the journal and no
 * entries: one that reads slowly costs nothing, and if the journal drops what it has not had, it is
 * told how much that was.
 *
 * Source: WHATWG HTML, 9.2 (Server-sent events).
 */
#include "server/control/internal.h"
#include "store/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define LISTENERS_MAX 100
#define PAUSE_MS 5
#define HEARTBEAT_MS 15000 /* so that a client that is gone is noticed, and proxies stay open */

struct listener {
    struct control *control;
    struct http_feed *feed;
    struct journal_filter filter;
    uint64_t looked; /* at entries up to this id */
    char *text; /* what is being sent; NULL: nothing */
    size_t length, sent;
    bool owes_heartbeat;
    struct listener *prev, *next;
};

/* ---- what is sent ---- */

static void send_text(struct listener *listener, char *text)
{
    listener->text = text;
    listener->length = strlen(text);
    listener->sent = 0;
}

static char *entry_text(const struct journal_entry *entry)
{
    char *text = memory_grow(NULL, entry_size(entry) + 64, 1);
    int head = sprintf(text, "id: %" PRIu64 "\ndata: ", entry->id);
    strcpy(entry_write(entry, text + head), "\n\n");
    return text;
}

static char *missed_text(uint64_t count)
{
    char text[80];
    snprintf(text, sizeof text, "event: missed\ndata: {\"missed\":%" PRIu64 "}\n\n", count);
    return memory_copy_string(text);
}

/* The next entry that fits, or what was lost before it. False: there is nothing to say. */
static bool find_text(struct listener *listener)
{
    const struct journal *journal = hub_journal(listener->control->hub);
    const struct journal_entry *entry;
    while ((entry = journal_next(journal, listener->looked))) {
        uint64_t missed = entry->id - listener->looked - 1;
        if (missed > 0) {
            listener->looked += missed;
            send_text(listener, missed_text(missed));
            return true;
        }
        listener->looked = entry->id;
        if (journal_filter_fits(&listener->filter, entry)) {
            send_text(listener, entry_text(entry));
            return true;
        }
    }
    if (listener->owes_heartbeat) {
        listener->owes_heartbeat = false;
        send_text(listener, memory_copy_string(":\n\n"));
        return true;
    }
    return false;
}

static size_t read_more(void *context, char *out, size_t size)
{
    struct listener *listener = context;
    size_t used = 0;
    while (used < size && (listener->text || find_text(listener))) {
        size_t left = listener->length - listener->sent;
        size_t part = left < size - used ? left : size - used;
        memcpy(out + used, listener->text + listener->sent, part);
        used += part;
        listener->sent += part;
        if (listener->sent == listener->length) {
            free(listener->text);
            listener->text = NULL;
        }
    }
    return used;
}

/* ---- listeners ---- */

static void gone(void *context)
{
    struct listener *listener = context;
    DL_DELETE(listener->control->listeners, listener);
    free(listener->text);
    free(listener);
}

static const struct http_feed_events feed_events = {read_more, gone};

static void wake(void *context)
{
    struct control *control = context;
    uint64_t last = journal_last_id(hub_journal(control->hub));
    struct listener *listener;
    DL_FOREACH (control->listeners, listener) {
        if (listener->looked < last) {
            http_feed_wake(listener->feed);
        }
    }
    control->woken_ms = clock_monotonic_ms();
    control->wakes_later = false;
}

/* At once after a quiet while, else together with what comes: to wake one is a dozen system calls,
 * and a hub at full load ends a turn every few messages. */
void listeners_wake(struct control *control)
{
    if (!control->waking || control->wakes_later) {
        return;
    }
    int64_t rest = control->woken_ms + PAUSE_MS - clock_monotonic_ms();
    if (rest <= 0) {
        wake(control);
    } else {
        control->wakes_later = true;
        loop_timer_arm(control->waking, rest);
    }
}

static void beat(void *context)
{
    struct control *control = context;
    struct listener *listener;
    DL_FOREACH (control->listeners, listener) {
        listener->owes_heartbeat = true;
        http_feed_wake(listener->feed);
    }
    loop_timer_arm(control->heartbeat, HEARTBEAT_MS);
}

void listeners_dismiss(struct control *control)
{
    struct listener *listener;
    DL_FOREACH (control->listeners, listener) {
        http_feed_end(listener->feed);
    }
    loop_timer_free(control->heartbeat);
    loop_timer_free(control->waking);
    control->heartbeat = control->waking = NULL;
}

/* Where to begin: behind what the client had last, behind `after`, else now. False: refused. */
static bool read_place(struct control *control, struct http_request *request, uint64_t *place)
{
    uint64_t last = journal_last_id(hub_journal(control->hub));
    const char *had = http_request_header(request, "Last-Event-ID");
    char *end;
    if (!control_read_number(request, "after", 0, INT64_MAX, last, place)) {
        return false;
    }
    if (had && had[0] != '\0') {
        errno = 0;
        *place = strtoull(had, &end, 10);
        if (had[0] < '0' || had[0] > '9' || *end != '\0' || errno != 0) {
            struct hub_error error;
            hub_refuse(&error, HUB_ARGUMENT_INVALID, "Last-Event-ID is no id of an entry.");
            control_refuse(request, &error);
            return false;
        }
    }
    if (*place > last) {
        *place = 0; /* of an earlier start: all of this one is new */
    }
    return true;
}

static size_t count_listeners(const struct control *control)
{
    const struct listener *listener;
    size_t count = 0;
    DL_FOREACH (control->listeners, listener) {
        count++;
    }
    return count;
}

static void begin(struct control *control, struct http_request *request,
    const struct journal_filter *filter, uint64_t place)
{
    struct listener *listener = memory_allocate(sizeof *listener);
    *listener = (struct listener){.control = control, .filter = *filter, .looked = place};
    /* At once, so that the client knows that it is heard. */
    send_text(listener, memory_copy_string("retry: 1000\n\n"));
    DL_APPEND(control->listeners, listener);
    struct http_response *response =
        http_response_feed(request, "text/event-stream", &feed_events, listener, &listener->feed);
    http_response_header(response, "Cache-Control", "no-store");
    http_answer(request, response);
    if (!control->heartbeat) {
        control->heartbeat = loop_timer_create(control->options.loop, beat, control);
        loop_timer_arm(control->heartbeat, HEARTBEAT_MS);
        control->waking = loop_timer_create(control->options.loop, wake, control);
        control->wakes_later = false;
    }
}

void control_events(void *context, struct http_request *request)
{
    static const char *const parameters[] = {"device", "messageId", "event", "after", NULL};
    struct control *control = context;
    struct journal_filter filter;
    uint64_t place;
    if (!control_check_query(request, parameters) || !journal_filter_read(request, &filter) ||
        !read_place(control, request, &place)) {
        return;
    }
    if (count_listeners(control) >= LISTENERS_MAX) {
        http_answer(request, http_problem(503, "Too many listen already."));
    } else {
        begin(control, request, &filter, place);
    }
}
