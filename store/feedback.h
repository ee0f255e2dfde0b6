/*
 * Feedback to the back end: a record for each message that ended and asked for it, gathered into
 * batches on the service-bound queue, which is store/queue with another policy.
 *
 * A batch leaves when it is full or when its interval is over, counted from the first waiting
 * record. Records wait in the log, so a restart loses none. Belongs to the loop's thread.
 *
 * Source: learn.microsoft.com, "Send cloud-to-device messages from an IoT hub", message feedback.
 */
#ifndef DEVICEBOUND_STORE_FEEDBACK_H
#define DEVICEBOUND_STORE_FEEDBACK_H

#include "store/queue.h"

#include <jansson.h>

#define FEEDBACK_CONTENT_TYPE "application/vnd.microsoft.iothub.feedback.json"

struct feedback;

/* Makes the service-bound queue. Borrows all. Returns owned. */
struct feedback *feedback_open(struct database *database, struct queues *queues,
    struct journal *journal, const struct hub_settings *settings);
void feedback_free(struct feedback *feedback);

/* The service-bound queue: receive, settle and listen as with any other. */
struct queue *feedback_queue(struct feedback *feedback);

/* A message of `device_id` has ended: notes a record if its ack asks for one, and sends a batch
 * when it is full. */
void feedback_record(struct feedback *feedback, const char *device_id, const struct queue_end *end);

/* The device is gone: its waiting records go too. */
void feedback_forget_device(struct feedback *feedback, const char *device_id);

/* Sends the waiting records now. Returns how many records left. */
size_t feedback_flush(struct feedback *feedback, struct instant now);

size_t feedback_pending(const struct feedback *feedback);

/* The waiting records as an array, as their batch will have them. Returns owned. */
json_t *feedback_waiting(const struct feedback *feedback);
uint64_t feedback_batches(const struct feedback *feedback); /* sent since the start */

/* When the interval of the waiting batch is over; INSTANT_NEVER when nothing waits. */
struct instant feedback_next_due(const struct feedback *feedback);
void feedback_run_due(struct feedback *feedback, struct instant now);

/* "Success", "Expired", "DeliveryCountExceeded", "Rejected", "Purged"; NULL: no feedback exists. */
const char *feedback_status_name(enum queue_outcome outcome);

#endif
