#include "protocols/amqp/amqp.h"

#include "protocols/amqp/connection.h"
#include "protocols/amqp/trace.h"
#include "store/memory.h"
#include "store/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* As the service's gateways call themselves. */
static void name_container(char *out, size_t size)
{
    uint8_t random[16];
    int length = snprintf(out, size, "DeviceGateway_");
    random_fill(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++) {
        length += snprintf(out + length, size - (size_t)length, "%02x", random[i]);
    }
}

struct amqp_server *amqp_server_create(
    const struct protocol_context *context, const struct amqp_options *options)
{
    struct amqp_server *server = memory_allocate(sizeof(*server));
    server->context = *context;
    server->options = *options;
    name_container(server->container_id, sizeof(server->container_id));
    return server;
}

void amqp_server_accept(struct amqp_server *server, struct stream *stream)
{
    amqp_connection_open(server, stream);
}

void amqp_server_set_trace(struct amqp_server *server, bool trace)
{
    struct amqp_connection *connection;
    server->options.trace = trace;
    DL_FOREACH (server->connections, connection) {
        trace_install(connection->driver.transport, trace, connection_id(connection->session));
    }
}

void amqp_server_free(struct amqp_server *server)
{
    while (server && server->connections) {
        amqp_connection_free(server->connections);
    }
    free(server);
}
