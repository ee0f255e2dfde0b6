#include "server/options/options.h"

#include "protocols/mqtt/mqtt.h"
#include "store/iso8601.h"
#include "tests/server/options/sources.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_ONE "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_OTHER "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="

/* Two values of each setting, neither of them the default unless there are no others. A row that is
 * missing here fails the first test. */
static const struct sample {
    const char *flag, *one, *other;
    const char *with[2]; /* arguments it cannot be without */
} samples[] = {
    {"hostname", "hub.local", "10.0.0.1", {0}},
    {"alt-name", "a.local", "::2", {0}},
    {"bind", "127.0.30.1", "::1", {0}},
    {"https-port", "0", "8443", {0}},
    {"amqps-port", "off", "65535", {0}},
    {"mqtts-port", "1883", "off", {0}},
    {"control-port", "1", "0", {0}},
    {"data-dir", "/srv/one", "other", {0}},
    {"in-memory", "true", "false", {0}},
    {"durability", "power", "process", {0}},
    {"device", "d1", "d2=" KEY_ONE, {0}},
    {"shared-access-key", KEY_ONE, KEY_OTHER, {0}},
    {"auth", "lenient", "enforce", {0}},
    {"device-ca", "/dev/null", "/dev/zero", {0}},
    {"tls-cert", "/dev/null", "/dev/zero", {"--tls-key=/dev/null"}},
    {"tls-key", "/dev/null", "/dev/zero", {"--tls-cert=/dev/null"}},
    {"ca-cert", "/dev/null", "/dev/zero", {"--ca-key=/dev/null"}},
    {"ca-key", "/dev/null", "/dev/zero", {"--ca-cert=/dev/null"}},
    {"lock-timeout", "PT5S", "PT5M", {0}},
    {"default-ttl", "PT1M", "P2D", {0}},
    {"max-delivery-count", "1", "100", {0}},
    {"queue-depth", "1", "49", {0}},
    {"feedback-lock-timeout", "PT5S", "PT5M", {0}},
    {"feedback-ttl", "PT1M", "P2D", {0}},
    {"feedback-max-delivery-count", "1", "100", {0}},
    {"feedback-batch-size", "1", "63", {0}},
    {"feedback-batch-interval", "PT1S", "PT1M", {0}},
    {"count-lock-expiry", "true", "false", {0}},
    {"unsafe-ranges", "true", "false", {0}},
    {"amqp-release-locks-on-detach", "true", "false", {0}},
    {"mqtt-reject-before-subscribe", "false", "true", {0}},
    {"mqtt-inflight", "1", "11", {0}},
    {"mqtt-redeliver-on-connection", "false", "true", {0}},
    {"mqtt-disabled-device-code", "5", "3", {0}},
    {"mqtt-unknown-filter", "fail", "close", {0}},
    {"mqtt-token-grace", "PT0S", "P1D", {0}},
    {"https-lock-time", "honour", "fixed", {0}},
    {"throttle", "s2", "off", {0}},
    {"faults-from-telemetry", "true", "false", {0}},
    {"log-level", "error", "debug", {0}},
    {"log-format", "json", "text", {0}},
    {"trace", "amqp", "amqp,mqtt,https", {0}},
};

#define SAMPLE_COUNT (sizeof samples / sizeof samples[0])

static const struct option_row *row_of(const char *flag)
{
    for (size_t i = 0; i < option_row_count; i++) {
        if (strcmp(option_rows[i].flag, flag) == 0) {
            return &option_rows[i];
        }
    }
    ck_abort_msg("--%s is no row", flag);
}

static enum option_source source_of(const struct option_row *row)
{
    return options.given[row - option_rows].source;
}

/* ---- what a row says, and what its member holds ---- */

static void join(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%s", used ? "," : "", text);
}

static void show_words(const struct option_row *row, unsigned value, char *out, size_t size)
{
    for (const struct option_word *word = row->words; word->word; word++) {
        bool is_held = row->type == OPTION_CHOICE ? value == (unsigned)word->value
                                                  : (value & (unsigned)word->value) != 0;
        if (is_held) {
            join(out, size, word->word);
        }
    }
}

static void show_devices(const struct seed_list *list, char *out, size_t size)
{
    for (size_t i = 0; i < list->count; i++) {
        char text[DEVICE_ID_MAX + KEY_TEXT_SIZE + 2], key[KEY_TEXT_SIZE];
        const struct seed_device *device = &list->items[i];
        key_format(&device->draft.primary, key);
        snprintf(text, sizeof text, "%s%s%s", device->draft.device_id, device->has_key ? "=" : "",
            device->has_key ? key : "");
        join(out, size, text);
    }
}

/* The member of the last reading, as the text it was made of. */
static const char *held(const struct option_row *row)
{
    static char out[512];
    const void *place = (const char *)&options + row->offset;
    const struct text_list *list = place;
    out[0] = '\0';
    switch (row->type) {
    case OPTION_TEXT:
    case OPTION_ADDRESS:
        return *(char *const *)place ? *(char *const *)place : "";
    case OPTION_NAMES:
        for (size_t i = 0; i < list->count; i++) {
            join(out, sizeof out, list->items[i]);
        }
        return out;
    case OPTION_SWITCH:
        return *(const bool *)place ? "true" : "false";
    case OPTION_PORT:
        snprintf(out, sizeof out, "%d", *(const int *)place);
        return *(const int *)place == PORT_OFF ? "off" : out;
    case OPTION_COUNT:
        snprintf(out, sizeof out, "%u", *(const uint32_t *)place);
        return out;
    case OPTION_DURATION:
        iso8601_format_duration(*(const struct duration *)place, out);
        return row->initial || strcmp(out, "PT0S") != 0 ? out : ""; /* as not given */
    case OPTION_CHOICE:
    case OPTION_CHOICES:
        show_words(row, *(const unsigned *)place, out, sizeof out);
        return out;
    case OPTION_KEY:
        key_format(place, out);
        return out;
    case OPTION_DEVICES:
        show_devices(place, out, sizeof out);
        return out;
    }
    return out;
}

static void check_held(const struct option_row *row, const char *text, enum option_source source)
{
    ck_assert_msg(strcmp(held(row), text) == 0, "--%s from %s is %s, not %s", row->flag,
        option_source_name(source), held(row), text);
    ck_assert_msg(source_of(row) == source, "--%s comes from %s, not from %s", row->flag,
        option_source_name(source_of(row)), option_source_name(source));
}

/* ---- a value in each source's form ---- */

/* A number that is too long for JSON's own is a text. */
static bool stands_bare(const struct option_row *row, const char *text)
{
    size_t length = strlen(text);
    bool is_number = length > 0 && length < 19 && strspn(text, "0123456789") == length;
    return (is_number && (row->type == OPTION_PORT || row->type == OPTION_COUNT)) ||
           row->type == OPTION_SWITCH;
}

static const char *in_file(const struct option_row *row, const char *text)
{
    static char out[512];
    const char *quote = stands_bare(row, text) ? "" : "\"";
    int depth = 0, used = 0;
    for (const char *part = row->key; part; depth++) {
        const char *dot = strchr(part, '.');
        int length = dot ? (int)(dot - part) : (int)strlen(part);
        used += snprintf(out + used, sizeof out - (size_t)used, "{\"%.*s\":", length, part);
        part = dot ? dot + 1 : NULL;
    }
    used += snprintf(out + used, sizeof out - (size_t)used, "%s%s%s", quote, text, quote);
    while (depth-- > 0) {
        used += snprintf(out + used, sizeof out - (size_t)used, "}");
    }
    return out;
}

static const char *in_environment(const struct option_row *row, const char *text)
{
    static char out[512];
    char name[OPTION_ENVIRONMENT_SIZE];
    option_environment_name(row, name);
    snprintf(out, sizeof out, "%s=%s", name, text);
    return out;
}

static const char *in_argument(const struct option_row *row, const char *text)
{
    static char out[512];
    snprintf(out, sizeof out, "--%s=%s", row->flag, text);
    return out;
}

/* The texts each source gives; NULL: it says nothing. */
static struct sources sources_with(const struct sample *sample, const struct option_row *row,
    const char *file, const char *environment, const char *argument)
{
    size_t at = 0;
    struct sources sources = {.file = file ? in_file(row, file) : NULL};
    if (environment) {
        sources.environment[0] = in_environment(row, environment);
    }
    if (argument) {
        sources.arguments[at++] = in_argument(row, argument);
    }
    if (sample) {
        sources.arguments[at] = sample->with[0];
    }
    return sources;
}

/* ---- the table ---- */

START_TEST(test_every_setting_has_a_sample_here)
{
    for (size_t i = 0; i < option_row_count; i++) {
        const char *flag = option_rows[i].flag;
        /* Those of verbs have one source and tests of their own. */
        bool is_sampled = strcmp(flag, "config") == 0 || option_rows[i].group == GROUP_VERB;
        for (size_t j = 0; j < SAMPLE_COUNT; j++) {
            is_sampled |= strcmp(flag, samples[j].flag) == 0;
        }
        ck_assert_msg(is_sampled, "--%s has no sample in this test", flag);
    }
}
END_TEST

START_TEST(test_no_two_settings_share_a_name)
{
    for (size_t i = 0; i < option_row_count; i++) {
        char mine[OPTION_ENVIRONMENT_SIZE], theirs[OPTION_ENVIRONMENT_SIZE];
        option_environment_name(&option_rows[i], mine);
        for (size_t j = i + 1; j < option_row_count; j++) {
            option_environment_name(&option_rows[j], theirs);
            ck_assert_str_ne(option_rows[i].flag, option_rows[j].flag);
            ck_assert_str_ne(mine, theirs);
            if (option_rows[i].key && option_rows[j].key) {
                ck_assert_str_ne(option_rows[i].key, option_rows[j].key);
            }
            ck_assert_uint_ne(option_rows[i].offset, option_rows[j].offset);
        }
    }
}
END_TEST

START_TEST(test_a_variable_is_named_after_its_flag)
{
    char name[OPTION_ENVIRONMENT_SIZE];
    option_environment_name(row_of("https-port"), name);
    ck_assert_str_eq(name, "DEVICEBOUND_HTTPS_PORT");
    option_environment_name(row_of("device"), name); /* several in one */
    ck_assert_str_eq(name, "DEVICEBOUND_DEVICES");
}
END_TEST

START_TEST(test_the_defaults_are_those_of_the_table)
{
    check_read((struct sources){0});
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        if (strcmp(row->flag, "data-dir") != 0) {
            check_held(row, row->initial ? row->initial : "", SOURCE_DEFAULT);
        }
    }
    ck_assert_int_eq(options.verb, VERB_SERVE);
    forget_sources();
}
END_TEST

START_TEST(test_every_setting_is_read_from_every_source)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const struct sample *sample = &samples[i];
        const struct option_row *row = row_of(sample->flag);
        const char *const values[] = {sample->one, sample->other};
        for (size_t j = 0; j < 2; j++) {
            check_read(sources_with(sample, row, values[j], NULL, NULL));
            check_held(row, values[j], SOURCE_FILE);
            check_read(sources_with(sample, row, NULL, values[j], NULL));
            check_held(row, values[j], SOURCE_ENVIRONMENT);
            check_read(sources_with(sample, row, NULL, NULL, values[j]));
            check_held(row, values[j], SOURCE_COMMAND_LINE);
        }
    }
    forget_sources();
}
END_TEST

START_TEST(test_the_stronger_source_counts)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const struct sample *sample = &samples[i];
        const struct option_row *row = row_of(sample->flag);
        check_read(sources_with(sample, row, sample->one, sample->other, NULL));
        check_held(row, sample->other, SOURCE_ENVIRONMENT);
        check_read(sources_with(sample, row, sample->one, NULL, sample->other));
        check_held(row, sample->other, SOURCE_COMMAND_LINE);
        check_read(sources_with(sample, row, NULL, sample->one, sample->other));
        check_held(row, sample->other, SOURCE_COMMAND_LINE);
        check_read(sources_with(sample, row, sample->other, sample->other, sample->one));
        check_held(row, sample->one, SOURCE_COMMAND_LINE);
    }
    forget_sources();
}
END_TEST

/* ---- mistakes ---- */

static const char *const *bad_texts(const struct option_row *row)
{
    static const char *const ports[] = {"-1", "65536", "http", "1x", "99999999999999999999", NULL};
    static const char *const counts[] = {"0", "ten", "1.5", "-1", "5000000000", NULL};
    static const char *const durations[] = {"60", "PT", "-PT1M", "P1Y", "P9999D", NULL};
    static const char *const words[] = {"maybe", "TRUE", NULL};
    static const char *const addresses[] = {"localhost", "1.2.3", "1.2.3.4:80", NULL};
    static const char *const keys[] = {"c2hvcnQ=", "not base64", NULL};
    static const char *const devices[] = {"a b", "d1=c2hvcnQ=", "/", NULL};
    static const char *const none[] = {NULL};
    switch (row->type) {
    case OPTION_PORT:
        return ports;
    case OPTION_COUNT:
        return counts;
    case OPTION_DURATION:
        return durations;
    case OPTION_SWITCH:
    case OPTION_CHOICE:
    case OPTION_CHOICES:
        return words;
    case OPTION_ADDRESS:
        return addresses;
    case OPTION_KEY:
        return keys;
    case OPTION_DEVICES:
        return devices;
    default:
        return none;
    }
}

/* Keys stay unsaid. */
static const char *said(const struct option_row *row, const char *text)
{
    return row->type == OPTION_KEY || row->type == OPTION_DEVICES ? "accepted" : text;
}

START_TEST(test_a_bad_value_is_one_line_that_says_what_is_accepted)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const struct option_row *row = row_of(samples[i].flag);
        char flag[64], variable[OPTION_ENVIRONMENT_SIZE], accepted[OPTION_ACCEPTED_SIZE];
        snprintf(flag, sizeof flag, "--%s", row->flag);
        option_environment_name(row, variable);
        option_describe_accepted(row, accepted);
        const char *range = row->type == OPTION_DEVICES ? "accepted" : accepted;
        for (const char *const *text = bad_texts(row); *text; text++) {
            CHECK_MISTAKE(
                sources_with(NULL, row, NULL, NULL, *text), flag, said(row, *text), range);
            CHECK_MISTAKE(
                sources_with(NULL, row, NULL, *text, NULL), variable, said(row, *text), range);
            if (row->type != OPTION_SWITCH) { /* which is no JSON then */
                CHECK_MISTAKE(
                    sources_with(NULL, row, *text, NULL, NULL), row->key, said(row, *text), range);
                ck_assert_ptr_nonnull(strstr(mistake, source_path()));
            }
        }
    }
    forget_sources();
}
END_TEST

START_TEST(test_an_empty_value_is_refused_where_it_cannot_be_left_out)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const struct option_row *row = row_of(samples[i].flag);
        CHECK_MISTAKE(sources_with(NULL, row, NULL, NULL, ""), row->flag, "accepted");
        check_read(sources_with(&samples[i], row, NULL, "", samples[i].one));
    }
    forget_sources();
}
END_TEST

START_TEST(test_a_range_ends_where_the_help_says)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        const struct option_row *row = row_of(samples[i].flag);
        char least[ISO8601_SIZE], most[ISO8601_SIZE], below[ISO8601_SIZE], above[ISO8601_SIZE];
        if (row->type == OPTION_COUNT) {
            snprintf(least, sizeof least, "%lld", (long long)row->least);
            snprintf(most, sizeof most, "%lld", (long long)row->most);
            snprintf(below, sizeof below, "%lld", (long long)row->least - 1);
            snprintf(above, sizeof above, "%lld", (long long)row->most + 1);
        } else if (row->type == OPTION_DURATION) {
            iso8601_format_duration((struct duration){row->least}, least);
            iso8601_format_duration((struct duration){row->most}, most);
            iso8601_format_duration((struct duration){row->least - 1}, below);
            iso8601_format_duration((struct duration){row->most + 1}, above);
        } else {
            continue;
        }
        check_read(sources_with(NULL, row, NULL, NULL, least));
        check_held(row, least, SOURCE_COMMAND_LINE);
        check_read(sources_with(NULL, row, NULL, NULL, most));
        check_held(row, most, SOURCE_COMMAND_LINE);
        if (row->least > 0) {
            CHECK_MISTAKE(sources_with(NULL, row, NULL, NULL, below), row->flag, below, most);
        }
        CHECK_MISTAKE(sources_with(NULL, row, NULL, NULL, above), row->flag, above, most);
    }
    forget_sources();
}
END_TEST

START_TEST(test_unsafe_ranges_lift_those_of_cloud_to_device_only)
{
    check_read((struct sources){
        .arguments = {"--lock-timeout=PT0.5S", "--queue-depth=1000", "--unsafe-ranges"}});
    ck_assert_int_eq(options.hub.device.lock.us, 500000);
    ck_assert_uint_eq(options.hub.device.depth, 1000);
    CHECK_MISTAKE(((struct sources){.arguments = {"--queue-depth=1000"}}), "--queue-depth", "1000",
        "1 to 50", "--unsafe-ranges");
    char inflight[64];
    snprintf(inflight, sizeof inflight, "--mqtt-inflight=%d", MQTT_INFLIGHT_MAX + 1);
    CHECK_MISTAKE(
        ((struct sources){.arguments = {"--unsafe-ranges", inflight}}), "--mqtt-inflight");
    ck_assert_ptr_null(strstr(mistake, "--unsafe-ranges"));
    forget_sources();
}
END_TEST

START_TEST(test_a_mistake_stays_on_its_line)
{
    CHECK_MISTAKE(((struct sources){.arguments = {"--bind", "a\nb\r\x1b[2J"}}), "--bind");
    CHECK_MISTAKE(((struct sources){.arguments = {"--no\nsuch"}}), "no setting");
    CHECK_MISTAKE(((struct sources){.arguments = {"ser\nve"}}), "neither a verb nor a setting");
    CHECK_MISTAKE(((struct sources){.environment = {"DEVICEBOUND_AUTH=a\nb"}}), "DEVICEBOUND_AUTH");
    CHECK_MISTAKE(((struct sources){.arguments = {"--config", "/no\nwhere"}}), "--config");
    CHECK_MISTAKE(((struct sources){.arguments = {"--hostname", "a\nb"}}), "--hostname");
    forget_sources();
}
END_TEST

START_TEST(test_a_mistake_is_cut_to_its_room)
{
    char long_text[2000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    CHECK_MISTAKE(((struct sources){.arguments = {"--bind", long_text}}), "--bind", "IPv6 address");
    CHECK_MISTAKE(((struct sources){.arguments = {"--device", long_text}}), "--device", "xxx");
    CHECK_MISTAKE(((struct sources){.arguments = {"--hostname", long_text}}), "--hostname");
    CHECK_MISTAKE(((struct sources){.arguments = {long_text}}), "xxx");
    CHECK_MISTAKE(((struct sources){.arguments = {"--config", long_text}}), "--config");
    forget_sources();
}
END_TEST

START_TEST(test_a_key_is_never_said)
{
    CHECK_MISTAKE(((struct sources){.arguments = {"--shared-access-key", "U2VjcmV0"}}),
        "--shared-access-key", "16 to 64 bytes");
    ck_assert_ptr_null(strstr(mistake, "U2VjcmV0"));
    CHECK_MISTAKE(((struct sources){.arguments = {"--device", "d1=U2VjcmV0"}}), "--device", "d1",
        "16 to 64 bytes");
    ck_assert_ptr_null(strstr(mistake, "U2VjcmV0"));
    CHECK_MISTAKE(((struct sources){.arguments = {"--device", "d 1=U2VjcmV0"}}), "d 1");
    ck_assert_ptr_null(strstr(mistake, "U2VjcmV0"));
    forget_sources();
}
END_TEST

START_TEST(test_a_host_name_is_a_name_or_an_address)
{
    static const char *const bad[] = {"a b", "a/b", "a;b", "a=b", "a\tb", "a\"b", "h\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_MISTAKE(((struct sources){.arguments = {"--hostname", bad[i]}}), "--hostname",
            "a DNS name or an IP address");
    }
    check_read((struct sources){.arguments = {"--hostname", "my-hub_1.azure-devices.local"}});
    forget_sources();
}
END_TEST

START_TEST(test_files_that_belong_together_are_asked_for_together)
{
    CHECK_MISTAKE(((struct sources){.arguments = {"--tls-cert=/dev/null"}}), "--tls-key");
    CHECK_MISTAKE(((struct sources){.arguments = {"--tls-key=/dev/null"}}), "--tls-cert");
    CHECK_MISTAKE(((struct sources){.arguments = {"--ca-key=/dev/null"}}), "--ca-cert");
    CHECK_MISTAKE(((struct sources){.arguments = {"--ca-cert=/dev/null"}}), "--ca-key");
    check_read((struct sources){
        .arguments = {"--ca-cert=/dev/null", "--tls-cert=/dev/null", "--tls-key=/dev/null"}});
    forget_sources();
}
END_TEST

START_TEST(test_a_file_that_cannot_be_read_is_named)
{
    static const char *const pairs[][2] = {{"--tls-cert=/no/file", "--tls-key=/dev/null"},
        {"--tls-key=/no/file", "--tls-cert=/dev/null"},
        {"--ca-cert=/no/file", "--ca-key=/dev/null"}, {"--ca-key=/no/file", "--ca-cert=/dev/null"},
        {"--device-ca=/no/file", NULL}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char flag[32];
        snprintf(flag, sizeof flag, "%.*s", (int)strcspn(pairs[i][0], "="), pairs[i][0]);
        CHECK_MISTAKE(((struct sources){.arguments = {pairs[i][0], pairs[i][1]}}), flag, "/no/file",
            "No such file");
    }
    forget_sources();
}
END_TEST

/* ---- the command line ---- */

START_TEST(test_a_verb_comes_first)
{
    static const struct {
        const char *word;
        enum verb verb;
    } verbs[] = {{"serve", VERB_SERVE}, {"version", VERB_VERSION}, {"--version", VERB_VERSION},
        {"healthcheck", VERB_HEALTHCHECK}, {"connection-string", VERB_CONNECTION_STRING},
        {"ca", VERB_CA}, {"help", VERB_HELP}, {"--help", VERB_HELP}, {"-h", VERB_HELP},
        {"--help=markdown", VERB_HELP_MARKDOWN}, {"--help=man", VERB_HELP_MAN},
        {"--help=bash", VERB_HELP_BASH}, {"--help=environment", VERB_HELP_ENVIRONMENT}};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        check_read((struct sources){.arguments = {verbs[i].word, "--control-port", "99"}});
        ck_assert_int_eq(options.verb, verbs[i].verb);
        ck_assert_int_eq(options.control_port, 99);
    }
    check_read((struct sources){.arguments = {"ca", "--hostname", "a", "--help"}});
    ck_assert_int_eq(options.verb, VERB_HELP);
    CHECK_MISTAKE(((struct sources){.arguments = {"--in-memory", "serve"}}), "\"serve\"");
    CHECK_MISTAKE(((struct sources){.arguments = {"bogus"}}), "\"bogus\"", "--help");
    CHECK_MISTAKE(((struct sources){.arguments = {"-x"}}), "\"-x\"");
    CHECK_MISTAKE(((struct sources){.arguments = {"--"}}), "\"--\"");
    forget_sources();
}
END_TEST

START_TEST(test_a_flag_takes_its_value_either_way)
{
    check_read((struct sources){.arguments = {"--https-port", "1", "--amqps-port=2"}});
    ck_assert_int_eq(options.https_port, 1);
    ck_assert_int_eq(options.amqps_port, 2);
    check_read(
        (struct sources){.arguments = {"--in-memory", "--mqtt-reject-before-subscribe=false"}});
    ck_assert(options.in_memory);
    ck_assert(!options.mqtt_reject_before_subscribe);
    check_read((struct sources){.arguments = {"--https-port", "1", "--https-port", "2"}});
    ck_assert_int_eq(options.https_port, 2);
    CHECK_MISTAKE(((struct sources){.arguments = {"--https-port"}}), "--https-port", "no value",
        "0 to 65535, or off");
    CHECK_MISTAKE(((struct sources){.arguments = {"--https"}}), "--https ", "--help");
    CHECK_MISTAKE(((struct sources){.arguments = {"--https-portx=1"}}), "--https-portx");
    forget_sources();
}
END_TEST

START_TEST(test_repetitions_add_up)
{
    check_read((struct sources){.arguments = {"--device=d1", "--device=d2,x", "--alt-name=a"},
        .environment = {"DEVICEBOUND_DEVICES=d3", "DEVICEBOUND_ALT_NAMES=b, c,d"}});
    ck_assert_str_eq(held(row_of("device")), "d1,d2,x"); /* an id may hold a comma */
    ck_assert_uint_eq(options.devices.count, 2);
    ck_assert_str_eq(held(row_of("alt-name")), "a");
    check_read((struct sources){
        .environment = {"DEVICEBOUND_ALT_NAMES=b, c,d", "DEVICEBOUND_DEVICES=d3,d4=" KEY_ONE}});
    ck_assert_uint_eq(options.alt_names.count, 3);
    ck_assert_str_eq(held(row_of("alt-name")), "b,c,d");
    ck_assert_uint_eq(options.devices.count, 2);
    CHECK_MISTAKE(
        ((struct sources){.environment = {"DEVICEBOUND_ALT_NAMES=a,,b"}}), "DEVICEBOUND_ALT_NAMES");
    forget_sources();
}
END_TEST

START_TEST(test_a_setting_of_a_verb_is_refused_with_any_other)
{
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        char flag[64], verbs[OPTION_VERBS_SIZE];
        if (row->group == GROUP_VERB) {
            snprintf(flag, sizeof flag, "--%s=x", row->flag);
            option_describe_verbs(row, verbs);
            CHECK_MISTAKE(((struct sources){.arguments = {flag}}), row->flag, verbs);
            CHECK_MISTAKE(((struct sources){.arguments = {"advance", flag}}), row->flag, verbs);
        }
    }
    forget_sources();
}
END_TEST

START_TEST(test_what_a_verb_is_about_is_read)
{
    check_read((struct sources){.arguments = {"send", "d1", "--ack=full", "on", "--ttl", "PT5M",
                                    "--property=a=b,c", "--property=d="}});
    ck_assert_int_eq(options.verb, VERB_SEND);
    ck_assert_str_eq(options.operands[0], "d1");
    ck_assert_str_eq(options.operands[1], "on");
    ck_assert_int_eq(options.ack, ACK_FULL);
    ck_assert_int_eq(options.ttl.us, 300000000);
    ck_assert_uint_eq(options.properties.count, 2);
    ck_assert_str_eq(options.properties.items[0], "a=b,c");
    check_read((struct sources){.arguments = {"send", "--", "--ack", "--help"}});
    ck_assert_int_eq(options.verb, VERB_SEND);
    ck_assert_str_eq(options.operands[0], "--ack");
    ck_assert_str_eq(options.operands[1], "--help");
    check_read((struct sources){.arguments = {"send", "d1", ""}});
    ck_assert_str_eq(options.operands[1], "");
    forget_sources();
}
END_TEST

START_TEST(test_a_verb_takes_what_its_help_says_and_no_more)
{
    CHECK_MISTAKE(((struct sources){.arguments = {"send"}}), "send takes DEVICE BODY");
    CHECK_MISTAKE(((struct sources){.arguments = {"send", "d1"}}), "send takes DEVICE BODY");
    CHECK_MISTAKE(
        ((struct sources){.arguments = {"send", "d1", "a", "b"}}), "\"b\"", "DEVICE BODY");
    CHECK_MISTAKE(((struct sources){.arguments = {"receive", "--json"}}), "receive takes DEVICE");
    CHECK_MISTAKE(((struct sources){.arguments = {"watch", "d1"}}), "\"d1\"");
    CHECK_MISTAKE(((struct sources){.arguments = {"watch", "--"}}), "\"--\"");
    CHECK_MISTAKE(((struct sources){.arguments = {"send", "d1", "x", "--ttl=soon"}}), "--ttl");
    CHECK_MISTAKE(((struct sources){.arguments = {"send", "d1", "x", "--ttl=PT0S"}}), "PT1S");
    CHECK_MISTAKE(((struct sources){.arguments = {"send", "d1", "x", "--ack=some"}}), "positive");
    forget_sources();
}
END_TEST

START_TEST(test_the_named_device_is_one_of_the_command_line)
{
    check_read((struct sources){.arguments = {"watch"}, .environment = {"DEVICEBOUND_DEVICES=d3"}});
    ck_assert_ptr_null(options_named_device(&options));
    check_read((struct sources){
        .arguments = {"watch", "--device=d1"}, .environment = {"DEVICEBOUND_DEVICES=d3"}});
    ck_assert_str_eq(options_named_device(&options)->draft.device_id, "d1");
    forget_sources();
}
END_TEST

START_TEST(test_a_policy_is_for_connection_strings_only)
{
    check_read((struct sources){.arguments = {"connection-string", "--policy", "service"},
        .environment = {"DEVICEBOUND_POLICY=device"}});
    ck_assert_str_eq(options.policy, "service");
    check_read((struct sources){
        .arguments = {"connection-string"}, .environment = {"DEVICEBOUND_POLICY=device"}});
    ck_assert_ptr_null(options.policy);
    CHECK_MISTAKE(
        ((struct sources){.arguments = {"--policy", "service"}}), "--policy", "connection-string");
    forget_sources();
}
END_TEST

/* ---- what follows from others ---- */

START_TEST(test_the_data_directory_is_found)
{
    check_read((struct sources){0});
    ck_assert_str_eq(options.data_directory, "/home/somebody/.local/state/devicebound");
    check_read((struct sources){.environment = {"XDG_STATE_HOME=/state"}});
    ck_assert_str_eq(options.data_directory, "/state/devicebound");
    check_read((struct sources){.environment = {"XDG_STATE_HOME=not/absolute"}});
    ck_assert_str_eq(options.data_directory, "/home/somebody/.local/state/devicebound");
    CHECK_MISTAKE(((struct sources){.without_home = true}), "--data-dir", "HOME");
    check_read((struct sources){.without_home = true, .arguments = {"--data-dir=here"}});
    forget_sources();
}
END_TEST

START_TEST(test_version_and_help_need_no_home)
{
    check_read((struct sources){.without_home = true, .arguments = {"version"}});
    check_read((struct sources){.without_home = true, .arguments = {"--help"}});
    check_read((struct sources){.without_home = true, .arguments = {"healthcheck"}});
    forget_sources();
}
END_TEST

START_TEST(test_the_hub_is_named_by_its_first_label)
{
    static const char *const names[][2] = {{"myhub.azure-devices.local", "myhub"}, {"hub", "hub"},
        {"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"1a.local", "1a"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_read((struct sources){.arguments = {"--hostname", names[i][0]}});
        ck_assert_str_eq(options.hub.name, names[i][1]);
    }
    forget_sources();
}
END_TEST

/* ---- showing ---- */

START_TEST(test_help_names_every_setting_with_its_range_and_default)
{
    char *help = source_printed(options_print_help);
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        char head[80], accepted[OPTION_ACCEPTED_SIZE], initial[80];
        snprintf(head, sizeof head, "\n  --%s ", row->flag);
        char *line = strstr(help, head);
        ck_assert_msg(line != NULL, "--%s is not in the help", row->flag);
        ck_assert_ptr_nonnull(strstr(line, row->help));
        if (row->type == OPTION_COUNT || row->type == OPTION_DURATION || row->words) {
            option_describe_accepted(row, accepted);
            ck_assert_ptr_nonnull(strstr(line, accepted));
        }
        if (row->initial && row->type != OPTION_SWITCH) {
            snprintf(initial, sizeof initial, "[%s]", row->initial);
            ck_assert_ptr_nonnull(strstr(line, initial));
        }
    }
    free(help);
}
END_TEST

START_TEST(test_the_markdown_table_has_five_cells_a_row)
{
    char *table = source_printed(options_print_markdown);
    size_t rows = 0;
    for (char *line = strtok(table, "\n"); line; line = strtok(NULL, "\n")) {
        size_t bars = 0;
        for (const char *c = line; *c; c++) {
            bars += *c == '|';
        }
        ck_assert_msg(bars == 6, "%s", line);
        rows++;
    }
    ck_assert_uint_eq(rows, source_count_settings() + 2); /* the head */
    free(table);
}
END_TEST

START_TEST(test_the_listing_masks_keys)
{
    struct option_view view;
    size_t keys = 0, at = 0;
    check_read((struct sources){.arguments = {"--shared-access-key", KEY_ONE, "--device",
                                    "d1=" KEY_OTHER, "--device", "d2", "--queue-depth", "7"}});
    for (size_t i = 0; i < option_row_count; i++) {
        keys += option_rows[i].key != NULL;
    }
    for (; options_view_at(&options, at, &view); at++) {
        ck_assert_ptr_null(strstr(view.value, KEY_ONE));
        ck_assert_ptr_null(strstr(view.value, KEY_OTHER));
        if (strcmp(view.name, "sharedAccessKey") == 0) {
            ck_assert_str_eq(view.value, "***");
        } else if (strcmp(view.name, "devices") == 0) {
            ck_assert_str_eq(view.value, "d1,d2");
        } else if (strcmp(view.name, "cloudToDevice.queueDepth") == 0) {
            ck_assert_str_eq(view.value, "7");
            ck_assert_str_eq(option_source_name(view.source), "commandLine");
        } else if (strcmp(view.name, "httpsPort") == 0) {
            ck_assert_str_eq(view.value, "443");
            ck_assert_str_eq(option_source_name(view.source), "default");
        }
    }
    ck_assert_uint_eq(at, keys);
    forget_sources();
}
END_TEST

SUITE_MAIN("options", test_every_setting_has_a_sample_here, test_no_two_settings_share_a_name,
    test_a_variable_is_named_after_its_flag, test_the_defaults_are_those_of_the_table,
    test_every_setting_is_read_from_every_source, test_the_stronger_source_counts,
    test_a_bad_value_is_one_line_that_says_what_is_accepted,
    test_an_empty_value_is_refused_where_it_cannot_be_left_out,
    test_a_range_ends_where_the_help_says, test_unsafe_ranges_lift_those_of_cloud_to_device_only,
    test_a_mistake_stays_on_its_line, test_a_mistake_is_cut_to_its_room, test_a_key_is_never_said,
    test_a_host_name_is_a_name_or_an_address,
    test_files_that_belong_together_are_asked_for_together,
    test_a_file_that_cannot_be_read_is_named, test_a_verb_comes_first,
    test_a_flag_takes_its_value_either_way, test_repetitions_add_up,
    test_a_setting_of_a_verb_is_refused_with_any_other, test_what_a_verb_is_about_is_read,
    test_a_verb_takes_what_its_help_says_and_no_more,
    test_the_named_device_is_one_of_the_command_line, test_a_policy_is_for_connection_strings_only,
    test_the_data_directory_is_found, test_version_and_help_need_no_home,
    test_the_hub_is_named_by_its_first_label,
    test_help_names_every_setting_with_its_range_and_default,
    test_the_markdown_table_has_five_cells_a_row, test_the_listing_masks_keys)
