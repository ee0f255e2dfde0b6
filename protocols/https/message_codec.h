/*
 * Messages to and from HTTP headers: the one place that knows their spelling. Called by device.c,
 * service.c and telemetry.c.
 *
 * Sources: learn.microsoft.com, "Create and read IoT Hub messages" and REST reference of Device -
 * Receive Device Bound Notification; what clients look for in Azure/azure-iot-sdk-csharp
 * (HttpTransportHandler.cs), Azure/azure-iot-sdk-c (iothubtransporthttp.c) and
 * Azure/azure-iot-cli-extension (device_messaging.py).
 */
#ifndef DEVICEBOUND_PROTOCOLS_HTTPS_MESSAGE_CODEC_H
#define DEVICEBOUND_PROTOCOLS_HTTPS_MESSAGE_CODEC_H

#include "protocols/http/http.h"
#include "store/queue.h"
#include "store/telemetry.h"

#define MESSAGE_DATE_SIZE 96

/* "12/9/2019 12:00:00 PM", UTC; "" for INSTANT_NEVER. */
void message_format_date(struct instant at, char out[MESSAGE_DATE_SIZE]);

/* 200 with the message of a delivery to a device. Returns owned. */
struct http_response *message_write(const struct delivery *delivery);

/* 200 with a batch of feedback. Returns owned. */
struct http_response *message_write_feedback(const struct delivery *delivery);

/* The message that headers and body of a request make. Returns owned; NULL: `error` (ARGUMENT_
 * INVALID, INVALID_MESSAGE_EXPIRY_TIME). */
struct message *message_read(const struct http_request *request, struct hub_error *error);

/* What headers and body of a request say a device has sent. Returns owned. */
struct telemetry_event *message_read_event(const struct http_request *request);

/* One property of a batch's item, which has a header's name or one of its own. */
void message_read_event_property(
    struct telemetry_event *event, const char *name, struct text value);

#endif
