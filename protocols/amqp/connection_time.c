#include "protocols/amqp/connection.h"

#include "protocols/amqp/link.h"

#include <inttypes.h>
#include <proton/transport.h>
#include <stdio.h>

static int64_t earlier(int64_t a, int64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

/* Tokens obey a wall clock, timers the monotonic one. */
static int64_t token_due_ms(const struct amqp_connection *connection, int64_t now_ms)
{
    struct instant expiry = tokens_next_expiry(&connection->tokens);
    if (instant_is_never(expiry)) {
        return 0;
    }
    int64_t left_us = instant_since(expiry, amqp_connection_token_now(connection)).us;
    return now_ms + (left_us > 0 ? left_us / 1000 : 0) + 1;
}

static bool is_known(const struct amqp_connection *connection)
{
    return connection->tokens.count > 0 || stream_peer_certificate(connection->stream);
}

/* Once close is said, only its answer has a deadline: the others have passed. */
static int64_t due_ms(const struct amqp_connection *connection, int64_t now_ms)
{
    if (connection->close_ms != 0) {
        return connection->close_ms;
    }
    int64_t due = connection->input_ms + AMQP_IDLE_MS + 1;
    due = earlier(due, pn_transport_tick(connection->driver.transport, now_ms));
    due = earlier(due, token_due_ms(connection, now_ms));
    return is_known(connection) ? due : earlier(due, connection->opened_ms + AMQP_AUTHENTICATE_MS);
}

static void arm_at(struct amqp_connection *connection, int64_t due, int64_t now_ms)
{
    if (connection->armed_ms == 0 || due < connection->armed_ms) {
        connection->armed_ms = due;
        loop_timer_arm(connection->timer, due > now_ms ? due - now_ms : 0);
    }
}

void amqp_connection_arm(struct amqp_connection *connection)
{
    int64_t now_ms = clock_monotonic_ms();
    arm_at(connection, due_ms(connection, now_ms), now_ms);
}

static void close_as_inactive(struct amqp_connection *connection, const char *format, int64_t ms)
{
    struct hub_error error;
    char sentence[sizeof(error.sentence)];
    snprintf(sentence, sizeof(sentence),
        "The connection was %s for more than the allowed %" PRId64
        " milliseconds and is closed by container '%s'.",
        format, ms, connection->server->container_id);
    hub_refuse(&error, HUB_SERVICE_UNAVAILABLE, "%s", sentence);
    amqp_connection_close(connection, &error, "amqp:connection:forced");
}

static void expire_tokens(struct amqp_connection *connection)
{
    if (tokens_drop_expired(&connection->tokens, amqp_connection_token_now(connection))) {
        struct hub_error error;
        hub_refuse(&error, HUB_IOT_HUB_UNAUTHORIZED, "The token has expired.");
        amqp_connection_check_rights(connection, &error);
    }
}

void amqp_connection_tick(struct amqp_connection *connection, int64_t now_ms)
{
    if (connection->close_ms != 0 && now_ms >= connection->close_ms) {
        amqp_connection_move(connection, CONNECTION_GONE, "close was not answered");
    } else if (connection->state == CONNECTION_SERVING) {
        if (now_ms > connection->input_ms + AMQP_IDLE_MS) {
            close_as_inactive(connection, "inactive", AMQP_IDLE_MS);
        } else if (!is_known(connection) &&
                   now_ms >= connection->opened_ms + AMQP_AUTHENTICATE_MS) {
            close_as_inactive(connection, "not authenticated", AMQP_AUTHENTICATE_MS);
        } else {
            expire_tokens(connection);
        }
    }
    connection->armed_ms = 0;
    arm_at(connection, due_ms(connection, now_ms), now_ms);
}

void amqp_connection_clock_moved(void *owner)
{
    struct amqp_connection *connection = owner;
    if (connection->state == CONNECTION_SERVING) {
        expire_tokens(connection);
        amqp_connection_arm(connection);
    }
}
