#include "tests/protocols/mqtt/mqtt_fixture.h"

#include "protocols/mqtt/packet.h"
#include "store/log.h"
#include "store/memory.h"
#include "tests/protocols/auth/token_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the server ---- */

static void give_key(struct mqtt_fixture *f, const char *device)
{
    struct identity_draft draft = {.enabled = true, .authentication = AUTHENTICATION_SAS};
    struct identity *identity;
    snprintf(draft.device_id, sizeof draft.device_id, "%s", device);
    ck_assert(key_parse(TEST_KEY, &draft.primary) && key_parse(OTHER_KEY, &draft.secondary));
    ck_assert_int_eq(hub_put_device(f->store.hub, &draft, (struct etag_condition){ETAG_ANY, 0},
                         &identity, &f->store.error),
        HUB_OK);
    hub_end_turn(f->store.hub);
}

static void open_rooms(struct mqtt_fixture *f)
{
    static const char *const hosts[] = {"hub.local", NULL};
    f->loop = loop_create();
    f->sessions = sessions_open(f->store.hub);
    f->auth = auth_create(f->store.hub, &(struct auth_options){.host_names = hosts});
    struct key key;
    ck_assert(key_parse(TEST_KEY, &key));
    identity_set_policy_key(hub_identities(f->store.hub), &key);
    f->context = (struct protocol_context){.loop = f->loop,
        .hub = f->store.hub,
        .sessions = f->sessions,
        .auth = f->auth,
        .host_name = "hub.local"};
    f->server = mqtt_server_create(&f->context, &f->options);
}

static void close_rooms(struct mqtt_fixture *f)
{
    sessions_end_all(f->sessions, END_SHUTDOWN);
    settle_turns(f);
    ck_assert_uint_eq(sessions_count(f->sessions), 0);
    mqtt_server_free(f->server);
    auth_free(f->auth);
    sessions_close(f->sessions);
    loop_free(f->loop);
    forget_clients(f);
}

void mqtt_fixture_open(struct mqtt_fixture *f, bool on_disk)
{
    log_set_level(LOG_ERROR);
    fake_machine_reset();
    *f = (struct mqtt_fixture){.options = mqtt_options_default()};
    fixture_open(&f->store, on_disk);
    give_key(f, "d1");
    give_key(f, "d2");
    open_rooms(f);
}

void mqtt_fixture_set(struct mqtt_fixture *f, struct mqtt_options options)
{
    f->options = options;
    mqtt_server_free(f->server);
    f->server = mqtt_server_create(&f->context, &f->options);
}

void mqtt_fixture_close(struct mqtt_fixture *f)
{
    close_rooms(f);
    free(f->clients);
    free(f->heard);
    fixture_close(&f->store);
}

void mqtt_fixture_restart(struct mqtt_fixture *f, struct duration down)
{
    close_rooms(f);
    fixture_restart(&f->store, down);
    open_rooms(f);
}

void settle_turns(struct mqtt_fixture *f)
{
    int turns = 0;
    do {
        ck_assert_msg(++turns < 1000, "the turns do not come to an end");
        hub_now(f->store.hub);
        fake_loop_advance(f->loop, 0);
    } while (hub_end_turn(f->store.hub));
}

void doom_group(struct mqtt_fixture *f)
{
    struct database *database = hub_database(f->store.hub);
    database_run(database,
        database_prepare(database, "INSERT INTO queue (number, last_sequence) VALUES (1, NULL)"));
}

void advance_hub(struct mqtt_fixture *f, struct duration by)
{
    clock_advance(f->store.clock, by);
    settle_turns(f);
}

void advance_machine(struct mqtt_fixture *f, int64_t ms)
{
    fake_machine_advance(ms);
    fake_loop_advance(f->loop, ms);
    settle_turns(f);
}

/* ---- what a client sends ---- */

void forget_clients(struct mqtt_fixture *f)
{
    for (size_t i = 0; i < f->client_count; i++) {
        fake_stream_free(f->clients[i]);
    }
    f->client_count = 0;
}

struct fake_stream *client_dial(struct mqtt_fixture *f)
{
    struct fake_stream *client = fake_stream_create();
    f->clients = memory_grow(f->clients, f->client_count + 1, sizeof *f->clients);
    f->clients[f->client_count++] = client;
    mqtt_server_accept(f->server, &client->stream);
    settle_turns(f);
    return client;
}

void client_send(
    struct mqtt_fixture *f, struct fake_stream *client, const void *bytes, size_t length)
{
    fake_stream_feed(client, bytes, length);
    settle_turns(f);
}

/* A packet that is being written: the body, before its head is known. */
struct draft {
    uint8_t bytes[PACKET_HEAD_MAX + 300000];
    size_t length;
};

static struct draft draft;

static void draft_number(unsigned number)
{
    draft.bytes[PACKET_HEAD_MAX + draft.length++] = (uint8_t)(number >> 8);
    draft.bytes[PACKET_HEAD_MAX + draft.length++] = (uint8_t)number;
}

static void draft_raw(const char *text)
{
    size_t length = strlen(text);
    memcpy(draft.bytes + PACKET_HEAD_MAX + draft.length, text, length);
    draft.length += length;
}

static void draft_string(const char *text)
{
    draft_number((unsigned)strlen(text));
    draft_raw(text);
}

static const uint8_t *draft_finish(enum packet_type type, uint8_t flags, size_t *length)
{
    uint8_t *body = draft.bytes + PACKET_HEAD_MAX;
    uint8_t *start = packet_write_head(body, type, flags, draft.length);
    *length = (size_t)(body - start) + draft.length;
    draft.length = 0;
    return start;
}

size_t make_connect(const struct connect_recipe *recipe, uint8_t out[4096])
{
    const char *id = recipe->client_id ? recipe->client_id : "d1";
    char user_name[512], resource[256];
    snprintf(user_name, sizeof user_name, "hub.local/%s/?api-version=2021-04-12", id);
    snprintf(resource, sizeof resource, "hub.local%%2Fdevices%%2F%s", id);
    const char *user = recipe->user_name ? recipe->user_name : user_name;
    const char *password = recipe->password ? recipe->password : token_for(resource);
    uint8_t flags =
        (uint8_t)(recipe->clean << 1 | (recipe->will_topic != NULL) << 2 | recipe->will_qos << 3 |
                  recipe->will_retain << 5 | (*password != 0) << 6 | (*user != 0) << 7);
    draft_string("MQTT");
    draft_number(0x400u | flags);
    draft_number(recipe->keep_alive == 0  ? 60
                 : recipe->keep_alive < 0 ? 0
                                          : (unsigned)recipe->keep_alive);
    draft_string(id);
    if (recipe->will_topic) {
        draft_string(recipe->will_topic);
        draft_string("gone");
    }
    if (*user) {
        draft_string(user);
    }
    if (*password) {
        draft_string(password);
    }
    size_t length;
    const uint8_t *packet = draft_finish(PACKET_CONNECT, 0, &length);
    ck_assert_uint_le(length, 4096);
    memcpy(out, packet, length);
    return length;
}

void client_connect(
    struct mqtt_fixture *f, struct fake_stream *client, struct connect_recipe recipe)
{
    uint8_t packet[4096];
    size_t length = make_connect(&recipe, packet);
    client_send(f, client, packet, length);
}

struct fake_stream *client_open(struct mqtt_fixture *f, const char *device, bool clean)
{
    struct fake_stream *client = client_dial(f);
    client_connect(f, client, (struct connect_recipe){.client_id = device, .clean = clean});
    const char *answer = client_hear(f, client);
    ck_assert_msg(strncmp(answer, "CONNACK ", 8) == 0 && answer[10] == '0', "%s", answer);
    return client;
}

static void send_draft(
    struct mqtt_fixture *f, struct fake_stream *client, enum packet_type type, uint8_t flags)
{
    size_t length;
    const uint8_t *packet = draft_finish(type, flags, &length);
    client_send(f, client, packet, length);
}

void client_subscribe(
    struct mqtt_fixture *f, struct fake_stream *client, const char *filter, int qos)
{
    draft_number(5);
    draft_string(filter);
    draft.bytes[PACKET_HEAD_MAX + draft.length++] = (uint8_t)qos;
    send_draft(f, client, PACKET_SUBSCRIBE, 2);
}

void client_unsubscribe(struct mqtt_fixture *f, struct fake_stream *client, const char *filter)
{
    draft_number(6);
    draft_string(filter);
    send_draft(f, client, PACKET_UNSUBSCRIBE, 2);
}

void client_publish(struct mqtt_fixture *f, struct fake_stream *client, const char *topic, int qos,
    int id, const char *payload)
{
    draft_string(topic);
    if (qos > 0) {
        draft_number((unsigned)id);
    }
    draft_raw(payload);
    send_draft(f, client, PACKET_PUBLISH, (uint8_t)(qos << 1));
}

void client_puback(struct mqtt_fixture *f, struct fake_stream *client, int id)
{
    draft_number((unsigned)id);
    send_draft(f, client, PACKET_PUBACK, 0);
}

/* ---- what it hears ---- */

static void describe_publish(const struct packet *packet, bool with_topic, char *out, size_t room)
{
    struct packet_publish publish;
    const char *clause = "";
    /* Device ids may have characters that topics may not; none of the tests' does. */
    ck_assert_msg(packet_parse_publish(packet, &publish, &clause), "%s", clause);
    ck_assert(!publish.retain);
    int length =
        snprintf(out, room, "PUBLISH d%d q%d i%u ", publish.dup, publish.qos, publish.packet_id);
    if (with_topic) {
        length += snprintf(out + length, room - (size_t)length, "%.*s: ", (int)publish.topic.length,
            publish.topic.bytes);
    }
    snprintf(out + length, room - (size_t)length, "%.*s", (int)publish.payload.length,
        publish.payload.bytes);
}

static void describe(const struct packet *packet, bool with_topic, char *out, size_t room)
{
    const uint8_t *body = packet->body;
    int length = snprintf(out, room, "%s", packet_type_name(packet->type));
    switch (packet->type) {
    case PACKET_PUBLISH:
        describe_publish(packet, with_topic, out, room);
        return;
    case PACKET_CONNACK:
        ck_assert_uint_eq(packet->length, 2);
        snprintf(out + length, room - (size_t)length, " %d %d", body[0], body[1]);
        return;
    case PACKET_PINGRESP:
        ck_assert_uint_eq(packet->length, 0);
        return;
    default:
        length += snprintf(out + length, room - (size_t)length, " %d", body[0] << 8 | body[1]);
        for (size_t i = 2; i < packet->length; i++) {
            length += snprintf(out + length, room - (size_t)length, " %d", body[i]);
        }
    }
}

static const char *hear(struct mqtt_fixture *f, struct fake_stream *client, bool with_topic)
{
    static char text[200000];
    if (client->output.length == 0) {
        static const char *const ends[] = {"", "CLOSED", "RESET"};
        return ends[client->state];
    }
    struct packet_reader reader = {.limit = 268435455};
    struct packet packet;
    const char *clause;
    size_t used;
    ck_assert_int_eq(
        packet_read(&reader, client->output.at, client->output.length, &used, &packet, &clause),
        PACKET_COMPLETE);
    describe(&packet, with_topic, text, sizeof text);
    f->heard = memory_grow(f->heard, used, 1);
    f->heard_length = used;
    memcpy(f->heard, client->output.at, used);
    memmove(client->output.at, client->output.at + used, client->output.length - used);
    client->output.length -= used;
    return text;
}

const char *client_hear(struct mqtt_fixture *f, struct fake_stream *client)
{
    return hear(f, client, true);
}

const char *client_hear_short(struct mqtt_fixture *f, struct fake_stream *client)
{
    return hear(f, client, false);
}

void client_hears_refusal(
    struct mqtt_fixture *f, struct fake_stream *client, const char *head, enum hub_code code)
{
    const char *heard = client_hear(f, client);
    ck_assert_msg(strncmp(heard, head, strlen(head)) == 0, "%s", heard);
    json_t *told = json_loads(heard + strlen(head), 0, NULL);
    ck_assert_int_eq(json_integer_value(json_object_get(told, "errorCode")), code);
    ck_assert_uint_gt(json_string_length(json_object_get(told, "message")), 0);
    json_decref(told);
}

/* ---- the hub ---- */

void send_body(struct mqtt_fixture *f, const char *device, const char *body)
{
    ck_assert_int_eq(
        fixture_send(&f->store, device, (struct sending){.body = body, .ack = "full"}), HUB_OK);
    settle_turns(f);
}

size_t count_events(struct mqtt_fixture *f, enum journal_event event)
{
    size_t count = 0;
    const struct journal_entry *entry;
    for (uint64_t id = 0; (entry = journal_next(hub_journal(f->store.hub), id)); id = entry->id) {
        count += entry->event == event;
    }
    return count;
}

const char *last_reason(struct mqtt_fixture *f, enum journal_event event)
{
    static char reason[300];
    reason[0] = 0;
    const struct journal_entry *entry;
    for (uint64_t id = 0; (entry = journal_next(hub_journal(f->store.hub), id)); id = entry->id) {
        if (entry->event == event) {
            snprintf(reason, sizeof reason, "%s", entry->reason ? entry->reason : "");
        }
    }
    return reason;
}
