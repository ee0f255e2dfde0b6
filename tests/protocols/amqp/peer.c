#include "tests/protocols/amqp/peer.h"

#include "store/memory.h"
#include "tests/protocols/auth/token_maker.h"
#include "tests/protocols/fake_loop.h"

#include <proton/codec.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Check's own assertions work in its tests only, and a fuzz target is none. */
#define must(condition) must_hold(condition, "%s", #condition)
#define must_hold(condition, ...) ((condition) ? (void)0 : give_up(__LINE__, __VA_ARGS__))

__attribute__((format(printf, 2, 3))) static void give_up(int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "peer.c:%d: ", line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

/* ---- the bench ---- */

static void add_device(struct bench *bench, const char *device_id, bool enabled)
{
    struct identity_draft draft = {.enabled = enabled};
    struct identity *identity;
    snprintf(draft.device_id, sizeof(draft.device_id), "%s", device_id);
    must(key_parse(TEST_KEY, &draft.primary) && key_parse(OTHER_KEY, &draft.secondary));
    must(hub_put_device(bench->hub, &draft, (struct etag_condition){.match = ETAG_CREATE_ONLY},
             &identity, NULL) == HUB_OK);
}

static void start_server(struct bench *bench, const struct amqp_options *options)
{
    struct protocol_context context = {.loop = bench->loop,
        .hub = bench->hub,
        .sessions = bench->sessions,
        .auth = bench->auth,
        .host_name = TEST_HOST};
    bench->server = amqp_server_create(&context, options);
}

void bench_open_with(struct bench *bench, const struct amqp_options *options)
{
    static const char *const names[] = {TEST_HOST, NULL};
    struct key key;
    *bench = (struct bench){.clock = clock_create_frozen(TEST_NOW), .loop = loop_create()};
    struct hub_options hub_options = {.clock = bench->clock, .settings = hub_settings_default()};
    must(hub_open(&bench->hub, &hub_options, NULL) == HUB_OK);
    must(key_parse(TEST_KEY, &key));
    identity_set_policy_key(hub_identities(bench->hub), &key);
    add_device(bench, "d1", true);
    add_device(bench, "d2", true);
    add_device(bench, "d%3", true);
    add_device(bench, "off", false);
    hub_end_turn(bench->hub);
    bench->sessions = sessions_open(bench->hub);
    bench->auth = auth_create(bench->hub, &(struct auth_options){.host_names = names});
    start_server(bench, options);
}

void bench_use_auth(struct bench *bench, struct auth *auth)
{
    amqp_server_free(bench->server);
    auth_free(bench->auth);
    bench->auth = auth;
    start_server(bench, &(struct amqp_options){0});
}

void bench_open(struct bench *bench)
{
    bench_open_with(bench, &(struct amqp_options){0});
}

void bench_close(struct bench *bench)
{
    amqp_server_free(bench->server);
    while (bench->peers) {
        peer_release(bench->peers);
    }
    auth_free(bench->auth);
    sessions_close(bench->sessions);
    hub_close(bench->hub);
    clock_free(bench->clock);
    loop_free(bench->loop);
}

void bench_run(struct bench *bench)
{
    bool is_busy = true;
    for (int turn = 0; is_busy; turn++) {
        struct peer *peer;
        must_hold(turn < 10000, "the server never comes to rest");
        is_busy = false;
        DL_FOREACH (bench->peers, peer) {
            is_busy |= memory_stream_run(&peer->stream);
        }
        is_busy |= fake_loop_run(bench->loop);
        is_busy |= hub_end_turn(bench->hub) || fake_loop_next_delay(bench->loop) == 0;
    }
}

void bench_advance(struct bench *bench, struct duration by)
{
    bench_run(bench);
    hub_advance(bench->hub, instant_add(clock_now(bench->clock), by));
    bench_run(bench);
}

struct queue_counts bench_counts(struct bench *bench, const char *device_id)
{
    return queue_get_counts(mailbox_of(hub_mailboxes(bench->hub), device_id));
}

void bench_disable(struct bench *bench, const char *device_id)
{
    struct identity_draft draft = identity_find(hub_identities(bench->hub), device_id)->is;
    struct identity *identity;
    draft.enabled = false;
    must(hub_put_device(bench->hub, &draft, (struct etag_condition){.match = ETAG_ANY}, &identity,
             NULL) == HUB_OK);
    bench_run(bench);
}

/* SQLite's own, without its header: a hook that says no turns COMMIT into ROLLBACK. */
void *sqlite3_commit_hook(struct sqlite3 *handle, int (*hook)(void *context), void *context);

static int refuse_commit(void *context)
{
    (void)context;
    return 1;
}

void bench_break_commits(struct bench *bench, bool broken)
{
    sqlite3_commit_hook(
        database_handle(hub_database(bench->hub)), broken ? refuse_commit : NULL, NULL);
}

void bench_send(
    struct bench *bench, const char *device_id, const char *message_id, const char *body)
{
    struct message *message = message_create();
    must(message_set(message, MESSAGE_ID, text_of(message_id), NULL) == HUB_OK);
    must(message_add_property(message, TEXT("iothub-ack"), TEXT("full"), NULL) == HUB_OK);
    message_append_body(message, body, strlen(body));
    must(mailbox_send(hub_mailboxes(bench->hub), device_id, message, NULL, hub_now(bench->hub),
             NULL, NULL) == HUB_OK);
    message_release(message);
    bench_run(bench);
}

/* ---- peers ---- */

void peer_connect(struct peer *peer, struct bench *bench)
{
    *peer = (struct peer){.bench = bench};
    memory_stream_init(&peer->stream);
    peer_accept(peer);
}

void peer_accept(struct peer *peer)
{
    DL_APPEND(peer->bench->peers, peer);
    amqp_server_accept(peer->bench->server, &peer->stream.stream);
}

void peer_release(struct peer *peer)
{
    memory_stream_hang_up(&peer->stream);
    memory_stream_release(&peer->stream);
    DL_DELETE(peer->bench->peers, peer);
}

void peer_write(struct peer *peer, const void *bytes, size_t length)
{
    memory_stream_feed(&peer->stream, bytes, length);
}

static void put_frame(
    struct peer *peer, uint8_t type, uint16_t channel, pn_data_t *data, struct text payload)
{
    char body[4096];
    ssize_t length = pn_data_encode(data, body, sizeof(body));
    must(length > 0);
    size_t size = 8 + (size_t)length + payload.length;
    uint8_t header[8] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
        (uint8_t)size, 2, type, (uint8_t)(channel >> 8), (uint8_t)channel};
    peer_write(peer, header, sizeof(header));
    peer_write(peer, body, (size_t)length);
    peer_write(peer, payload.bytes, payload.length);
}

static void put_filled(
    struct peer *peer, uint8_t type, uint16_t channel, const char *format, va_list arguments)
{
    pn_data_t *data = pn_data(16);
    must(pn_data_vfill(data, format, arguments) == 0);
    put_frame(peer, type, channel, data, TEXT_ABSENT);
    pn_data_free(data);
}

void peer_put(struct peer *peer, uint16_t channel, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_filled(peer, 0, channel, format, arguments);
    va_end(arguments);
}

void peer_put_sasl(struct peer *peer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    put_filled(peer, 1, 0, format, arguments);
    va_end(arguments);
}

uint32_t peer_put_transfer(struct peer *peer, struct transfer transfer, struct text payload)
{
    pn_data_t *data = pn_data(16);
    char tag[8];
    uint32_t id = transfer.is_continuation ? peer->next_id - 1 : peer->next_id++;
    int length = snprintf(tag, sizeof(tag), "%u", id % 100000);
    if (transfer.is_continuation) {
        pn_data_fill(data, "DL[Innnoonnno]", (uint64_t)FRAME_TRANSFER, transfer.handle,
            transfer.settled, transfer.more, transfer.aborted);
    } else {
        pn_data_fill(data, "DL[IIzIoonnno]", (uint64_t)FRAME_TRANSFER, transfer.handle, id,
            (size_t)length, tag, 0, transfer.settled, transfer.more, transfer.aborted);
    }
    put_frame(peer, 0, transfer.channel, data, payload);
    pn_data_free(data);
    return id;
}

static void read_header(struct peer *peer, const uint8_t *bytes)
{
    peer->frame.code = bytes[4] == 3 ? FRAME_HEADER_SASL : FRAME_HEADER_AMQP;
    peer->stream.out_read += 8;
}

static void read_performative(struct peer *peer, const uint8_t *bytes, size_t size)
{
    struct frame_seen *frame = &peer->frame;
    struct reader reader = reader_of(bytes, size);
    struct value performative;
    must(read_value(&reader, &performative) && performative.type == VALUE_LIST);
    frame->code = (enum frame_code)performative.descriptor;
    struct reader fields = reader_of_elements(&performative);
    for (uint32_t i = 0; i < performative.count && i < 14; i++) {
        must(read_value(&fields, &frame->fields[i]));
    }
    frame->payload = (struct text){(const char *)reader.at, (size_t)(reader.end - reader.at)};
}

const struct frame_seen *peer_next(struct peer *peer)
{
    bench_run(peer->bench);
    const struct writer *out = &peer->stream.out;
    size_t available = out->length - peer->stream.out_read;
    peer->frame = (struct frame_seen){0};
    if (available == 0) {
        return NULL;
    }
    const uint8_t *bytes = out->bytes + peer->stream.out_read;
    must(available >= 8);
    if (memcmp(bytes, "AMQP", 4) == 0) {
        read_header(peer, bytes);
        return &peer->frame;
    }
    size_t size =
        (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
    must(size <= available);
    peer->frame.channel = (uint16_t)(bytes[6] << 8 | bytes[7]);
    peer->stream.out_read += size;
    if (size > 8) {
        read_performative(peer, bytes + 8, size - 8);
    }
    return &peer->frame;
}

const struct frame_seen *peer_expect(struct peer *peer, enum frame_code code)
{
    const struct frame_seen *frame = peer_next(peer);
    while (frame && frame->code == FRAME_FLOW && code != FRAME_FLOW) {
        frame = peer_next(peer);
    }
    must_hold(frame != NULL, "nothing came instead of frame 0x%x", code);
    must_hold(frame->code == code, "frame 0x%x came instead of 0x%x (%s)", frame->code, code,
        frame_condition(frame));
    return frame;
}

const struct frame_seen *peer_expect_close(struct peer *peer)
{
    const struct frame_seen *frame = peer_next(peer);
    while (frame &&
           (frame->code == FRAME_FLOW || frame->code == FRAME_DETACH || frame->code == FRAME_END)) {
        frame = peer_next(peer);
    }
    must_hold(frame && frame->code == FRAME_CLOSE, "no close came");
    return frame;
}

void peer_expect_silence(struct peer *peer)
{
    const struct frame_seen *frame = peer_next(peer);
    while (frame && frame->code == FRAME_FLOW) {
        frame = peer_next(peer);
    }
    must_hold(frame == NULL, "frame 0x%x came", frame ? frame->code : 0);
}

/* ---- openings ---- */

void peer_open(struct peer *peer)
{
    peer_write_literal(peer, "AMQP\0\1\0\0");
    peer_put(peer, 0, "DL[SSIH]", (uint64_t)FRAME_OPEN, "test", TEST_HOST, 65536, 8191);
    peer_expect(peer, FRAME_HEADER_AMQP);
    peer_expect(peer, FRAME_OPEN);
}

void peer_begin(struct peer *peer, uint16_t channel)
{
    peer_put(peer, channel, "DL[nIII]", (uint64_t)FRAME_BEGIN, 0, 5000, 5000);
    const struct frame_seen *begin = peer_expect(peer, FRAME_BEGIN);
    must(begin->fields[0].is.number == channel);
}

void peer_attach_sender(
    struct peer *peer, uint16_t channel, uint32_t handle, const char *name, const char *target)
{
    peer_put(peer, channel, "DL[SIoBBDL[S]DL[S]nnI]", (uint64_t)FRAME_ATTACH, name, handle, false,
        2, 0, (uint64_t)0x28, NULL, (uint64_t)0x29, target, 0);
    const struct frame_seen *attach = peer_expect(peer, FRAME_ATTACH);
    must_hold(attach->fields[6].type == VALUE_LIST, "the link to %s is refused", target);
}

void peer_attach_receiver_with(struct peer *peer, uint16_t channel, uint32_t handle,
    const char *name, const char *source, int snd_mode, int rcv_mode)
{
    peer_put(peer, channel, "DL[SIoBBDL[S]DL[S]]", (uint64_t)FRAME_ATTACH, name, handle, true,
        snd_mode, rcv_mode, (uint64_t)0x28, source, (uint64_t)0x29, "here");
    const struct frame_seen *attach = peer_expect(peer, FRAME_ATTACH);
    must_hold(attach->fields[5].type == VALUE_LIST, "the link from %s is refused", source);
}

void peer_attach_receiver(
    struct peer *peer, uint16_t channel, uint32_t handle, const char *name, const char *source)
{
    peer_attach_receiver_with(peer, channel, handle, name, source, 2, 0);
}

void peer_put_attach(struct peer *peer, struct attach attach)
{
    pn_data_t *properties = pn_data(4);
    peer->attached_channel = attach.channel;
    peer->attached_handle = attach.handle;
    if (attach.channel_id) {
        pn_data_fill(properties, "{sS}", "com.microsoft:channel-correlation-id", attach.channel_id);
        pn_data_rewind(properties);
    }
    peer_put(peer, attach.channel, "DL[SIoBBDL[S]DL[S]nnInnnC]", (uint64_t)FRAME_ATTACH,
        attach.name, attach.handle, attach.receives, attach.snd_mode, attach.rcv_mode,
        (uint64_t)0x28, attach.source, (uint64_t)0x29, attach.target, 0, properties);
    pn_data_free(properties);
}

void peer_expect_detach(struct peer *peer, const char *condition, int code)
{
    const struct frame_seen *detach = peer_expect(peer, FRAME_DETACH);
    must(detach->fields[1].is.boolean);
    must_hold(strcmp(frame_condition(detach), condition) == 0, "%s instead of %s",
        frame_condition(detach), condition);
    must_hold(frame_error_code(detach) == code, "%d instead of %d", frame_error_code(detach), code);
}

void peer_expect_refusal(struct peer *peer, const char *condition, int code)
{
    const struct frame_seen *attach = peer_expect(peer, FRAME_ATTACH);
    must(attach->fields[5].type == VALUE_NULL && attach->fields[6].type == VALUE_NULL);
    peer_expect_detach(peer, condition, code);
    peer_put(peer, peer->attached_channel, "DL[Io]", (uint64_t)FRAME_DETACH, peer->attached_handle,
        true);
}

void peer_flow(
    struct peer *peer, uint16_t channel, uint32_t handle, uint32_t delivery_count, uint32_t credit)
{
    peer_put(peer, channel, "DL[IIIIIII]", (uint64_t)FRAME_FLOW, 0, 5000, 0, 5000, handle,
        delivery_count, credit);
}

int peer_put_token(struct peer *peer, const char *token)
{
    struct writer request = {0}, id = {0};
    struct sections sections;
    struct value status;
    peer_attach_sender(peer, 0, 0, "cbs-sender", "$cbs");
    peer_attach_receiver(peer, 0, 1, "cbs-receiver", "$cbs");
    peer_flow(peer, 0, 1, 0, 1000);
    write_string(&id, TEXT("request"));
    write_put_token(&request, &id, TEST_HOST, token);
    peer_put_transfer(peer, (struct transfer){0}, writer_text(&request));
    peer_expect(peer, FRAME_DISPOSITION);
    const struct frame_seen *reply = peer_expect(peer, FRAME_TRANSFER);
    must(sections_read(reply->payload.bytes, reply->payload.length, &sections));
    must(map_find(&sections.application, "status-code", &status));
    int code = (int)status.is.integer;
    peer_put_outcome(peer, 0, (uint32_t)reply->fields[1].is.number,
        (uint32_t)reply->fields[1].is.number, true, 0x24);
    writer_free(&request);
    writer_free(&id);
    return code;
}

void peer_open_service(struct peer *peer, struct bench *bench)
{
    peer_connect(peer, bench);
    peer_open(peer);
    peer_begin(peer, 0);
    must(peer_put_token(peer,
             make_token((struct token_recipe){.resource = TEST_HOST, .policy = "service"})) == 200);
}

void peer_open_device(struct peer *peer, struct bench *bench, const char *device_id)
{
    char resource[256];
    snprintf(resource, sizeof(resource), TEST_HOST "/devices/%s", device_id);
    peer_connect(peer, bench);
    peer_open(peer);
    peer_begin(peer, 0);
    must(peer_put_token(peer, token_for(resource)) == 200);
}

/* ---- messages ---- */

struct text writer_text(const struct writer *writer)
{
    return (struct text){(const char *)writer->bytes, writer->length};
}

void write_put_token(
    struct writer *writer, const struct writer *message_id, const char *name, const char *token)
{
    write_descriptor(writer, SECTION_PROPERTIES);
    size_t list = write_open(writer, COMPOUND_LIST);
    if (message_id) {
        write_raw(writer, message_id->bytes, message_id->length);
    } else {
        write_null(writer);
    }
    write_null(writer);
    write_string(writer, TEXT("$cbs"));
    write_null(writer);
    write_string(writer, TEXT("cbs"));
    write_close(writer, list, 5);
    write_descriptor(writer, SECTION_APPLICATION_PROPERTIES);
    size_t map = write_open(writer, COMPOUND_MAP);
    write_string(writer, TEXT("operation"));
    write_string(writer, TEXT("put-token"));
    write_string(writer, TEXT("type"));
    write_string(writer, TEXT("servicebus.windows.net:sastoken"));
    write_string(writer, TEXT("name"));
    write_string(writer, text_of(name));
    write_close(writer, map, 6);
    write_descriptor(writer, SECTION_VALUE);
    write_string(writer, text_of(token));
}

static void write_text_or_null(struct writer *writer, const char *text)
{
    if (text) {
        write_string(writer, text_of(text));
    } else {
        write_null(writer);
    }
}

void write_message(struct writer *writer, const char *to, const char *message_id, const char *ack,
    const char *body)
{
    writer_clear(writer);
    write_descriptor(writer, SECTION_PROPERTIES);
    size_t list = write_open(writer, COMPOUND_LIST);
    write_text_or_null(writer, message_id);
    write_null(writer);
    write_text_or_null(writer, to);
    write_close(writer, list, 3);
    if (ack) {
        write_descriptor(writer, SECTION_APPLICATION_PROPERTIES);
        size_t map = write_open(writer, COMPOUND_MAP);
        write_string(writer, TEXT("iothub-ack"));
        write_string(writer, text_of(ack));
        write_close(writer, map, 2);
    }
    write_descriptor(writer, SECTION_DATA);
    write_binary(writer, text_of(body));
}

void peer_put_outcome(struct peer *peer, uint16_t channel, uint32_t first, uint32_t last,
    bool settled, uint64_t outcome)
{
    peer_put(peer, channel, "DL[oIIoDL[]]", (uint64_t)FRAME_DISPOSITION, true, first, last, settled,
        outcome);
}

/* ---- looking ---- */

static bool find_error(const struct frame_seen *frame, struct value *error)
{
    switch (frame->code) {
    case FRAME_DETACH:
        *error = frame->fields[2];
        break;
    case FRAME_END:
    case FRAME_CLOSE:
        *error = frame->fields[0];
        break;
    case FRAME_DISPOSITION: {
        struct reader state = reader_of_elements(&frame->fields[4]);
        return read_value(&state, error) && error->type == VALUE_LIST;
    }
    default:
        return false;
    }
    return error->type == VALUE_LIST;
}

static const char *error_text(const struct frame_seen *frame, int index)
{
    static char text[2048];
    struct value error, field;
    text[0] = '\0';
    if (find_error(frame, &error)) {
        struct reader fields = reader_of_elements(&error);
        bool is_there = read_value(&fields, &field);
        for (int i = 0; is_there && i < index; i++) {
            is_there = read_value(&fields, &field);
        }
        if (is_there && field.length < sizeof(text)) {
            memcpy(text, field.bytes, field.length);
            text[field.length] = '\0';
        }
    }
    return text;
}

const char *frame_condition(const struct frame_seen *frame)
{
    return error_text(frame, 0);
}

const char *frame_description(const struct frame_seen *frame)
{
    return error_text(frame, 1);
}

int frame_error_code(const struct frame_seen *frame)
{
    static const char key[] = "\"errorCode\":";
    const char *found = strstr(frame_description(frame), key);
    return found ? atoi(found + strlen(key)) : 0;
}

uint64_t frame_outcome(const struct frame_seen *frame)
{
    return frame->fields[4].is_described ? frame->fields[4].descriptor : 0;
}
