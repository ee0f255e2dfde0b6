/*
 * The hub's clock: look at it, move it, stop it.
 */
#include "server/control/internal.h"

#define YEAR_10000 ((struct instant){253402300800LL * 1000000})

static void answer_clock(struct control *control, struct http_request *request)
{
    control_answer_json(control, request, 200, shape_clock(hub_clock(control->hub)));
}

/* After each change of it: whoever depends on it hears of it first. */
static void answer_moved_clock(struct control *control, struct http_request *request)
{
    sessions_tell_clock(control->options.sessions);
    answer_clock(control, request);
}

void control_clock(void *context, struct http_request *request)
{
    if (control_check_no_query(request)) {
        answer_clock(context, request);
    }
}

static void move(struct control *control, struct http_request *request, struct instant to)
{
    struct hub_error error;
    if (instant_compare(to, YEAR_10000) >= 0) {
        hub_refuse(&error, HUB_ARGUMENT_INVALID, "The clock goes no further than the year 9999.");
        control_refuse(request, &error);
        return;
    }
    hub_now(control->hub);
    hub_advance(control->hub, to);
    answer_moved_clock(control, request);
}

void control_clock_advance(void *context, struct http_request *request)
{
    static const char *const members[] = {"by", NULL};
    struct control *control = context;
    struct duration by;
    json_t *body = control_read_body(request, members);
    if (body && control_read_duration(request, body, "by", &by)) {
        move(control, request, instant_add(clock_now(hub_clock(control->hub)), by));
    }
    json_decref(body);
}

void control_clock_set(void *context, struct http_request *request)
{
    static const char *const members[] = {"to", NULL};
    struct instant to;
    json_t *body = control_read_body(request, members);
    if (body && control_read_instant(request, body, "to", &to)) {
        move(context, request, to);
    }
    json_decref(body);
}

static void note_change(struct control *control, struct instant now, const char *reason)
{
    journal_note(hub_journal(control->hub),
        &(struct journal_entry){
            .at = now, .event = JOURNAL_CLOCK_CHANGED, .protocol = "control", .reason = reason});
}

void control_change_clock(void *context, struct http_request *request)
{
    static const char *const members[] = {"tokens", NULL};
    struct control *control = context;
    struct clock *clock = hub_clock(control->hub);
    bool follow;
    json_t *body = control_read_body(request, members);
    if (body && control_read_switch(request, body, "tokens", &follow)) {
        if (clock_tokens_follow(clock) != follow) {
            clock_let_tokens_follow(clock, follow);
            note_change(
                control, hub_now(control->hub), follow ? "tokens follow" : "tokens do not follow");
        }
        answer_moved_clock(control, request);
    }
    json_decref(body);
}

static void stop_or_go(void *context, struct http_request *request, bool freeze)
{
    struct control *control = context;
    struct clock *clock = hub_clock(control->hub);
    if (!control_check_bare(request)) {
        return;
    }
    struct instant now = hub_now(control->hub);
    if (clock_is_frozen(clock) != freeze) {
        (freeze ? clock_freeze : clock_resume)(clock);
        note_change(control, now, freeze ? "frozen" : "resumed");
    }
    answer_moved_clock(control, request);
}

void control_clock_freeze(void *context, struct http_request *request)
{
    stop_or_go(context, request, true);
}

void control_clock_resume(void *context, struct http_request *request)
{
    stop_or_go(context, request, false);
}
