#include "protocols/stream/socket_stream.h"

#include "protocols/stream/farewell.h"
#include "store/log.h"
#include "store/memory.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/bufferevent_struct.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

/* About one TLS record, and with the buffer's own head a power of two. */
#define GATHER_SIZE 16000

/* handshake -> open -> ended, each of them -> closing -> leaving -> (gone) */
enum phase {
    PHASE_HANDSHAKE,
    PHASE_OPEN,
    PHASE_ENDED, /* the peer has closed: what we still owe it can be sent */
    PHASE_BROKEN, /* nothing can be sent any more */
    PHASE_CLOSING, /* the owner is gone, output is on its way */
    PHASE_LEAVING /* all was sent: farewell.c has the descriptor */
};

struct socket_stream {
    struct stream stream; /* first */
    struct socket_streams *streams;
    enum phase phase;
    int descriptor;
    SSL *ssl; /* NULL: plain */
    struct bufferevent *buffers;
    struct evbuffer *gather; /* written in this pass of the loop */
    struct event *flush; /* active while `gather` holds something */
    struct loop_timer *deadline; /* of the handshake or of the close; NULL in between */
    struct farewell *farewell;
    bool was_full; /* the peer is not read until the output is low again */
    bool input_is_full; /* nor until some input is consumed */
    bool has_heard; /* a byte of the peer, past TLS */
    bool peer_has_ended;
    bool owner_knows_end;
    X509 *certificate; /* fetched once; NULL: none */
    socket_stream_accepted *accepted; /* until the handshake is done */
    void *accepted_context;
    struct socket_stream *prev, *next;
    char address[NI_MAXHOST + NI_MAXSERV + 4];
};

struct socket_streams {
    struct loop *loop;
    struct socket_deadlines deadlines;
    struct distrust *distrust;
    struct socket_stream *first;
    size_t count;
};

static struct socket_stream *of(const struct stream *stream)
{
    return (struct socket_stream *)(uintptr_t)stream;
}

/* ---- the end of one ---- */

/* The bufferevent may outlive this call by a callback that is already due: its events must not,
 * since the descriptor's number is free for the next connection now. */
static void drop_buffers(struct socket_stream *self)
{
    if (!self->buffers) {
        return;
    }
    bufferevent_setcb(self->buffers, NULL, NULL, NULL, NULL);
    event_del(&self->buffers->ev_read);
    event_del(&self->buffers->ev_write);
    bufferevent_free(self->buffers);
    self->buffers = NULL;
    SSL_free(self->ssl);
    self->ssl = NULL;
}

static void destroy(struct socket_stream *self)
{
    drop_buffers(self);
    if (self->farewell) {
        farewell_cancel(self->farewell);
    } else if (self->descriptor >= 0) {
        close(self->descriptor);
    }
    loop_timer_free(self->deadline);
    event_free(self->flush);
    evbuffer_free(self->gather);
    X509_free(self->certificate);
    DL_DELETE(self->streams->first, self);
    self->streams->count--;
    free(self);
}

static void reset(struct socket_stream *self)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(self->descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    destroy(self);
}

static void set_deadline(
    struct socket_stream *self, int64_t delay_ms, void (*passed)(void *context))
{
    loop_timer_free(self->deadline);
    self->deadline = loop_timer_create(self->streams->loop, passed, self);
    loop_timer_arm(self->deadline, delay_ms);
}

static void on_left(void *context)
{
    struct socket_stream *self = context;
    self->farewell = NULL;
    self->descriptor = -1;
    destroy(self);
}

/* Everything is with the kernel: ends our side, then waits for the peer's end. */
static void leave(struct socket_stream *self)
{
    drop_buffers(self);
    shutdown(self->descriptor, SHUT_WR);
    loop_timer_free(self->deadline);
    self->deadline = NULL;
    if (self->peer_has_ended) {
        destroy(self);
        return;
    }
    self->phase = PHASE_LEAVING;
    self->farewell = farewell_start(
        self->streams->loop, self->descriptor, self->streams->deadlines.farewell, on_left, self);
}

static void finish_output(struct socket_stream *self)
{
    if (self->ssl) {
        SSL_shutdown(self->ssl);
        ERR_clear_error();
    }
    leave(self);
}

static void on_close_deadline(void *context)
{
    reset(context);
}

static void on_closing_read(struct bufferevent *buffers, void *context)
{
    (void)context;
    struct evbuffer *input = bufferevent_get_input(buffers);
    evbuffer_drain(input, evbuffer_get_length(input));
}

static void on_closing_write(struct bufferevent *buffers, void *context)
{
    if (evbuffer_get_length(bufferevent_get_output(buffers)) == 0) {
        finish_output(context);
    }
}

/* With TLS a write that failed comes as an end too. */
static bool is_failure(short what)
{
    return what & BEV_EVENT_ERROR || (what & BEV_EVENT_EOF && what & BEV_EVENT_WRITING);
}

static void on_closing_event(struct bufferevent *buffers, short what, void *context)
{
    struct socket_stream *self = context;
    if (is_failure(what)) {
        destroy(self);
    } else if (what & BEV_EVENT_EOF) {
        self->peer_has_ended = true;
        bufferevent_enable(buffers, EV_WRITE);
    }
}

/* ---- what the loop reports ---- */

static void tell_ended(struct socket_stream *self)
{
    if (self->stream.events && !self->owner_knows_end) {
        self->owner_knows_end = true;
        self->stream.events->ended(self->stream.owner);
    }
}

static void flush_gathered(struct socket_stream *self)
{
    event_del(self->flush);
    evbuffer_add_buffer(bufferevent_get_output(self->buffers), self->gather);
}

static void on_flush(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor;
    (void)what;
    flush_gathered(context);
}

/* Off while there is no room: libevent would call on_read for a full input without end. */
static void watch_input(struct socket_stream *self)
{
    if (self->was_full || self->input_is_full) {
        bufferevent_disable(self->buffers, EV_READ);
    } else if (self->phase == PHASE_OPEN) {
        bufferevent_enable(self->buffers, EV_READ);
    }
}

static void on_read(struct bufferevent *buffers, void *context)
{
    struct socket_stream *self = context;
    loop_count(self->streams->loop);
    size_t unread = evbuffer_get_length(bufferevent_get_input(buffers));
    self->has_heard = true;
    if (unread >= STREAM_INPUT_MAX) {
        self->input_is_full = true;
        watch_input(self);
    }
    /* A peer that gathers small writes waits for this acknowledgement; the option does not last. */
    const int on = 1;
    setsockopt(self->descriptor, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    if (self->stream.events && unread > 0) {
        self->stream.events->readable(self->stream.owner);
    }
}

static void on_write(struct bufferevent *buffers, void *context)
{
    (void)buffers;
    struct socket_stream *self = context;
    if (!self->was_full || stream_output_pending(&self->stream) > STREAM_OUTPUT_LOW) {
        return;
    }
    self->was_full = false;
    watch_input(self);
    if (self->stream.events && self->stream.events->writable) {
        self->stream.events->writable(self->stream.owner);
    }
}

/* Some clients look at the certificate only when TLS is done; once a cipher is chosen they have it.
 */
static void look_for_distrust(struct socket_stream *self, unsigned long error)
{
    bool is_sight = self->phase == PHASE_HANDSHAKE ? SSL_get_pending_cipher(self->ssl) != NULL
                                                   : !self->has_heard;
    distrust_look(self->streams->distrust, self->address, error, is_sight);
}

static void log_failed_handshake(struct socket_stream *self)
{
    unsigned long error = bufferevent_get_openssl_error(self->buffers);
    const char *reason = error ? ERR_reason_error_string(error) : "the peer closed";
    LOG(LOG_DEBUG, "TLS-HANDSHAKE-FAILED", "a TLS handshake failed", {"address", self->address},
        {"reason", reason});
    look_for_distrust(self, error);
}

static void on_handshake_deadline(void *context)
{
    struct socket_stream *self = context;
    LOG(LOG_DEBUG, "TLS-HANDSHAKE-LATE", "a TLS handshake took too long",
        {"address", self->address});
    reset(self);
}

static void on_handshake(struct socket_stream *self, short what)
{
    if (!(what & BEV_EVENT_CONNECTED)) {
        log_failed_handshake(self);
        self->peer_has_ended = what & BEV_EVENT_EOF;
        leave(self); /* the alert that tells the peer why is on its way */
        return;
    }
    loop_timer_free(self->deadline);
    self->deadline = NULL;
    self->phase = PHASE_OPEN;
    self->certificate = SSL_get1_peer_certificate(self->ssl);
    self->accepted(self->accepted_context, &self->stream);
}

static void on_event(struct bufferevent *buffers, short what, void *context)
{
    struct socket_stream *self = context;
    if (self->phase == PHASE_HANDSHAKE) {
        on_handshake(self, what);
    } else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        if (self->ssl && what & BEV_EVENT_READING) {
            look_for_distrust(self, bufferevent_get_openssl_error(buffers));
        }
        bool is_broken = is_failure(what) || self->phase == PHASE_BROKEN;
        self->phase = is_broken ? PHASE_BROKEN : PHASE_ENDED;
        self->peer_has_ended = true;
        bufferevent_disable(buffers, EV_READ);
        tell_ended(self);
    }
}

/* ---- operations ---- */

static const uint8_t *socket_peek(struct stream *stream, size_t *length)
{
    struct evbuffer *input = bufferevent_get_input(of(stream)->buffers);
    *length = evbuffer_get_length(input);
    return *length ? evbuffer_pullup(input, -1) : (const uint8_t *)"";
}

static void socket_consume(struct stream *stream, size_t length)
{
    struct socket_stream *self = of(stream);
    struct evbuffer *input = bufferevent_get_input(self->buffers);
    evbuffer_drain(input, length);
    if (self->input_is_full && evbuffer_get_length(input) < STREAM_INPUT_MAX) {
        self->input_is_full = false;
        watch_input(self);
    }
}

static void socket_write(struct stream *stream, const void *bytes, size_t length)
{
    struct socket_stream *self = of(stream);
    if (length == 0 || self->phase == PHASE_BROKEN) {
        return;
    }
    if (evbuffer_get_length(self->gather) == 0) {
        if (length < GATHER_SIZE) {
            evbuffer_expand(self->gather, GATHER_SIZE);
        }
        event_active(self->flush, EV_TIMEOUT, 0);
    }
    if (evbuffer_add(self->gather, bytes, length) != 0) {
        fputs("devicebound: out of memory (output)\n", stderr);
        abort();
    }
    if (!self->was_full && stream_output_is_full(stream)) {
        self->was_full = true;
        watch_input(self);
    }
}

static size_t socket_output_pending(const struct stream *stream)
{
    const struct socket_stream *self = of(stream);
    return evbuffer_get_length(self->gather) +
           evbuffer_get_length(bufferevent_get_output(self->buffers));
}

static void socket_set_owner(struct stream *stream)
{
    struct socket_stream *self = of(stream);
    if (evbuffer_get_length(bufferevent_get_input(self->buffers)) > 0) {
        bufferevent_trigger(self->buffers, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
    }
    self->owner_knows_end = false;
    if (self->phase == PHASE_ENDED || self->phase == PHASE_BROKEN) {
        bufferevent_trigger_event(self->buffers,
            self->phase == PHASE_ENDED ? BEV_EVENT_EOF : BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
    }
}

static void socket_close(struct stream *stream)
{
    struct socket_stream *self = of(stream);
    self->stream.events = NULL;
    if (self->phase == PHASE_BROKEN) {
        destroy(self);
        return;
    }
    flush_gathered(self);
    self->phase = PHASE_CLOSING;
    if (evbuffer_get_length(bufferevent_get_output(self->buffers)) == 0) {
        finish_output(self);
        return;
    }
    bufferevent_setwatermark(self->buffers, EV_WRITE, 0, 0);
    bufferevent_setcb(self->buffers, on_closing_read, on_closing_write, on_closing_event, self);
    on_closing_read(self->buffers, self);
    bufferevent_enable(self->buffers, self->peer_has_ended ? EV_WRITE : EV_READ | EV_WRITE);
    set_deadline(self, self->streams->deadlines.flush, on_close_deadline);
}

static void socket_reset(struct stream *stream)
{
    reset(of(stream));
}

static const char *socket_peer_address(const struct stream *stream)
{
    return of(stream)->address;
}

static struct x509_st *socket_peer_certificate(const struct stream *stream)
{
    return of(stream)->certificate;
}

static bool socket_peer_chain_is_trusted(const struct stream *stream)
{
    const struct socket_stream *self = of(stream);
    return self->certificate && SSL_get_verify_result(self->ssl) == X509_V_OK;
}

static bool socket_is_websocket(const struct stream *stream)
{
    (void)stream;
    return false;
}

static const struct stream_operations operations = {
    .peek = socket_peek,
    .consume = socket_consume,
    .write = socket_write,
    .output_pending = socket_output_pending,
    .set_owner = socket_set_owner,
    .close = socket_close,
    .reset = socket_reset,
    .peer_address = socket_peer_address,
    .peer_certificate = socket_peer_certificate,
    .peer_chain_is_trusted = socket_peer_chain_is_trusted,
    .is_websocket = socket_is_websocket,
};

/* ---- the beginning of one ---- */

static void format_address(struct socket_stream *self)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getpeername(self->descriptor, (struct sockaddr *)&peer, &length) != 0 ||
        getnameinfo((struct sockaddr *)&peer, length, host, sizeof host, port, sizeof port,
            NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        snprintf(self->address, sizeof self->address, "unknown");
        return;
    }
    snprintf(self->address, sizeof self->address, peer.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
        host, port);
}

static struct bufferevent *make_buffers(struct event_base *base, int descriptor, SSL *ssl)
{
    if (!ssl) {
        return bufferevent_socket_new(base, descriptor, BEV_OPT_DEFER_CALLBACKS);
    }
    struct bufferevent *buffers = bufferevent_openssl_socket_new(
        base, descriptor, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_DEFER_CALLBACKS);
    if (buffers) {
        bufferevent_openssl_set_allow_dirty_shutdown(buffers, 1);
    }
    return buffers;
}

void socket_streams_add(struct socket_streams *streams, int descriptor, struct ssl_st *ssl,
    socket_stream_accepted *accepted, void *context)
{
    struct socket_stream *self = memory_allocate(sizeof *self);
    self->stream.operations = &operations;
    self->streams = streams;
    self->descriptor = descriptor;
    self->ssl = ssl;
    self->accepted = accepted;
    self->accepted_context = context;
    DL_APPEND(streams->first, self);
    streams->count++;
    format_address(self);
    const int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    struct event_base *base = loop_base(streams->loop);
    self->gather = evbuffer_new();
    self->flush = event_new(base, -1, 0, on_flush, self);
    self->buffers = make_buffers(base, descriptor, ssl);
    if (!self->gather || !self->flush || !self->buffers) {
        fputs("devicebound: out of memory (connection)\n", stderr);
        abort();
    }
    bufferevent_setcb(self->buffers, on_read, on_write, on_event, self);
    bufferevent_setwatermark(self->buffers, EV_READ, 0, STREAM_INPUT_MAX);
    bufferevent_setwatermark(self->buffers, EV_WRITE, STREAM_OUTPUT_LOW, 0);
    bufferevent_enable(self->buffers, EV_READ | EV_WRITE);
    if (ssl) {
        set_deadline(self, streams->deadlines.handshake, on_handshake_deadline);
    } else {
        self->phase = PHASE_OPEN;
        accepted(context, &self->stream);
    }
}

/* ---- all of them ---- */

struct socket_streams *socket_streams_create(
    struct loop *loop, const struct socket_deadlines *deadlines)
{
    static const struct socket_deadlines usual = {
        .handshake = 10000, .flush = 2000, .farewell = 1000};
    struct socket_streams *streams = memory_allocate(sizeof *streams);
    streams->loop = loop;
    streams->deadlines = deadlines ? *deadlines : usual;
    streams->distrust = distrust_create();
    return streams;
}

void socket_streams_free(struct socket_streams *streams)
{
    if (!streams) {
        return;
    }
    struct socket_stream *self, *next;
    DL_FOREACH_SAFE (streams->first, self, next) {
        reset(self);
    }
    distrust_free(streams->distrust);
    free(streams);
}

size_t socket_streams_count(const struct socket_streams *streams)
{
    return streams->count;
}

uint64_t socket_streams_distrusts(const struct socket_streams *streams, enum distrust_sign sign)
{
    return distrust_count(streams->distrust, sign);
}

void socket_streams_end_handshakes(struct socket_streams *streams)
{
    struct socket_stream *self, *next;
    DL_FOREACH_SAFE (streams->first, self, next) {
        if (self->phase == PHASE_HANDSHAKE) {
            reset(self);
        }
    }
}

void socket_streams_end_all(struct socket_streams *streams)
{
    struct socket_stream *self;
    socket_streams_end_handshakes(streams);
    DL_FOREACH (streams->first, self) {
        if (self->phase == PHASE_OPEN) {
            bufferevent_trigger_event(self->buffers, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
        }
    }
}
