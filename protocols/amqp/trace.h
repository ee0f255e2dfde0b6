/*
 * One log line for each frame, with secrets masked, when the operator asked for it; otherwise
 * Proton is kept from logging anything by itself. Called by connection.c.
 */
#ifndef DEVICEBOUND_PROTOCOLS_AMQP_TRACE_H
#define DEVICEBOUND_PROTOCOLS_AMQP_TRACE_H

#include <proton/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `connection`: the number in the log; kept by value. */
void trace_install(pn_transport_t *transport, bool wanted, uint64_t connection);

/* Copies a frame as Proton prints it, with signatures, bearer tokens and SASL responses replaced;
 * cut at `size`. */
void trace_mask(const char *line, char *out, size_t size);

#endif
