/*
 * Bags of telemetry; and a property with these bytes, written as a topic, is read again.
 */
#include "protocols/mqtt/bag.h"
#include "protocols/mqtt/packet.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* How many application properties; -1: refused. */
static int count_properties(struct text bag)
{
    struct telemetry_event *event = telemetry_event_create();
    struct telemetry_property property;
    int count = bag_parse(bag, event) ? 0 : -1;
    for (size_t at = 0; count >= 0 && telemetry_event_next(event, &at, &property);) {
        count += property.kind == TELEMETRY_APPLICATION;
    }
    telemetry_event_free(event);
    return count;
}

static void check_round(struct text text)
{
    static char topic[PACKET_TOPIC_MAX];
    static const char prefix[] = "devices/d1/messages/devicebound/";
    struct message *message = message_create();

    if (message_add_property(message, text, text, NULL) == HUB_OK) {
        size_t length = bag_write_topic(message, "d1", topic, sizeof topic);
        struct text written = {topic + sizeof prefix - 1, length - (sizeof prefix - 1)};
        if (length > 0 && !memchr(text.bytes, 0, text.length) && packet_is_utf8(text, true) &&
            (count_properties(written) < 0 || count_properties(written) > 1)) {
            abort();
        }
    }
    message_release(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct text text = {(const char *)bytes, length};

    if (count_properties(text) > (int)length) {
        abort();
    }
    check_round(text);
    return 0;
}
