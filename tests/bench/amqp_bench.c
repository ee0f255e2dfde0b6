/*
 * Whole life cycles over AMQP/TLS: a service sends 1 KiB messages, devices receive and accept them.
 * One process with two connections, so that the hub has the other core; 64 messages in flight over
 * four devices.
 *
 * Usage: amqp_bench HOST PORT SERVICE_KEY COUNT → one JSON line. The devices bench0 to bench3
 * exist; SERVICE_KEY is the key of the policies iothubowner and device. The certificate is not
 * checked.
 */
#include "store/clock.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/link.h>
#include <proton/message.h>
#include <proton/netaddr.h>
#include <proton/proactor.h>
#include <proton/sasl.h>
#include <proton/session.h>
#include <proton/ssl.h>
#include <proton/transport.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 4
#define IN_FLIGHT 64
#define BODY 1024

static struct bench {
    const char *host;
    long count, sent, accepted, received;
    pn_proactor_t *proactor;
    pn_connection_t *service;
    pn_link_t *sender;
    pn_ssl_domain_t *tls;
    char encoded[DEVICES][BODY + 256];
    size_t encoded_length[DEVICES];
    int64_t start;
    int attached;
} bench;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "amqp_bench: %s: %s\n", what, why ? why : "");
    exit(1);
}

/* A SAS token of the policy for the whole hub. */
static void make_token(const char *key_text, const char *policy, char *out, size_t size)
{
    uint8_t key[96], mac[32];
    char text[256], sig[64], escaped[200] = "";
    unsigned length = 0;
    int key_length = EVP_DecodeBlock(key, (const uint8_t *)key_text, (int)strlen(key_text));
    for (size_t i = strlen(key_text); i > 0 && key_text[i - 1] == '='; i--) {
        key_length--;
    }
    snprintf(text, sizeof text, "%s\n4102444800", bench.host);
    HMAC(EVP_sha256(), key, key_length, (const uint8_t *)text, strlen(text), mac, &length);
    EVP_EncodeBlock((uint8_t *)sig, mac, (int)length);
    for (const char *c = sig; *c; c++) {
        static const char *const forms[] = {['+'] = "%2B", ['/'] = "%2F", ['='] = "%3D"};
        const char plain[] = {*c, 0};
        const char *form = (size_t)*c < sizeof forms / sizeof *forms ? forms[(size_t)*c] : NULL;
        strcat(escaped, form ? form : plain);
    }
    snprintf(out, size, "SharedAccessSignature sr=%s&sig=%s&se=4102444800&skn=%s", bench.host,
        escaped, policy);
}

static pn_connection_t *connect_as(const char *policy, const char *key, const char *port)
{
    char address[PN_MAX_ADDR], user[256], token[600];
    pn_connection_t *connection = pn_connection();
    pn_transport_t *transport = pn_transport();
    make_token(key, policy, token, sizeof token);
    snprintf(user, sizeof user, "%s@sas.root.%s", policy, bench.host);
    pn_connection_set_user(connection, user);
    pn_connection_set_password(connection, token);
    pn_connection_set_hostname(connection, bench.host);
    pn_connection_set_container(connection, policy);
    pn_sasl_allowed_mechs(pn_sasl(transport), "PLAIN");
    pn_ssl_init(pn_ssl(transport), bench.tls, NULL);
    pn_proactor_addr(address, sizeof address, bench.host, port);
    pn_proactor_connect2(bench.proactor, connection, transport, address);
    return connection;
}

static void encode_message(int device)
{
    static const char body[BODY] = "x";
    char to[64];
    snprintf(to, sizeof to, "/devices/bench%d/messages/devicebound", device);
    pn_message_t *message = pn_message();
    pn_message_set_address(message, to);
    pn_message_set_inferred(message, true);
    pn_data_put_binary(pn_message_body(message), pn_bytes(sizeof body, body));
    bench.encoded_length[device] = sizeof bench.encoded[device];
    if (pn_message_encode(message, bench.encoded[device], &bench.encoded_length[device]) != 0) {
        fail("encode", NULL);
    }
    pn_message_free(message);
}

static void open_links(pn_connection_t *connection)
{
    pn_session_t *session = pn_session(connection);
    pn_connection_open(connection);
    pn_session_open(session);
    if (connection == bench.service) {
        bench.sender = pn_sender(session, "sender");
        pn_terminus_set_address(pn_link_target(bench.sender), "/messages/devicebound");
        pn_link_open(bench.sender);
        return;
    }
    for (int i = 0; i < DEVICES; i++) {
        char name[64];
        snprintf(name, sizeof name, "/devices/bench%d/messages/devicebound", i);
        pn_link_t *receiver = pn_receiver(session, name);
        pn_terminus_set_address(pn_link_source(receiver), name);
        pn_link_open(receiver);
        pn_link_flow(receiver, 1000);
    }
}

static void send_more(void)
{
    while (bench.attached == DEVICES + 1 && bench.sent < bench.count &&
           bench.sent - bench.received < IN_FLIGHT && pn_link_credit(bench.sender) > 0) {
        int device = (int)(bench.sent % DEVICES);
        uint64_t tag = (uint64_t)bench.sent++;
        pn_delivery(bench.sender, pn_dtag((const char *)&tag, sizeof tag));
        pn_link_send(bench.sender, bench.encoded[device], bench.encoded_length[device]);
        pn_link_advance(bench.sender);
    }
}

static void on_delivery(pn_delivery_t *delivery)
{
    pn_link_t *link = pn_delivery_link(delivery);
    if (pn_link_is_sender(link)) {
        if (pn_delivery_remote_state(delivery) != PN_ACCEPTED) {
            fail("send", "not accepted");
        }
        bench.accepted++;
        pn_delivery_settle(delivery);
    } else if (pn_delivery_readable(delivery) && !pn_delivery_partial(delivery)) {
        char bytes[BODY + 1024];
        while (pn_link_recv(link, bytes, sizeof bytes) > 0) {
        }
        pn_delivery_update(delivery, PN_ACCEPTED);
        pn_delivery_settle(delivery);
        bench.received++;
        if (pn_link_credit(link) < 500) {
            pn_link_flow(link, 500);
        }
        pn_connection_wake(bench.service);
    }
}

static bool is_done(void)
{
    return bench.received == bench.count && bench.accepted == bench.count;
}

static void handle(pn_event_t *event)
{
    pn_condition_t *condition = NULL;
    switch (pn_event_type(event)) {
    case PN_CONNECTION_INIT:
        open_links(pn_event_connection(event));
        break;
    case PN_LINK_REMOTE_OPEN:
        bench.attached++;
        if (bench.attached == DEVICES + 1) {
            bench.start = clock_monotonic_ms();
        }
        pn_connection_wake(bench.service);
        break;
    case PN_LINK_FLOW:
    case PN_CONNECTION_WAKE:
        send_more();
        break;
    case PN_DELIVERY:
        on_delivery(pn_event_delivery(event));
        send_more();
        break;
    case PN_TRANSPORT_ERROR:
        condition = pn_transport_condition(pn_event_transport(event));
        break;
    case PN_LINK_REMOTE_CLOSE:
        condition = pn_link_remote_condition(pn_event_link(event));
        break;
    case PN_CONNECTION_REMOTE_CLOSE:
        condition = pn_connection_remote_condition(pn_event_connection(event));
        break;
    default:
        break;
    }
    if (condition && pn_condition_is_set(condition)) {
        fail(pn_condition_get_name(condition), pn_condition_get_description(condition));
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fail("usage", "amqp_bench HOST PORT SERVICE_KEY COUNT");
    }
    bench.host = argv[1];
    bench.count = strtol(argv[4], NULL, 10);
    bench.proactor = pn_proactor();
    bench.tls = pn_ssl_domain(PN_SSL_MODE_CLIENT);
    pn_ssl_domain_set_peer_authentication(bench.tls, PN_SSL_ANONYMOUS_PEER, NULL);
    for (int i = 0; i < DEVICES; i++) {
        encode_message(i);
    }
    bench.service = connect_as("iothubowner", argv[3], argv[2]);
    connect_as("device", argv[3], argv[2]);
    while (!is_done()) {
        pn_event_batch_t *events = pn_proactor_wait(bench.proactor);
        for (pn_event_t *event; (event = pn_event_batch_next(events));) {
            handle(event);
        }
        pn_proactor_done(bench.proactor, events);
    }
    double seconds = (double)(clock_monotonic_ms() - bench.start) / 1000;
    printf("{\"amqpCyclesPerSecond\":%.0f,\"messages\":%ld}\n", (double)bench.count / seconds,
        bench.count);
    return 0;
}
