#include "tests/protocols/websocket/memory_stream.h"

#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

static struct memory_stream *of(const struct stream *stream)
{
    struct memory_stream *memory = (struct memory_stream *)stream;

    if (memory->closed || memory->reset) {
        abort();
    }
    return memory;
}

static const uint8_t *peek(struct stream *stream, size_t *length)
{
    *length = of(stream)->input_length;
    return of(stream)->input;
}

static void consume(struct stream *stream, size_t length)
{
    struct memory_stream *memory = of(stream);

    if (length > memory->input_length) {
        abort();
    }
    memory->input_length -= length;
    memmove(memory->input, memory->input + length, memory->input_length);
}

static void write_bytes(struct stream *stream, const void *bytes, size_t length)
{
    struct memory_stream *memory = of(stream);

    if (length > 0) {
        memory->output = memory_grow(memory->output, memory->output_length + length, 1);
        memcpy(memory->output + memory->output_length, bytes, length);
        memory->output_length += length;
    }
}

static size_t output_pending(const struct stream *stream)
{
    of(stream)->fullness_asked++;
    return of(stream)->output_pending;
}

static void set_owner(struct stream *stream)
{
    of(stream)->owner_is_new = true;
}

static void close_stream(struct stream *stream)
{
    of(stream)->closed++;
}

static void reset_stream(struct stream *stream)
{
    of(stream)->reset++;
}

static const char *peer_address(const struct stream *stream)
{
    (void)of(stream);
    return "192.0.2.1:4711";
}

static struct x509_st *peer_certificate(const struct stream *stream)
{
    return of(stream)->certificate;
}

static bool peer_chain_is_trusted(const struct stream *stream)
{
    return of(stream)->certificate != NULL;
}

static bool is_websocket(const struct stream *stream)
{
    (void)of(stream);
    return false;
}

static const struct stream_operations operations = {
    .peek = peek,
    .consume = consume,
    .write = write_bytes,
    .output_pending = output_pending,
    .set_owner = set_owner,
    .close = close_stream,
    .reset = reset_stream,
    .peer_address = peer_address,
    .peer_certificate = peer_certificate,
    .peer_chain_is_trusted = peer_chain_is_trusted,
    .is_websocket = is_websocket,
};

void memory_stream_init(struct memory_stream *memory)
{
    *memory = (struct memory_stream){.base = {.operations = &operations}};
    memory->input = memory_allocate(1);
}

void memory_stream_release(struct memory_stream *memory)
{
    free(memory->input);
    free(memory->output);
}

void memory_stream_feed(struct memory_stream *memory, const void *bytes, size_t length)
{
    /* The peer may send to a stream that is closed. */
    if (memory->closed || memory->reset || length == 0) {
        return;
    }
    memory->input = memory_grow(memory->input, memory->input_length + length, 1);
    memcpy(memory->input + memory->input_length, bytes, length);
    memory->input_length += length;
    do {
        memory->owner_is_new = false;
        memory->base.events->readable(memory->base.owner);
    } while (memory->owner_is_new && memory->input_length > 0);
}

void memory_stream_end(struct memory_stream *memory)
{
    if (!memory->closed && !memory->reset) {
        memory->base.events->ended(memory->base.owner);
    }
}

void memory_stream_clear_output(struct memory_stream *memory)
{
    memory->output_length = 0;
}
