#include "server/control/exposition.h"
#include "tests/server/control/control_fixture.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- a parser: every line of the exposition is one of its forms, or the test fails ---- */

struct sample {
    char name[128], labels[256]; /* the labels as they stand between the braces */
    double value;
};

static struct sample samples[500];
static size_t sample_count;

static size_t name_length(const char *text)
{
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_' || text[length] == ':') {
        length++;
    }
    return isdigit((unsigned char)text[0]) ? 0 : length;
}

/* `name="value",…` up to the brace; values have no bare quote or line end. */
static const char *parse_labels(const char *at, struct sample *sample)
{
    const char *begin = at;
    while (*at != '}') {
        size_t length = name_length(at);
        ck_assert_msg(length > 0 && strncmp(at + length, "=\"", 2) == 0, "label: %s", at);
        at += length + 2;
        for (; *at != '"'; at++) {
            ck_assert(*at != '\0' && *at != '\n');
            if (*at == '\\') {
                at++;
                ck_assert_msg(*at == '\\' || *at == '"' || *at == 'n', "escape: %s", at);
            }
        }
        at++;
        at += *at == ',';
    }
    ck_assert_uint_lt((size_t)(at - begin), sizeof sample->labels);
    memcpy(sample->labels, begin, (size_t)(at - begin));
    return at + 1;
}

static void parse_sample(const char *line, const char *family)
{
    struct sample *sample = &samples[sample_count++];
    size_t length = name_length(line);
    ck_assert_msg(length > 0 && length < sizeof sample->name, "%s", line);
    *sample = (struct sample){0};
    memcpy(sample->name, line, length);
    ck_assert_msg(strncmp(sample->name, family, strlen(family)) == 0, "%s in %s", line, family);
    const char *at = line + length;
    if (*at == '{') {
        at = parse_labels(at + 1, sample);
    }
    char *end;
    ck_assert_msg(*at == ' ', "%s", line);
    sample->value = strtod(at + 1, &end);
    ck_assert_msg(end > at + 1 && *end == '\0', "%s", line);
    for (size_t i = 0; i + 1 < sample_count; i++) {
        ck_assert_msg(strcmp(samples[i].name, sample->name) != 0 ||
                          strcmp(samples[i].labels, sample->labels) != 0,
            "twice: %s", line);
    }
}

static void parse(char *body)
{
    char family[128] = "", *rest = body;
    sample_count = 0;
    ck_assert_int_eq(body[strlen(body) - 1], '\n');
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "), line + 7);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            const char *type = line + 7 + strlen(family) + 1;
            ck_assert_int_eq(strncmp(line + 7, family, strlen(family)), 0);
            ck_assert_msg(strcmp(type, "counter") == 0 || strcmp(type, "gauge") == 0 ||
                              strcmp(type, "histogram") == 0,
                "%s", line);
        } else {
            parse_sample(line, family);
        }
    }
}

static void read_metrics(void)
{
    struct answer *answer = peer_ask(peer, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    answer_check_status(answer, 200);
    ck_assert_str_eq(answer_header(answer, "Content-Type"), EXPOSITION_TYPE);
    parse(answer->body);
}

static double value_of(const char *name, const char *labels)
{
    for (size_t i = 0; i < sample_count; i++) {
        if (strcmp(samples[i].name, name) == 0 && strcmp(samples[i].labels, labels) == 0) {
            return samples[i].value;
        }
    }
    ck_abort_msg("no %s{%s}", name, labels);
}

static bool is_told(const char *name)
{
    for (size_t i = 0; i < sample_count; i++) {
        if (strcmp(samples[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- the tests ---- */

static void stay(void *owner, enum session_end end)
{
    (void)owner;
    (void)end;
}

START_TEST(test_the_hub_is_told_in_numbers)
{
    begin();
    struct connection *connection =
        connection_open(sessions, PROTOCOL_MQTT_WS, "127.0.90.2:1", stay, NULL);
    for (int i = 0; i < 4; i++) {
        act(201, "POST", V1 "/devices/d1/messages", "{\"ack\":\"full\"}");
    }
    act(200, "POST", V1 "/devices/d1/receive", NULL);
    act(200, "POST", V1 "/clock/advance", "{\"by\":\"PT61S\"}");
    act(200, "POST", V1 "/devices/d1/receive", NULL);
    act(201, "PUT", V1 "/devices/d2", NULL);
    act(201, "POST", V1 "/devices/d2/messages", "{\"ack\":\"full\"}");
    act(200, "DELETE", V1 "/devices/d2/messages", NULL);
    act(200, "POST", V1 "/feedback/flush", NULL);
    check_refused(404, "GET", V1 "/devices/none", NULL, "none");
    read_metrics();
    ck_assert_double_eq(value_of("devicebound_messages", "state=\"enqueued\""), 4); /* a batch */
    ck_assert_double_eq(value_of("devicebound_messages", "state=\"invisible\""), 1);
    ck_assert_double_eq(value_of("devicebound_queue_depth", "device=\"d1\""), 4);
    ck_assert_double_eq(value_of("devicebound_messages_enqueued_total", ""), 6);
    ck_assert_double_eq(value_of("devicebound_tls_distrusts_total", "sign=\"alert\""), 3);
    ck_assert_double_eq(value_of("devicebound_tls_distrusts_total", "sign=\"close\""), 4);
    ck_assert_double_eq(value_of("devicebound_messages_ended_total", "outcome=\"purged\""), 1);
    ck_assert_double_eq(value_of("devicebound_deliveries_total", ""), 2);
    ck_assert_double_eq(value_of("devicebound_redeliveries_total", ""), 1);
    ck_assert_double_eq(value_of("devicebound_lock_expiries_total", ""), 1);
    ck_assert_double_eq(value_of("devicebound_feedback_batches_total", ""), 1);
    ck_assert_double_eq(value_of("devicebound_feedback_pending", ""), 0);
    ck_assert_double_eq(value_of("devicebound_connections", "protocol=\"mqttWs\""), 1);
    ck_assert_double_eq(value_of("devicebound_connections", "protocol=\"amqp\""), 0);
    ck_assert_double_eq(
        value_of("devicebound_refusals_total", "code=\"404001\",name=\"DeviceNotFound\""), 1);
    ck_assert_double_eq(value_of("devicebound_devices", ""), 2);
    ck_assert_double_gt(value_of("process_resident_memory_bytes", ""), 100000);
    connection_close(connection, NULL);
    finish();
}
END_TEST

START_TEST(test_the_histogram_of_commits_adds_up)
{
    begin();
    for (int i = 0; i < 10; i++) {
        act(201, "POST", V1 "/devices/d1/messages", "{}");
    }
    read_metrics();
    double commits = value_of("devicebound_commits_total", "");
    ck_assert_double_ge(commits, 10);
    ck_assert_double_eq(value_of("devicebound_commit_seconds_bucket", "le=\"+Inf\""), commits);
    ck_assert_double_eq(value_of("devicebound_commit_seconds_count", ""), commits);
    ck_assert_double_gt(value_of("devicebound_commit_seconds_sum", ""), 0);
    double before = 0;
    for (size_t i = 0; i < sample_count; i++) {
        if (strcmp(samples[i].name, "devicebound_commit_seconds_bucket") == 0) {
            ck_assert_double_ge(samples[i].value, before);
            before = samples[i].value;
        }
    }
    ck_assert_double_eq(value_of("devicebound_failed_commits_total", ""), 0);
    finish();
}
END_TEST

START_TEST(test_an_idle_hub_has_no_depths_and_no_refusals)
{
    begin();
    read_metrics();
    ck_assert(!is_told("devicebound_queue_depth"));
    ck_assert(!is_told("devicebound_refusals_total"));
    check_refused(405, "POST", "/metrics", NULL, "GET");
    read_metrics();
    ck_assert(is_told("devicebound_refusals_total"));
    finish();
}
END_TEST

START_TEST(test_label_values_may_hold_anything)
{
    char text[200] = "";
    struct exposition out = {.out = fmemopen(text, sizeof text, "w")};
    exposition_begin(&out, "x", "gauge", "Help.");
    SAMPLE(&out, 9007199254740991.0, "a", "\"\\\n}{,", "b", "");
    SAMPLE(&out, 0.25);
    fclose(out.out);
    ck_assert_str_eq(text, "# HELP x Help.\n# TYPE x gauge\n"
                           "x{a=\"\\\"\\\\\\n}{,\",b=\"\"} 9007199254740991\nx 0.25\n");
    parse(text);
    ck_assert_uint_eq(sample_count, 2);
}
END_TEST

/* The idle hub first: refusals are those of the process, which the tests may share. */
SUITE_MAIN("metrics", test_an_idle_hub_has_no_depths_and_no_refusals,
    test_the_hub_is_told_in_numbers, test_the_histogram_of_commits_adds_up,
    test_label_values_may_hold_anything)
