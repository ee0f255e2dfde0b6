#include "protocols/session/simulator.h"

#include "protocols/session/sessions.h"
#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A message that was received and waits to be settled. */
struct pending {
    struct simulator *simulator;
    struct hub_timer timer;
    struct lock_token token;
    enum queue_settlement settlement;
    struct pending *prev, *next;
};

struct simulator {
    struct sessions *sessions;
    char device_id[DEVICE_ID_MAX + 1];
    struct simulator_rule rule;
    size_t step; /* of the rule; past the last: used up */
    uint32_t used; /* of the step's times */
    uint64_t received;
    struct pending *pending;
    UT_hash_handle by_id;
};

static const struct actor simulator_actor = {.protocol = "control"};

static struct mailboxes *mailboxes_of(const struct simulator *simulator)
{
    return hub_mailboxes(simulator->sessions->hub);
}

/* ---- settling ---- */

static void settle(const struct simulator *simulator, const struct lock_token *token,
    enum queue_settlement settlement, struct instant now)
{
    struct hub_error error; /* a lock that was lost is journalled */
    mailbox_settle(mailboxes_of(simulator), simulator->device_id, token, settlement,
        &simulator_actor, now, &error);
}

static void forget(struct pending *pending)
{
    struct simulator *simulator = pending->simulator;
    hub_timer_disarm(simulator->sessions->hub, &pending->timer);
    DL_DELETE(simulator->pending, pending);
    free(pending);
}

static void delay_is_over(void *owner, struct instant at)
{
    struct pending *pending = owner;
    const struct simulator *simulator = pending->simulator;
    struct lock_token token = pending->token;
    enum queue_settlement settlement = pending->settlement;
    forget(pending);
    settle(simulator, &token, settlement, at);
}

/* ---- receiving ---- */

/* The step for one more message; NULL: the rule is used up. */
static const struct simulator_step *take_step(struct simulator *simulator)
{
    if (simulator->step == simulator->rule.count) {
        return NULL;
    }
    const struct simulator_step *step = &simulator->rule.steps[simulator->step];
    if (step->times > 0 && ++simulator->used == step->times) {
        simulator->step++;
        simulator->used = 0;
    }
    return step;
}

static void act(struct simulator *simulator, const struct simulator_step *step,
    const struct lock_token *token, struct instant now)
{
    static const enum queue_settlement settlements[] = {[SIMULATOR_COMPLETE] = SETTLE_COMPLETE,
        [SIMULATOR_REJECT] = SETTLE_REJECT,
        [SIMULATOR_ABANDON] = SETTLE_ABANDON};
    if (step->act == SIMULATOR_IGNORE) {
        return;
    }
    if (step->delay.us == 0) {
        settle(simulator, token, settlements[step->act], now);
        return;
    }
    struct pending *pending = memory_allocate(sizeof *pending);
    *pending = (struct pending){.simulator = simulator,
        .timer = {.fire = delay_is_over, .owner = pending},
        .token = *token,
        .settlement = settlements[step->act]};
    DL_APPEND(simulator->pending, pending);
    hub_timer_arm(simulator->sessions->hub, &pending->timer, instant_add(now, step->delay));
}

/* Takes what is there. What it abandons at once it is given again at once, until the queue ends it.
 */
static void receive(struct simulator *simulator, struct instant now)
{
    struct delivery delivery;
    struct hub_error error;
    while (simulator->step < simulator->rule.count &&
           mailbox_receive(mailboxes_of(simulator), simulator->device_id, NULL, &simulator_actor,
               now, &delivery, &error) == HUB_OK &&
           delivery.message) {
        message_release(delivery.message);
        simulator->received++;
        act(simulator, take_step(simulator), &delivery.lock_token, now);
    }
}

static struct simulator *find(const struct sessions *sessions, const char *device_id)
{
    struct simulator *simulator;
    HASH_FIND(by_id, sessions->simulators, device_id, strlen(device_id), simulator);
    return simulator;
}

void simulators_ready(struct sessions *sessions, const struct queue *queue)
{
    const char *name = queue_name(queue);
    struct simulator *simulator = name ? find(sessions, name) : NULL;
    if (simulator) {
        receive(simulator, hub_now(sessions->hub));
    }
}

void simulators_time_passed(void *listener, struct instant now)
{
    struct sessions *sessions = listener;
    struct simulator *simulator, *next;
    HASH_ITER (by_id, sessions->simulators, simulator, next) {
        const struct queue *queue = mailbox_of(mailboxes_of(simulator), simulator->device_id);
        if (queue && queue_has_ready(queue)) {
            receive(simulator, now);
        }
    }
}

/* ---- rules ---- */

static void forget_all(struct simulator *simulator)
{
    while (simulator->pending) {
        forget(simulator->pending);
    }
}

enum hub_code simulator_put(struct sessions *sessions, const char *device_id,
    const struct simulator_rule *rule, struct hub_error *error)
{
    if (!identity_find(hub_identities(sessions->hub), device_id)) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, "There is no device \"%.128s\".", device_id);
    }
    struct simulator *simulator = find(sessions, device_id);
    if (!simulator) {
        simulator = memory_allocate(sizeof *simulator);
        simulator->sessions = sessions;
        snprintf(simulator->device_id, sizeof simulator->device_id, "%s", device_id);
        HASH_ADD(
            by_id, sessions->simulators, device_id[0], strlen(simulator->device_id), simulator);
    }
    forget_all(simulator);
    simulator->rule = *rule;
    simulator->step = simulator->used = 0;
    simulator->received = 0;
    receive(simulator, hub_now(sessions->hub));
    return HUB_OK;
}

const struct simulator_rule *simulator_find(
    const struct sessions *sessions, const char *device_id, uint64_t *received)
{
    const struct simulator *simulator = find(sessions, device_id);
    if (simulator && received) {
        *received = simulator->received;
    }
    return simulator ? &simulator->rule : NULL;
}

bool simulator_remove(struct sessions *sessions, const char *device_id)
{
    struct simulator *simulator = find(sessions, device_id);
    if (!simulator) {
        return false;
    }
    forget_all(simulator);
    HASH_DELETE(by_id, sessions->simulators, simulator);
    free(simulator);
    return true;
}

void simulators_remove_all(struct sessions *sessions)
{
    while (sessions->simulators) {
        simulator_remove(sessions, sessions->simulators->device_id);
    }
}
