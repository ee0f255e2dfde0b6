#include "server/certificates/certificates.h"

#include "server/certificates/pem_file.h"
#include "tests/folder.h"
#include "tests/suite.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const kept[] = {
    "ca.pem", "ca.key", "server-ecdsa.pem", "server-ecdsa.key", "server-rsa.pem", "server-rsa.key"};
#define KEPT_COUNT (sizeof kept / sizeof kept[0])

static const char *const names[] = {"hub.local", "localhost", "127.0.30.1", "::1", NULL};
static const char *const nobody[] = {NULL};

/* Made once, since keys take their time: what a first start leaves, and a CA of somebody else with
 * a server certificate under it. */
static char first[FOLDER_SIZE], users[FOLDER_SIZE];

static char folder[FOLDER_SIZE]; /* of one test */
static struct certificates *certificates;
static struct hub_error error;

/* ---- opening ---- */

static struct certificates_options options_of(const char *directory)
{
    return (struct certificates_options){
        .directory = directory, .names = names, .device_ca = nobody};
}

static enum hub_code open_with(struct certificates_options options)
{
    certificates_free(certificates);
    certificates = NULL;
    return certificates_open(&certificates, &options, &error);
}

static void check_opens(struct certificates_options options)
{
    ck_assert_msg(certificates_check(&options, &error) == HUB_OK, "%s", error.sentence);
    ck_assert_msg(open_with(options) == HUB_OK, "%s", error.sentence);
}

static void check_refused(struct certificates_options options, enum hub_code code, const char *say)
{
    ck_assert_int_eq(open_with(options), code);
    ck_assert_ptr_null(certificates);
    if (code == HUB_ARGUMENT_INVALID && !(options.tls_cert && options.ca_cert)) {
        ck_assert_int_eq(certificates_check(&options, &error), code);
    }
    ck_assert_msg(strstr(error.sentence, say) != NULL, "no %s in: %s", say, error.sentence);
    ck_assert_ptr_null(strchr(error.sentence, '\n'));
}

/* ---- what is there before any test ---- */

static void write_issued(const char *path, const char *key_path, const struct credential *one)
{
    ck_assert(pem_file_write(path, key_path, one));
}

static void set_up_suite(void)
{
    struct credential authority, server;
    folder_make(first);
    folder_make(users);
    check_opens(options_of(first));
    ck_assert(issue_authority(clock_machine_now(), &authority));
    ck_assert(issue_server(&authority, CREDENTIAL_ECDSA, names, clock_machine_now(), &server));
    write_issued(folder_file(users, "ca.pem"), folder_file(users, "ca.key"), &authority);
    write_issued(folder_file(users, "tls.pem"), folder_file(users, "tls.key"), &server);
    credential_release(&authority);
    credential_release(&server);
    certificates_free(certificates);
    certificates = NULL;
}

static void tear_down_suite(void)
{
    folder_remove(first);
    folder_remove(users);
}

static void set_up(void)
{
    folder_make(folder);
}

static void tear_down(void)
{
    certificates_free(certificates);
    certificates = NULL;
    folder_remove(folder);
}

static const char *users_file(const char *name)
{
    return folder_file(users, name);
}

/* The folder of the test becomes that of a second start. */
static void start_before(void)
{
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        file_copy(folder_file(first, kept[i]), folder_file(folder, kept[i]));
    }
}

static bool is_as_first(const char *name)
{
    size_t before_length, length;
    char *before = file_read(folder_file(first, name), &before_length);
    char *now = file_read(folder_file(folder, name), &length);
    bool is_same = length == before_length && memcmp(before, now, length) == 0;
    free(before);
    free(now);
    return is_same;
}

static struct credential read_pair(const char *directory, const char *name)
{
    char certificate[32], key[32];
    struct credential pair;
    snprintf(certificate, sizeof certificate, "%s.pem", name);
    snprintf(key, sizeof key, "%s.key", name);
    ck_assert(
        pem_file_read(folder_file(directory, certificate), folder_file(directory, key), &pair));
    return pair;
}

static void check_issued_for(const char *const *wanted, const char *authority_directory)
{
    static const char *const servers[] = {"server-ecdsa", "server-rsa"};
    struct credential authority = read_pair(authority_directory, "ca");
    for (size_t i = 0; i < 2; i++) {
        struct credential server = read_pair(folder, servers[i]);
        ck_assert(issue_is_current(&server, &authority, wanted, clock_machine_now()));
        credential_release(&server);
    }
    credential_release(&authority);
}

/* ---- handshakes ---- */

static SSL_CTX *client_context;
static SSL *client, *server;

static void prepare_handshake(void)
{
    client_context = SSL_CTX_new(TLS_client_method());
}

/* The X509 of a PEM text, as a root of the client. */
static void trust(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *root = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_int_eq(X509_STORE_add_cert(SSL_CTX_get_cert_store(client_context), root), 1);
    X509_free(root);
    BIO_free(bio);
}

/* Both sides in memory, until both are done or one gives up. `server_name`: what the client asks
 * for; NULL: nothing. */
static bool shake_hands_as(const char *server_name)
{
    BIO *client_side, *server_side;
    ck_assert_int_eq(BIO_new_bio_pair(&client_side, 0, &server_side, 0), 1);
    client = SSL_new(client_context);
    if (server_name) {
        ck_assert_int_eq(SSL_set_tlsext_host_name(client, server_name), 1);
    }
    server = certificates_new_session(certificates);
    SSL_set_bio(client, client_side, client_side);
    SSL_set_bio(server, server_side, server_side);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 20; i++) {
        int asked = SSL_do_handshake(client), answered = SSL_do_handshake(server);
        if (asked == 1 && answered == 1) {
            return true;
        }
        if ((asked != 1 && SSL_get_error(client, asked) != SSL_ERROR_WANT_READ) ||
            (answered != 1 && SSL_get_error(server, answered) != SSL_ERROR_WANT_READ)) {
            break;
        }
    }
    ERR_clear_error();
    return false;
}

static bool shake_hands(void)
{
    return shake_hands_as(NULL);
}

static void finish_handshake(void)
{
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_context);
}

static int kind_of_peer_key(void)
{
    X509 *peer = SSL_get1_peer_certificate(client);
    int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(peer));
    X509_free(peer);
    return kind;
}

static void check_serves(const char *authority_pem, int key_kind)
{
    prepare_handshake();
    trust(authority_pem);
    ck_assert(shake_hands());
    ck_assert_int_eq(SSL_get_verify_result(client), X509_V_OK);
    ck_assert_int_eq(kind_of_peer_key(), key_kind);
    finish_handshake();
}

/* ---- the first start, and the second ---- */

START_TEST(test_a_first_start_makes_a_ca_and_two_certificates)
{
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        bool is_key = strstr(kept[i], ".key") != NULL;
        ck_assert_uint_eq(file_mode(folder_file(first, kept[i])), is_key ? 0600 : 0644);
    }
    ck_assert_uint_eq(folder_count(first), KEPT_COUNT); /* nothing half written either */
    start_before();
    check_issued_for(names, folder);
}
END_TEST

START_TEST(test_the_ca_is_told)
{
    start_before();
    check_opens(options_of(folder));
    char *text = file_read(folder_file(folder, "ca.pem"), NULL);
    ck_assert_str_eq(certificates_ca_pem(certificates), text);
    ck_assert_str_eq(certificates_ca_path(certificates), folder_file(folder, "ca.pem"));
    free(text);
}
END_TEST

START_TEST(test_the_ca_is_what_rfc_5280_asks_of_one)
{
    struct credential ca = read_pair(first, "ca");
    ck_assert_int_eq(EVP_PKEY_get_base_id(ca.key), EVP_PKEY_RSA);
    ck_assert_int_eq(EVP_PKEY_get_bits(ca.key), 2048);
    ck_assert_int_eq(X509_check_ca(ca.certificate), 1);
    ck_assert_uint_eq(X509_get_key_usage(ca.certificate), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    credential_release(&ca);
}
END_TEST

START_TEST(test_a_second_start_keeps_everything)
{
    start_before();
    check_opens(options_of(folder));
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        ck_assert_msg(is_as_first(kept[i]), "%s", kept[i]);
    }
    ck_assert_uint_eq(folder_count(folder), KEPT_COUNT);
}
END_TEST

/* ---- what outlives nothing ---- */

START_TEST(test_other_names_have_the_servers_issued_again)
{
    static const char *const others[][5] = {{"other.local", "127.0.30.1", NULL},
        {"hub.local", "localhost", "127.0.30.1", NULL},
        {"hub.local", "localhost", "127.0.30.1", "::2", NULL}};
    start_before();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct certificates_options options = options_of(folder);
        options.names = others[i];
        check_opens(options);
        check_issued_for(others[i], folder);
        ck_assert(is_as_first("ca.pem") && is_as_first("ca.key"));
        ck_assert(!is_as_first("server-ecdsa.pem") && !is_as_first("server-rsa.pem"));
        ck_assert_uint_eq(file_mode(folder_file(folder, "server-rsa.key")), 0600);
    }
}
END_TEST

static struct instant days_ago(int days)
{
    return instant_add(clock_machine_now(), (struct duration){-DURATION_DAYS(days).us});
}

START_TEST(test_a_certificate_near_its_end_is_issued_again)
{
    start_before();
    struct credential ca = read_pair(folder, "ca"), old;
    ck_assert(issue_server(&ca, CREDENTIAL_ECDSA, names, days_ago(397 - 29), &old));
    write_issued(
        folder_file(folder, "server-ecdsa.pem"), folder_file(folder, "server-ecdsa.key"), &old);
    check_opens(options_of(folder));
    check_issued_for(names, folder);
    ck_assert(is_as_first("ca.pem") && is_as_first("server-rsa.pem"));
    credential_release(&old);
    credential_release(&ca);
}
END_TEST

START_TEST(test_a_ca_at_its_end_is_made_again)
{
    struct credential old;
    start_before();
    ck_assert(issue_authority(days_ago(3650 - 29), &old));
    write_issued(folder_file(folder, "ca.pem"), folder_file(folder, "ca.key"), &old);
    check_opens(options_of(folder));
    struct credential ca = read_pair(folder, "ca");
    ck_assert_int_ne(X509_cmp(ca.certificate, old.certificate), 0);
    check_issued_for(names, folder);
    credential_release(&old);
    credential_release(&ca);
}
END_TEST

START_TEST(test_nothing_outlives_the_ca)
{
    struct credential ca, server_pair;
    ck_assert(issue_authority(days_ago(3650 - 40), &ca));
    ck_assert(issue_server(&ca, CREDENTIAL_ECDSA, names, clock_machine_now(), &server_pair));
    ck_assert_int_eq(ASN1_TIME_compare(X509_get0_notAfter(server_pair.certificate),
                         X509_get0_notAfter(ca.certificate)),
        0);
    credential_release(&ca);
    credential_release(&server_pair);
}
END_TEST

START_TEST(test_a_certificate_that_does_not_fit_is_issued_again)
{
    static const char *const changes[][2] = {{"server-ecdsa.key", "server-rsa.key"}, /* its key */
        {"server-ecdsa.pem", NULL}, {"server-rsa.key", NULL}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        start_before();
        const char *path = folder_file(folder, changes[i][0]);
        if (changes[i][1]) {
            file_copy(folder_file(first, changes[i][1]), path);
        } else {
            unlink(path);
        }
        check_opens(options_of(folder));
        check_issued_for(names, folder);
        ck_assert(is_as_first("ca.pem"));
    }
}
END_TEST

START_TEST(test_certificates_of_another_ca_are_issued_again)
{
    start_before();
    file_copy(users_file("tls.pem"), folder_file(folder, "server-ecdsa.pem"));
    file_copy(users_file("tls.key"), folder_file(folder, "server-ecdsa.key"));
    check_opens(options_of(folder));
    check_issued_for(names, folder);
}
END_TEST

START_TEST(test_a_ca_that_cannot_be_read_is_not_replaced)
{
    start_before();
    file_write(folder_file(folder, "ca.key"), "no key", 6);
    check_refused(options_of(folder), HUB_SERVER_ERROR, folder_file(folder, "ca.pem"));
    ck_assert(is_as_first("ca.pem"));
    char *key = file_read(folder_file(folder, "ca.key"), NULL);
    ck_assert_str_eq(key, "no key");
    free(key);
}
END_TEST

START_TEST(test_a_directory_that_cannot_be_written_is_refused)
{
    check_refused(
        options_of(folder_file(folder, "none")), HUB_SERVER_ERROR, "No such file or directory");
    ck_assert_uint_eq(folder_count(folder), 0);
}
END_TEST

/* ---- the user's own ---- */

START_TEST(test_a_ca_of_the_user_issues_the_certificates)
{
    struct certificates_options options = options_of(folder);
    options.ca_cert = users_file("ca.pem");
    options.ca_key = users_file("ca.key");
    check_opens(options);
    check_issued_for(names, users);
    ck_assert(!file_exists(folder_file(folder, "ca.pem")));
    ck_assert_str_eq(certificates_ca_path(certificates), options.ca_cert);
    check_serves(certificates_ca_pem(certificates), EVP_PKEY_EC);
}
END_TEST

START_TEST(test_a_certificate_of_the_user_is_served_and_nothing_is_written)
{
    struct certificates_options options = options_of(folder);
    options.tls_cert = users_file("tls.pem");
    options.tls_key = users_file("tls.key");
    options.ca_cert = users_file("ca.pem");
    check_opens(options);
    ck_assert_uint_eq(folder_count(folder), 0);
    ck_assert_str_eq(certificates_ca_path(certificates), options.ca_cert);
    check_serves(certificates_ca_pem(certificates), EVP_PKEY_EC);
    options.ca_cert = NULL; /* then it is its own: self-signed, or known to the clients */
    check_opens(options);
    ck_assert_str_eq(certificates_ca_path(certificates), options.tls_cert);
}
END_TEST

START_TEST(test_a_bad_file_of_the_user_is_refused)
{
    const char *garbage = folder_file(folder, "garbage");
    file_write(garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n", 32);
    const struct {
        const char *tls_cert, *tls_key, *ca_cert, *ca_key, *say;
    } cases[] = {{"/no/file", users_file("tls.key"), NULL, NULL, "--tls-cert"},
        {users_file("tls.pem"), "/no/file", NULL, NULL, "--tls-key"},
        {garbage, users_file("tls.key"), NULL, NULL, garbage},
        {users_file("tls.pem"), garbage, NULL, NULL, "--tls-key"},
        {users_file("tls.pem"), users_file("ca.key"), NULL, NULL, "fits the others"},
        {NULL, NULL, "/no/file", users_file("ca.key"), "--ca-cert"},
        {NULL, NULL, garbage, users_file("ca.key"), garbage},
        {NULL, NULL, users_file("ca.pem"), garbage, "--ca-key"},
        {NULL, NULL, users_file("ca.pem"), users_file("tls.key"), "--ca-cert with --ca-key"},
        {NULL, NULL, users_file("tls.pem"), users_file("tls.key"), "--ca-cert with --ca-key"},
        {users_file("tls.pem"), users_file("tls.key"), "/no/file", NULL, "--ca-cert"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct certificates_options options = options_of(folder);
        options.tls_cert = cases[i].tls_cert;
        options.tls_key = cases[i].tls_key;
        options.ca_cert = cases[i].ca_cert;
        options.ca_key = cases[i].ca_key;
        check_refused(options, HUB_ARGUMENT_INVALID, cases[i].say);
    }
    ck_assert_uint_eq(folder_count(folder), 1);
}
END_TEST

static void write_locked_key(const char *path)
{
    struct credential pair = read_pair(users, "tls");
    FILE *file = fopen(path, "w");
    ck_assert_int_eq(PEM_write_PrivateKey(file, pair.key, EVP_aes_128_cbc(),
                         (const unsigned char *)"word", 4, NULL, NULL),
        1);
    fclose(file);
    credential_release(&pair);
}

START_TEST(test_a_key_with_a_password_is_refused_and_nobody_is_asked)
{
    int ends[2];
    const char *locked = folder_file(folder, "locked.key");
    write_locked_key(locked);
    setsid(); /* no terminal */
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq((int)write(ends[1], "word\n", 5), 5);
    close(ends[1]);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    struct certificates_options options = options_of(folder);
    options.tls_cert = users_file("tls.pem");
    options.tls_key = locked;
    check_refused(options, HUB_ARGUMENT_INVALID, "--tls-key");
    char left[8];
    ck_assert_int_eq((int)read(STDIN_FILENO, left, sizeof left), 5);
}
END_TEST

/* ---- what a client meets ---- */

START_TEST(test_a_client_finds_the_hub_under_each_of_its_names)
{
    start_before();
    check_opens(options_of(folder));
    for (const char *const *name = names; *name; name++) {
        prepare_handshake();
        trust(certificates_ca_pem(certificates));
        ck_assert(shake_hands());
        X509 *peer = SSL_get1_peer_certificate(client);
        ck_assert_msg(
            X509_check_host(peer, *name, 0, 0, NULL) == 1 || X509_check_ip_asc(peer, *name, 0) == 1,
            "%s", *name);
        ck_assert_int_eq(X509_check_host(peer, "elsewhere.local", 0, 0, NULL), 0);
        X509_free(peer);
        finish_handshake();
    }
}
END_TEST

START_TEST(test_a_client_without_elliptic_curves_is_served_rsa)
{
    start_before();
    check_opens(options_of(folder));
    check_serves(certificates_ca_pem(certificates), EVP_PKEY_EC);
    prepare_handshake();
    trust(certificates_ca_pem(certificates));
    ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(client_context, "RSA-PSS+SHA256:RSA+SHA256"), 1);
    ck_assert(shake_hands());
    ck_assert_int_eq(SSL_get_verify_result(client), X509_V_OK);
    ck_assert_int_eq(kind_of_peer_key(), EVP_PKEY_RSA);
    finish_handshake();
}
END_TEST

START_TEST(test_a_client_with_elliptic_curves_alone_is_served_one)
{
    start_before();
    check_opens(options_of(folder));
    prepare_handshake();
    trust(certificates_ca_pem(certificates));
    ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(client_context, "ECDSA+SHA256"), 1);
    ck_assert(shake_hands());
    ck_assert_int_eq(kind_of_peer_key(), EVP_PKEY_EC);
    finish_handshake();
}
END_TEST

/* Some clients name an address, which RFC 6066 does not allow, or whatever they were told. */
START_TEST(test_any_server_name_is_served)
{
    static const char *const asked[] = {"127.0.0.1", "::1", "elsewhere.example", "HUB.LOCAL.", "_"};
    start_before();
    check_opens(options_of(folder));
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        prepare_handshake();
        ck_assert_msg(shake_hands_as(asked[i]), "%s", asked[i]);
        finish_handshake();
    }
}
END_TEST

START_TEST(test_versions_from_1_2_on_are_spoken)
{
    static const int versions[] = {TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    start_before();
    check_opens(options_of(folder));
    for (size_t i = 0; i < 3; i++) {
        prepare_handshake();
        SSL_CTX_set_security_level(client_context, 0);
        SSL_CTX_set_min_proto_version(client_context, versions[i]);
        SSL_CTX_set_max_proto_version(client_context, versions[i]);
        ck_assert_int_eq(shake_hands(), versions[i] != TLS1_1_VERSION);
        finish_handshake();
    }
}
END_TEST

START_TEST(test_an_application_protocol_is_chosen_if_it_is_ours)
{
    static const struct {
        const char *offer, *chosen;
    } cases[] = {{"\4mqtt", "mqtt"}, {"\2h2\10http/1.1", "http/1.1"},
        {"\10http/1.1\4mqtt", "http/1.1"}, {"\2h2", ""}, {"\4mqtz", ""}};
    start_before();
    check_opens(options_of(folder));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const unsigned char *chosen;
        unsigned length;
        prepare_handshake();
        SSL_CTX_set_alpn_protos(client_context, (const unsigned char *)cases[i].offer,
            (unsigned)strlen(cases[i].offer));
        ck_assert(shake_hands());
        SSL_get0_alpn_selected(client, &chosen, &length);
        ck_assert_uint_eq(length, strlen(cases[i].chosen));
        ck_assert_mem_eq(length ? (const char *)chosen : "", cases[i].chosen, length);
        finish_handshake();
    }
}
END_TEST

/* With the user's server certificate in the part of a device's. */
static long result_of_device(struct certificates_options options)
{
    check_opens(options);
    prepare_handshake();
    ck_assert_int_eq(
        SSL_CTX_use_certificate_file(client_context, users_file("tls.pem"), SSL_FILETYPE_PEM), 1);
    ck_assert_int_eq(
        SSL_CTX_use_PrivateKey_file(client_context, users_file("tls.key"), SSL_FILETYPE_PEM), 1);
    ck_assert(shake_hands());
    X509 *peer = SSL_get1_peer_certificate(server);
    ck_assert_ptr_nonnull(peer);
    X509_free(peer);
    const STACK_OF(X509_NAME) *asked = SSL_get_client_CA_list(client);
    ck_assert_int_le(sk_X509_NAME_num(asked), 0); /* any certificate may be sent */
    long result = SSL_get_verify_result(server);
    finish_handshake();
    return result;
}

START_TEST(test_any_client_certificate_is_taken_and_judged)
{
    const char *trusted[] = {users_file("ca.pem"), NULL};
    start_before();
    struct certificates_options options = options_of(folder);
    ck_assert_int_ne(result_of_device(options), X509_V_OK);
    options.device_ca = trusted;
    long result = result_of_device(options);
    /* The chain is whole; that it is a server's is no matter of trust. */
    ck_assert_msg(result == X509_V_OK || result == X509_V_ERR_INVALID_PURPOSE, "%ld", result);
}
END_TEST

START_TEST(test_a_bad_device_ca_is_refused)
{
    const char *bad[] = {users_file("ca.pem"), users_file("ca.key"), NULL};
    start_before();
    struct certificates_options options = options_of(folder);
    options.device_ca = bad;
    check_refused(options, HUB_ARGUMENT_INVALID, "--device-ca");
    ck_assert_ptr_nonnull(strstr(error.sentence, bad[1]));
}
END_TEST

/* ---- again ---- */

START_TEST(test_a_reload_serves_the_new_files)
{
    const char *cert = folder_file(folder, "tls.pem"), *key = folder_file(folder, "tls.key");
    struct certificates_options options = options_of(folder);
    file_copy(users_file("tls.pem"), cert);
    file_copy(users_file("tls.key"), key);
    options.tls_cert = cert;
    options.tls_key = key;
    options.ca_cert = users_file("ca.pem");
    check_opens(options);
    check_serves(certificates_ca_pem(certificates), EVP_PKEY_EC);
    file_copy(folder_file(first, "server-rsa.pem"), cert);
    file_copy(folder_file(first, "server-rsa.key"), key);
    ck_assert_int_eq(certificates_reload(certificates, &error), HUB_OK);
    prepare_handshake();
    ck_assert(shake_hands());
    ck_assert_int_eq(kind_of_peer_key(), EVP_PKEY_RSA);
    finish_handshake();
}
END_TEST

START_TEST(test_a_reload_that_cannot_be_changes_nothing)
{
    const char *cert = folder_file(folder, "tls.pem"), *key = folder_file(folder, "tls.key");
    struct certificates_options options = options_of(folder);
    file_copy(users_file("tls.pem"), cert);
    file_copy(users_file("tls.key"), key);
    options.tls_cert = cert;
    options.tls_key = key;
    options.ca_cert = users_file("ca.pem");
    check_opens(options);
    file_write(key, "no key", 6);
    ck_assert_int_eq(certificates_reload(certificates, &error), HUB_ARGUMENT_INVALID);
    check_serves(certificates_ca_pem(certificates), EVP_PKEY_EC);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {test_a_first_start_makes_a_ca_and_two_certificates,
        test_the_ca_is_told, test_the_ca_is_what_rfc_5280_asks_of_one,
        test_a_second_start_keeps_everything, test_other_names_have_the_servers_issued_again,
        test_a_certificate_near_its_end_is_issued_again, test_a_ca_at_its_end_is_made_again,
        test_nothing_outlives_the_ca, test_a_certificate_that_does_not_fit_is_issued_again,
        test_certificates_of_another_ca_are_issued_again,
        test_a_ca_that_cannot_be_read_is_not_replaced,
        test_a_directory_that_cannot_be_written_is_refused,
        test_a_ca_of_the_user_issues_the_certificates,
        test_a_certificate_of_the_user_is_served_and_nothing_is_written,
        test_a_bad_file_of_the_user_is_refused,
        test_a_key_with_a_password_is_refused_and_nobody_is_asked,
        test_a_client_finds_the_hub_under_each_of_its_names,
        test_a_client_without_elliptic_curves_is_served_rsa,
        test_a_client_with_elliptic_curves_alone_is_served_one, test_any_server_name_is_served,
        test_versions_from_1_2_on_are_spoken, test_an_application_protocol_is_chosen_if_it_is_ours,
        test_any_client_certificate_is_taken_and_judged, test_a_bad_device_ca_is_refused,
        test_a_reload_serves_the_new_files, test_a_reload_that_cannot_be_changes_nothing};
    Suite *suite = suite_create("certificates");
    TCase *tcase = tcase_create("certificates");
    tcase_set_timeout(tcase, 60);
    tcase_add_unchecked_fixture(tcase, set_up_suite, tear_down_suite);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_test(tcase, cases[i]);
    }
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
