#include "protocols/session/description.h"

#include "store/iso8601.h"
#include "store/random.h"

#include <stdio.h>

static void make_tracking_id(struct instant now, struct description *description)
{
    uint8_t random[16];
    char at[ISO8601_SIZE], *out = description->tracking_id;
    size_t size = sizeof description->tracking_id;
    int length = 0;
    random_fill(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        length += snprintf(out + length, size - (size_t)length, "%02x", random[i]);
    }
    iso8601_format_instant(now, 0, at);
    snprintf(out + length, size - (size_t)length, "-G:0-TimeStamp:%.2s/%.2s/%.4s %.8s", at + 5,
        at + 8, at, at + 11);
}

/* A sentence may quote a peer: what is not printable ASCII becomes a question mark. */
static void escape(const char *text, char *out, size_t size)
{
    size_t length = 0;
    for (; *text && length + 2 < size; text++) {
        if (*text == '"' || *text == '\\') {
            out[length++] = '\\';
        }
        bool is_plain = *text >= ' ' && *text <= '~';
        out[length++] = (char)(is_plain ? *text : '?');
    }
    out[length] = '\0';
}

void description_write(
    const struct hub_error *error, struct instant now, struct description *description)
{
    char sentence[2 * sizeof error->sentence], timestamp[ISO8601_SIZE];
    make_tracking_id(now, description);
    iso8601_format_instant(now, 7, timestamp);
    escape(error->sentence, sentence, sizeof sentence);
    snprintf(description->text, sizeof description->text,
        "{\"errorCode\":%d,\"trackingId\":\"%s\",\"message\":\"%s\",\"timestampUtc\":\"%s\"}",
        (int)error->code, description->tracking_id, sentence, timestamp);
}
