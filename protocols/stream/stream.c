#include "protocols/stream/stream.h"

void stream_set_owner(struct stream *stream, const struct stream_events *events, void *owner)
{
    stream->events = events;
    stream->owner = owner;
    stream->operations->set_owner(stream);
}

const uint8_t *stream_peek(struct stream *stream, size_t *length)
{
    return stream->operations->peek(stream, length);
}

void stream_consume(struct stream *stream, size_t length)
{
    stream->operations->consume(stream, length);
}

void stream_write(struct stream *stream, const void *bytes, size_t length)
{
    stream->operations->write(stream, bytes, length);
}

size_t stream_output_pending(const struct stream *stream)
{
    return stream->operations->output_pending(stream);
}

bool stream_output_is_full(const struct stream *stream)
{
    return stream_output_pending(stream) > STREAM_OUTPUT_HIGH;
}

void stream_close(struct stream *stream)
{
    stream->operations->close(stream);
}

void stream_reset(struct stream *stream)
{
    stream->operations->reset(stream);
}

const char *stream_peer_address(const struct stream *stream)
{
    return stream->operations->peer_address(stream);
}

struct x509_st *stream_peer_certificate(const struct stream *stream)
{
    return stream->operations->peer_certificate(stream);
}

bool stream_peer_chain_is_trusted(const struct stream *stream)
{
    return stream->operations->peer_chain_is_trusted(stream);
}

bool stream_is_websocket(const struct stream *stream)
{
    return stream->operations->is_websocket(stream);
}
