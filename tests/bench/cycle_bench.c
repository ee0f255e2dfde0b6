/*
 * Whole life cycles over TLS: a service sends 1 KiB messages over AMQP, four devices receive and
 * complete them, 16 messages in flight for each. One process with one thread, so that the hub has
 * the other core.
 *
 * Usage: cycle_bench HOST AMQPS_PORT MQTTS_PORT HTTPS_PORT KEY COUNT HOW → one JSON line. HOW is
 * amqp, amqpWs (the service too), mqtt, mqttWs or https. The devices bench0 to bench3 exist; KEY is
 * that of the policies iothubowner and device. The certificate is not checked.
 */
#include "tests/bench/cycle.h"

#include "store/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMQP_SUBPROTOCOL "AMQPWSB10"

struct wire *cycle_connect(struct cycle *cycle, const char *port, const char *subprotocol)
{
    struct wire *wire = wire_connect(cycle->host, port, subprotocol);
    cycle->wires[cycle->wire_count++] = wire;
    return wire;
}

void cycle_received(struct cycle *cycle, int device)
{
    cycle->received++;
    cycle->in_flight[device]--;
}

enum port {
    AMQPS = 2,
    MQTTS,
    HTTPS
};

static const struct way {
    const char *name;
    enum port service_port, device_port; /* which argument */
    const char *service_subprotocol, *device_subprotocol;
    void (*begin)(struct cycle *cycle, const char *port, const char *subprotocol);
    void (*turn)(struct cycle *cycle);
} ways[] = {
    {"amqp", AMQPS, AMQPS, NULL, NULL, amqp_devices_begin, amqp_devices_turn},
    {"amqpWs", HTTPS, HTTPS, AMQP_SUBPROTOCOL, AMQP_SUBPROTOCOL, amqp_devices_begin,
        amqp_devices_turn},
    {"mqtt", AMQPS, MQTTS, NULL, NULL, mqtt_devices_begin, mqtt_devices_turn},
    {"mqttWs", AMQPS, HTTPS, NULL, "mqtt", mqtt_devices_begin, mqtt_devices_turn},
    {"https", AMQPS, HTTPS, NULL, NULL, https_devices_begin, https_devices_turn},
};

static const struct way *find_way(const char *name)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(ways[i].name, name) == 0) {
            return &ways[i];
        }
    }
    wire_fail("no such way", name);
}

/* Until `*number` is `goal`. */
static void run_until(
    struct cycle *cycle, const struct way *way, const long *number, const long *goal)
{
    for (;;) {
        service_turn(cycle); /* tells the devices what waits */
        way->turn(cycle);
        service_turn(cycle); /* has room for more */
        if (*number == *goal) {
            return;
        }
        wire_wait(cycle->wires, cycle->wire_count);
    }
}

int main(int argc, char **argv)
{
    static struct cycle cycle;
    if (argc != 8) {
        wire_fail("usage", "cycle_bench HOST AMQPS_PORT MQTTS_PORT HTTPS_PORT KEY COUNT HOW");
    }
    const struct way *way = find_way(argv[7]);
    cycle.host = argv[1];
    cycle.count = strtol(argv[6], NULL, 10);
    token_make(cycle.host, argv[5], "iothubowner", cycle.service_token);
    token_make(cycle.host, argv[5], "device", cycle.device_token);
    way->begin(&cycle, argv[way->device_port], way->device_subprotocol);
    service_begin(&cycle, argv[way->service_port], way->service_subprotocol);
    int64_t start = clock_monotonic_ms();
    run_until(&cycle, way, &cycle.received, &cycle.count);
    run_until(&cycle, way, &cycle.accepted, &cycle.count);
    double seconds = (double)(clock_monotonic_ms() - start) / 1000;
    printf("{\"how\":\"%s\",\"cyclesPerSecond\":%.0f}\n", way->name, (double)cycle.count / seconds);
    return 0;
}
