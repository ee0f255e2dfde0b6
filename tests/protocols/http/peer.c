#include "tests/protocols/http/peer.h"

#include "store/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the loop ---- */

struct waiting {
    struct bench *bench;
    bool (*done)(void *context);
    void *context;
    bool is_late;
};

static bool end_turn(void *context)
{
    struct waiting *waiting = context;
    struct bench *bench = waiting->bench;
    bool again = bench->end_turn && bench->end_turn(bench->context);
    if (waiting->is_late || (waiting->done && waiting->done(waiting->context))) {
        loop_stop(bench->loop);
    }
    return again;
}

static void be_late(void *context)
{
    struct waiting *waiting = context;
    waiting->is_late = true;
}

static bool run(
    struct bench *bench, bool (*done)(void *context), void *context, int64_t deadline_ms)
{
    struct waiting waiting = {bench, done, context, false};
    struct loop_timer *deadline = loop_timer_create(bench->loop, be_late, &waiting);
    loop_timer_arm(deadline, deadline_ms);
    loop_run(bench->loop, end_turn, &waiting);
    loop_timer_free(deadline);
    return !waiting.is_late;
}

void bench_run_until(struct bench *bench, bool (*done)(void *context), void *context)
{
    ck_assert_msg(run(bench, done, context, 10000), "what was waited for did not come");
}

void bench_run_for(struct bench *bench, int64_t delay_ms)
{
    run(bench, NULL, NULL, delay_ms);
}

/* ---- the client ---- */

struct bytes {
    char *at;
    size_t length, room;
};

static void append(struct bytes *bytes, const void *more, size_t length)
{
    if (bytes->length + length + 1 > bytes->room) {
        bytes->room = 2 * (bytes->length + length + 1);
        bytes->at = memory_grow(bytes->at, bytes->room, 1);
    }
    memcpy(bytes->at + bytes->length, more, length);
    bytes->length += length;
    bytes->at[bytes->length] = '\0';
}

struct peer {
    struct stream stream;
    struct bench *bench;
    struct loop_timer *tell;
    struct bytes input, output, pending; /* pending: written while the peer stalls */
    size_t input_used, answers_used;
    bool has_news, ends, told_end, stalled, was_full, closed, reset;
    struct x509_st *certificate;
    bool chain_is_trusted;
    struct answer answer;
};

static const uint8_t *peek(struct stream *stream, size_t *length)
{
    struct peer *peer = (struct peer *)stream;
    *length = peer->input.length - peer->input_used;
    if (*length > STREAM_INPUT_MAX) {
        *length = STREAM_INPUT_MAX;
    }
    return (const uint8_t *)peer->input.at + peer->input_used;
}

static void consume(struct stream *stream, size_t length)
{
    struct peer *peer = (struct peer *)stream;
    ck_assert_uint_le(length, peer->input.length - peer->input_used);
    peer->input_used += length;
    if (peer->input_used < peer->input.length) {
        peer->has_news = true;
        loop_timer_arm(peer->tell, 0);
    }
}

static void write_bytes(struct stream *stream, const void *bytes, size_t length)
{
    struct peer *peer = (struct peer *)stream;
    ck_assert_msg(!peer->closed, "written after close");
    append(peer->stalled ? &peer->pending : &peer->output, bytes, length);
    if (peer->pending.length > STREAM_OUTPUT_HIGH) {
        peer->was_full = true;
    }
}

static size_t output_pending(const struct stream *stream)
{
    return ((const struct peer *)stream)->pending.length;
}

static void set_owner(struct stream *stream)
{
    struct peer *peer = (struct peer *)stream;
    peer->has_news = peer->input_used < peer->input.length;
    loop_timer_arm(peer->tell, 0);
}

static void close_stream(struct stream *stream)
{
    struct peer *peer = (struct peer *)stream;
    ck_assert_msg(!peer->closed, "closed twice");
    peer->closed = true;
    append(&peer->output, peer->pending.at ? peer->pending.at : "", peer->pending.length);
    peer->pending.length = 0;
    loop_timer_disarm(peer->tell);
}

static void reset_stream(struct stream *stream)
{
    struct peer *peer = (struct peer *)stream;
    ck_assert_msg(!peer->closed, "closed twice");
    peer->closed = peer->reset = true;
    loop_timer_disarm(peer->tell);
}

static const char *address(const struct stream *stream)
{
    (void)stream;
    return "127.0.12.1:40000";
}

static struct x509_st *certificate(const struct stream *stream)
{
    return ((const struct peer *)stream)->certificate;
}

static bool chain_is_trusted(const struct stream *stream)
{
    return ((const struct peer *)stream)->chain_is_trusted;
}

static bool is_websocket(const struct stream *stream)
{
    (void)stream;
    return false;
}

static const struct stream_operations operations = {.peek = peek,
    .consume = consume,
    .write = write_bytes,
    .output_pending = output_pending,
    .set_owner = set_owner,
    .close = close_stream,
    .reset = reset_stream,
    .peer_address = address,
    .peer_certificate = certificate,
    .peer_chain_is_trusted = chain_is_trusted,
    .is_websocket = is_websocket};

/* Callbacks come from the loop, as the stream's header promises. */
static void tell(void *context)
{
    struct peer *peer = context;
    if (peer->closed || !peer->stream.events) {
        return;
    }
    if (peer->was_full && peer->pending.length == 0) {
        peer->was_full = false;
        loop_timer_arm(peer->tell, 0);
        peer->stream.events->writable(peer->stream.owner);
    } else if (peer->has_news) {
        peer->has_news = false;
        loop_timer_arm(peer->tell, 0);
        peer->stream.events->readable(peer->stream.owner);
    } else if (peer->ends && !peer->told_end) {
        peer->told_end = true;
        peer->stream.events->ended(peer->stream.owner);
    }
}

struct peer *peer_create(struct bench *bench)
{
    struct peer *peer = memory_allocate(sizeof *peer);
    peer->stream.operations = &operations;
    peer->bench = bench;
    peer->tell = loop_timer_create(bench->loop, tell, peer);
    append(&peer->output, "", 0);
    return peer;
}

struct stream *peer_stream(struct peer *peer)
{
    return &peer->stream;
}

void peer_free(struct peer *peer)
{
    loop_timer_free(peer->tell);
    free(peer->input.at);
    free(peer->output.at);
    free(peer->pending.at);
    free(peer->answer.head);
    free(peer->answer.body);
    free(peer);
}

void peer_set_certificate(struct peer *peer, struct x509_st *given, bool is_trusted)
{
    peer->certificate = given;
    peer->chain_is_trusted = is_trusted;
}

void peer_send(struct peer *peer, const void *bytes, size_t length)
{
    append(&peer->input, bytes, length);
    peer->has_news = true;
    loop_timer_arm(peer->tell, 0);
}

__attribute__((format(printf, 2, 0))) static void print(
    struct peer *peer, const char *format, va_list arguments)
{
    char *text;
    int length = vasprintf(&text, format, arguments);
    ck_assert_int_ge(length, 0);
    peer_send(peer, text, (size_t)length);
    free(text);
}

void peer_print(struct peer *peer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print(peer, format, arguments);
    va_end(arguments);
}

void peer_end(struct peer *peer)
{
    peer->ends = true;
    loop_timer_arm(peer->tell, 0);
}

void peer_stall(struct peer *peer, bool stalled)
{
    peer->stalled = stalled;
    if (!stalled) {
        append(&peer->output, peer->pending.at ? peer->pending.at : "", peer->pending.length);
        peer->pending.length = 0;
        loop_timer_arm(peer->tell, 0);
    }
}

bool peer_is_closed(const struct peer *peer)
{
    return peer->closed;
}

bool peer_is_reset(const struct peer *peer)
{
    return peer->reset;
}

const char *peer_received(const struct peer *peer, size_t *length)
{
    if (length) {
        *length = peer->output.length;
    }
    return peer->output.at;
}

/* ---- answers ---- */

static size_t declared_length(const char *head, const char *end)
{
    for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2) {
        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            return strtoul(line + 15, NULL, 10);
        }
    }
    return 0;
}

/* Where the next answer begins, how long its head and its body are; false: not there yet. */
static bool find_answer(const struct peer *peer, size_t *head, size_t *body)
{
    const char *begin = peer->output.at + peer->answers_used;
    const char *end = strstr(begin, "\r\n\r\n");
    if (!end) {
        return false;
    }
    *head = (size_t)(end - begin) + 4;
    *body = declared_length(begin, end + 2);
    return peer->output.length - peer->answers_used >= *head + *body;
}

static bool is_answered(void *context)
{
    size_t head, body;
    return find_answer(context, &head, &body);
}

struct answer *peer_answer(struct peer *peer)
{
    size_t head, body;
    bench_run_until(peer->bench, is_answered, peer);
    find_answer(peer, &head, &body);
    const char *begin = peer->output.at + peer->answers_used;
    free(peer->answer.head);
    free(peer->answer.body);
    peer->answer.head = memory_copy_bytes(begin, head);
    peer->answer.body = memory_copy_bytes(begin + head, body);
    peer->answer.body_length = body;
    ck_assert_int_eq(sscanf(peer->answer.head, "HTTP/1.1 %d", &peer->answer.status), 1);
    peer->answers_used += head + body;
    return &peer->answer;
}

struct answer *peer_ask(struct peer *peer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print(peer, format, arguments);
    va_end(arguments);
    return peer_answer(peer);
}

const char *answer_header(const struct answer *answer, const char *name)
{
    static char value[4][70000];
    static unsigned turn;
    char *out = value[turn++ % 4];
    size_t length = strlen(name);
    for (const char *line = strstr(answer->head, "\r\n") + 2; *line && *line != '\r';
         line = strstr(line, "\r\n") + 2) {
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            const char *begin = line + length + 1;
            const char *end = strstr(begin, "\r\n");
            while (begin < end && *begin == ' ') {
                begin++;
            }
            snprintf(out, sizeof value[0], "%.*s", (int)(end - begin), begin);
            return out;
        }
    }
    return NULL;
}

void answer_check_status(const struct answer *answer, int status)
{
    ck_assert_msg(
        answer->status == status, "expected %d, got:\n%s%s", status, answer->head, answer->body);
}
