#include "protocols/stream/socket_stream.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOUR_MS 3600000
#define TURNS_MAX 1000

static struct loop *loop;
static struct socket_streams *streams;
static struct stream *stream;
static SSL_CTX *server_context, *client_context;
static SSL *client;
static int client_end;
static int turns;
static bool has_ended;

static void use_new_certificate(SSL_CTX *context)
{
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    ck_assert_int_eq(SSL_CTX_use_certificate(context, certificate), 1);
    ck_assert_int_eq(SSL_CTX_use_PrivateKey(context, key), 1);
    EVP_PKEY_free(key);
    X509_free(certificate);
}

static void set_up(void)
{
    /* Whatever is waited for here must not come from a deadline. */
    static const struct socket_deadlines deadlines = {
        .handshake = HOUR_MS, .flush = HOUR_MS, .farewell = HOUR_MS};
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    loop = loop_create();
    streams = socket_streams_create(loop, &deadlines);
    server_context = SSL_CTX_new(TLS_server_method());
    client_context = SSL_CTX_new(TLS_client_method());
    use_new_certificate(server_context);
    stream = NULL;
    has_ended = false;
}

static void tear_down(void)
{
    SSL_free(client);
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
    socket_streams_free(streams);
    loop_free(loop);
}

static void accept_it(void *context, struct stream *accepted)
{
    (void)context;
    stream = accepted;
}

static void ignore(void *owner)
{
    (void)owner;
}

static void end(void *owner)
{
    (void)owner;
    has_ended = true;
}

static const struct stream_events events = {.readable = ignore, .ended = end};

/* ---- one turn after the other, until a condition holds ---- */

static bool shake_hands(void)
{
    SSL_do_handshake(client);
    return stream && SSL_is_init_finished(client);
}

static bool stream_has_ended(void)
{
    return has_ended;
}

static bool streams_are_gone(void)
{
    return socket_streams_count(streams) == 0;
}

static bool end_turn(void *context)
{
    bool (*const *condition)(void) = context;
    if ((*condition)() || ++turns == TURNS_MAX) {
        loop_stop(loop);
    }
    return true;
}

/* Whether the condition comes true before so many turns have passed. */
static bool run_until(bool (*condition)(void))
{
    turns = 0;
    loop_run(loop, end_turn, &condition);
    return condition();
}

static void connect_client(void)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    SSL *server = SSL_new(server_context);
    SSL_set_accept_state(server);
    client = SSL_new(client_context);
    client_end = ends[1];
    SSL_set_fd(client, client_end);
    SSL_set_connect_state(client);
    socket_streams_add(streams, ends[0], server, accept_it, NULL);
    ck_assert(run_until(shake_hands));
    stream_set_owner(stream, &events, NULL);
}

START_TEST(test_last_words_to_a_peer_that_is_gone_keep_nothing)
{
    connect_client();
    close(client_end); /* without the closure alert */
    ck_assert(run_until(stream_has_ended));
    stream_write(stream, "farewell", 8);
    stream_close(stream);
    ck_assert(run_until(streams_are_gone));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket_stream");
    TCase *tcase = tcase_create("closing");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_last_words_to_a_peer_that_is_gone_keep_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
