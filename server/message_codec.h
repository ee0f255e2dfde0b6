/*
 * A cloud-to-device message as JSON:
 * {"messageId":"m-1","body":"switch the light
 * on","ack":"full","properties":{"level":"3"},"ttl":"PT5M"}. Called by server/control (sends) and
 * server (the messages that wait at start).
 */
#ifndef DEVICEBOUND_SERVER_MESSAGE_CODEC_H
#define DEVICEBOUND_SERVER_MESSAGE_CODEC_H

#include "store/clock.h"
#include "store/error.h"
#include "store/message.h"

#include <jansson.h>

/* The members an object may have; the last one is NULL. */
extern const char *const message_codec_members[];

/* Sets the message from the object; a `ttl` counts from `now`. Errors: ARGUMENT_INVALID and those
 * of message_set. */
enum hub_code message_codec_read(
    const json_t *object, struct instant now, struct message *message, struct hub_error *error);

#endif
