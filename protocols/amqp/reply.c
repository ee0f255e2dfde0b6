#include "protocols/amqp/reply.h"

#include "store/lock_token.h"
#include "store/memory.h"

#include <proton/session.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct reply *reply_create(pn_delivery_t *request, const struct amqp_link_kind *kind)
{
    struct reply *reply = memory_allocate(sizeof(*reply));
    reply->request = request;
    reply->kind = kind;
    reply->session = pn_link_session(pn_delivery_link(request));
    return reply;
}

void reply_free(struct reply *reply)
{
    writer_free(&reply->message);
    free(reply->address);
    free(reply);
}

void replies_free(struct reply **replies)
{
    struct reply *reply, *next;
    DL_FOREACH_SAFE (*replies, reply, next) {
        DL_DELETE(*replies, reply);
        reply_free(reply);
    }
}

/* The receiver on the request's session, there the one it names, else the newest. */
static struct amqp_link *receiver_of(
    const struct amqp_connection *connection, const struct reply *reply)
{
    struct amqp_link *best = NULL, *link;
    int best_score = -1;
    DL_FOREACH (connection->links, link) {
        bool is_named = reply->address && link->reply_address &&
                        strcmp(reply->address, link->reply_address) == 0;
        int score = 2 * (pn_link_session(link->wire) == reply->session) + is_named;
        if (link->kind == reply->kind && score >= best_score &&
            (is_named || !reply->address_decides)) {
            best = link;
            best_score = score;
        }
    }
    return best;
}

/* Settled where the peer asked for it; 16 bytes of tag, as .NET wants of every delivery. */
static void send_reply(struct amqp_link *link, const struct reply *reply)
{
    struct lock_token tag = lock_token_generate();
    pn_delivery_t *delivery =
        pn_delivery(link->wire, pn_dtag((const char *)tag.bytes, sizeof(tag.bytes)));
    pn_link_send(link->wire, (const char *)reply->message.bytes, reply->message.length);
    if (pn_link_remote_snd_settle_mode(link->wire) == PN_SND_SETTLED) {
        pn_delivery_settle(delivery);
    } else {
        pn_link_advance(link->wire);
    }
}

void replies_flush(struct amqp_connection *connection)
{
    struct reply *reply, *next;
    DL_FOREACH_SAFE (connection->replies, reply, next) {
        struct amqp_link *link = receiver_of(connection, reply);
        if (link && pn_link_credit(link->wire) > 0) {
            send_reply(link, reply);
            DL_DELETE(connection->replies, reply);
            connection->reply_count--;
            reply_free(reply);
            amqp_connection_flush_soon(connection);
        }
    }
}

static void committed(void *owner, void *item, const struct hub_error *failure)
{
    struct amqp_link *link = owner;
    struct reply *reply = item;
    struct amqp_connection *connection = link->connection;
    DL_DELETE(link->waiting, reply);
    amqp_link_answer(link, reply->request, failure, NULL);
    if (failure) {
        reply_free(reply);
        return;
    }
    amqp_connection_drain(connection);
    if (connection->reply_count == AMQP_REPLIES_MAX) {
        struct hub_error error;
        reply_free(reply);
        hub_refuse(&error, HUB_IOT_HUB_QUOTA_EXCEEDED, "Too many replies wait for credit.");
        amqp_connection_close(connection, &error, "amqp:resource-limit-exceeded");
        return;
    }
    DL_APPEND(connection->replies, reply);
    connection->reply_count++;
    replies_flush(connection);
}

void reply_await(struct amqp_link *link, struct reply *reply)
{
    DL_APPEND(link->waiting, reply);
    database_await(amqp_database(link->connection), committed, link, reply);
}
