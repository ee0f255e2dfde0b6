/*
 * Receivers of messages: a device of what is bound for it, a service of feedback. A delivery is
 * locked and committed before it is written; its tag is its lock token. What the peer says about
 * it settles the lock, and a peer that waits for an answer gets `accepted` whatever it asked for:
 * .NET takes every other state for a failure.
 *
 * A delivery whose lock has lapsed stays as it is: the next attempt is a delivery of its own.
 *
 * Source: learn.microsoft.com, "Send cloud-to-device messages from an IoT hub"; OASIS AMQP 1.0
 * part 2, section 2.6.12 and part 3, section 3.4.
 */
#include "protocols/amqp/fault.h"
#include "protocols/amqp/link.h"
#include "protocols/amqp/message_codec.h"
#include "protocols/amqp/refusal.h"
#include "store/log.h"
#include "store/memory.h"

#include <proton/disposition.h>
#include <stdlib.h>
#include <utlist.h>

/* ---- giving ---- */

static void give(struct amqp_link *link, const struct delivery *delivery, bool has_lock)
{
    struct writer *writer = &link->connection->writer;
    bool is_settled = pn_link_remote_snd_settle_mode(link->wire) == PN_SND_SETTLED;
    /* A message that is settled when given has no lock, nor has a second copy. */
    struct lock_token token =
        is_settled || !has_lock ? lock_token_generate() : delivery->lock_token;
    uint8_t tag[DELIVERY_TAG_SIZE];
    lock_token_swap(token.bytes, tag);

    writer_clear(writer);
    amqp_message_encode(writer, delivery);
    pn_delivery_t *wire = pn_delivery(link->wire, pn_dtag((const char *)tag, sizeof(tag)));
    pn_link_send(link->wire, (const char *)writer->bytes, writer->length);
    if (is_settled) {
        pn_delivery_settle(wire);
    } else {
        pn_link_advance(link->wire);
    }
    amqp_connection_flush_soon(link->connection);
}

/* A message that is given later than it could be. */
struct delayed {
    struct delivery delivery;
    struct delayed *prev, *next;
};

static void give_delayed(void *owner)
{
    struct amqp_link *link = owner;
    for (struct delayed *delayed; (delayed = link->delayed);) {
        DL_DELETE(link->delayed, delayed);
        link->delayed_count--;
        give(link, &delayed->delivery, true);
        message_release(delayed->delivery.message);
        free(delayed);
    }
}

/* Takes a share of the message. */
static void delay(struct amqp_link *link, const struct delivery *delivery, struct duration by)
{
    struct delayed *delayed = memory_allocate(sizeof(*delayed));
    delayed->delivery = *delivery;
    message_share(delivery->message);
    if (!link->delayed_timer) {
        link->delayed_timer =
            loop_timer_create(link->connection->server->context.loop, give_delayed, link);
    }
    if (!link->delayed) {
        loop_timer_arm(link->delayed_timer, by.us / 1000);
    }
    DL_APPEND(link->delayed, delayed);
    link->delayed_count++;
}

static void forget_delayed(struct amqp_link *link)
{
    for (struct delayed *delayed; (delayed = link->delayed);) {
        DL_DELETE(link->delayed, delayed);
        message_release(delayed->delivery.message);
        free(delayed);
    }
    loop_timer_free(link->delayed_timer);
    link->delayed_timer = NULL;
}

/* The link may be gone on return. */
static void give_with(struct amqp_link *link, const struct delivery *delivery)
{
    if (link->delayed) { /* order is kept */
        delay(link, delivery, (struct duration){0});
        return;
    }
    bool is_feedback = link->kind == &feedback_receiver_kind;
    struct fault fault = fault_ask(
        link->connection->session, is_feedback ? FAULT_FEEDBACK : FAULT_DELIVER, link->device_id);
    switch (fault.action) {
    case FAULT_DELAY:
        delay(link, delivery, fault.delay);
        break;
    case FAULT_DROP:
    case FAULT_CLOSE:
        amqp_fault_strike(link->connection, fault.action);
        break;
    case FAULT_ERROR:
        amqp_link_end(link, &fault.error, NULL);
        break;
    case FAULT_DUPLICATE:
        give(link, delivery, true);
        give(link, delivery, false);
        break;
    default:
        give(link, delivery, true);
        break;
    }
}

static void deliver(void *owner, struct delivery *delivery)
{
    give_with(owner, delivery);
    message_release(delivery->message);
}

/* Its place was taken, or its queue is gone. */
static void ended(void *owner, enum session_end end)
{
    struct amqp_link *link = owner;
    struct hub_error error;
    link->consumer = NULL;
    if (end == END_DISPLACED) {
        hub_refuse(&error, HUB_LINK_CREATION_CONFLICT,
            "Another AMQP client has opened a receive link for device '%s'.",
            link->device_id ? link->device_id : "");
    } else {
        hub_refuse(&error, HUB_DEVICE_NOT_FOUND, NULL);
    }
    amqp_link_end(link, &error, NULL);
}

static const struct consumer_events events = {.deliver = deliver, .ended = ended};

static enum hub_code open_consumer(struct amqp_link *link, struct queue *queue, bool exclusive)
{
    struct consumer_options options = {.queue = queue,
        .exclusive = exclusive,
        .settled = pn_link_remote_snd_settle_mode(link->wire) == PN_SND_SETTLED};
    link->consumer = consumer_open(link->connection->session, &options, &events, link);
    amqp_connection_note(link->connection, JOURNAL_SUBSCRIBED, link->device_id, link->kind->name);
    return HUB_OK;
}

static enum hub_code open_device(struct amqp_link *link, struct hub_error *error)
{
    struct queue *queue =
        mailbox_of(hub_mailboxes(link->connection->server->context.hub), link->device_id);
    if (!queue) {
        return hub_refuse(error, HUB_DEVICE_NOT_FOUND, NULL);
    }
    return open_consumer(link, queue, true);
}

static enum hub_code open_feedback(struct amqp_link *link, struct hub_error *error)
{
    (void)error;
    struct hub *hub = link->connection->server->context.hub;
    return open_consumer(link, feedback_queue(hub_feedback(hub)), false);
}

/* ---- credit ---- */

/* What the wire takes now: nothing while the peer does not read or leaves too much unsettled. */
static uint32_t wire_credit(const struct amqp_link *link)
{
    int credit = pn_link_credit(link->wire);
    int unsettled = pn_link_unsettled(link->wire);
    credit -= (int)link->delayed_count;
    if (credit <= 0 || unsettled >= AMQP_UNSETTLED_MAX ||
        stream_output_is_full(link->connection->stream)) {
        return 0;
    }
    return (uint32_t)(credit < AMQP_UNSETTLED_MAX - unsettled ? credit
                                                              : AMQP_UNSETTLED_MAX - unsettled);
}

/* The first commit gives what was locked when the drain began, the second what was locked
 * meanwhile. */
static void drain_step(void *owner, void *item, const struct hub_error *failure)
{
    (void)item;
    (void)failure;
    struct amqp_link *link = owner;
    if (--link->drain_steps > 0) {
        consumer_set_credit(link->consumer, 0);
        database_await(amqp_database(link->connection), drain_step, link, NULL);
        return;
    }
    pn_link_drained(link->wire);
    amqp_connection_flush_soon(link->connection);
    if (pn_link_credit(link->wire) > 0) {
        consumer_set_credit(link->consumer, wire_credit(link));
    }
}

/* Gives what is there while the credit lasts, then tells the peer that the rest is dropped. */
static void drain(struct amqp_link *link)
{
    link->drain_steps = 2;
    database_await(amqp_database(link->connection), drain_step, link, NULL);
}

static void flow(struct amqp_link *link)
{
    if (!link->consumer) {
        return;
    }
    if (link->drain_steps > 0) {
        return;
    }
    consumer_set_credit(link->consumer, wire_credit(link));
    if (pn_link_get_drain(link->wire) && pn_link_credit(link->wire) > 0) {
        drain(link);
    }
}

/* ---- settling ---- */

static void answer(struct amqp_link *link, pn_delivery_t *delivery, const struct hub_error *error)
{
    if (!pn_delivery_settled(delivery)) {
        if (error) {
            refusal_write(pn_disposition_condition(pn_delivery_local(delivery)), error, NULL);
        }
        pn_delivery_update(delivery, error ? PN_REJECTED : PN_ACCEPTED);
    }
    pn_delivery_settle(delivery);
    amqp_connection_flush_soon(link->connection);
}

/* False: no outcome yet. Settled without a state counts as given back. */
static bool outcome_of(pn_delivery_t *delivery, enum queue_settlement *settlement)
{
    switch (pn_delivery_remote_state(delivery)) {
    case PN_ACCEPTED:
        *settlement = SETTLE_COMPLETE;
        return true;
    case PN_REJECTED:
        *settlement = SETTLE_REJECT;
        return true;
    case PN_RELEASED:
    case PN_MODIFIED:
        *settlement = SETTLE_ABANDON;
        return true;
    default:
        *settlement = SETTLE_ABANDON;
        return pn_delivery_settled(delivery);
    }
}

static void note_rejection(const struct amqp_link *link, pn_delivery_t *delivery)
{
    pn_condition_t *condition = pn_disposition_condition(pn_delivery_remote(delivery));
    const char *name = pn_condition_get_name(condition);
    LOG(LOG_DEBUG, "AMQP-MESSAGE-REJECTED", name ? name : "without a condition",
        {"device", link->device_id});
}

static enum hub_code settle_lock(struct amqp_link *link, pn_delivery_t *delivery,
    enum queue_settlement settlement, struct hub_error *error)
{
    pn_delivery_tag_t tag = pn_delivery_tag(delivery);
    struct lock_token token;
    if (!link->consumer || tag.size != DELIVERY_TAG_SIZE) {
        return hub_refuse(error, HUB_DEVICE_MESSAGE_LOCK_LOST, NULL);
    }
    lock_token_swap((const uint8_t *)tag.start, token.bytes);
    return consumer_settle(link->consumer, &token, settlement, error);
}

static void expire_lock(struct amqp_link *link, pn_delivery_t *delivery)
{
    struct hub *hub = link->connection->server->context.hub;
    struct queue *queue = link->device_id ? mailbox_of(hub_mailboxes(hub), link->device_id)
                                          : feedback_queue(hub_feedback(hub));
    pn_delivery_tag_t tag = pn_delivery_tag(delivery);
    struct lock_token token;
    if (queue && tag.size == DELIVERY_TAG_SIZE) {
        lock_token_swap((const uint8_t *)tag.start, token.bytes);
        queue_settle(queue, &token, SETTLE_RELEASE, NULL, hub_now(hub), NULL);
    }
}

/* A delivery whose answer waits for its commit carries its link as context; until then what else
 * the peer says about it changes nothing. */
static void settle(struct amqp_link *link, pn_delivery_t *delivery)
{
    const struct amqp_held work = {.kind = HELD_SETTLE, .link = link, .delivery = delivery};
    enum queue_settlement settlement;
    struct hub_error error;
    struct fault fault;
    pn_delivery_clear(delivery);
    if (pn_delivery_get_context(delivery) || !outcome_of(delivery, &settlement)) {
        return;
    }
    if (!amqp_fault_passes(link->connection, FAULT_SETTLE, link->device_id, &work, &fault)) {
        return;
    }
    if (settlement == SETTLE_REJECT) {
        note_rejection(link, delivery);
    }
    if (fault.action == FAULT_EXPIRE_LOCK) {
        expire_lock(link, delivery);
    }
    enum hub_code code = fault.action == FAULT_ERROR
                             ? hub_refuse(&error, fault.error.code, "%s", fault.error.sentence)
                             : settle_lock(link, delivery, settlement, &error);
    if (pn_delivery_settled(delivery) && !fault.after_commit) {
        pn_delivery_settle(delivery);
    } else if (code != HUB_OK) {
        answer(link, delivery, &error);
    } else {
        pn_delivery_set_context(delivery, link);
        amqp_fault_await(link, delivery, &fault);
    }
}

/* ---- the end ---- */

/* The peer is gone: its locks run to their end, or are given up at once where that is asked for. */
static void close_consumer(struct amqp_link *link)
{
    amqp_connection_note(link->connection, JOURNAL_UNSUBSCRIBED, link->device_id, link->kind->name);
    forget_delayed(link);
    if (!link->consumer) {
        return;
    }
    if (link->connection->server->options.release_locks_on_detach) {
        for (pn_delivery_t *delivery = pn_unsettled_head(link->wire); delivery;
             delivery = pn_unsettled_next(delivery)) {
            if (!pn_delivery_get_context(delivery)) {
                settle_lock(link, delivery, SETTLE_RELEASE, NULL);
            }
        }
    }
    consumer_close(link->consumer);
    link->consumer = NULL;
}

const struct amqp_link_kind device_receiver_kind = {
    .name = "device receiver",
    .right = LINK_FOR_DEVICES,
    .open = open_device,
    .flow = flow,
    .settle = settle,
    .answer = answer,
    .close = close_consumer,
};

const struct amqp_link_kind feedback_receiver_kind = {
    .name = "feedback receiver",
    .right = LINK_FOR_SERVICES,
    .path = "/messages/servicebound/feedback",
    .open = open_feedback,
    .flow = flow,
    .settle = settle,
    .answer = answer,
    .close = close_consumer,
};
