#include "store/settings.h"

struct hub_settings hub_settings_default(void)
{
    const struct queue_policy device = {.depth = 50,
        .message_size = HUB_MESSAGE_SIZE_MAX,
        .lock = DURATION_MINUTES(1),
        .ttl = DURATION_HOURS(1),
        .max_delivery_count = 10};
    const struct queue_policy feedback = {
        .lock = DURATION_MINUTES(1), .ttl = DURATION_HOURS(1), .max_delivery_count = 10};
    return (struct hub_settings){.name = "devicebound",
        .device = device,
        .feedback = feedback,
        .feedback_batch_size = 64,
        .feedback_batch_interval = DURATION_SECONDS(15)};
}
