/*
 * A message as an AMQP sender encodes it: what is read and written for a receiver is read as the
 * same message again. The same bytes as telemetry, alone or as a batch.
 */
#include "protocols/amqp/message_codec.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void forget(void *context, struct telemetry_event *event)
{
    (void)context;
    telemetry_event_free(event);
}

static void check_same(const struct message *message, const struct message *again)
{
    for (int field = 0; field < MESSAGE_FIELD_COUNT; field++) {
        enum message_field name = (enum message_field)field;
        check(text_equal(message_get(message, name), message_get(again, name)));
    }
    check(message_property_count(message) == message_property_count(again));
    check(text_equal(message_body(message), message_body(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct hub_error error;
    struct message *message, *again;
    amqp_events_decode(bytes, length, forget, NULL, &error);
    if (amqp_message_decode(bytes, length, &message, &error) != HUB_OK) {
        return 0;
    }
    const struct delivery delivery = {.message = message, .sequence = 1};
    struct writer writer = {0};
    amqp_message_encode(&writer, &delivery);
    check(amqp_message_decode(writer.bytes, writer.length, &again, &error) == HUB_OK);
    check_same(message, again);
    writer_free(&writer);
    message_release(again);
    message_release(message);
    return 0;
}
