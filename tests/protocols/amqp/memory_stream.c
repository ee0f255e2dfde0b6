#include "tests/protocols/amqp/memory_stream.h"

static struct memory_stream *memory_of(const struct stream *stream)
{
    return (struct memory_stream *)stream;
}

static const uint8_t *peek(struct stream *stream, size_t *length)
{
    struct memory_stream *memory = memory_of(stream);
    *length = memory->in.length - memory->in_read;
    *length = *length < STREAM_INPUT_MAX ? *length : STREAM_INPUT_MAX;
    return *length ? memory->in.bytes + memory->in_read : NULL;
}

static void consume(struct stream *stream, size_t length)
{
    memory_of(stream)->in_read += length;
}

static void write_out(struct stream *stream, const void *bytes, size_t length)
{
    write_raw(&memory_of(stream)->out, bytes, length);
}

static size_t output_pending(const struct stream *stream)
{
    return memory_of(stream)->pretended;
}

static void set_owner(struct stream *stream)
{
    memory_of(stream)->has_news = true;
}

static void close_stream(struct stream *stream)
{
    memory_of(stream)->is_closed = true;
}

static void reset_stream(struct stream *stream)
{
    memory_of(stream)->is_reset = true;
}

static const char *peer_address(const struct stream *stream)
{
    (void)stream;
    return "192.0.2.1:50000";
}

static struct x509_st *peer_certificate(const struct stream *stream)
{
    return memory_of(stream)->certificate;
}

static bool peer_chain_is_trusted(const struct stream *stream)
{
    (void)stream;
    return false;
}

static bool is_websocket(const struct stream *stream)
{
    (void)stream;
    return false;
}

static const struct stream_operations operations = {peek, consume, write_out, output_pending,
    set_owner, close_stream, reset_stream, peer_address, peer_certificate, peer_chain_is_trusted,
    is_websocket};

void memory_stream_init(struct memory_stream *stream)
{
    *stream = (struct memory_stream){.stream.operations = &operations};
}

void memory_stream_release(struct memory_stream *stream)
{
    writer_free(&stream->in);
    writer_free(&stream->out);
}

void memory_stream_feed(struct memory_stream *stream, const void *bytes, size_t length)
{
    write_raw(&stream->in, bytes, length);
    stream->has_news = true;
}

bool memory_stream_run(struct memory_stream *stream)
{
    if (!stream->has_news || stream->is_closed || stream->is_reset) {
        return false;
    }
    stream->has_news = false;
    stream->stream.events->readable(stream->stream.owner);
    return true;
}

void memory_stream_hang_up(struct memory_stream *stream)
{
    if (!stream->is_closed && !stream->is_reset) {
        stream->stream.events->ended(stream->stream.owner);
    }
}

void memory_stream_pretend(struct memory_stream *stream, size_t pending)
{
    bool was_full = stream->pretended > STREAM_OUTPUT_HIGH;
    stream->pretended = pending;
    if (was_full && pending < STREAM_OUTPUT_LOW) {
        stream->stream.events->writable(stream->stream.owner);
    }
}
