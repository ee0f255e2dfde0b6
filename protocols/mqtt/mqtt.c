#include "protocols/mqtt/connection.h"

#include "store/memory.h"

#include <stdlib.h>
#include <utlist.h>

struct mqtt_options mqtt_options_default(void)
{
    return (struct mqtt_options){.reject_before_subscribe = true,
        .inflight = 10,
        .redeliver_on_connection = true,
        .disabled_device_code = 3,
        .unknown_filter = MQTT_UNKNOWN_FILTER_CLOSES,
        .token_grace = DURATION_MINUTES(10)};
}

static void reap(void *context)
{
    struct mqtt_server *server = context;
    for (struct mqtt_connection *connection; (connection = server->dead);) {
        DL_DELETE(server->dead, connection);
        mqtt_connection_free(connection);
    }
}

struct mqtt_server *mqtt_server_create(
    const struct protocol_context *context, const struct mqtt_options *options)
{
    struct mqtt_server *server = memory_allocate(sizeof *server);
    server->context = context;
    server->options = *options;
    server->reaper = loop_timer_create(context->loop, reap, server);
    return server;
}

void mqtt_server_accept(struct mqtt_server *server, struct stream *stream)
{
    mqtt_connection_start(server, stream);
}

void mqtt_server_set_trace(struct mqtt_server *server, bool trace)
{
    server->options.trace = trace;
}

void mqtt_server_free(struct mqtt_server *server)
{
    if (!server) {
        return;
    }
    reap(server);
    loop_timer_free(server->reaper);
    free(server->area);
    free(server);
}

uint8_t *server_area(struct mqtt_server *server, size_t size)
{
    if (size > server->area_room) {
        server->area_room = size;
        server->area = memory_grow(server->area, size, 1);
    }
    return server->area;
}
