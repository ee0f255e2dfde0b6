#include "server/control/internal.h"
#include "store/memory.h"

#include <stdlib.h>

struct waiting {
    struct http_request *request;
    struct http_response *response;
};

static void group_ended(void *owner, void *item, const struct hub_error *failure)
{
    struct waiting *waiting = item;
    (void)owner;
    if (failure) {
        http_response_free(waiting->response);
        control_refuse(waiting->request, failure);
    } else {
        http_answer(waiting->request, waiting->response);
    }
    free(waiting);
}

void control_answer(
    struct control *control, struct http_request *request, struct http_response *response)
{
    struct waiting *waiting = memory_allocate(sizeof *waiting);
    *waiting = (struct waiting){request, response};
    database_await(hub_database(control->hub), group_ended, control, waiting);
}

void control_answer_json(
    struct control *control, struct http_request *request, int status, json_t *value)
{
    control_answer(control, request, http_response_json(status, HTTP_JSON_TYPE, value));
}

void control_answer_empty(struct control *control, struct http_request *request)
{
    control_answer(control, request, http_response_create(204, NULL, TEXT_ABSENT));
}

void control_refuse(struct http_request *request, const struct hub_error *error)
{
    hub_count_refusal(error->code);
    http_answer(request, http_problem_of(error));
}

struct actor control_actor(void)
{
    return (struct actor){.protocol = "control"};
}
