#include "protocols/auth/sas_token.h"

#include "tests/protocols/auth/token_maker.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Known answers for TEST_KEY and TEST_EXPIRY, made with another implementation. */
static const struct {
    const char *resource;
    const char *signature;
} vectors[] = {
    {"hub.local", "VGtY+vwn2Co/kGML/TiSBfVP+x/CPUria9yjSEPEENQ="},
    {"hub.local%2fdevices%2fdev-1", "kr9zf+9bvD4NJer79kQ5oWLTpR4bzM7MHeTseRZRoZM="},
    {"hub.local%2Fdevices%2Fdev-1", "HYE78NP+de1GOoF6r3fsnn2s2fJPIMNaDRtpneJN+VQ="},
    {"hub.local/devices/dev-1", "w7kS3nDg82L6cwlfa1Y4T0ckcreRa9ceghRuF2Y0fFU="},
    {"HUB.local%2Fdevices%2Fdev-1", "+INodXO0MC3QMEaOR5CdG53R11oi+Bxb+odrE5bCqic="},
    {"hub.local%2Fdevices%2Fdev%231", "yKmwE7gL0T4TlKJdOvYm0R6L61y//M4qO0kfpHSdUAg="},
    {"hub.local%2Fdevices%2Fdev%25231", "cXEs5eEg8nXABDl745DDeqoi9XSrHO8lW2ZYPAQgNEc="},
    {"hub.local/devices/dev%231", "5gUT/hCHcY2jhCc1TcOY1dYE80t2C0s9FT12sWv5OB8="},
};

static struct key key_of(const char *base64)
{
    struct key key;

    ck_assert(key_parse(base64, &key));
    return key;
}

static void parse(const char *text, struct sas_token *token)
{
    const char *problem = sas_token_parse(text_of(text), token);

    ck_assert_msg(!problem, "%s: %s", text, problem);
}

static bool is_malformed(const char *text)
{
    struct sas_token token;

    return sas_token_parse(text_of(text), &token) != NULL;
}

START_TEST(test_known_signatures_are_accepted)
{
    struct key key = key_of(TEST_KEY);
    char text[512];
    struct sas_token token;

    snprintf(text, sizeof(text), "SharedAccessSignature sr=%s&sig=%s&se=" TEST_EXPIRY,
        vectors[_i].resource, vectors[_i].signature);
    parse(text, &token);
    ck_assert(text_equal(token.resource, text_of(vectors[_i].resource)));
    ck_assert_str_eq(token.signature, vectors[_i].signature);
    ck_assert_int_eq(token.expires.us, 4102444800LL * 1000000);
    ck_assert(sas_token_is_signed_with(&token, &key));
}
END_TEST

/* Every bit of the 32 bytes behind a signature, flipped alone. */
START_TEST(test_one_changed_bit_of_a_signature_is_refused)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct key key = key_of(TEST_KEY);
    struct sas_token token;

    parse(token_for(vectors[_i].resource), &token);
    for (size_t at = 0; at < 43; at++) {
        char good = token.signature[at];

        /* The last character carries four bits and two zeros. */
        for (int bit = at == 42 ? 4 : 1; bit < 64; bit *= 2) {
            token.signature[at] = alphabet[(strchr(alphabet, good) - alphabet) ^ bit];
            ck_assert(!sas_token_is_signed_with(&token, &key));
        }
        token.signature[at] = good;
    }
    ck_assert(sas_token_is_signed_with(&token, &key));
}
END_TEST

START_TEST(test_a_changed_resource_or_expiry_is_refused)
{
    struct key key = key_of(TEST_KEY);
    struct sas_token token;

    parse(token_for("hub.local%2Fdevices%2Fdev-1"), &token);
    token.resource = TEXT("hub.local%2fdevices%2fdev-1");
    ck_assert(!sas_token_is_signed_with(&token, &key));
    parse(token_for("hub.local%2Fdevices%2Fdev-1"), &token);
    token.expiry = TEXT("4102444801");
    ck_assert(!sas_token_is_signed_with(&token, &key));
    parse(token_for("hub.local%2Fdevices%2Fdev-1"), &token);
    token.expiry = TEXT("04102444800");
    ck_assert(!sas_token_is_signed_with(&token, &key));
}
END_TEST

START_TEST(test_another_or_no_key_signs_nothing)
{
    struct key other = key_of(OTHER_KEY);
    struct key none = {.length = 0};
    struct sas_token token;

    parse(token_for("hub.local"), &token);
    ck_assert(!sas_token_is_signed_with(&token, &other));
    ck_assert(!sas_token_is_signed_with(&token, &none));
    token.signature[43] = '\0';
    other = key_of(TEST_KEY);
    ck_assert(!sas_token_is_signed_with(&token, &other));
}
END_TEST

START_TEST(test_fields_come_in_any_of_the_24_orders)
{
    static const char *const names[] = {"sr", "sig", "se", "skn"};
    struct key key = key_of(TEST_KEY);
    int orders = 0;

    for (int number = 0; number < 256; number++) {
        int a = number & 3;
        int b = number >> 2 & 3;
        int c = number >> 4 & 3;
        int d = number >> 6;
        char order[32];
        struct sas_token token;

        if (a == b || a == c || a == d || b == c || b == d || c == d) {
            continue;
        }
        snprintf(order, sizeof(order), "%s %s %s %s", names[a], names[b], names[c], names[d]);
        parse(make_token((struct token_recipe){
                  .resource = "hub.local", .order = order, .policy = "service"}),
            &token);
        ck_assert(sas_token_is_signed_with(&token, &key));
        ck_assert_str_eq(token.policy, "service");
        orders++;
    }
    ck_assert_int_eq(orders, 24);
}
END_TEST

START_TEST(test_an_empty_policy_name_counts_as_absent)
{
    struct sas_token token;

    parse(make_token((struct token_recipe){.resource = "hub.local", .policy = ""}), &token);
    ck_assert_str_eq(token.policy, "");
    parse(token_for("hub.local"), &token);
    ck_assert_str_eq(token.policy, "");
    parse(make_token((struct token_recipe){.resource = "hub.local", .policy = "iot%68ubowner"}),
        &token);
    ck_assert_str_eq(token.policy, "iothubowner");
}
END_TEST

START_TEST(test_spaces_around_case_of_names_and_unknown_fields_do_not_matter)
{
    struct sas_token token;

    parse(" \tSharedAccessSignature   SR=h&Sig=c2ln&sE=1&sKn=p&x=y&bare&&=z\r\n", &token);
    ck_assert(text_equal(token.resource, TEXT("h")));
    ck_assert_str_eq(token.signature, "c2ln");
    ck_assert_str_eq(token.policy, "p");
    ck_assert_int_eq(token.expires.us, 1000000);
}
END_TEST

START_TEST(test_plus_and_slash_in_a_signature_stay_what_they_are)
{
    struct sas_token token;

    parse("SharedAccessSignature sr=h&sig=a+b/c%2Bd%2fe%3D=&se=1", &token);
    ck_assert_str_eq(token.signature, "a+b/c+d/e==");
}
END_TEST

START_TEST(test_expiry_is_whole_seconds_or_a_decimal_fraction)
{
    static const struct {
        const char *text;
        int64_t us; /* -1: malformed */
    } rows[] = {
        {"0", 0},
        {"1", 1000000},
        {"0000000000000000000001", 1000000},
        {"1.5", 1500000},
        {"1.", 1000000},
        {"1.0000019", 1000001},
        {"999999999999", 999999999999000000},
        {"1000000000000", INT64_MAX},
        {"99999999999999999999999999", INT64_MAX},
        {"9999999999999.9", INT64_MAX},
        {"-1", -1},
        {"+1", -1},
        {".5", -1},
        {"1e9", -1},
        {"1,5", -1},
        {"1.5.5", -1},
        {"0x10", -1},
        {"soon", -1},
        {"%31", 1000000},
        {"1%00", -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[128];
        struct sas_token token;

        snprintf(text, sizeof(text), "SharedAccessSignature sr=h&sig=c2ln&se=%s", rows[i].text);
        if (rows[i].us < 0) {
            ck_assert_msg(is_malformed(text), "%s", text);
        } else {
            parse(text, &token);
            ck_assert_int_eq(token.expires.us, rows[i].us);
        }
    }
}
END_TEST

START_TEST(test_malformed_tokens_are_refused)
{
    static const char *const texts[] = {
        "",
        " ",
        "SharedAccessSignature",
        "SharedAccessSignature ",
        "sharedaccesssignature sr=h&sig=c2ln&se=1",
        "SHAREDACCESSSIGNATURE sr=h&sig=c2ln&se=1",
        "SharedAccessSignaturesr=h&sig=c2ln&se=1",
        "Basic sr=h&sig=c2ln&se=1",
        "SharedAccessSignature sr=h&sig=c2ln&se=1 more",
        "SharedAccessSignature sr=h &sig=c2ln&se=1",
        "SharedAccessSignature x sr=h&sig=c2ln&se=1",
        "sr=h&sig=c2ln&se=1",
        "SharedAccessSignature sig=c2ln&se=1",
        "SharedAccessSignature sr=h&se=1",
        "SharedAccessSignature sr=h&sig=c2ln",
        "SharedAccessSignature sr=&sig=c2ln&se=1",
        "SharedAccessSignature sr&sig=c2ln&se=1",
        "SharedAccessSignature sr=h&sig=&se=1",
        "SharedAccessSignature sr=h&sig=c2ln&se=",
        "SharedAccessSignature sr=h&sr=h&sig=c2ln&se=1",
        "SharedAccessSignature sr=h&sig=c2ln&SIG=c2ln&se=1",
        "SharedAccessSignature sr=h&sig=c2ln&se=1&se=2",
        "SharedAccessSignature sr=h&sig=c2ln&se=1&skn=&skn=device",
        "SharedAccessSignature sr=h&sig=c2%&se=1",
        "SharedAccessSignature sr=h&sig=c2ln&se=1&skn=%zz",
    };
    struct sas_token token;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert_msg(is_malformed(texts[i]), "%s", texts[i]);
    }
    ck_assert_ptr_nonnull(sas_token_parse(TEXT_ABSENT, &token));
}
END_TEST

START_TEST(test_overlong_tokens_and_fields_are_malformed)
{
    char text[SAS_TOKEN_MAX + 2];
    int used;

    used = snprintf(text, sizeof(text), "SharedAccessSignature sig=c2ln&se=1&sr=");
    memset(text + used, 'r', sizeof(text) - (size_t)used);
    text[SAS_TOKEN_MAX] = '\0';
    ck_assert(!is_malformed(text));
    text[SAS_TOKEN_MAX] = 'r';
    text[SAS_TOKEN_MAX + 1] = '\0';
    ck_assert(is_malformed(text));

    used = snprintf(text, sizeof(text), "SharedAccessSignature sig=c2ln&se=1&sr=r&skn=");
    memset(text + used, 'p', 65);
    text[used + 64] = '\0';
    ck_assert(!is_malformed(text));
    text[used + 64] = 'p';
    text[used + 65] = '\0';
    ck_assert(is_malformed(text));
}
END_TEST

int main(void)
{
    const int count = sizeof(vectors) / sizeof(vectors[0]);
    Suite *suite = suite_create("sas_token");
    TCase *tokens = tcase_create("tokens");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tokens, test_known_signatures_are_accepted, 0, count);
    tcase_add_loop_test(tokens, test_one_changed_bit_of_a_signature_is_refused, 0, count);
    tcase_add_test(tokens, test_a_changed_resource_or_expiry_is_refused);
    tcase_add_test(tokens, test_another_or_no_key_signs_nothing);
    tcase_add_test(tokens, test_fields_come_in_any_of_the_24_orders);
    tcase_add_test(tokens, test_an_empty_policy_name_counts_as_absent);
    tcase_add_test(tokens, test_spaces_around_case_of_names_and_unknown_fields_do_not_matter);
    tcase_add_test(tokens, test_plus_and_slash_in_a_signature_stay_what_they_are);
    tcase_add_test(tokens, test_expiry_is_whole_seconds_or_a_decimal_fraction);
    tcase_add_test(tokens, test_malformed_tokens_are_refused);
    tcase_add_test(tokens, test_overlong_tokens_and_fields_are_malformed);
    suite_add_tcase(suite, tokens);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
