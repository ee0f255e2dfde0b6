#include "server/verbs/companions.h"

#include "protocols/http/json.h"
#include "server/verbs/control_client.h"
#include "server/verbs/terminal.h"
#include "server/verbs/verbs.h"
#include "store/iso8601.h"
#include "store/memory.h"
#include "store/message.h"
#include "store/settings.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/control/v1/devices/"

/* Asks, and refuses what is no success. The answer's JSON in `*answer`, owned; NULL: it has none.
 * In it the body of a message may have NULs. */
static enum exit_code ask(const struct options *options, const char *method, const char *path,
    const char *json, json_t **answer)
{
    char *body;
    int status = control_client_ask(options, method, path, json, &body);
    enum exit_code code = EXIT_DONE;
    *answer = NULL;
    if (status < 200 || status > 299) {
        code = verb_refuse_answer(options, status, body);
    } else if (body[0] != '\0' && !(*answer = json_loads(body, JSON_ALLOW_NUL, NULL))) {
        code = verb_refuse(EXIT_FAILED, "the hub's answer is no JSON");
    }
    free(body);
    return code;
}

/* What is asked of the device that the command line names. Whether there is one the hub knows; an
 * empty name, as of a variable that is not set, has no path there. */
static enum exit_code ask_device(
    const struct options *options, const char *tail, const char *json, json_t **answer)
{
    *answer = NULL;
    if (!*options->operands[0]) {
        return verb_refuse(EXIT_BAD_OPTION, "DEVICE is empty");
    }
    char *path = control_client_path(DEVICES, options->operands[0], tail);
    enum exit_code code = ask(options, "POST", path, json, answer);
    free(path);
    return code;
}

/* False: standard output takes no more. */
static bool print_json_line(const json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT);
    return putchar('\n') != EOF && fflush(stdout) == 0;
}

static enum exit_code refuse_output(void)
{
    return verb_refuse(EXIT_FAILED, "standard output cannot be written to");
}

/* ---- send ---- */

static enum exit_code add_property(json_t *properties, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        return verb_refuse(EXIT_BAD_OPTION, "--property \"%.100s\": accepted is NAME=VALUE", text);
    }
    char *name = memory_copy_bytes(text, (size_t)(equals - text));
    enum exit_code code = EXIT_DONE;
    if (json_object_get(properties, name)) {
        code = verb_refuse(EXIT_BAD_OPTION, "--property \"%.100s\" is there twice", name);
    } else if (json_object_set_new(properties, name, json_string(equals + 1)) != 0) {
        code = verb_refuse(EXIT_BAD_OPTION, "--property \"%.100s\" is no UTF-8", text);
    }
    free(name);
    return code;
}

static enum exit_code add_properties(json_t *message, const struct text_list *list)
{
    json_t *properties = json_object();
    enum exit_code code = EXIT_DONE;
    for (size_t i = 0; i < list->count && code == EXIT_DONE; i++) {
        code = add_property(properties, list->items[i]);
    }
    json_object_set_new(message, "properties", properties);
    return code;
}

/* In base64, since a body may be any bytes. */
static void add_bytes(json_t *message, const void *bytes, size_t length)
{
    char *encoded = memory_allocate(4 * ((length + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)encoded, bytes, (int)length);
    json_object_set_new(message, "bodyBase64", json_string(encoded));
    free(encoded);
}

/* Standard input to its end, or one byte more than a message may have: the hub refuses that. */
static enum exit_code add_input(json_t *message)
{
    size_t length = 0, got, most = HUB_MESSAGE_SIZE_MAX + 1;
    char *bytes = memory_allocate(most);
    do {
        got = fread(bytes + length, 1, most - length, stdin);
        length += got;
    } while (got > 0 && length < most);
    enum exit_code code = EXIT_DONE;
    if (ferror(stdin)) {
        code = verb_refuse(EXIT_FAILED, "standard input cannot be read: %s", strerror(errno));
    } else {
        add_bytes(message, bytes, length);
    }
    free(bytes);
    return code;
}

static enum exit_code add_body(json_t *message, const char *body)
{
    if (strcmp(body, "-") == 0) {
        return add_input(message);
    }
    add_bytes(message, body, strlen(body));
    return EXIT_DONE;
}

/* Those that are texts as they were given. */
static enum exit_code add_texts(json_t *message, const struct options *options)
{
    const struct {
        const char *flag, *member, *text;
    } texts[] = {{"message-id", "messageId", options->message_id},
        {"correlation-id", "correlationId", options->correlation_id},
        {"content-type", "contentType", options->content_type}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = texts[i].text;
        if (text && json_object_set_new(message, texts[i].member, json_string(text)) != 0) {
            return verb_refuse(EXIT_BAD_OPTION, "--%s \"%.100s\" is no UTF-8", texts[i].flag, text);
        }
    }
    return EXIT_DONE;
}

static enum exit_code write_message(json_t *message, const struct options *options)
{
    if (options->ttl.us > 0) {
        char ttl[ISO8601_SIZE];
        iso8601_format_duration(options->ttl, ttl);
        json_object_set_new(message, "ttl", json_string(ttl));
    }
    if (options->ack != ACK_NONE) {
        const char *ack = message_ack_name((enum message_ack)options->ack);
        json_object_set_new(message, "ack", json_string(ack));
    }
    enum exit_code code = add_texts(message, options);
    if (code == EXIT_DONE) {
        code = add_properties(message, &options->properties);
    }
    return code == EXIT_DONE ? add_body(message, options->operands[1]) : code;
}

enum exit_code companion_send(const struct options *options)
{
    json_t *answer = NULL, *message = json_object();
    enum exit_code code = write_message(message, options);
    if (code == EXIT_DONE) {
        char *json = json_dumps(message, JSON_COMPACT);
        code = ask_device(options, "/messages", json, &answer);
        free(json);
    }
    if (code == EXIT_DONE) {
        printf("%lld\n", (long long)json_integer_value(json_object_get(answer, "sequenceNumber")));
    }
    json_decref(answer);
    json_decref(message);
    return code;
}

/* ---- receive ---- */

static void print_member(const char *head, const char *name, const json_t *value)
{
    fputs(head, stderr);
    terminal_print(stderr, name);
    fputs(": ", stderr);
    if (json_is_integer(value)) {
        fprintf(stderr, "%lld", (long long)json_integer_value(value));
    } else if (json_is_string(value)) {
        terminal_print(stderr, json_string_value(value));
    }
    fputc('\n', stderr);
}

/* Every member that is there, by the control API's name of it. */
static void print_details(json_t *message)
{
    const char *name;
    json_t *value;
    json_object_foreach(message, name, value)
    {
        if (json_is_string(value) || json_is_integer(value)) {
            print_member("", name, value);
        }
    }
    json_object_foreach(json_object_get(message, "properties"), name, value)
    {
        print_member("property ", name, value);
    }
}

/* Its bytes and nothing else, but that a prompt begins on a line of its own. */
static bool print_body(const json_t *message)
{
    const json_t *encoded = json_object_get(json_object_get(message, "body"), "base64");
    size_t length = 0;
    unsigned char *body =
        http_decode_base64(json_string_value(encoded), json_string_length(encoded), &length);
    bool is_printed = !body || fwrite(body, 1, length, stdout) == length;
    if (isatty(STDOUT_FILENO) && (length == 0 || body[length - 1] != '\n')) {
        putchar('\n');
    }
    free(body);
    return fflush(stdout) == 0 && is_printed;
}

static enum exit_code print_message(const struct options *options, json_t *message)
{
    bool is_printed;
    if (options->json) {
        is_printed = print_json_line(message);
    } else {
        print_details(message);
        is_printed = print_body(message);
    }
    return is_printed ? EXIT_DONE : refuse_output();
}

/* NULL: not at all. */
static const char *settlement_of(const struct options *options)
{
    const char *word = options->reject ? "/reject" : options->abandon ? "/abandon" : NULL;
    return options->complete ? "/complete" : word;
}

static enum exit_code settle(
    const struct options *options, const json_t *message, const char *settlement)
{
    const char *token = json_string_value(json_object_get(message, "lockToken"));
    char *path = control_client_path("/control/v1/messages/", token ? token : "", settlement);
    json_t *answer;
    enum exit_code code = ask(options, "POST", path, NULL, &answer);
    json_decref(answer);
    free(path);
    return code;
}

enum exit_code companion_receive(const struct options *options)
{
    if (options->complete + options->reject + options->abandon > 1) {
        return verb_refuse(
            EXIT_BAD_OPTION, "--complete, --reject and --abandon exclude each other");
    }
    json_t *message;
    enum exit_code code = ask_device(options, "/receive", NULL, &message);
    if (code == EXIT_DONE && !message) {
        code = verb_refuse(EXIT_FAILED, "no message waits for \"%s\"", options->operands[0]);
    }
    if (code == EXIT_DONE) {
        code = print_message(options, message);
    }
    /* What nobody has seen is not settled. */
    if (code == EXIT_DONE && settlement_of(options)) {
        code = settle(options, message, settlement_of(options));
    }
    json_decref(message);
    return code;
}

/* ---- feedback ---- */

static bool print_record(const struct options *options, const json_t *record)
{
    static const char *const names[] = {
        "enqueuedTimeUtc", "statusCode", "deviceId", "originalMessageId"};
    if (options->json) {
        return print_json_line(record);
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *text = json_string_value(json_object_get(record, names[i]));
        fputs(i ? "  " : "", stdout);
        terminal_print(stdout, text ? text : "");
    }
    return putchar('\n') != EOF && fflush(stdout) == 0;
}

static enum exit_code print_records(const struct options *options, const json_t *records)
{
    size_t i;
    json_t *record;
    json_array_foreach(records, i, record)
    {
        if (!print_record(options, record)) {
            return refuse_output();
        }
    }
    return EXIT_DONE;
}

/* One page, behind `*after`, which is set to where the next begins: "", there is none. */
static enum exit_code print_page(const struct options *options, char after[static 24])
{
    char path[80];
    json_t *page, *batch;
    size_t i;
    snprintf(path, sizeof path, "/control/v1/feedback%s%s", after[0] ? "?after=" : "", after);
    enum exit_code code = ask(options, "GET", path, NULL, &page);
    json_array_foreach(json_object_get(page, "items"), i, batch)
    {
        if (code == EXIT_DONE) {
            code = print_records(options, json_object_get(batch, "records"));
        }
    }
    const char *next = json_string_value(json_object_get(page, "next"));
    snprintf(after, 24, "%s", next ? next : "");
    if (code == EXIT_DONE && !next) {
        code = print_records(options, json_object_get(page, "waiting"));
    }
    json_decref(page);
    return code;
}

enum exit_code companion_feedback(const struct options *options)
{
    /* Before they are sent, after which a connected back end has them at once. */
    char after[24] = "";
    enum exit_code code;
    do {
        code = print_page(options, after);
    } while (code == EXIT_DONE && after[0]);
    if (code == EXIT_DONE) {
        json_t *answer;
        code = ask(options, "POST", "/control/v1/feedback/flush", NULL, &answer);
        json_decref(answer);
    }
    return code;
}

/* ---- advance ---- */

enum exit_code companion_advance(const struct options *options)
{
    const char *by = options->operands[0];
    struct duration span;
    char json[80], text[ISO8601_SIZE];
    if (!iso8601_parse_duration(by, &span)) {
        return verb_refuse(
            EXIT_BAD_OPTION, "\"%.100s\" is no duration: accepted is ISO 8601, as in PT61S", by);
    }
    iso8601_format_duration(span, text);
    snprintf(json, sizeof json, "{\"by\":\"%s\"}", text);
    json_t *clock;
    enum exit_code code = ask(options, "POST", "/control/v1/clock/advance", json, &clock);
    const char *now = json_string_value(json_object_get(clock, "now"));
    if (code == EXIT_DONE && now) {
        puts(now);
    }
    json_decref(clock);
    return code;
}
