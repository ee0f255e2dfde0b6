/*
 * An answer whose body comes bit by bit. libmicrohttpd asks for more when the client takes more;
 * while there is none its connection is suspended.
 */
#include "protocols/http/connection.h"
#include "protocols/http/request.h"
#include "store/memory.h"

#include <stdlib.h>

#define PIECE 16384 /* asked for at once */

struct http_feed {
    struct http_server *server;
    struct http_connection *connection;
    struct MHD_Connection *mhd;
    const struct http_feed_events *events;
    void *context;
    bool is_suspended, is_ending;
};

static ssize_t read_more(void *item, uint64_t position, char *out, size_t size)
{
    struct http_feed *feed = item;
    (void)position;
    size_t length = feed->is_ending ? 0 : feed->events->read(feed->context, out, size);
    if (length == 0 && feed->is_ending) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (length == 0) {
        feed->is_suspended = true;
        MHD_suspend_connection(feed->mhd);
    }
    return (ssize_t)length;
}

static void gone(void *item)
{
    struct http_feed *feed = item;
    http_connection_set_feed(feed->connection, NULL);
    feed->events->gone(feed->context);
    free(feed);
}

struct http_response *http_response_feed(struct http_request *request, const char *type,
    const struct http_feed_events *events, void *context, struct http_feed **out)
{
    struct http_feed *feed = *out = memory_allocate(sizeof *feed);
    *feed = (struct http_feed){.server = request->server,
        .connection = request->connection,
        .mhd = request->mhd,
        .events = events,
        .context = context};
    http_connection_set_feed(feed->connection, feed);
    return response_wrap(200, type,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE, read_more, feed, gone));
}

void http_feed_wake(struct http_feed *feed)
{
    if (feed->is_suspended) {
        feed->is_suspended = false;
        MHD_resume_connection(feed->mhd);
        server_run_soon(feed->server);
    }
}

void http_feed_end(struct http_feed *feed)
{
    feed->is_ending = true;
    http_feed_wake(feed);
}
