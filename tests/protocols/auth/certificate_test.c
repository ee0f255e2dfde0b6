#include "protocols/auth/certificate.h"

#include "tests/protocols/auth/certificate_maker.h"
#include "tests/protocols/auth/small_hub.h"
#include "tests/protocols/auth/token_maker.h"

#include <check.h>
#include <ctype.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNAUTHORIZED HUB_IOT_HUB_UNAUTHORIZED_ACCESS

static struct small_hub small;

static void open_hub(void)
{
    small_hub_open(&small, false);
}

static void open_lenient_hub(void)
{
    small_hub_open(&small, true);
}

static void close_hub(void)
{
    small_hub_close(&small);
}

static X509 *make_valid_certificate(const char *name)
{
    const char *names[] = {name, NULL};

    return make_certificate(names, TEST_NOW, -3600, 3600);
}

static void put_device(const char *device_id, enum identity_authentication type,
    const char *primary, const char *secondary)
{
    struct identity_draft draft = {.enabled = true, .authentication = type};

    snprintf(draft.device_id, sizeof(draft.device_id), "%s", device_id);
    snprintf(draft.primary_thumbprint, sizeof(draft.primary_thumbprint), "%s", primary);
    snprintf(draft.secondary_thumbprint, sizeof(draft.secondary_thumbprint), "%s", secondary);
    small_hub_put(&small, &draft);
}

/* The certificate is read for the device, then it has to open it. */
static enum hub_code access_with(X509 *certificate, bool trusted, const char *device_id)
{
    struct auth_grant grant;
    enum hub_code code =
        auth_read_certificate(small.auth, certificate, trusted, device_id, TEST_NOW, &grant, NULL);

    if (code == HUB_OK) {
        ck_assert_str_eq(grant.device_id, device_id);
        ck_assert(instant_is_never(grant.expires));
        code = auth_authorize_device(small.auth, &grant, device_id, NULL);
        ck_assert_int_ne(
            auth_authorize_service(&grant, PERMISSION_SERVICE_CONNECT, "/messages", NULL), HUB_OK);
    } else {
        ck_assert_uint_eq(grant.permissions, 0);
    }
    return code;
}

static void lower(char *text)
{
    for (; *text; text++) {
        *text = (char)tolower((unsigned char)*text);
    }
}

START_TEST(test_either_thumbprint_in_either_hash_and_case_opens_the_device)
{
    X509 *certificate = make_valid_certificate("anything");
    struct certificate_thumbprints hashes = certificate_hash(certificate);
    struct certificate_thumbprints lower_hashes = hashes;
    char other[65];

    lower(lower_hashes.sha1);
    lower(lower_hashes.sha256);
    memset(other, 'b', 64);
    other[64] = '\0';
    ck_assert_uint_eq(strlen(hashes.sha1), 40);
    ck_assert_uint_eq(strlen(hashes.sha256), 64);
    put_device("sha1", AUTHENTICATION_SELF_SIGNED, hashes.sha1, "");
    put_device("sha1-lower", AUTHENTICATION_SELF_SIGNED, lower_hashes.sha1, "");
    put_device("sha256", AUTHENTICATION_SELF_SIGNED, hashes.sha256, "");
    put_device("sha256-lower", AUTHENTICATION_SELF_SIGNED, lower_hashes.sha256, "");
    put_device("second", AUTHENTICATION_SELF_SIGNED, other, hashes.sha256);
    put_device("second-sha1", AUTHENTICATION_SELF_SIGNED, other, lower_hashes.sha1);
    put_device("wrong", AUTHENTICATION_SELF_SIGNED, other, other);
    put_device("none", AUTHENTICATION_SELF_SIGNED, "", "");
    ck_assert_int_eq(access_with(certificate, false, "sha1"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, false, "sha1-lower"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, false, "sha256"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, false, "sha256-lower"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, false, "second"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, false, "second-sha1"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, false, "wrong"), UNAUTHORIZED);
    ck_assert_int_eq(access_with(certificate, true, "wrong"), UNAUTHORIZED);
    ck_assert_int_eq(access_with(certificate, false, "none"), UNAUTHORIZED);
    X509_free(certificate);
}
END_TEST

START_TEST(test_a_mismatch_prints_both_hashes)
{
    X509 *certificate = make_valid_certificate("d");
    struct certificate_thumbprints hashes = certificate_hash(certificate);
    struct auth_grant grant;
    struct hub_error error;

    put_device("d", AUTHENTICATION_SELF_SIGNED, "", "");
    ck_assert_int_eq(
        auth_read_certificate(small.auth, certificate, true, "d", TEST_NOW, &grant, &error),
        UNAUTHORIZED);
    ck_assert_ptr_nonnull(strstr(error.sentence, hashes.sha1));
    ck_assert_ptr_nonnull(strstr(error.sentence, hashes.sha256));
    X509_free(certificate);
}
END_TEST

START_TEST(test_a_trusted_chain_opens_the_device_of_its_common_name)
{
    X509 *certificate = make_valid_certificate("ca-1");

    put_device("ca-1", AUTHENTICATION_CA, "", "");
    put_device("CA-1", AUTHENTICATION_CA, "", "");
    put_device("ca-2", AUTHENTICATION_CA, "", "");
    ck_assert_int_eq(access_with(certificate, true, "ca-1"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, false, "ca-1"), UNAUTHORIZED);
    ck_assert_int_eq(access_with(certificate, true, "ca-2"), UNAUTHORIZED);
    ck_assert_int_eq(access_with(certificate, true, "CA-1"), UNAUTHORIZED);
    X509_free(certificate);
}
END_TEST

START_TEST(test_a_module_has_both_ids_as_its_common_name)
{
    struct identity_draft draft = {.device_id = "ca-1",
        .module_id = "m",
        .enabled = true,
        .authentication = AUTHENTICATION_CA};
    X509 *module = make_valid_certificate("ca-1/m"), *device = make_valid_certificate("ca-1");

    put_device("ca-1", AUTHENTICATION_CA, "", "");
    small_hub_put(&small, &draft);
    ck_assert_int_eq(access_with(module, true, "ca-1/m"), HUB_OK);
    ck_assert_int_eq(access_with(module, true, "ca-1"), UNAUTHORIZED);
    ck_assert_int_eq(access_with(device, true, "ca-1/m"), UNAUTHORIZED);
    X509_free(module);
    X509_free(device);
}
END_TEST

START_TEST(test_a_module_without_authentication_is_opened_by_no_certificate)
{
    struct identity_draft draft = {.device_id = "ca-1",
        .module_id = "m",
        .enabled = true,
        .authentication = AUTHENTICATION_NONE};
    X509 *module = make_valid_certificate("ca-1/m");

    put_device("ca-1", AUTHENTICATION_CA, "", "");
    small_hub_put(&small, &draft);
    ck_assert_int_eq(access_with(module, true, "ca-1/m"), UNAUTHORIZED);
    X509_free(module);
}
END_TEST

START_TEST(test_no_or_several_common_names_are_nobody)
{
    static const char *const none[] = {NULL};
    static const char *const two[] = {"ca-1", "ca-2", NULL};
    static const char *const longer[] = {"ca-1/module", NULL};
    X509 *certificates[] = {make_certificate(none, TEST_NOW, -1, 1),
        make_certificate(two, TEST_NOW, -1, 1), make_certificate(longer, TEST_NOW, -1, 1)};

    put_device("ca-1", AUTHENTICATION_CA, "", "");
    put_device("ca-2", AUTHENTICATION_CA, "", "");
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(access_with(certificates[i], true, "ca-1"), UNAUTHORIZED);
        ck_assert_int_eq(access_with(certificates[i], true, "ca-2"), UNAUTHORIZED);
        X509_free(certificates[i]);
    }
}
END_TEST

START_TEST(test_a_certificate_out_of_its_time_is_refused)
{
    static const struct {
        long from_s, until_s;
        enum hub_code code;
    } rows[] = {
        {-10, 10, HUB_OK},
        {-10, -1, UNAUTHORIZED},
        {1, 10, UNAUTHORIZED},
    };
    static const char *const names[] = {"ca", NULL};

    put_device("ca", AUTHENTICATION_CA, "", "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        X509 *certificate = make_certificate(names, TEST_NOW, rows[i].from_s, rows[i].until_s);
        struct certificate_thumbprints hashes = certificate_hash(certificate);
        char id[16];

        snprintf(id, sizeof(id), "self-%zu", i);
        put_device(id, AUTHENTICATION_SELF_SIGNED, hashes.sha256, "");
        ck_assert_int_eq(access_with(certificate, false, id), rows[i].code);
        ck_assert_int_eq(access_with(certificate, true, "ca"), rows[i].code);
        X509_free(certificate);
    }
}
END_TEST

START_TEST(test_types_are_not_mixed_up)
{
    X509 *certificate = make_valid_certificate("dev-1");
    struct certificate_thumbprints hashes = certificate_hash(certificate);

    small_hub_add(&small, "dev-1");
    put_device("self", AUTHENTICATION_SELF_SIGNED, hashes.sha1, "");
    ck_assert_int_eq(access_with(certificate, true, "dev-1"), UNAUTHORIZED);
    ck_assert_int_eq(access_with(certificate, true, "self"), HUB_OK);
    ck_assert_int_eq(access_with(certificate, true, "ghost"), HUB_DEVICE_NOT_FOUND);
    X509_free(certificate);
}
END_TEST

START_TEST(test_a_disabled_device_is_not_opened_by_its_certificate)
{
    X509 *certificate = make_valid_certificate("off");
    struct identity_draft draft = {.device_id = "off", .authentication = AUTHENTICATION_CA};

    small_hub_put(&small, &draft);
    ck_assert_int_eq(access_with(certificate, true, "off"), HUB_DEVICE_NOT_FOUND);
    X509_free(certificate);
}
END_TEST

START_TEST(test_lenient_mode_registers_a_certificate_on_first_contact)
{
    X509 *certificate = make_valid_certificate("x");
    struct certificate_thumbprints hashes = certificate_hash(certificate);
    struct identity *device;

    ck_assert_int_eq(access_with(certificate, false, "new"), HUB_OK);
    device = identity_find(hub_identities(small.hub), "new");
    ck_assert_int_eq(device->is.authentication, AUTHENTICATION_SELF_SIGNED);
    ck_assert_str_eq(device->is.primary_thumbprint, hashes.sha256);
    put_device("other", AUTHENTICATION_CA, "", "");
    ck_assert_int_eq(access_with(certificate, false, "other"), HUB_OK);
    small_hub_add(&small, "sas");
    ck_assert_int_eq(access_with(certificate, false, "sas"), UNAUTHORIZED);
    X509_free(certificate);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("certificate");
    TCase *enforcing = tcase_create("enforcing");
    TCase *lenient = tcase_create("lenient");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(enforcing, open_hub, close_hub);
    tcase_add_test(enforcing, test_either_thumbprint_in_either_hash_and_case_opens_the_device);
    tcase_add_test(enforcing, test_a_mismatch_prints_both_hashes);
    tcase_add_test(enforcing, test_a_trusted_chain_opens_the_device_of_its_common_name);
    tcase_add_test(enforcing, test_a_module_has_both_ids_as_its_common_name);
    tcase_add_test(enforcing, test_a_module_without_authentication_is_opened_by_no_certificate);
    tcase_add_test(enforcing, test_no_or_several_common_names_are_nobody);
    tcase_add_test(enforcing, test_a_certificate_out_of_its_time_is_refused);
    tcase_add_test(enforcing, test_types_are_not_mixed_up);
    tcase_add_test(enforcing, test_a_disabled_device_is_not_opened_by_its_certificate);
    suite_add_tcase(suite, enforcing);
    tcase_add_checked_fixture(lenient, open_lenient_hub, close_hub);
    tcase_add_test(lenient, test_lenient_mode_registers_a_certificate_on_first_contact);
    suite_add_tcase(suite, lenient);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
