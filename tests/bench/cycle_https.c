/*
 * HTTPS devices: each asks for a message when it knows that one waits, and completes it.
 */
#include "tests/bench/cycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct device {
    struct wire *wire;
    bool is_asked; /* an answer is on its way */
    char token[64]; /* of the message to complete; "": none */
} devices[DEVICES];

void https_devices_begin(struct cycle *cycle, const char *port, const char *subprotocol)
{
    for (int i = 0; i < DEVICES; i++) {
        devices[i].wire = cycle_connect(cycle, port, subprotocol);
    }
    cycle->is_ready = true;
}

static void ask(struct cycle *cycle, int number, const char *method)
{
    char request[1024];
    struct device *device = &devices[number];
    int length = snprintf(request, sizeof request,
        "%s /devices/bench%d/messages/devicebound%s%s?api-version=2021-04-12 HTTP/1.1\r\n"
        "Host: %s\r\nAuthorization: %s\r\n\r\n",
        method, number, device->token[0] ? "/" : "", device->token, cycle->host,
        cycle->device_token);
    wire_write(device->wire, request, (size_t)length);
    device->is_asked = true;
}

/* The value of a header of the zero-terminated head, up to the line's end. */
static const char *find_header(const char *head, const char *name)
{
    const char *found = strcasestr(head, name);
    return found ? found + strlen(name) : "";
}

/* A whole answer. False: it is not whole. */
static bool take(struct cycle *cycle, int number)
{
    struct device *device = &devices[number];
    char head[4096];
    size_t length;
    const uint8_t *bytes = wire_peek(device->wire, &length);
    const char *end = length ? memmem(bytes, length, "\r\n\r\n", 4) : NULL;
    if (!end) {
        return false;
    }
    size_t head_length = (size_t)(end + 4 - (const char *)bytes);
    snprintf(head, sizeof head, "%.*s", (int)head_length, (const char *)bytes);
    size_t body_length = strtoul(find_header(head, "\r\nContent-Length: "), NULL, 10);
    if (length < head_length + body_length) {
        return false;
    }
    bool is_completed = device->token[0];
    device->token[0] = '\0';
    if (is_completed && strncmp(head, "HTTP/1.1 204", 12) == 0) {
        cycle_received(cycle, number);
    } else if (is_completed || strncmp(head, "HTTP/1.1 200", 12) != 0) {
        wire_fail("HTTPS", head);
    } else if (sscanf(find_header(head, "\r\nETag: \""), "%63[^\"]", device->token) != 1) {
        wire_fail("HTTPS", "no ETag");
    }
    wire_consume(device->wire, head_length + body_length);
    device->is_asked = false;
    return true;
}

void https_devices_turn(struct cycle *cycle)
{
    for (int i = 0; i < DEVICES; i++) {
        struct device *device = &devices[i];
        if (device->is_asked && !take(cycle, i)) {
            continue;
        }
        if (device->token[0]) {
            ask(cycle, i, "DELETE");
        } else if (cycle->waiting[i] > 0) {
            cycle->waiting[i]--;
            ask(cycle, i, "GET");
        }
    }
}
