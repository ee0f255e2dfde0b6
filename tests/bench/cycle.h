/*
 * What the parts of cycle_bench share: the state of the run, and one device side per protocol.
 */
#ifndef DEVICEBOUND_TESTS_BENCH_CYCLE_H
#define DEVICEBOUND_TESTS_BENCH_CYCLE_H

#include "tests/bench/token.h"
#include "tests/bench/wire.h"

#include <stdbool.h>

#define DEVICES 4
#define IN_FLIGHT 16 /* for each device: a queue holds 50 */
#define BODY 1024
#define WIRES_MAX 8

struct cycle {
    const char *host;
    char service_token[TOKEN_SIZE], device_token[TOKEN_SIZE]; /* for the whole hub */
    long count;
    long sent, accepted, received; /* received: and settled, as far as the device can tell */
    long in_flight[DEVICES];
    long waiting[DEVICES]; /* accepted, and not asked for yet; for those who ask */
    bool is_ready; /* the devices would get what is sent */
    struct wire *wires[WIRES_MAX];
    size_t wire_count;
};

/* Connects and adds it to those that are waited for. */
struct wire *cycle_connect(struct cycle *cycle, const char *port, const char *subprotocol);

/* A device has received and settled one. */
void cycle_received(struct cycle *cycle, int device);

/* Each: begins, then takes what came and says what there is to say, after each wait. */

/* The service sends; cycle_amqp.c. */
void service_begin(struct cycle *cycle, const char *port, const char *subprotocol);
void service_turn(struct cycle *cycle);

/* The devices receive and complete, on one connection; cycle_amqp.c. */
void amqp_devices_begin(struct cycle *cycle, const char *port, const char *subprotocol);
void amqp_devices_turn(struct cycle *cycle);

/* The same with QoS 1, a connection each; cycle_mqtt.c. */
void mqtt_devices_begin(struct cycle *cycle, const char *port, const char *subprotocol);
void mqtt_devices_turn(struct cycle *cycle);

/* The same by asking, a connection each; cycle_https.c. */
void https_devices_begin(struct cycle *cycle, const char *port, const char *subprotocol);
void https_devices_turn(struct cycle *cycle);

#endif
