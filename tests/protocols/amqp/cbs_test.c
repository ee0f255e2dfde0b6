/*
 * Claims-based security: the request of each SDK, the reply as each reads it, renewal and expiry.
 */
#include "protocols/amqp/cbs.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/fake_loop.h"
#include "tests/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAS "servicebus.windows.net:sastoken"
#define SAS_DOTNET "azure-devices.net:sastoken"

/* What varies from SDK to SDK. */
struct form {
    const char *id; /* encoded; NULL: none */
    size_t id_length;
    const char *to, *reply_to, *operation, *type, *name, *token;
    bool has_expiration;
};

static void write_optional(struct writer *writer, const char *text)
{
    if (text) {
        write_string(writer, text_of(text));
    } else {
        write_null(writer);
    }
}

static uint32_t write_pair(struct writer *writer, const char *key, const char *value)
{
    if (!value) {
        return 0;
    }
    write_string(writer, text_of(key));
    write_string(writer, text_of(value));
    return 2;
}

static void write_form(struct writer *writer, const struct form *form)
{
    uint32_t count = 0;
    write_descriptor(writer, SECTION_PROPERTIES);
    size_t list = write_open(writer, COMPOUND_LIST);
    if (form->id) {
        write_raw(writer, form->id, form->id_length);
    } else {
        write_null(writer);
    }
    write_null(writer);
    write_optional(writer, form->to);
    write_null(writer);
    write_optional(writer, form->reply_to);
    write_close(writer, list, 5);
    write_descriptor(writer, SECTION_APPLICATION_PROPERTIES);
    size_t map = write_open(writer, COMPOUND_MAP);
    count += write_pair(writer, "operation", form->operation);
    count += write_pair(writer, "type", form->type);
    count += write_pair(writer, "name", form->name);
    if (form->has_expiration) {
        write_string(writer, TEXT("expiration"));
        write_timestamp(writer, 4102444800000);
        count += 2;
    }
    write_close(writer, map, count);
    write_descriptor(writer, SECTION_VALUE);
    write_optional(writer, form->token);
}

/* Attaches the pair of links; the receiver has credit. */
static void attach_pair(struct peer *peer, uint16_t channel, uint32_t credit)
{
    peer_attach_sender(peer, channel, 0, "cbs-sender", "$cbs");
    peer_attach_receiver(peer, channel, 1, "cbs-receiver", "$cbs");
    peer_flow(peer, channel, 1, 0, credit);
}

static void put(struct peer *peer, uint16_t channel, const struct form *form)
{
    struct writer request = {0};
    write_form(&request, form);
    peer_put_transfer(peer, (struct transfer){.channel = channel}, writer_text(&request));
    writer_free(&request);
}

static int status_of(const struct frame_seen *reply)
{
    struct sections sections;
    struct value status, description;
    ck_assert(sections_read(reply->payload.bytes, reply->payload.length, &sections));
    ck_assert(map_find(&sections.application, "status-code", &status));
    ck_assert(map_find(&sections.application, "status-description", &description));
    ck_assert_uint_eq(status.code, 0x71);
    ck_assert_int_eq(description.type, VALUE_STRING);
    ck_assert_uint_gt(description.length, 0);
    return (int)status.is.integer;
}

static const char *description_of(const struct frame_seen *reply)
{
    static char text[512];
    struct sections sections;
    struct value description;
    ck_assert(sections_read(reply->payload.bytes, reply->payload.length, &sections));
    ck_assert(map_find(&sections.application, "status-description", &description));
    snprintf(text, sizeof(text), "%.*s", (int)description.length, description.bytes);
    return text;
}

/* The status of a request; the order of disposition and reply is checked each time. */
static int ask(struct peer *peer, const struct form *form)
{
    put(peer, 0, form);
    const struct frame_seen *disposition = peer_expect(peer, FRAME_DISPOSITION);
    ck_assert_uint_eq(frame_outcome(disposition), 0x24);
    ck_assert(disposition->fields[3].is.boolean);
    const struct frame_seen *reply = peer_expect(peer, FRAME_TRANSFER);
    int status = status_of(reply);
    return status;
}

static const char *service_token(void)
{
    return make_token((struct token_recipe){.resource = TEST_HOST, .policy = "service"});
}

static void open_with_pair(struct peer *peer, struct bench *bench)
{
    peer_connect(peer, bench);
    peer_open(peer);
    peer_begin(peer, 0);
    attach_pair(peer, 0, 1000);
}

START_TEST(test_each_sdks_request_is_understood_and_its_id_returned_as_it_was)
{
#define ID(literal) literal, sizeof(literal) - 1
    const char *device = token_for(TEST_HOST "%2Fdevices%2Fd1");
    const char *policy = service_token();
    const struct form forms[] = {
        /* Node */
        {ID("\xa1\x04uuid"), "$cbs", "cbs", "put-token", SAS, "hub.local%2Fdevices%2Fd1", device,
            0},
        /* Python, C: ulong ids from 0, nothing else */
        {ID("\x44"), NULL, NULL, "put-token", SAS, "https://hub.local", policy, 0},
        {ID("\x53\x07"), NULL, NULL, "put-token", SAS, "hub.local/devices/d1", device, 0},
        {ID("\x80\0\0\0\0\0\0\x01\0"), NULL, NULL, "put-token", SAS, "hub.local/devices/d1", device,
            0},
        /* .NET */
        {ID("\xa1\x08request1"), "$cbs", "a-guid", "put-token", SAS_DOTNET,
            "amqps://hub.local:5671/", policy, true},
        {ID("\xa1\x08request2"), NULL, "a-guid", "put-token", SAS_DOTNET, "hub.local/devices/d1",
            device, true},
        /* Java */
        {ID("\x98"
            "0123456789abcdef"),
            "$cbs", "cbs", "put-token", SAS, "hub.local", policy, 0},
        /* Go */
        {NULL, 0, "$cbs", "cbs", "put-token", SAS, "hub.local", policy, 0},
        /* written otherwise */
        {ID("\xa0\x02\x00\xff"), NULL, NULL, "PUT-Token", "SERVICEBUS.windows.net:sastoken", NULL,
            policy, 0},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct bench bench;
        struct peer peer;
        struct sections sections;
        bench_open(&bench);
        open_with_pair(&peer, &bench);
        ck_assert_msg(ask(&peer, &forms[i]) == 200, "%zu", i);
        ck_assert_str_eq(description_of(&peer.frame), "OK");
        struct text payload = peer.frame.payload;
        ck_assert(sections_read(payload.bytes, payload.length, &sections));
        const struct value *id = &sections.properties[PROPERTY_CORRELATION_ID];
        if (forms[i].id) {
            ck_assert_uint_eq(id->encoded_length, forms[i].id_length);
            ck_assert_mem_eq(id->encoded, forms[i].id, forms[i].id_length);
        } else {
            ck_assert_int_eq(id->type, VALUE_NULL);
        }
        bench_close(&bench);
    }
#undef ID
}
END_TEST

START_TEST(test_pitfall_19_the_correlation_id_keeps_its_type_and_an_absent_one_stays_absent)
{
    struct writer reply = {0};
    struct reader reader;
    struct value id, section, field;
    static const char uuid[] = "\x98"
                               "0123456789abcdef";
    reader = reader_of(uuid, 17);
    ck_assert(read_value(&reader, &id));
    cbs_reply_write(&reply, &id, 200, "OK");
    reader = reader_of(reply.bytes, reply.length);
    ck_assert(read_value(&reader, &section) && section.descriptor == SECTION_PROPERTIES);
    struct reader fields = reader_of_elements(&section);
    for (int i = 0; i <= PROPERTY_CORRELATION_ID; i++) {
        ck_assert(read_value(&fields, &field));
    }
    ck_assert_uint_eq(field.code, 0x98);
    writer_clear(&reply);
    cbs_reply_write(&reply, &(struct value){0}, 200, "OK");
    struct sections sections;
    ck_assert(sections_read(reply.bytes, reply.length, &sections));
    ck_assert_int_eq(sections.properties[PROPERTY_CORRELATION_ID].type, VALUE_NULL);
    writer_free(&reply);
}
END_TEST

START_TEST(test_a_reply_has_both_property_sections_and_a_null_value)
{
    struct writer reply = {0};
    struct value section;
    cbs_reply_write(&reply, &(struct value){0}, 401, "no");
    struct reader reader = reader_of(reply.bytes, reply.length);
    ck_assert(read_value(&reader, &section) && section.descriptor == SECTION_PROPERTIES);
    ck_assert(
        read_value(&reader, &section) && section.descriptor == SECTION_APPLICATION_PROPERTIES);
    ck_assert(read_value(&reader, &section) && section.descriptor == SECTION_VALUE);
    ck_assert_int_eq(section.type, VALUE_NULL);
    ck_assert(reader_is_at_end(&reader));
    writer_free(&reply);
}
END_TEST

START_TEST(test_pitfall_04_the_disposition_precedes_the_reply_at_the_second_token_too)
{
    struct bench bench;
    struct peer peer;
    const struct form form = {.id = "\x44",
        .id_length = 1,
        .operation = "put-token",
        .type = SAS,
        .token = service_token()};
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    ck_assert_int_eq(ask(&peer, &form), 200);
    ck_assert_int_eq(ask(&peer, &form), 200);
    /* Several in one flight: each disposition before its reply. */
    uint32_t id = peer.next_id;
    put(&peer, 0, &form);
    put(&peer, 0, &form);
    for (uint32_t i = 0; i < 2; i++) {
        const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
        ck_assert_uint_eq(frame->fields[1].is.number, id + i);
        peer_expect(&peer, FRAME_TRANSFER);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_reply_waits_for_the_receivers_credit)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    peer_attach_sender(&peer, 0, 0, "cbs-sender", "$cbs");
    /* The C and Python clients do not wait for the receiver's attach. */
    peer_put_attach(&peer, (struct attach){.handle = 1,
                               .name = "cbs-receiver",
                               .receives = true,
                               .source = "$cbs",
                               .target = "$cbs"});
    put(&peer, 0, &(struct form){.operation = "put-token", .type = SAS, .token = service_token()});
    peer_expect(&peer, FRAME_ATTACH);
    peer_expect(&peer, FRAME_DISPOSITION);
    peer_expect_silence(&peer);
    peer_flow(&peer, 0, 1, 0, 10000);
    ck_assert_int_eq(status_of(peer_expect(&peer, FRAME_TRANSFER)), 200);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_reply_waits_for_a_receiver_that_comes_later)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    peer_attach_sender(&peer, 0, 0, "cbs-sender", "$cbs");
    put(&peer, 0, &(struct form){.operation = "put-token", .type = SAS, .token = service_token()});
    peer_expect(&peer, FRAME_DISPOSITION);
    peer_attach_receiver(&peer, 0, 1, "cbs-receiver", "$cbs");
    peer_flow(&peer, 0, 1, 0, 1);
    ck_assert_int_eq(status_of(peer_expect(&peer, FRAME_TRANSFER)), 200);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_reply_goes_to_the_receiver_it_names_on_the_requests_session)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    peer_begin(&peer, 1);
    peer_attach_sender(&peer, 0, 0, "s", "$cbs");
    static const char *const targets[] = {"first", "second"};
    for (uint32_t i = 0; i < 2; i++) {
        peer_put_attach(&peer, (struct attach){.handle = 1 + i,
                                   .name = targets[i],
                                   .receives = true,
                                   .source = "$cbs",
                                   .target = targets[i]});
        peer_expect(&peer, FRAME_ATTACH);
        peer_flow(&peer, 0, 1 + i, 0, 10);
    }
    peer_put_attach(&peer, (struct attach){.channel = 1,
                               .handle = 0,
                               .name = "elsewhere",
                               .receives = true,
                               .source = "$cbs",
                               .target = "first"});
    peer_expect(&peer, FRAME_ATTACH);
    peer_flow(&peer, 1, 0, 0, 10);
    struct form form = {
        .operation = "put-token", .type = SAS, .token = service_token(), .reply_to = "first"};
    ck_assert_int_eq(ask(&peer, &form), 200);
    ck_assert_uint_eq(peer.frame.channel, 0);
    ck_assert_uint_eq(peer.frame.fields[0].is.number, 1);
    form.reply_to = "unknown";
    ck_assert_int_eq(ask(&peer, &form), 200);
    ck_assert_uint_eq(peer.frame.channel, 0);
    ck_assert_uint_eq(peer.frame.fields[0].is.number, 2);
    bench_close(&bench);
}
END_TEST

START_TEST(test_dotnets_settled_pair_gets_settled_replies_and_no_dispositions)
{
    struct bench bench;
    struct peer peer;
    struct writer request = {0};
    struct form form = {.id = "\xa1\x01r",
        .id_length = 3,
        .reply_to = "guid",
        .operation = "put-token",
        .type = SAS_DOTNET,
        .name = "amqps://hub.local:5671/",
        .token = service_token(),
        .has_expiration = true};
    bench_open(&bench);
    peer_connect(&peer, &bench);
    peer_open(&peer);
    peer_begin(&peer, 0);
    peer_begin(&peer, 1);
    peer_put_attach(
        &peer, (struct attach){.channel = 1, .name = "x:sender", .snd_mode = 1, .target = "$cbs"});
    peer_put_attach(&peer, (struct attach){.channel = 1,
                               .handle = 1,
                               .name = "x:receiver",
                               .receives = true,
                               .snd_mode = 1,
                               .source = "$cbs",
                               .target = "guid"});
    peer_flow(&peer, 1, 1, 0, 50);
    for (int i = 0; i < 2; i++) {
        const struct frame_seen *attach = peer_expect(&peer, FRAME_ATTACH);
        ck_assert_uint_eq(attach->fields[3].is.number, 1);
    }
    write_form(&request, &form);
    peer_put_transfer(
        &peer, (struct transfer){.channel = 1, .settled = true}, writer_text(&request));
    const struct frame_seen *reply = peer_expect(&peer, FRAME_TRANSFER);
    ck_assert_int_eq(status_of(reply), 200);
    ck_assert(reply->fields[4].is.boolean);
    peer_expect_silence(&peer);
    writer_free(&request);
    bench_close(&bench);
}
END_TEST

START_TEST(test_go_attaches_and_detaches_its_pair_for_every_token)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    struct form form = {.operation = "put-token", .type = SAS, .token = service_token()};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(&peer, &form), 200);
        uint32_t id = (uint32_t)peer.frame.fields[1].is.number;
        peer_put_outcome(&peer, 0, id, id, true, 0x24);
        peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 0, true);
        peer_put(&peer, 0, "DL[Io]", (uint64_t)FRAME_DETACH, 1, true);
        peer_expect(&peer, FRAME_DETACH);
        peer_expect(&peer, FRAME_DETACH);
        attach_pair(&peer, 0, 1);
    }
    peer_attach_sender(&peer, 0, 5, "sender", "/messages/devicebound");
    bench_close(&bench);
}
END_TEST

START_TEST(test_bad_tokens_are_answered_with_their_status)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    const struct {
        struct form form;
        int status;
        const char *words;
    } rows[] = {
        {{.operation = "get-token", .type = SAS, .token = service_token()}, 400, "operation"},
        {{.type = SAS, .token = service_token()}, 400, "operation"},
        {{.operation = "put-token", .type = "saml", .token = service_token()}, 400, "type"},
        {{.operation = "put-token", .type = SAS}, 400, "string"},
        {{.operation = "put-token", .type = SAS, .token = "nonsense"}, 401, ""},
        {{.operation = "put-token",
             .type = SAS,
             .token = make_token((struct token_recipe){
                 .resource = TEST_HOST, .policy = "service", .key = OTHER_KEY})},
            401, "invalid signature. It does not match either the primary or secondary key."},
        {{.operation = "put-token",
             .type = SAS,
             .token = make_token((struct token_recipe){
                 .resource = TEST_HOST, .policy = "service", .expiry = "1500000000"})},
            401, "expired"},
        {{.operation = "put-token",
             .type = SAS,
             .token = make_token((struct token_recipe){.resource = TEST_HOST, .policy = "nobody"})},
            401, "policy"},
        {{.operation = "put-token", .type = SAS, .token = token_for(TEST_HOST "/devices/off")}, 401,
            "disabled"},
        {{.operation = "put-token", .type = SAS, .token = token_for(TEST_HOST "/devices/ghost")},
            404, "Device ghost at IotHub devicebound not registered."},
        {{.operation = "put-token", .type = "jwt", .token = "Bearer eyJ"}, 401, "Bearer"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int status = ask(&peer, &rows[i].form);
        ck_assert_msg(status == rows[i].status, "%zu: %d", i, status);
        ck_assert_msg(strstr(description_of(&peer.frame), rows[i].words) != NULL, "%zu: %s", i,
            description_of(&peer.frame));
    }
    /* The connection lives on. */
    struct form good = {.operation = "put-token", .type = SAS, .token = service_token()};
    ck_assert_int_eq(ask(&peer, &good), 200);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_connection_holds_2048_tokens_and_no_more)
{
    struct bench bench;
    struct peer peer;
    char resource[64];
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    peer_flow(&peer, 0, 1, 0, 3000);
    for (int i = 0; i <= 2048; i++) {
        snprintf(resource, sizeof(resource), TEST_HOST "/devices/x%d", i);
        struct form form = {.operation = "put-token",
            .type = SAS,
            .token = make_token((struct token_recipe){.resource = resource, .policy = "device"})};
        ck_assert_int_eq(ask(&peer, &form), i < 2048 ? 200 : 403);
    }
    ck_assert_str_eq(description_of(&peer.frame), "The connection holds too many tokens.");
    /* One that is there already can still be renewed. */
    struct form again = {.operation = "put-token",
        .type = SAS,
        .token = make_token(
            (struct token_recipe){.resource = TEST_HOST "/devices/x7", .policy = "device"})};
    ck_assert_int_eq(ask(&peer, &again), 200);
    bench_close(&bench);
}
END_TEST

START_TEST(test_what_is_no_message_at_all_is_answered_with_400)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    peer_put_transfer(&peer, (struct transfer){0}, TEXT("garbage"));
    peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_int_eq(status_of(peer_expect(&peer, FRAME_TRANSFER)), 400);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_name_is_advice_and_sr_decides)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    struct form form = {.operation = "put-token",
        .type = SAS,
        .name = "hub.local/devices/d2",
        .token = token_for(TEST_HOST "/devices/d1")};
    ck_assert_int_eq(ask(&peer, &form), 200);
    peer_attach_receiver(&peer, 0, 2, "c2d", "/devices/d1/messages/devicebound");
    peer_put_attach(&peer, (struct attach){.handle = 3,
                               .name = "other",
                               .receives = true,
                               .source = "/devices/d2/messages/devicebound"});
    peer_expect_refusal(&peer, "amqp:unauthorized-access", 401002);
    /* A token for the hub signed by a device needs the name to find its key. */
    form.token = token_for(TEST_HOST);
    ck_assert_int_eq(ask(&peer, &form), 200);
    bench_close(&bench);
}
END_TEST

START_TEST(test_several_devices_share_a_connection_and_one_failing_leaves_the_others)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    peer_begin(&peer, 1);
    peer_begin(&peer, 2);
    struct form form = {
        .operation = "put-token", .type = SAS, .token = token_for(TEST_HOST "/devices/d1")};
    ck_assert_int_eq(ask(&peer, &form), 200);
    peer_attach_receiver(&peer, 1, 0, "TelemetryReceiverLink", "/devices/d1/messages/devicebound");
    peer_flow(&peer, 1, 0, 0, 50);
    form.token = token_for(TEST_HOST "/devices/ghost");
    ck_assert_int_eq(ask(&peer, &form), 404);
    form.token = token_for(TEST_HOST "/devices/d2");
    ck_assert_int_eq(ask(&peer, &form), 200);
    peer_attach_receiver(&peer, 2, 0, "TelemetryReceiverLink", "/devices/d2/messages/devicebound");
    peer_flow(&peer, 2, 0, 0, 50);
    bench_send(&bench, "d1", "m1", "one");
    ck_assert_uint_eq(peer_expect(&peer, FRAME_TRANSFER)->channel, 1);
    bench_send(&bench, "d2", "m2", "two");
    ck_assert_uint_eq(peer_expect(&peer, FRAME_TRANSFER)->channel, 2);
    bench_close(&bench);
}
END_TEST

/* A token obeys the hub's clock here. `se` so far in the past that its grace ends in a minute. */
static const char *expiring_in_a_minute(struct bench *bench)
{
    static char text[24];
    clock_let_tokens_follow(bench->clock, true);
    int64_t now_s = clock_now(bench->clock).us / 1000000;
    snprintf(text, sizeof(text), "%" PRId64, now_s - 300 + 60);
    return text;
}

static void let_it_expire(struct bench *bench)
{
    bench_advance(bench, DURATION_SECONDS(61));
    fake_loop_fire_all(bench->loop);
}

START_TEST(test_a_link_whose_token_has_expired_is_detached_and_others_stay)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    const char *expiry = expiring_in_a_minute(&bench);
    open_with_pair(&peer, &bench);
    struct form form = {.operation = "put-token",
        .type = SAS,
        .token = make_token(
            (struct token_recipe){.resource = TEST_HOST "/devices/d1", .expiry = expiry})};
    ck_assert_int_eq(ask(&peer, &form), 200);
    form.token = token_for(TEST_HOST "/devices/d2");
    ck_assert_int_eq(ask(&peer, &form), 200);
    peer_attach_receiver(&peer, 0, 2, "c1", "/devices/d1/messages/devicebound");
    peer_attach_receiver(&peer, 0, 3, "c2", "/devices/d2/messages/devicebound");
    ck_assert_int_le(fake_loop_next_delay(bench.loop), 60001);
    let_it_expire(&bench);
    peer_expect_detach(&peer, "amqp:unauthorized-access", 401003);
    ck_assert_uint_eq(peer.frame.fields[0].is.number, 2);
    peer_expect_silence(&peer);
    ck_assert_uint_eq(identity_find(hub_identities(bench.hub), "d1")->connections, 0);
    ck_assert_uint_eq(identity_find(hub_identities(bench.hub), "d2")->connections, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_without_any_valid_token_the_connection_is_closed)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    const char *expiry = expiring_in_a_minute(&bench);
    open_with_pair(&peer, &bench);
    struct form form = {.operation = "put-token",
        .type = SAS,
        .token = make_token(
            (struct token_recipe){.resource = TEST_HOST, .policy = "service", .expiry = expiry})};
    ck_assert_int_eq(ask(&peer, &form), 200);
    peer_attach_sender(&peer, 0, 2, "sender", "/messages/devicebound");
    let_it_expire(&bench);
    const struct frame_seen *frame = peer_next(&peer);
    while (frame && frame->code != FRAME_CLOSE) {
        frame = peer_next(&peer);
    }
    ck_assert_ptr_nonnull(frame);
    ck_assert_str_eq(frame_condition(frame), "amqp:unauthorized-access");
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_renewed_token_keeps_the_links)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    const char *expiry = expiring_in_a_minute(&bench);
    open_with_pair(&peer, &bench);
    struct form form = {.operation = "put-token",
        .type = SAS,
        .token = make_token(
            (struct token_recipe){.resource = TEST_HOST "/devices/d1", .expiry = expiry})};
    ck_assert_int_eq(ask(&peer, &form), 200);
    peer_attach_receiver(&peer, 0, 2, "c1", "/devices/d1/messages/devicebound");
    form.token = token_for(TEST_HOST "/devices/d1");
    ck_assert_int_eq(ask(&peer, &form), 200);
    let_it_expire(&bench);
    peer_expect_silence(&peer);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_deleted_token_takes_its_links_along)
{
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    open_with_pair(&peer, &bench);
    struct form form = {
        .operation = "put-token", .type = SAS, .token = token_for(TEST_HOST "/devices/d1")};
    ck_assert_int_eq(ask(&peer, &form), 200);
    form.token = token_for(TEST_HOST "/devices/d2");
    ck_assert_int_eq(ask(&peer, &form), 200);
    peer_attach_receiver(&peer, 0, 2, "c1", "/devices/d1/messages/devicebound");
    struct form delete = {.operation = "delete-token", .name = "hub.local%2Fdevices%2Fd1"};
    put(&peer, 0, &delete);
    bool is_detached = false;
    int status = 0;
    for (const struct frame_seen *frame; (frame = peer_next(&peer));) {
        is_detached |= frame->code == FRAME_DETACH;
        status = frame->code == FRAME_TRANSFER ? status_of(frame) : status;
    }
    ck_assert(is_detached);
    ck_assert_int_eq(status, 200);
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_lenient_hub_registers_a_device_before_it_says_yes)
{
    static const char *const names[] = {TEST_HOST, NULL};
    struct bench bench;
    struct peer peer;
    bench_open(&bench);
    bench_use_auth(&bench,
        auth_create(bench.hub, &(struct auth_options){.host_names = names, .lenient = true}));
    open_with_pair(&peer, &bench);
    struct form form = {
        .operation = "put-token", .type = SAS, .token = token_for(TEST_HOST "/devices/new")};
    bench_break_commits(&bench, true);
    put(&peer, 0, &form);
    const struct frame_seen *frame = peer_expect(&peer, FRAME_DISPOSITION);
    ck_assert_uint_eq(frame_outcome(frame), 0x25);
    ck_assert_str_eq(frame_condition(frame), "amqp:internal-error");
    bench_break_commits(&bench, false);
    ck_assert_int_eq(ask(&peer, &form), 200);
    ck_assert_ptr_nonnull(identity_find(hub_identities(bench.hub), "new"));
    bench_close(&bench);
}
END_TEST

START_TEST(test_names_of_every_form_name_the_same_device)
{
    static const char *const names[] = {"hub.local/devices/d1", "hub.local%2Fdevices%2Fd1",
        "hub.local%2fdevices%2fd1", "amqps://hub.local:5671/devices/d1/", "HUB.local/Devices/d1",
        "hub.local/devices/d1/messages/events"};
    char device[IDENTITY_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_msg(cbs_name_device(text_of(names[i]), device), "%s", names[i]);
        ck_assert_str_eq(device, "d1");
    }
    ck_assert(cbs_name_device(TEXT("hub.local%2FDevices%2Fd1%2FModules%2Fm"), device));
    ck_assert_str_eq(device, "d1/m");
    ck_assert(!cbs_name_device(TEXT("hub.local/devices/d1/modules//m"), device));
    ck_assert(!cbs_name_device(TEXT("hub.local"), device));
    ck_assert(!cbs_name_device(TEXT("amqps://hub.local:5671/"), device));
    ck_assert(!cbs_name_device(TEXT("hub.local/devices/"), device));
    ck_assert(!cbs_name_device(TEXT("https://iothubs.azure.net/.default"), device));
    ck_assert(!cbs_name_device(TEXT_ABSENT, device));
    ck_assert(!cbs_name_device(TEXT("hub%"), device));
}
END_TEST

SUITE_MAIN("amqp cbs", test_each_sdks_request_is_understood_and_its_id_returned_as_it_was,
    test_pitfall_19_the_correlation_id_keeps_its_type_and_an_absent_one_stays_absent,
    test_a_reply_has_both_property_sections_and_a_null_value,
    test_pitfall_04_the_disposition_precedes_the_reply_at_the_second_token_too,
    test_a_reply_waits_for_the_receivers_credit, test_a_reply_waits_for_a_receiver_that_comes_later,
    test_a_reply_goes_to_the_receiver_it_names_on_the_requests_session,
    test_dotnets_settled_pair_gets_settled_replies_and_no_dispositions,
    test_go_attaches_and_detaches_its_pair_for_every_token,
    test_bad_tokens_are_answered_with_their_status, test_a_connection_holds_2048_tokens_and_no_more,
    test_what_is_no_message_at_all_is_answered_with_400, test_a_name_is_advice_and_sr_decides,
    test_several_devices_share_a_connection_and_one_failing_leaves_the_others,
    test_a_link_whose_token_has_expired_is_detached_and_others_stay,
    test_without_any_valid_token_the_connection_is_closed, test_a_renewed_token_keeps_the_links,
    test_a_deleted_token_takes_its_links_along,
    test_a_lenient_hub_registers_a_device_before_it_says_yes,
    test_names_of_every_form_name_the_same_device)
