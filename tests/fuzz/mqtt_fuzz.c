/*
 * Packets into connections: the first byte says how the rest is cut and who is connected, the rest
 * is what the client sends. Whatever comes, the hub stands and no stream is used after its end.
 *
 * The hub is made once, and every input ends its connections and empties its queue.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/in_suite.h"
#include "tests/protocols/mqtt/mqtt_fixture.h"

static void feed(struct mqtt_fixture *f, struct fake_stream *client, const uint8_t *bytes,
    size_t length, size_t step)
{
    for (size_t at = 0; at < length; at += step) {
        client_send(f, client, bytes + at, length - at < step ? length - at : step);
    }
}

static const uint8_t *input;
static size_t input_length;

START_TEST(play_input)
{
    static struct mqtt_fixture f;
    static bool is_open;

    if (!is_open) {
        mqtt_fixture_open(&f, false);
        is_open = true;
    }
    uint8_t how = input[0];
    size_t step = how & 0x0f ? (size_t)(how & 0x0f) : input_length;
    struct fake_stream *client = how & 0x80 ? client_dial(&f) : client_open(&f, "d1", how & 0x40);
    if (how & 0x20) {
        send_body(&f, "d1", "body");
    }
    feed(&f, client, input + 1, input_length - 1, step);
    advance_hub(&f, DURATION_MINUTES(1));
    fake_stream_hang_up(client);
    settle_turns(&f);
    ck_assert_uint_eq(sessions_count(f.sessions), 0);
    fixture_purge(&f.store, "d1");
    forget_clients(&f);
}
END_TEST

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0) {
        return 0;
    }
    input = bytes;
    input_length = length;
    in_suite_play(play_input);
    return 0;
}
