/*
 * What goes wrong on purpose, in the form of AMQP. While something waits for its delay its
 * connection reads nothing and takes no event, so that order is kept. Internal to this folder.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_FAULT_H
#define DEVICEBOUND_PROTOCOLS_AMQP_FAULT_H

#include "protocols/amqp/link.h"
#include "protocols/session/fault_order.h"

/* Asks at a hook point. `work` is what is done again after a delay; its bytes are copied. True: go
 * on with what `fault` says. False: the connection has ended, with its links, or the work is done
 * later. */
bool amqp_fault_passes(struct amqp_connection *connection, enum fault_operation operation,
    const char *device_id, const struct amqp_held *work, struct fault *fault);

/* Does the held work; the connection goes on. */
void amqp_fault_repeat(struct amqp_connection *connection);

/* Forgets the work that is held; `link` NULL: whatever it is about. */
void amqp_fault_let_go(struct amqp_connection *connection, const struct amqp_link *link);

/* Ends the connection as drop or close say. Its links are gone on return. */
void amqp_fault_strike(struct amqp_connection *connection, enum fault_action action);

/* Answers the delivery after the commit, as the link's kind does, unless that is to be lost. */
void amqp_fault_await(struct amqp_link *link, pn_delivery_t *delivery, const struct fault *fault);

/* ---- what devices order, in fault_order.c ---- */

/* Begins what the device of a telemetry link orders by the message, if it orders anything. */
void amqp_orders_begin(const struct amqp_link *link, const struct telemetry_event *event);

/* Forgets what was begun and is not over. */
void amqp_orders_release(struct amqp_connection *connection);

#endif
