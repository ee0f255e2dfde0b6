/*
 * Moves bytes between a stream and our half of a socketpair, readiness told by one epoll instance
 * that the loop watches.
 */
#include "protocols/http/connection.h"

#include "store/log.h"
#include "store/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 16384 /* bytes moved outwards at once */
#define EVENTS_PER_TURN 64
#define FAREWELL_MS 30000 /* for the peer to take the last answer */

struct pump {
    struct loop *loop;
    const struct pump_events *events;
    void *owner;
    int epoll;
    struct loop_watch *watch;
    struct http_connection *connections;
    size_t count;
};

struct http_connection {
    struct pump *pump;
    struct stream *stream; /* NULL: gone */
    int socket; /* our half; -1: closed */
    uint32_t wanted; /* epoll's events of `socket` */
    bool peer_ended; /* no more input comes from the stream */
    bool input_shut; /* and libmicrohttpd was told so */
    bool is_open_inside; /* libmicrohttpd has its half */
    struct loop_timer *farewell;
    void *client;
    struct http_feed *feed;
    struct http_connection *previous, *next;
};

/* ---- readiness ---- */

static void want(struct http_connection *connection, uint32_t events)
{
    if (connection->socket < 0 || connection->wanted == events) {
        return;
    }
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(connection->pump->epoll, EPOLL_CTL_MOD, connection->socket, &event) != 0) {
        LOG(LOG_ERROR, "HTTP-PUMP-LOST", "epoll_ctl failed", {"error", strerror(errno)});
    }
    connection->wanted = events;
}

/* EPOLLHUP is always reported: a half that nobody serves must leave the instance. */
static void close_socket(struct http_connection *connection)
{
    if (connection->socket >= 0) {
        close(connection->socket);
        connection->socket = -1;
    }
}

static void drop_stream(struct http_connection *connection, bool reset)
{
    struct stream *stream = connection->stream;
    connection->stream = NULL;
    if (stream && reset) {
        stream_reset(stream);
    } else if (stream) {
        stream_close(stream);
    }
}

static void unlink_and_free(struct http_connection *connection)
{
    struct pump *pump = connection->pump;
    if (connection->previous) {
        connection->previous->next = connection->next;
    } else {
        pump->connections = connection->next;
    }
    if (connection->next) {
        connection->next->previous = connection->previous;
    }
    pump->count--;
    loop_timer_free(connection->farewell);
    free(connection);
}

static void free_if_gone(struct http_connection *connection)
{
    if (connection->socket < 0 && !connection->is_open_inside) {
        struct pump *pump = connection->pump;
        pump->events->gone(pump->owner, connection);
        unlink_and_free(connection);
    }
}

/* Nothing more can leave or come: the stream is let go, and libmicrohttpd sees the end of its half.
 */
static void finish(struct http_connection *connection, bool reset)
{
    drop_stream(connection, reset);
    close_socket(connection);
    connection->pump->events->fed(connection->pump->owner);
    free_if_gone(connection);
}

/* ---- inwards ---- */

static void shut_input(struct http_connection *connection)
{
    if (!connection->input_shut && connection->socket >= 0) {
        connection->input_shut = true;
        shutdown(connection->socket, SHUT_WR);
    }
}

/* Gives libmicrohttpd what the stream has. Returns false when it takes no more now. */
static bool feed(struct http_connection *connection)
{
    size_t length = 0;
    const uint8_t *bytes;
    while (!connection->input_shut && connection->socket >= 0 &&
           (bytes = stream_peek(connection->stream, &length), length > 0)) {
        ssize_t sent = send(connection->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            stream_consume(connection->stream, (size_t)sent);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return false;
        } else if (errno != EINTR) {
            /* It does not listen any more: the rest of the input is dropped. */
            stream_consume(connection->stream, length);
        }
    }
    return true;
}

static void pump_in(struct http_connection *connection)
{
    uint32_t reading = connection->wanted & EPOLLIN;
    if (!connection->stream) {
        return;
    }
    if (!feed(connection)) {
        want(connection, reading | EPOLLOUT);
    } else {
        want(connection, reading);
        if (connection->peer_ended) {
            shut_input(connection);
        }
    }
    connection->pump->events->fed(connection->pump->owner);
}

/* ---- outwards ---- */

static void pump_out(struct http_connection *connection)
{
    uint8_t piece[PIECE];
    while (connection->socket >= 0) {
        if (stream_output_is_full(connection->stream)) {
            want(connection, connection->wanted & ~(uint32_t)EPOLLIN);
            return;
        }
        ssize_t got = recv(connection->socket, piece, sizeof piece, MSG_DONTWAIT);
        if (got > 0) {
            stream_write(connection->stream, piece, (size_t)got);
        } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            want(connection, connection->wanted | EPOLLIN);
            return;
        } else if (got == 0 || errno != EINTR) {
            finish(connection, false);
            return;
        }
    }
}

/* ---- callbacks ---- */

static void stream_readable(void *owner)
{
    pump_in(owner);
}

static void stream_writable(void *owner)
{
    pump_out(owner);
}

static void end_feed(struct http_connection *connection)
{
    if (connection->feed) {
        http_feed_end(connection->feed);
    }
}

static void stream_ended(void *owner)
{
    struct http_connection *connection = owner;
    connection->peer_ended = true;
    end_feed(connection);
    pump_in(connection);
}

static const struct stream_events stream_events = {stream_readable, stream_writable, stream_ended};

static void socket_ready(struct http_connection *connection, uint32_t events)
{
    if (events & EPOLLOUT) {
        pump_in(connection);
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        pump_out(connection);
    }
}

/* Each event concerns one connection and ends at most that one. */
static void pump_ready(void *context)
{
    struct pump *pump = context;
    struct epoll_event events[EVENTS_PER_TURN];
    int count = epoll_wait(pump->epoll, events, EVENTS_PER_TURN, 0);
    for (int i = 0; i < count; i++) {
        socket_ready(events[i].data.ptr, events[i].events);
    }
}

/* The last answer was not taken in time. */
static void farewell_over(void *context)
{
    finish(context, true);
}

/* ---- life ---- */

struct pump *pump_create(struct loop *loop, const struct pump_events *events, void *owner)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        return NULL;
    }
    struct pump *pump = memory_allocate(sizeof *pump);
    *pump = (struct pump){.loop = loop, .events = events, .owner = owner, .epoll = epoll};
    pump->watch = loop_watch_create(loop, epoll, pump_ready, pump);
    return pump;
}

void pump_free(struct pump *pump)
{
    if (!pump) {
        return;
    }
    for (struct http_connection *connection = pump->connections, *next; connection;
         connection = next) {
        next = connection->next;
        drop_stream(connection, true);
        close_socket(connection);
        pump->events->gone(pump->owner, connection);
        unlink_and_free(connection);
    }
    loop_watch_free(pump->watch);
    close(pump->epoll);
    free(pump);
}

void pump_end_all(struct pump *pump)
{
    for (struct http_connection *at = pump->connections; at; at = at->next) {
        http_connection_end(at, false);
    }
}

size_t pump_count(const struct pump *pump)
{
    return pump->count;
}

static bool make_pair(struct pump *pump, struct http_connection *connection, int *other)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(pump->epoll, EPOLL_CTL_ADD, pair[0], &event) != 0) {
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    connection->socket = pair[0];
    connection->wanted = EPOLLIN;
    *other = pair[1];
    return true;
}

struct http_connection *http_connection_adopt(struct pump *pump, struct stream *stream, int *other)
{
    struct http_connection *connection = memory_allocate(sizeof *connection);
    *connection = (struct http_connection){.pump = pump, .stream = stream, .is_open_inside = true};
    if (!make_pair(pump, connection, other)) {
        LOG(LOG_WARN, "HTTP-CONNECTION-REFUSED", "no socketpair", {"error", strerror(errno)});
        stream_close(stream);
        free(connection);
        return NULL;
    }
    connection->next = pump->connections;
    if (connection->next) {
        connection->next->previous = connection;
    }
    pump->connections = connection;
    pump->count++;
    return connection;
}

void http_connection_start(struct http_connection *connection)
{
    stream_set_owner(connection->stream, &stream_events, connection);
}

void http_connection_closed_inside(struct http_connection *connection)
{
    if (!connection->is_open_inside) {
        return;
    }
    connection->is_open_inside = false;
    if (connection->stream) {
        connection->farewell = loop_timer_create(connection->pump->loop, farewell_over, connection);
        loop_timer_arm(connection->farewell, FAREWELL_MS);
    }
    free_if_gone(connection);
}

void http_connection_set_feed(struct http_connection *connection, struct http_feed *feed)
{
    connection->feed = feed;
}

void http_connection_set_client(struct http_connection *connection, void *client)
{
    connection->client = client;
}

void *http_connection_owner(const struct http_connection *connection)
{
    return connection->pump->owner;
}

void *http_connection_client(const struct http_connection *connection)
{
    return connection->client;
}

void http_connection_cut(struct http_connection *connection, bool reset)
{
    finish(connection, reset);
}

void http_connection_end(struct http_connection *connection, bool reset)
{
    end_feed(connection);
    if (reset) {
        finish(connection, true);
    } else {
        shut_input(connection);
        connection->pump->events->fed(connection->pump->owner);
    }
}

const struct stream *http_connection_stream(const struct http_connection *connection)
{
    return connection->stream;
}
