/*
 * The registry over TLS, as a back end uses it: devices are made in bulk, read one by one over
 * connections that stay open, listed, and queried. One process with one thread, so that the hub has
 * the other core.
 *
 * Usage: registry_bench HOST HTTPS_PORT KEY DEVICES READS → one JSON line. KEY is that of the
 * policy iothubowner. The certificate is not checked.
 */
#include "tests/bench/token.h"
#include "tests/bench/wire.h"

#include "store/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 8
#define BULK_ITEMS 100
#define RUNS 5 /* of what is over in no time: the best counts */
#define VERSION "?api-version=2021-04-12"

static const char *host;
static char token[TOKEN_SIZE];
static struct wire *wires[CONNECTIONS];

static double ms_since(int64_t start_us)
{
    return (double)(clock_monotonic_us() - start_us) / 1000;
}

static void ask(
    struct wire *wire, const char *method, const char *target, const char *more, const char *body)
{
    char head[1024];
    int length = snprintf(head, sizeof head,
        "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n%sContent-Length: %zu\r\n\r\n", method,
        target, host, token, more, strlen(body));
    wire_write(wire, head, (size_t)length);
    wire_write(wire, body, strlen(body));
}

/* Takes a whole answer of status 200, if it is there; its body, until the next call, in `body`. */
static bool take(struct wire *wire, const char **body, size_t *body_length)
{
    static const char field[] = "\r\nContent-Length: ";
    size_t length;
    const uint8_t *bytes = wire_peek(wire, &length);
    const char *end = length ? memmem(bytes, length, "\r\n\r\n", 4) : NULL;
    if (!end) {
        return false;
    }
    size_t head_length = (size_t)(end + 4 - (const char *)bytes);
    const char *found = memmem(bytes, head_length, field, sizeof field - 1);
    *body_length = found ? strtoul(found + sizeof field - 1, NULL, 10) : 0;
    if (length < head_length + *body_length) {
        return false;
    }
    if (memcmp(bytes, "HTTP/1.1 200", 12) != 0) {
        wire_fail("an answer", end + 4);
    }
    *body = end + 4;
    wire_consume(wire, head_length + *body_length);
    return true;
}

/* One request alone. Its body, until the next call. */
static const char *call(
    const char *method, const char *target, const char *more, const char *body, size_t *length)
{
    const char *answer;
    ask(wires[0], method, target, more, body);
    do {
        wire_wait(wires, 1);
    } while (!take(wires[0], &answer, length));
    return answer;
}

/* ---- what is measured ---- */

static double create(long count)
{
    static char body[BULK_ITEMS * 128];
    size_t length;
    int64_t start = clock_monotonic_us();
    for (long made = 0; made < count;) {
        char *at = body + sprintf(body, "[");
        for (int i = 0; i < BULK_ITEMS && made < count; i++, made++) {
            at += sprintf(at,
                "%s{\"id\":\"bench-%ld\",\"importMode\":\"create\",\"tags\":{\"floor\":%ld}}",
                i ? "," : "", made, made % 10);
        }
        strcpy(at, "]");
        call("POST", "/devices" VERSION, "", body, &length);
    }
    return ms_since(start);
}

static void read_next(struct wire *wire, long number, long devices)
{
    char target[64];
    snprintf(target, sizeof target, "/devices/bench-%ld" VERSION, number * 7919 % devices);
    ask(wire, "GET", target, "", "");
}

/* One request on its way on each connection. Per second. */
static double read_all(long count, long devices)
{
    const char *body;
    size_t length;
    long asked = 0, answered = 0;
    int64_t start = clock_monotonic_us();
    for (int i = 0; i < CONNECTIONS; i++) {
        read_next(wires[i], asked++, devices);
    }
    while (answered < count) {
        wire_wait(wires, CONNECTIONS);
        for (int i = 0; i < CONNECTIONS; i++) {
            if (take(wires[i], &body, &length)) {
                answered++;
                if (asked < count) {
                    read_next(wires[i], asked++, devices);
                }
            }
        }
    }
    return (double)count * 1000 / ms_since(start);
}

static double best_of(const char *method, const char *target, const char *body, const char *part)
{
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        size_t length;
        int64_t start = clock_monotonic_us();
        const char *answer = call(method, target, "", body, &length);
        double ms = ms_since(start);
        if (!memmem(answer, length, part, strlen(part))) {
            wire_fail(target, "another answer than expected");
        }
        best = i == 0 || ms < best ? ms : best;
    }
    return best;
}

static double query(long devices)
{
    char expected[32];
    snprintf(expected, sizeof expected, "[{\"n\":%ld}]", devices / 10);
    return best_of("POST", "/devices/query" VERSION,
        "{\"query\":\"SELECT COUNT() AS n FROM devices WHERE tags.floor = 7\"}", expected);
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        wire_fail("usage", "registry_bench HOST HTTPS_PORT KEY DEVICES READS");
    }
    host = argv[1];
    token_make(host, argv[3], "iothubowner", token);
    long devices = strtol(argv[4], NULL, 10), reads = strtol(argv[5], NULL, 10);
    for (int i = 0; i < CONNECTIONS; i++) {
        wires[i] = wire_connect(host, argv[2], NULL);
    }
    double create_ms = create(devices);
    double reads_per_second = read_all(reads, devices);
    double list_ms = best_of("GET", "/devices" VERSION "&top=1000", "", "\"bench-999\"");
    double query_ms = query(devices);
    printf("{\"createMs\":%.0f,\"readsPerSecond\":%.0f,\"listMs\":%.1f,\"queryMs\":%.1f}\n",
        create_ms, reads_per_second, list_ms, query_ms);
    return 0;
}
