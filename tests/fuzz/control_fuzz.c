/*
 * The body of a request to the control API: it is taken or refused by a sentence, never the cause
 * of a 500, and the hub lives on. The first byte chooses the request.
 */
#include "store/log.h"
#include "store/memory.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/in_suite.h"
#include "tests/server/control/control_fixture.h"

#include <stdlib.h>

static const struct {
    const char *method, *target;
} requests[] = {
    {"PATCH", V1 "/hub"},
    {"PATCH", V1 "/clock"},
    {"POST", V1 "/clock/advance"},
    {"POST", V1 "/clock/set"},
    {"PUT", V1 "/devices/d1"},
    {"PUT", V1 "/devices/d2"},
    {"PUT", V1 "/devices/d1/simulator"},
    {"POST", V1 "/devices/d1/messages"},
    {"POST", V1 "/faults"},
    {"POST", V1 "/reset"},
};

#define REQUEST_COUNT (sizeof requests / sizeof requests[0])

static const uint8_t *input;
static size_t input_length;

START_TEST(play_input)
{
    begin();
    char *body = memory_copy_bytes(input + 1, input_length - 1);
    print(requests[input[0]].method, requests[input[0]].target, body);
    free(body);
    struct answer *answer = peer_answer(peer);
    ck_assert(answer->status >= 200 && answer->status < 500);
    struct peer *first = change_peer();
    act(200, "GET", V1 "/hub", NULL);
    stop_control();
    peer_free(first);
    finish();
}
END_TEST

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length > 0 && length <= 4096 && bytes[0] < REQUEST_COUNT) {
        log_set_level(LOG_ERROR);
        input = bytes;
        input_length = length;
        in_suite_play(play_input);
    }
    return 0;
}
