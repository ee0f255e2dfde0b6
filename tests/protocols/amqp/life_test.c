/*
 * The way of a message over AMQP: sent, delivered, settled, reported.
 */
#include "tests/protocols/amqp/peer.h"

#include <check.h>
#include <stdlib.h>

#define ACCEPTED 0x24
#define REJECTED 0x25
#define RELEASED 0x26

START_TEST(test_a_sent_message_is_delivered_settled_and_reported)
{
    struct bench bench;
    struct peer service, device;
    struct writer message = {0};
    bench_open(&bench);
    peer_open_service(&service, &bench);
    peer_open_device(&device, &bench, "d1");
    peer_attach_receiver(&device, 0, 2, "c2d", "/devices/d1/messages/devicebound");
    peer_flow(&device, 0, 2, 0, 1000);
    peer_attach_sender(&service, 0, 2, "sender", "/messages/devicebound");

    write_message(&message, "/devices/d1/messages/devicebound", "m1", "full", "hello");
    uint32_t id =
        peer_put_transfer(&service, (struct transfer){.handle = 2}, writer_text(&message));
    const struct frame_seen *frame = peer_expect(&service, FRAME_DISPOSITION);
    ck_assert(frame->fields[0].is.boolean);
    ck_assert_uint_eq(frame->fields[1].is.number, id);
    ck_assert(frame->fields[3].is.boolean);
    ck_assert_uint_eq(frame_outcome(frame), ACCEPTED);

    frame = peer_expect(&device, FRAME_TRANSFER);
    ck_assert_uint_eq(frame->fields[2].length, 16);
    ck_assert_uint_eq(bench_counts(&bench, "d1").invisible, 1);
    peer_put_outcome(&device, 0, (uint32_t)frame->fields[1].is.number,
        (uint32_t)frame->fields[1].is.number, true, ACCEPTED);
    peer_expect_silence(&device);
    ck_assert_uint_eq(bench_counts(&bench, "d1").invisible, 0);

    peer_attach_receiver(&service, 0, 3, "feedback", "/messages/serviceBound/feedback");
    peer_flow(&service, 0, 3, 0, 1);
    bench_advance(&bench, DURATION_SECONDS(15));
    frame = peer_expect(&service, FRAME_TRANSFER);
    ck_assert(memmem(frame->payload.bytes, frame->payload.length, "\"m1\"", 4) != NULL);
    writer_free(&message);
    bench_close(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("life");
    TCase *cases = tcase_create("life");
    tcase_add_test(cases, test_a_sent_message_is_delivered_settled_and_reported);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
