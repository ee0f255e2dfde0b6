#include "protocols/amqp/link.h"

#include "protocols/amqp/fault.h"
#include "protocols/amqp/message_codec.h"
#include "protocols/amqp/refusal.h"
#include "protocols/amqp/reply.h"
#include "store/log.h"
#include "store/memory.h"

#include <proton/codec.h>
#include <proton/disposition.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- which kind ---- */

/* What an address is for a peer that sends and for one that receives; NULL: nothing. */
static const struct {
    const struct amqp_link_kind *peer_sends;
    const struct amqp_link_kind *peer_receives;
} kinds[] = {
    [ADDRESS_UNKNOWN] = {NULL, NULL},
    [ADDRESS_CBS] = {&cbs_request_kind, &cbs_reply_kind},
    [ADDRESS_SERVICE_SEND] = {&service_sender_kind, NULL},
    [ADDRESS_SERVICE_FEEDBACK] = {NULL, &feedback_receiver_kind},
    [ADDRESS_SERVICE_FILES] = {NULL, &file_receiver_kind},
    [ADDRESS_SERVICE_TELEMETRY] = {NULL, NULL},
    [ADDRESS_DEVICE_BOUND] = {&service_sender_kind, &device_receiver_kind},
    [ADDRESS_DEVICE_EVENTS] = {&telemetry_kind, &input_receiver_kind},
    [ADDRESS_DEVICE_TWIN] = {&twin_request_kind, &twin_reply_kind},
    [ADDRESS_DEVICE_METHODS] = {&method_response_kind, &method_request_kind},
};

/* Links come from the peer: our receiver is a peer that sends. */
static bool peer_sends(pn_link_t *wire)
{
    return pn_link_is_receiver(wire);
}

/* A sender without target leaves the routing to each message's `to`. */
static enum hub_code find_kind(pn_link_t *wire, struct address *address,
    const struct amqp_link_kind **kind, struct hub_error *error)
{
    pn_terminus_t *terminus =
        peer_sends(wire) ? pn_link_remote_target(wire) : pn_link_remote_source(wire);
    const char *text = pn_terminus_get_address(terminus);
    *address = text ? address_parse(text_of(text)) : (struct address){.kind = ADDRESS_UNKNOWN};
    if (pn_terminus_get_type(terminus) == PN_COORDINATOR ||
        address->kind == ADDRESS_SERVICE_TELEMETRY) {
        return hub_refuse(error, HUB_INVALID_OPERATION, "This endpoint is not implemented.");
    }
    if (peer_sends(wire) && !text) {
        address->kind = ADDRESS_SERVICE_SEND;
    }
    *kind = peer_sends(wire) ? kinds[address->kind].peer_sends : kinds[address->kind].peer_receives;
    if (!*kind) {
        return hub_refuse(error, HUB_LINK_ADDRESS_NOT_FOUND,
            "The link address '%s' did not match any of the expected formats.", text ? text : "");
    }
    return HUB_OK;
}

/* An id as the peer meant it, where the registry has neither form. */
static const char *plain_id(const struct address_id *id)
{
    return id->decoded[0] ? id->decoded : id->raw;
}

/* The name as the registry knows it, else as the peer meant it. Returns owned. */
static char *name_of(const struct amqp_connection *connection, const struct address *address)
{
    struct identity_registry *registry = hub_identities(connection->server->context.hub);
    const struct identity *device = address_find_device(registry, &address->device);
    const char *device_id = device ? device->is.device_id : plain_id(&address->device);
    if (!address->module.raw[0]) {
        return memory_copy_string(device_id);
    }
    const char *module_id = identity_find_module(registry, device_id, address->module.raw)
                                ? address->module.raw
                                : plain_id(&address->module);
    char name[2 * ADDRESS_ID_MAX + 2];
    snprintf(name, sizeof(name), "%s/%s", device_id, module_id);
    return memory_copy_string(name);
}

/* ---- who may ---- */

static enum hub_code authorize_certificate(const struct amqp_link *link, struct hub_error *error)
{
    struct stream *stream = link->connection->stream;
    struct auth *auth = link->connection->server->context.auth;
    struct auth_grant grant;
    enum hub_code code = auth_read_certificate(auth, stream_peer_certificate(stream),
        stream_peer_chain_is_trusted(stream), link->device_id,
        amqp_connection_token_now(link->connection), &grant, error);
    return code == HUB_OK ? auth_authorize_device(auth, &grant, link->device_id, error) : code;
}

enum hub_code amqp_link_authorize(const struct amqp_link *link, struct hub_error *error)
{
    const struct amqp_connection *connection = link->connection;
    enum hub_code code = HUB_OK;
    if (link->kind->right == LINK_FOR_SERVICES) {
        code = tokens_authorize_service(&connection->tokens, link->kind->path, error);
    } else if (link->kind->right == LINK_FOR_DEVICES) {
        code = tokens_authorize_device(
            &connection->tokens, connection->server->context.auth, link->device_id, error);
        if (code == HUB_IOT_HUB_UNAUTHORIZED_ACCESS &&
            stream_peer_certificate(connection->stream)) {
            code = authorize_certificate(link, error);
        }
    }
    return code;
}

/* ---- attach ---- */

bool amqp_link_property(pn_link_t *wire, const char *key, char *out, size_t size)
{
    pn_data_t *properties = pn_link_remote_properties(wire);
    bool found = false;
    if (!properties) {
        return false;
    }
    pn_data_rewind(properties);
    if (!pn_data_next(properties) || pn_data_type(properties) != PN_MAP) {
        return false;
    }
    pn_data_enter(properties);
    while (!found && pn_data_next(properties)) {
        bool is_symbol = pn_data_type(properties) == PN_SYMBOL;
        pn_bytes_t name = is_symbol ? pn_data_get_symbol(properties) : pn_bytes_null;
        if (!pn_data_next(properties)) {
            break;
        }
        if (is_symbol && name.size == strlen(key) && memcmp(name.start, key, name.size) == 0 &&
            pn_data_type(properties) == PN_STRING) {
            pn_bytes_t value = pn_data_get_string(properties);
            found = value.size < size;
            if (found) {
                memcpy(out, value.start, value.size);
                out[value.size] = '\0';
            }
        }
    }
    pn_data_rewind(properties);
    return found;
}

/* Both termini null, then detach, closed: what every client takes for a refusal. */
static void refuse(pn_link_t *wire, const struct hub_error *error, const char *condition)
{
    pn_terminus_set_type(pn_link_source(wire), PN_UNSPECIFIED);
    pn_terminus_set_type(pn_link_target(wire), PN_UNSPECIFIED);
    pn_link_open(wire);
    refusal_write(pn_link_condition(wire), error, condition);
    pn_link_close(wire);
    LOG(LOG_DEBUG, "AMQP-LINK-REFUSED", error->sentence, {"link", pn_link_name(wire)});
}

/* What the peer asked for is what it gets: clients compare it. */
static void answer_attach(struct amqp_link *link)
{
    pn_link_t *wire = link->wire;
    pn_terminus_copy(pn_link_source(wire), pn_link_remote_source(wire));
    pn_terminus_copy(pn_link_target(wire), pn_link_remote_target(wire));
    pn_link_set_snd_settle_mode(wire, pn_link_remote_snd_settle_mode(wire));
    pn_link_set_rcv_settle_mode(wire, pn_link_remote_rcv_settle_mode(wire));
    pn_link_set_max_message_size(wire, AMQP_MESSAGE_MAX);
    pn_link_open(wire);
    if (peer_sends(wire)) {
        pn_link_flow(wire, AMQP_LINK_CREDIT);
    } else {
        /* Its flow may have come before this answer. */
        amqp_link_flow(wire);
    }
}

static void note_client(struct amqp_connection *connection, pn_link_t *wire)
{
    char version[256];
    if (amqp_link_property(wire, "com.microsoft:client-version", version, sizeof(version))) {
        connection_set_client_version(connection->session, version);
    }
}

static void link_free(struct amqp_link *link)
{
    free(link->device_id);
    free(link->reply_address);
    free(link);
}

/* Rights first: who has none learns nothing about what exists. */
static enum hub_code admit(
    struct amqp_link *link, const struct address *address, struct hub_error *error)
{
    bool is_of_device = link->kind->right == LINK_FOR_DEVICES;
    enum hub_code code;
    if (address->device.raw[0]) {
        link->device_id = name_of(link->connection, address);
    }
    code = amqp_link_authorize(link, error);
    if (code == HUB_OK && address->module.raw[0] && !is_of_device) {
        code = hub_refuse(error, HUB_MODULE_NOT_FOUND, "Modules receive no messages.");
    }
    if (code == HUB_OK && is_of_device) {
        amqp_connection_attend(link->connection, link->device_id);
    }
    return code == HUB_OK && link->kind->open ? link->kind->open(link, error) : code;
}

/* False: it was refused, or the connection has ended, or this is done again later. */
static bool faults_pass(struct amqp_connection *connection, pn_link_t *wire,
    const struct amqp_link_kind *kind, const struct address *address)
{
    const struct amqp_held work = {.kind = HELD_ATTACH, .wire = wire};
    struct fault fault;
    if (kind->right == LINK_FOR_ALL) {
        return true;
    }
    char *name = address->device.raw[0] ? name_of(connection, address) : NULL;
    bool passes = amqp_fault_passes(connection, FAULT_ATTACH, name, &work, &fault);
    free(name);
    if (fault.action == FAULT_ERROR) {
        refuse(wire, &fault.error, NULL);
    }
    return passes && fault.action != FAULT_ERROR;
}

void amqp_link_attach(struct amqp_connection *connection, pn_link_t *wire)
{
    struct address address;
    const struct amqp_link_kind *kind = NULL;
    struct hub_error error;
    enum hub_code code = find_kind(wire, &address, &kind, &error);
    if (code != HUB_OK) {
        refuse(wire, &error, code == HUB_INVALID_OPERATION ? "amqp:not-implemented" : NULL);
        return;
    }
    if (!faults_pass(connection, wire, kind, &address)) {
        return;
    }
    struct amqp_link *link = memory_allocate(sizeof(*link));
    link->connection = connection;
    link->wire = wire;
    link->kind = kind;
    if (admit(link, &address, &error) != HUB_OK) {
        link_free(link);
        refuse(wire, &error, NULL);
        return;
    }
    pn_link_set_context(wire, link);
    DL_APPEND(connection->links, link);
    note_client(connection, wire);
    answer_attach(link);
}

/* ---- the end of a link ---- */

void amqp_link_release(struct amqp_link *link)
{
    struct amqp_connection *connection = link->connection;
    if (link->kind->close) {
        link->kind->close(link);
    }
    database_forget(amqp_database(connection), link);
    amqp_fault_let_go(connection, link);
    replies_free(&link->waiting);
    DL_DELETE(connection->links, link);
    pn_link_set_context(link->wire, NULL);
    link_free(link);
}

void amqp_link_end(struct amqp_link *link, const struct hub_error *error, const char *condition)
{
    struct amqp_connection *connection = link->connection;
    pn_link_t *wire = link->wire;
    LOG(LOG_DEBUG, "AMQP-LINK-ENDED", error->sentence, {"link", pn_link_name(wire)},
        {"kind", link->kind->name}, {"device", link->device_id});
    amqp_link_release(link);
    refusal_write(pn_link_condition(wire), error, condition);
    pn_link_close(wire);
    amqp_connection_flush_soon(connection);
}

/* A session's context is the number of its links that wait for its end. */
static uintptr_t dead_links_of(pn_session_t *session)
{
    return (uintptr_t)pn_session_get_context(session);
}

/* Freeing a link settles its deliveries on the wire, without a state and under ids that a client
 * may take for its own; so one with deliveries stays until its session goes. */
static void free_wire(struct amqp_connection *connection, pn_link_t *wire)
{
    pn_session_t *session = pn_link_session(wire);
    if (pn_link_unsettled(wire) == 0) {
        pn_link_free(wire);
        return;
    }
    pn_session_set_context(session, (void *)(dead_links_of(session) + 1));
    if (connection->dead_links++ == AMQP_DEAD_LINKS_MAX) {
        struct hub_error error;
        hub_refuse(&error, HUB_IOT_HUB_QUOTA_EXCEEDED,
            "Too many links were ended with deliveries that are not settled.");
        amqp_connection_close(connection, &error, "amqp:resource-limit-exceeded");
    }
}

/* Answered closed, as all SDKs close; the others' plain detach is taken for the same. */
void amqp_link_detached(struct amqp_connection *connection, pn_link_t *wire)
{
    struct amqp_link *link = pn_link_get_context(wire);
    if (link) {
        amqp_link_release(link);
    }
    pn_link_close(wire);
    connection->stray_transfers = 0;
    free_wire(connection, wire);
}

void amqp_links_end_session(struct amqp_connection *connection, pn_session_t *session)
{
    struct amqp_link *link, *next;
    connection->dead_links -= dead_links_of(session);
    pn_session_set_context(session, NULL);
    DL_FOREACH_SAFE (connection->links, link, next) {
        if (pn_link_session(link->wire) == session) {
            amqp_link_release(link);
        }
    }
}

/* ---- deliveries from the peer ---- */

/* New credit in lumps, so that not every answer costs a frame. What waits for its answer is not
 * given again. */
static void replenish(struct amqp_link *link)
{
    int missing = AMQP_LINK_CREDIT - pn_link_credit(link->wire) - (int)link->unanswered;
    if (missing >= AMQP_LINK_CREDIT / 4) {
        pn_link_flow(link->wire, missing);
    }
}

enum hub_code amqp_link_take(
    const struct amqp_link *link, enum throttle_operation operation, struct hub_error *error)
{
    const struct protocol_context *context = &link->connection->server->context;
    return throttle_take(context->sessions, operation, hub_now(context->hub), error);
}

void amqp_link_answer(struct amqp_link *link, pn_delivery_t *delivery,
    const struct hub_error *error, const char *condition)
{
    if (!pn_delivery_settled(delivery)) {
        if (error) {
            refusal_write(pn_disposition_condition(pn_delivery_local(delivery)), error, condition);
        }
        pn_delivery_update(delivery, error ? PN_REJECTED : PN_ACCEPTED);
    }
    pn_delivery_settle(delivery);
    link->unanswered--;
    replenish(link);
    amqp_connection_flush_soon(link->connection);
}

static void end_as_too_large(struct amqp_link *link)
{
    struct hub_error error;
    hub_refuse(&error, HUB_MESSAGE_TOO_LARGE, "The message is larger than the link allows: %zu.",
        link->kind->message_max);
    amqp_link_end(link, &error, NULL);
}

static void end_as_without_credit(struct amqp_link *link)
{
    struct hub_error error;
    hub_refuse(&error, HUB_INVALID_OPERATION, "A message was sent without credit.");
    amqp_link_end(link, &error, "amqp:link:transfer-limit-exceeded");
}

static void read_whole(struct amqp_link *link, pn_delivery_t *delivery, size_t size)
{
    struct writer *incoming = &link->connection->incoming;
    writer_clear(incoming);
    if (size > incoming->capacity) {
        incoming->bytes = memory_grow(incoming->bytes, size, 1);
        incoming->capacity = size;
    }
    ssize_t length = size ? pn_link_recv(link->wire, (char *)incoming->bytes, size) : 0;
    pn_link_advance(link->wire);
    link->unanswered++;
    link->kind->receive(link, delivery, incoming->bytes, length > 0 ? (size_t)length : 0);
}

/* Reads what is complete, in order. Links that end on the way are gone. */
void amqp_link_receive(struct amqp_connection *connection, pn_link_t *wire)
{
    for (pn_delivery_t *delivery; (delivery = pn_link_current(wire));) {
        struct amqp_link *link = pn_link_get_context(wire);
        if (!link || connection->state != CONNECTION_SERVING ||
            amqp_connection_is_held(connection)) {
            return;
        }
        size_t size = pn_delivery_pending(delivery);
        if (pn_delivery_aborted(delivery)) {
            pn_delivery_settle(delivery);
            replenish(link);
        } else if (size > link->kind->message_max) {
            end_as_too_large(link);
        } else if (pn_link_remote_credit(wire) < 0) {
            end_as_without_credit(link);
        } else if (pn_delivery_partial(delivery)) {
            return;
        } else {
            read_whole(link, delivery, size);
        }
    }
}

/* Sent before the peer learnt that its link is over, or in spite of it. */
static void drop_stray(struct amqp_connection *connection, pn_link_t *wire)
{
    while (pn_link_current(wire) && !pn_delivery_partial(pn_link_current(wire))) {
        pn_link_advance(wire);
    }
    if (connection->stray_transfers++ == AMQP_STRAY_TRANSFERS_MAX) {
        struct hub_error error;
        hub_refuse(&error, HUB_INVALID_OPERATION, "Too many transfers on links that are closed.");
        amqp_connection_close(connection, &error, "amqp:session:errant-link");
    }
}

void amqp_link_delivery(struct amqp_connection *connection, pn_delivery_t *delivery)
{
    pn_link_t *wire = pn_delivery_link(delivery);
    struct amqp_link *link = pn_link_get_context(wire);
    if (peer_sends(wire)) {
        if (link) {
            amqp_link_receive(connection, wire);
        } else {
            drop_stray(connection, wire);
        }
    } else if (link && link->kind->settle && pn_delivery_updated(delivery)) {
        link->kind->settle(link, delivery);
    } else if (pn_delivery_settled(delivery)) {
        pn_delivery_settle(delivery);
    }
}

void amqp_link_flow(pn_link_t *wire)
{
    struct amqp_link *link = pn_link_get_context(wire);
    if (link && link->kind->flow) {
        link->kind->flow(link);
    }
}
