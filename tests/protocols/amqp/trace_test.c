#include "protocols/amqp/trace.h"

#include "tests/protocols/amqp/peer.h"
#include "tests/suite.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

START_TEST(test_secrets_are_masked)
{
    char out[256];
    trace_mask("0 <- @transfer(20) (80) \"...SharedAccessSignature sr=h&sig=abc%2F%3D&se=1\"", out,
        sizeof(out));
    ck_assert_str_eq(out, "0 <- @transfer(20) (80) \"...SharedAccessSignature sr=h&sig=***&se=1\"");
    trace_mask("x \"Bearer eyJhbGciOi.x.y\" z", out, sizeof(out));
    ck_assert_str_eq(out, "x \"Bearer ***\" z");
    trace_mask("0 <- @sasl-init(65) [mechanism=:PLAIN, initial-response=b\"\\x00u\\x00pw\"]", out,
        sizeof(out));
    ck_assert_str_eq(out, "0 <- @sasl-init(65) [mechanism=:PLAIN, initial-response=b\"***\"]");
    trace_mask("sig=unfinished", out, sizeof(out));
    ck_assert_str_eq(out, "sig=***");
    trace_mask("0123456789", out, 5);
    ck_assert_str_eq(out, "0123");
    trace_mask("sig=abc", out, 6);
    ck_assert_str_eq(out, "sig=*");
}
END_TEST

/* What the process wrote to its log while `act` ran. */
static void capture(void (*act)(bool trace), bool trace, char *out, size_t size)
{
    FILE *file = tmpfile();
    fflush(stderr);
    int kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    act(trace);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(file);
    out[fread(out, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void open_a_service(bool trace)
{
    struct bench bench;
    struct peer peer;
    bench_open_with(&bench, &(struct amqp_options){.trace = trace});
    peer_open_service(&peer, &bench);
    bench_close(&bench);
}

START_TEST(test_frames_are_logged_only_when_asked_for_and_without_signatures)
{
    static char log[65536];
    setenv("PN_TRACE_FRM", "1", 1);
    capture(open_a_service, false, log, sizeof(log));
    ck_assert_ptr_null(strstr(log, "@open"));
    capture(open_a_service, true, log, sizeof(log));
    ck_assert_ptr_nonnull(strstr(log, "AMQP-FRAME"));
    ck_assert_ptr_nonnull(strstr(log, "@open"));
    ck_assert_ptr_nonnull(strstr(log, "put-token"));
    ck_assert_ptr_nonnull(strstr(log, "sig=***"));
    const char *sig = log;
    while ((sig = strstr(sig, "sig="))) {
        sig += 4;
        ck_assert(strncmp(sig, "***", 3) == 0);
    }
}
END_TEST

SUITE_MAIN("amqp trace", test_secrets_are_masked,
    test_frames_are_logged_only_when_asked_for_and_without_signatures)
