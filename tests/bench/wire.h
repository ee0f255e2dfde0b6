/*
 * A client's connection for the benchmarks: TLS, and WebSocket frames inside it if wanted, so that
 * what is compared differs in nothing else. Single-threaded; ends the process when something is
 * wrong.
 */
#ifndef DEVICEBOUND_TESTS_BENCH_WIRE_H
#define DEVICEBOUND_TESTS_BENCH_WIRE_H

#include <stddef.h>
#include <stdint.h>

struct wire;

/* Prints both to stderr and exits. */
_Noreturn void wire_fail(const char *what, const char *why);

/* `subprotocol` NULL: no WebSocket. Connected when it returns. Nothing is ever freed. */
struct wire *wire_connect(const char *host, const char *port, const char *subprotocol);

/* What came and is not consumed. Borrowed until the next call. */
const uint8_t *wire_peek(const struct wire *wire, size_t *length);
void wire_consume(struct wire *wire, size_t length);

/* One frame, if there are frames. Leaves at wire_wait. */
void wire_write(struct wire *wire, const void *bytes, size_t length);

/* Sends what was written, and waits until something comes on one of them. */
void wire_wait(struct wire *const *wires, size_t count);

#endif
