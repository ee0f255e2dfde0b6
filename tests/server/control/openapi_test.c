/* The description of the API against the API. */
#include "server/control/internal.h"
#include "tests/server/control/control_fixture.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *document;

static void read_document(void)
{
    begin();
    struct answer *answer =
        peer_ask(peer, "GET " V1 "/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n");
    answer_check_status(answer, 200);
    json_error_t error;
    document = json_loads(answer->body, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(document != NULL, "%d: %s", error.line, error.text);
}

static void drop_document(void)
{
    json_decref(document);
    finish();
}

/* "/a/{deviceId}" as the table of routes has it: "/a/{}". */
static void write_pattern(const char *path, char *out)
{
    bool is_name = false;
    for (; *path; path++) {
        is_name = is_name && *path != '}';
        if (!is_name) {
            *out++ = *path;
        }
        is_name = is_name || *path == '{';
    }
    *out = '\0';
}

static json_t *find_operation(const struct http_route *route)
{
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        char pattern[200], method[16];
        write_pattern(path, pattern);
        snprintf(method, sizeof method, "%s", route->method);
        for (char *c = method; *c; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
        if (strcmp(pattern, route->pattern) == 0 && json_object_get(item, method)) {
            return json_object_get(item, method);
        }
    }
    return NULL;
}

static size_t count_parameters(const json_t *operation, const char *where)
{
    size_t index, count = 0;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), index, parameter)
    {
        count += strcmp(text(parameter, "in"), where) == 0;
    }
    return count;
}

START_TEST(test_every_route_is_described_and_nothing_else)
{
    read_document();
    size_t routes = 0, operations = 0;
    for (const struct http_route *route = control_routes; route->method; route++, routes++) {
        const json_t *operation = find_operation(route);
        ck_assert_msg(operation != NULL, "%s %s", route->method, route->pattern);
        size_t braces = 0;
        for (const char *c = route->pattern; *c; c++) {
            braces += *c == '{';
        }
        ck_assert_msg(count_parameters(operation, "path") == braces, "%s", route->pattern);
        ck_assert_msg((json_object_get(operation, "requestBody") != NULL) == (route->body_max > 0),
            "%s %s", route->method, route->pattern);
    }
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        operations += json_object_size(item);
    }
    ck_assert_uint_eq(operations, routes);
    drop_document();
}
END_TEST

/* Each name in the path is a parameter, and the other way round. */
static void check_names(const char *path, const json_t *operation)
{
    size_t index;
    json_t *parameter;
    json_array_foreach(json_object_get(operation, "parameters"), index, parameter)
    {
        char name[80];
        snprintf(name, sizeof name, "{%s}", text(parameter, "name"));
        ck_assert_msg(
            strcmp(text(parameter, "in"), "path") != 0 || strstr(path, name), "%s %s", path, name);
    }
}

START_TEST(test_operations_are_whole)
{
    read_document();
    ck_assert_int_eq(strncmp(text(document, "openapi"), "3.1.", 4), 0);
    json_t *ids = json_object();
    const char *path, *method;
    json_t *item, *operation;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            const char *id = text(operation, "operationId");
            ck_assert_msg(*id && !json_object_get(ids, id), "%s %s: %s", method, path, id);
            json_object_set_new(ids, id, json_true());
            ck_assert_msg(text(operation, "summary")[0], "%s", id);
            ck_assert_msg(json_object_size(json_object_get(operation, "responses")) > 1, "%s", id);
            /* A body may be too large for its route. */
            ck_assert_msg(!json_object_get(operation, "requestBody") ||
                              json_object_get(json_object_get(operation, "responses"), "413"),
                "%s", id);
            check_names(path, operation);
        }
    }
    json_decref(ids);
    drop_document();
}
END_TEST

static void check_references(const json_t *value, json_t *used)
{
    const char *name, *reference = json_string_value(json_object_get(value, "$ref"));
    size_t index;
    json_t *item;
    if (reference) {
        const json_t *at = document;
        char part[120];
        ck_assert_int_eq(strncmp(reference, "#/", 2), 0);
        for (const char *rest = reference + 1; *rest;) {
            size_t length = strcspn(rest + 1, "/");
            snprintf(part, sizeof part, "%.*s", (int)length, rest + 1);
            at = json_object_get(at, part);
            ck_assert_msg(at != NULL, "%s", reference);
            rest += length + 1;
        }
        json_object_set_new(used, reference, json_true());
    }
    json_object_foreach((json_t *)value, name, item)
    {
        check_references(item, used);
    }
    json_array_foreach(value, index, item)
    {
        check_references(item, used);
    }
}

START_TEST(test_references_lead_somewhere_and_every_schema_is_used)
{
    read_document();
    json_t *used = json_object();
    const char *name;
    json_t *schema;
    check_references(document, used);
    json_object_foreach(
        json_object_get(json_object_get(document, "components"), "schemas"), name, schema)
    {
        char reference[120];
        snprintf(reference, sizeof reference, "#/components/schemas/%s", name);
        ck_assert_msg(json_object_get(used, reference) != NULL, "%s", name);
    }
    json_decref(used);
    drop_document();
}
END_TEST

/* What is answered has the members that are described, and all that are required. */
static void check_shape(const char *schema_name, json_t *value)
{
    json_t *schema = json_object_get(
        json_object_get(json_object_get(document, "components"), "schemas"), schema_name);
    const char *name;
    json_t *member;
    size_t index;
    ck_assert_ptr_nonnull(value);
    json_object_foreach(value, name, member)
    {
        ck_assert_msg(json_object_get(json_object_get(schema, "properties"), name) != NULL,
            "%s.%s is not described", schema_name, name);
    }
    json_array_foreach(json_object_get(schema, "required"), index, member)
    {
        ck_assert_msg(json_object_get(value, json_string_value(member)) != NULL,
            "%s.%s is not answered", schema_name, json_string_value(member));
    }
}

static void check_answer(
    const char *schema, const char *method, const char *target, const char *body)
{
    json_t *value = ask(
        strcmp(method, "POST") == 0 && strstr(target, "faults") ? 201 : 200, method, target, body);
    check_shape(schema, value);
    json_decref(value);
}

static void check_first(const char *schema, const char *target)
{
    json_t *list = ask(200, "GET", target, NULL);
    check_shape(schema, json_array_get(json_object_get(list, "items"), 0));
    json_decref(list);
}

static void check_counts(void)
{
    json_t *hub = ask(200, "GET", V1 "/hub", NULL);
    const char *name;
    json_t *count, *schemas = json_object_get(json_object_get(document, "components"), "schemas");
    const json_t *described = json_object_get(
        json_object_get(json_object_get(json_object_get(schemas, "Hub"), "properties"), "counts"),
        "properties");
    json_object_foreach(json_object_get(hub, "counts"), name, count)
    {
        ck_assert_msg(json_object_get(described, name) != NULL, "counts.%s", name);
    }
    json_decref(hub);
}

START_TEST(test_answers_have_the_described_members)
{
    read_document();
    act(201, "POST", V1 "/devices/d1/messages", "{}");
    check_answer("Hub", "GET", V1 "/hub", NULL);
    check_counts();
    check_answer("Clock", "GET", V1 "/clock", NULL);
    check_answer("Device", "GET", V1 "/devices/d1", NULL);
    check_answer("DeviceList", "GET", V1 "/devices", NULL);
    check_answer("MessageList", "GET", V1 "/devices/d1/messages", NULL);
    check_first("Message", V1 "/devices/d1/messages");
    check_answer("Message", "POST", V1 "/devices/d1/receive", NULL);
    check_answer("Simulator", "PUT", V1 "/devices/d1/simulator", "{\"do\":\"ignore\",\"times\":1}");
    check_answer("TelemetryList", "GET", V1 "/devices/d1/telemetry", NULL);
    check_answer("JournalList", "GET", V1 "/journal", NULL);
    check_first("Entry", V1 "/journal?event=delivered");
    check_answer("Entries", "GET", V1 "/wait?event=enqueued", NULL);
    check_answer(
        "Fault", "POST", V1 "/faults", "{\"seed\":1,\"times\":1,\"action\":{\"type\":\"drop\"}}");
    check_answer("FaultList", "GET", V1 "/faults", NULL);
    act(204, "POST", V1 "/snapshots/s", NULL);
    check_answer("Snapshot", "GET", V1 "/snapshots/s", NULL);
    check_answer("SnapshotList", "GET", V1 "/snapshots", NULL);
    json_t *problem = ask(404, "GET", V1 "/devices/none", NULL);
    check_shape("Problem", problem);
    json_decref(problem);
    drop_document();
}
END_TEST

START_TEST(test_every_event_of_the_journal_is_described)
{
    read_document();
    size_t index;
    json_t *event;
    const json_t *events = json_object_get(
        json_object_get(
            json_object_get(json_object_get(document, "components"), "schemas"), "Event"),
        "enum");
    json_array_foreach(events, index, event)
    {
        ck_assert_str_eq(journal_event_name((enum journal_event)index), json_string_value(event));
    }
    ck_assert_uint_eq(index, JOURNAL_RESTORED + 1);
    drop_document();
}
END_TEST

/* "/a/{}/b" as a request names it. */
static void write_target(const char *pattern, char *out)
{
    for (; *pattern; pattern++) {
        *out++ = *pattern == '{' ? 'd' : *pattern == '}' ? '1' : *pattern;
    }
    *out = '\0';
}

/* A typo does not pass: neither in the query, nor in the body of who takes one. */
START_TEST(test_what_is_not_described_is_refused_by_name)
{
    begin();
    size_t count = 0;
    for (const struct http_route *route = control_routes; route->method; route++) {
        char target[200], query[220];
        write_target(route->pattern, target);
        snprintf(query, sizeof query, "%s?nonsense=1", target);
        if (strncmp(target, V1, sizeof V1 - 1) == 0) {
            check_refused(400, route->method, query, NULL, "nonsense");
            count++;
        }
        if (route->body_max > 0) {
            check_refused(400, route->method, target, "{\"nonsense\":1}", "nonsense");
        }
    }
    ck_assert_uint_gt(count, 30);
    finish();
}
END_TEST

SUITE_MAIN("openapi", test_every_route_is_described_and_nothing_else, test_operations_are_whole,
    test_references_lead_somewhere_and_every_schema_is_used,
    test_answers_have_the_described_members, test_every_event_of_the_journal_is_described,
    test_what_is_not_described_is_refused_by_name)
