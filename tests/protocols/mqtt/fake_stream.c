#include "tests/protocols/mqtt/fake_stream.h"

#include "store/memory.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct fake_stream *fake_of(const struct stream *stream)
{
    struct fake_stream *fake = (struct fake_stream *)stream;
    ck_assert_msg(fake->state == FAKE_OPEN, "a stream is used after it was closed");
    return fake;
}

static void append(struct fake_bytes *bytes, const void *more, size_t length)
{
    if (bytes->length + length > bytes->room) {
        bytes->room = 2 * (bytes->length + length);
        bytes->at = memory_grow(bytes->at, bytes->room, 1);
    }
    if (length > 0) {
        memcpy(bytes->at + bytes->length, more, length);
        bytes->length += length;
    }
}

static const uint8_t *peek(struct stream *stream, size_t *length)
{
    *length = fake_of(stream)->input.length;
    return fake_of(stream)->input.at;
}

static void consume(struct stream *stream, size_t length)
{
    struct fake_stream *fake = fake_of(stream);
    ck_assert_uint_le(length, fake->input.length);
    /* A new block, so that pointers into the old one are found out. */
    struct fake_bytes old = fake->input;
    fake->input = (struct fake_bytes){0};
    append(&fake->input, old.at + length, old.length - length);
    free(old.at);
}

static void write_output(struct stream *stream, const void *bytes, size_t length)
{
    struct fake_stream *fake = fake_of(stream);
    append(&fake->output, bytes, length);
    fake->writes++;
}

static size_t output_pending(const struct stream *stream)
{
    return fake_of(stream)->is_stalled ? fake_of(stream)->output.length : 0;
}

static void set_owner(struct stream *stream)
{
    (void)fake_of(stream);
}

static void close_stream(struct stream *stream)
{
    fake_of(stream)->state = FAKE_CLOSED;
}

static void reset(struct stream *stream)
{
    fake_of(stream)->state = FAKE_RESET;
}

static const char *peer_address(const struct stream *stream)
{
    (void)fake_of(stream);
    return "127.0.14.1:50000";
}

static struct x509_st *peer_certificate(const struct stream *stream)
{
    return fake_of(stream)->certificate;
}

static bool peer_chain_is_trusted(const struct stream *stream)
{
    return fake_of(stream)->chain_is_trusted;
}

static bool is_websocket(const struct stream *stream)
{
    return fake_of(stream)->is_websocket;
}

static const struct stream_operations operations = {.peek = peek,
    .consume = consume,
    .write = write_output,
    .output_pending = output_pending,
    .set_owner = set_owner,
    .close = close_stream,
    .reset = reset,
    .peer_address = peer_address,
    .peer_certificate = peer_certificate,
    .peer_chain_is_trusted = peer_chain_is_trusted,
    .is_websocket = is_websocket};

struct fake_stream *fake_stream_create(void)
{
    struct fake_stream *fake = memory_allocate(sizeof *fake);
    fake->stream.operations = &operations;
    return fake;
}

void fake_stream_free(struct fake_stream *fake)
{
    free(fake->input.at);
    free(fake->output.at);
    free(fake);
}

void fake_stream_hold(struct fake_stream *fake, const void *bytes, size_t length)
{
    append(&fake->input, bytes, length);
}

void fake_stream_feed(struct fake_stream *fake, const void *bytes, size_t length)
{
    if (fake->state == FAKE_OPEN) {
        fake_stream_hold(fake, bytes, length);
        fake->stream.events->readable(fake->stream.owner);
    }
}

void fake_stream_hang_up(struct fake_stream *fake)
{
    if (fake->state == FAKE_OPEN) {
        fake->stream.events->ended(fake->stream.owner);
    }
}

void fake_stream_drain(struct fake_stream *fake)
{
    fake->is_stalled = false;
    if (fake->state == FAKE_OPEN) {
        fake->stream.events->writable(fake->stream.owner);
    }
}
