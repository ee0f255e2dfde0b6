#include "protocols/https/fault.h"

#include "protocols/session/fault_order.h"
#include "store/memory.h"

#include <stdlib.h>
#include <utlist.h>

/* Marks of a request: the operations it was asked at, and what it has still to suffer. */
enum {
    MARK_OPERATION = 1, /* shifted by the operation */
    MARK_RESET_AFTER = 1 << 16,
    MARK_CLOSE_AFTER = 1 << 17,
    MARK_EXPIRE_LOCK = 1 << 18,
    MARK_DUPLICATE = 1 << 19
};

/* A request that waits for its delay. */
struct held_request {
    struct https_server *server;
    struct http_request *request;
    struct loop_timer *timer;
    struct held_request *prev, *next;
};

static void mark(struct http_request *request, unsigned bit)
{
    http_request_set_mark(request, http_request_mark(request) | bit);
}

static bool is_marked(const struct http_request *request, unsigned bit)
{
    return (http_request_mark(request) & bit) != 0;
}

/* ---- delays ---- */

static struct http_request *let_go(struct held_request *held)
{
    struct http_request *request = held->request;
    DL_DELETE(held->server->held, held);
    loop_timer_free(held->timer);
    free(held);
    return request;
}

static void delay_is_over(void *context)
{
    http_request_repeat(let_go(context));
}

static void hold(struct https_server *server, struct http_request *request, struct duration delay)
{
    struct held_request *held = memory_allocate(sizeof *held);
    *held = (struct held_request){.server = server,
        .request = request,
        .timer = loop_timer_create(server->context.loop, delay_is_over, held)};
    loop_timer_arm(held->timer, delay.us / 1000);
    DL_APPEND(server->held, held);
}

void https_faults_release(struct https_server *server, const struct connection *connection)
{
    struct held_request *held, *next;
    DL_FOREACH_SAFE (server->held, held, next) {
        if (!connection || http_request_client(held->request) == connection) {
            http_request_abort(let_go(held), false);
        }
    }
}

/* ---- asking ---- */

bool https_fault_passes(struct https_server *server, struct http_request *request,
    enum fault_operation operation, const char *device_id)
{
    if (is_marked(request, MARK_OPERATION << operation)) {
        return true;
    }
    mark(request, MARK_OPERATION << operation);
    struct fault fault = fault_ask(http_request_client(request), operation, device_id);
    switch (fault.action) {
    case FAULT_DELAY:
        hold(server, request, fault.delay);
        return false;
    case FAULT_DROP:
    case FAULT_CLOSE:
        if (fault.after_commit) {
            mark(request, fault.action == FAULT_DROP ? MARK_RESET_AFTER : MARK_CLOSE_AFTER);
            return true;
        }
        http_request_abort(request, fault.action == FAULT_DROP);
        return false;
    case FAULT_ERROR:
        answer_refusal(server, request, &fault.error);
        return false;
    case FAULT_LOSE_ACK: /* a client that hears nothing sees the connection end */
        mark(request, MARK_CLOSE_AFTER);
        return true;
    case FAULT_EXPIRE_LOCK:
        mark(request, MARK_EXPIRE_LOCK);
        return true;
    case FAULT_DUPLICATE:
        mark(request, MARK_DUPLICATE);
        return true;
    case FAULT_NONE:
    case FAULT_ACTION_COUNT:
        break;
    }
    return true;
}

bool https_fault_expires_lock(const struct http_request *request)
{
    return is_marked(request, MARK_EXPIRE_LOCK);
}

bool https_fault_duplicates(const struct http_request *request)
{
    return is_marked(request, MARK_DUPLICATE);
}

bool https_fault_takes_answer(struct http_request *request)
{
    if (!is_marked(request, MARK_RESET_AFTER | MARK_CLOSE_AFTER)) {
        return false;
    }
    http_request_abort(request, is_marked(request, MARK_RESET_AFTER));
    return true;
}

bool https_fault_takes_order(struct https_server *server, struct http_request *request,
    const char *device_id, const struct telemetry_event *event)
{
    const struct connection *client = http_request_client(request);
    struct fault_order order;
    if (!fault_order_read(client, device_id, event, &order)) {
        return false;
    }
    fault_order_note(client, device_id, &order);
    if (order.kind == ORDER_REFUSE) {
        struct hub_error error;
        hub_refuse(&error, order.code, NULL);
        answer_refusal(server, request, &error);
    } else {
        http_request_abort(request, true);
    }
    return true;
}
