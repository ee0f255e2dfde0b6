/*
 * What needs the hub for itself, between two turns, one after the other. For what replaces all
 * there is, every connection is dropped before.
 */
#include "server/control/internal.h"
#include "store/memory.h"

#include <stdlib.h>
#include <utlist.h>

#define LOOKS_MAX 1000 /* a millisecond apart: for connections to go */

struct upheaval {
    struct http_request *request;
    upheaval_act *act;
    void *item;
    bool drops;
    int looks;
    struct upheaval *prev, *next;
};

static void finish(struct control *control, struct upheaval *upheaval)
{
    struct hub_error error;
    DL_DELETE(control->upheavals, upheaval);
    if (upheaval->act(control, upheaval->item, &error) == HUB_OK) {
        http_answer(upheaval->request, http_response_create(204, NULL, TEXT_ABSENT));
    } else {
        control_refuse(upheaval->request, &error);
    }
    free(upheaval);
}

static void step(void *context)
{
    struct control *control = context;
    struct upheaval *upheaval = control->upheavals;
    if (upheaval->drops && sessions_count(control->options.sessions) > 0 &&
        upheaval->looks++ < LOOKS_MAX) {
        sessions_end_all(control->options.sessions, END_RESET);
        loop_timer_arm(control->upheaval_timer, 1);
        return;
    }
    finish(control, upheaval);
    if (control->upheavals) {
        loop_timer_arm(control->upheaval_timer, 0);
    }
}

void upheaval_begin(struct control *control, struct http_request *request, bool drops,
    upheaval_act *act, void *item)
{
    struct upheaval *upheaval = memory_allocate(sizeof *upheaval);
    *upheaval = (struct upheaval){.request = request, .act = act, .item = item, .drops = drops};
    DL_APPEND(control->upheavals, upheaval);
    if (!control->upheaval_timer) {
        control->upheaval_timer = loop_timer_create(control->options.loop, step, control);
    }
    loop_timer_arm(control->upheaval_timer, 0);
}

void upheaval_free(struct control *control)
{
    for (struct upheaval *upheaval; (upheaval = control->upheavals);) {
        DL_DELETE(control->upheavals, upheaval);
        http_answer(upheaval->request, http_problem(503, "The hub stops."));
        free(upheaval->item);
        free(upheaval);
    }
    loop_timer_free(control->upheaval_timer);
    control->upheaval_timer = NULL;
}
