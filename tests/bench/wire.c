#include "tests/bench/wire.h"

#include "store/memory.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIRES_MAX 8

struct bytes {
    uint8_t *at;
    size_t start, end, room; /* what counts is [start, end) */
};

struct wire {
    int descriptor;
    SSL *ssl;
    bool has_frames;
    bool wants_write;
    struct bytes raw; /* frames that are not whole */
    struct bytes in, out;
};

void wire_fail(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why ? why : "");
    exit(1);
}

/* ---- bytes ---- */

static uint8_t *bytes_reserve(struct bytes *bytes, size_t length)
{
    if (bytes->start == bytes->end) {
        bytes->start = bytes->end = 0;
    }
    if (bytes->room - bytes->end < length) {
        memmove(bytes->at, bytes->at + bytes->start, bytes->end - bytes->start);
        bytes->end -= bytes->start;
        bytes->start = 0;
        if (bytes->room - bytes->end < length) {
            bytes->room = 2 * (bytes->end + length);
            bytes->at = memory_grow(bytes->at, bytes->room, 1);
        }
    }
    return bytes->at + bytes->end;
}

static void bytes_append(struct bytes *bytes, const void *more, size_t length)
{
    memcpy(bytes_reserve(bytes, length), more, length);
    bytes->end += length;
}

/* ---- frames ---- */

/* Moves the payload of every whole frame on. */
static void read_frames(struct wire *wire)
{
    struct bytes *raw = &wire->raw;
    for (;;) {
        const uint8_t *at = raw->at + raw->start;
        size_t length = raw->end - raw->start, head = 2, payload = 0;
        if (length < 2) {
            return;
        }
        head += at[1] == 126 ? 2 : at[1] == 127 ? 8 : 0;
        if (length < head) {
            return;
        }
        payload = head == 2 ? at[1] : 0;
        for (size_t i = 2; i < head; i++) {
            payload = payload << 8 | at[i];
        }
        if (length < head + payload) {
            return;
        }
        if (at[0] != 0x82) {
            wire_fail("WebSocket", "a frame that is not binary");
        }
        bytes_append(&wire->in, at + head, payload);
        raw->start += head + payload;
    }
}

/* Masked, as clients have to, with zeros. */
static void write_frame_head(struct wire *wire, size_t length)
{
    uint8_t head[14] = {0x82, 0x80};
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    head[1] |= extended == 0 ? (uint8_t)length : extended == 2 ? 126 : 127;
    for (size_t i = 0; i < extended; i++) {
        head[2 + i] = (uint8_t)(length >> 8 * (extended - 1 - i));
    }
    bytes_append(&wire->out, head, 2 + extended + 4);
}

/* ---- connecting ---- */

static int connect_tcp(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int on = 1;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        wire_fail("address", host);
    }
    int descriptor = socket(found->ai_family, SOCK_STREAM, 0);
    if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) != 0) {
        wire_fail("connect", port);
    }
    freeaddrinfo(found);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

static void upgrade(struct wire *wire, const char *host, const char *subprotocol)
{
    char text[512];
    int length = snprintf(text, sizeof text,
        "GET /$iothub/websocket HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
        host, subprotocol);
    SSL_write(wire->ssl, text, length);
    /* The hub says nothing behind the head before we have. */
    length = SSL_read(wire->ssl, text, sizeof text - 1);
    text[length > 0 ? length : 0] = '\0';
    if (!strstr(text, " 101 ")) {
        wire_fail("WebSocket", text);
    }
    wire->has_frames = true;
}

struct wire *wire_connect(const char *host, const char *port, const char *subprotocol)
{
    static SSL_CTX *context;
    if (!context) {
        context = SSL_CTX_new(TLS_client_method()); /* the certificate is not checked */
        SSL_CTX_set_mode(
            context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    struct wire *wire = memory_allocate(sizeof *wire);
    wire->descriptor = connect_tcp(host, port);
    wire->ssl = SSL_new(context);
    SSL_set_fd(wire->ssl, wire->descriptor);
    if (SSL_connect(wire->ssl) != 1) {
        wire_fail("TLS", port);
    }
    if (subprotocol) {
        upgrade(wire, host, subprotocol);
    }
    fcntl(wire->descriptor, F_SETFL, O_NONBLOCK);
    return wire;
}

/* ---- reading and writing ---- */

const uint8_t *wire_peek(const struct wire *wire, size_t *length)
{
    *length = wire->in.end - wire->in.start;
    return wire->in.at + wire->in.start;
}

void wire_consume(struct wire *wire, size_t length)
{
    wire->in.start += length;
}

void wire_write(struct wire *wire, const void *bytes, size_t length)
{
    if (wire->has_frames) {
        write_frame_head(wire, length);
    }
    bytes_append(&wire->out, bytes, length);
}

static void flush(struct wire *wire)
{
    struct bytes *out = &wire->out;
    wire->wants_write = false;
    while (out->start < out->end) {
        int sent = SSL_write(wire->ssl, out->at + out->start, (int)(out->end - out->start));
        if (sent <= 0) {
            wire->wants_write = true;
            return;
        }
        out->start += (size_t)sent;
    }
}

static void receive(struct wire *wire)
{
    struct bytes *into = wire->has_frames ? &wire->raw : &wire->in;
    int got;
    while ((got = SSL_read(wire->ssl, bytes_reserve(into, 16384), 16384)) > 0) {
        into->end += (size_t)got;
    }
    if (SSL_get_error(wire->ssl, got) != SSL_ERROR_WANT_READ) {
        wire_fail("connection", "ended by the hub");
    }
    if (wire->has_frames) {
        read_frames(wire);
    }
}

void wire_wait(struct wire *const *wires, size_t count)
{
    struct pollfd polled[WIRES_MAX];
    for (size_t i = 0; i < count; i++) {
        flush(wires[i]);
        polled[i] = (struct pollfd){.fd = wires[i]->descriptor,
            .events = wires[i]->wants_write ? POLLIN | POLLOUT : POLLIN};
    }
    if (poll(polled, count, 30000) <= 0) {
        wire_fail("nothing came", "for 30 seconds");
    }
    for (size_t i = 0; i < count; i++) {
        if (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) {
            receive(wires[i]);
        }
    }
}
