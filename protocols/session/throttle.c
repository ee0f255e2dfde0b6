#include "protocols/session/throttle.h"

#include "protocols/session/sessions.h"
#include "store/memory.h"

#include <stdlib.h>

/* What is in a bucket is counted in parts, so that a microsecond brings a whole number of them. */
#define PARTS_PER_OPERATION DURATION_MINUTES(1).us

struct bucket {
    int64_t parts;
    struct instant filled; /* up to here */
};

struct throttle {
    enum throttle_profile profile;
    bool is_full; /* nothing was taken since it was set or filled */
    struct bucket buckets[THROTTLE_OPERATION_COUNT];
};

/* Operations per minute. Of twins the larger of the rates of one unit and of the hub. */
static const int64_t rates[THROTTLE_OPERATION_COUNT][THROTTLE_PROFILE_COUNT] = {
    /*                         off  free     S1     S2      S3 */
    [THROTTLE_SEND] = {0, 100, 100, 100, 5000},
    [THROTTLE_RECEIVE] = {0, 1000, 1000, 1000, 50000},
    [THROTTLE_REGISTRY] = {0, 100, 100, 100, 5000},
    [THROTTLE_TELEMETRY] = {0, 6000, 6000, 7200, 360000},
    [THROTTLE_CONNECT] = {0, 6000, 6000, 7200, 360000},
    [THROTTLE_QUERY] = {0, 20, 20, 20, 1000},
    [THROTTLE_TWIN_READ] = {0, 6000, 6000, 6000, 30000},
    [THROTTLE_TWIN_UPDATE] = {0, 3000, 3000, 3000, 15000},
    [THROTTLE_UPLOAD] = {0, 100, 100, 100, 5000},
};

static const char *const names[THROTTLE_OPERATION_COUNT] = {
    [THROTTLE_SEND] = "cloud-to-device sends",
    [THROTTLE_RECEIVE] = "cloud-to-device receives",
    [THROTTLE_REGISTRY] = "registry operations",
    [THROTTLE_TELEMETRY] = "device-to-cloud sends",
    [THROTTLE_CONNECT] = "new connections",
    [THROTTLE_QUERY] = "queries",
    [THROTTLE_TWIN_READ] = "twin reads",
    [THROTTLE_TWIN_UPDATE] = "twin updates",
    [THROTTLE_UPLOAD] = "file upload starts",
};

void throttle_set_profile(struct sessions *sessions, enum throttle_profile profile)
{
    if (!sessions->throttle) {
        sessions->throttle = memory_allocate(sizeof *sessions->throttle);
    } else if (sessions->throttle->profile == profile) {
        return;
    }
    *sessions->throttle = (struct throttle){.profile = profile, .is_full = true};
}

void throttle_refill(struct sessions *sessions)
{
    if (sessions->throttle) {
        sessions->throttle->is_full = true;
    }
}

void throttle_free(struct sessions *sessions)
{
    free(sessions->throttle);
}

/* What brings more than the bucket holds is cut first: a clock may jump far. */
static void fill(struct bucket *bucket, int64_t rate, struct instant now)
{
    int64_t room = rate * THROTTLE_BURST_MINUTES * PARTS_PER_OPERATION - bucket->parts;
    int64_t passed = instant_since(now, bucket->filled).us;
    bucket->filled = now;
    if (passed > 0) {
        bucket->parts += passed > room / rate ? room : passed * rate;
    }
}

static void fill_all(struct throttle *throttle, struct instant now)
{
    for (int i = 0; i < THROTTLE_OPERATION_COUNT; i++) {
        throttle->buckets[i] = (struct bucket){
            rates[i][throttle->profile] * THROTTLE_BURST_MINUTES * PARTS_PER_OPERATION, now};
    }
    throttle->is_full = false;
}

enum hub_code throttle_take(struct sessions *sessions, enum throttle_operation operation,
    struct instant now, struct hub_error *error)
{
    struct throttle *throttle = sessions->throttle;
    if (!throttle || throttle->profile == THROTTLE_OFF) {
        return HUB_OK;
    }
    if (throttle->is_full) {
        fill_all(throttle, now);
    }
    struct bucket *bucket = &throttle->buckets[operation];
    fill(bucket, rates[operation][throttle->profile], now);
    if (bucket->parts < PARTS_PER_OPERATION) {
        return hub_refuse(error, HUB_THROTTLING_EXCEPTION,
            "The rate limit of %s is exceeded. Wait 10 seconds and try again.", names[operation]);
    }
    bucket->parts -= PARTS_PER_OPERATION;
    return HUB_OK;
}
