/*
 * POST /devices/query: pages of twins, or of what is selected of them.
 *
 * A continuation says behind which identity the next page begins, so pages stay whole while devices
 * come and go. It is what the client hands back: any number in it is a legal place to go on from.
 *
 * Source: learn.microsoft.com, REST reference of Azure IoT Hub, Query - Get Twins.
 */
#include "protocols/https/access.h"
#include "protocols/https/handlers.h"
#include "protocols/https/query_language.h"
#include "protocols/https/twin_codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define CONTINUATION_SIZE 48

/* ---- the place ---- */

/* The last identity of a page, as rows of the registry; a device has no module. */
struct place {
    int64_t device, module;
};

static struct place place_of(const struct identity *identity)
{
    return identity->device ? (struct place){identity->device->row, identity->row}
                            : (struct place){identity->row, 0};
}

static bool is_behind(const struct identity *identity, struct place place)
{
    struct place own = place_of(identity);
    return own.device > place.device || (own.device == place.device && own.module > place.module);
}

/* "7-12", in which no SDK sees anything but a token. */
static void write_continuation(struct place place, char out[CONTINUATION_SIZE])
{
    snprintf(out, CONTINUATION_SIZE, "%" PRId64 "-%" PRId64, place.device, place.module);
}

static bool read_continuation(const struct http_request *request, struct place *place)
{
    char canonical[CONTINUATION_SIZE], *end;
    const char *text = http_request_header(request, "x-ms-continuation");
    *place = (struct place){0, 0};
    if (!text || text[0] == '\0') {
        return true;
    }
    place->device = strtoll(text, &end, 10);
    place->module = *end == '-' ? strtoll(end + 1, &end, 10) : -1;
    write_continuation(*place, canonical);
    return strcmp(text, canonical) == 0;
}

/* More than PAGE_MAX is that; 0: it is no number of rows. */
static size_t read_page_size(const struct http_request *request)
{
    char *end;
    const char *text = http_request_header(request, "x-ms-max-item-count");
    if (!text || text[0] == '\0') {
        return PAGE_DEFAULT;
    }
    long size = strtol(text, &end, 10);
    if (*end != '\0' || size < 1) {
        return 0;
    }
    return size > PAGE_MAX ? PAGE_MAX : (size_t)size;
}

/* ---- the rows ---- */

struct page {
    const struct query *query;
    size_t size; /* rows it may have */
    json_t *rows;
    size_t matches; /* on this page, or of all for COUNT() */
    struct place last;
    bool has_more;
};

/* False: the page is full, and there is more. */
static bool offer(struct page *page, struct hub *hub, const struct identity *identity)
{
    json_t *twin = twin_write(hub, identity);
    bool fits = query_matches(page->query, twin);
    bool counts = query_counts(page->query);
    if (fits && !counts && page->matches == page->size) {
        page->has_more = true;
    } else if (fits) {
        page->matches++;
        page->last = place_of(identity);
        if (!counts) {
            json_array_append_new(page->rows, query_write_row(page->query, twin));
        }
    }
    json_decref(twin);
    return !page->has_more;
}

static bool offer_modules(
    struct page *page, struct hub *hub, const struct identity *device, struct place place)
{
    const struct identity *module = NULL;
    while ((module = identity_next_module(device, module))) {
        if (is_behind(module, place) && !offer(page, hub, module)) {
            return false;
        }
    }
    return true;
}

static void fill(struct page *page, struct hub *hub, struct place place)
{
    bool has_room = true;
    const struct identity *device = NULL;
    while (has_room && (device = identity_next(hub_identities(hub), device))) {
        if (query_collection(page->query) == QUERY_MODULES) {
            has_room = offer_modules(page, hub, device, place);
        } else if (is_behind(device, place)) {
            has_room = offer(page, hub, device);
        }
    }
    if (query_counts(page->query)) {
        json_array_append_new(page->rows, query_write_count(page->query, page->matches));
    }
}

static void answer_page(
    struct https_server *server, struct http_request *request, const struct page *page)
{
    char continuation[CONTINUATION_SIZE];
    struct http_response *response = http_response_json(200, HTTP_JSON_TYPE, page->rows);
    http_response_header(
        response, "x-ms-item-type", query_selects_all(page->query) ? "Twin" : "Raw");
    if (page->has_more) {
        write_continuation(page->last, continuation);
        http_response_header(response, "x-ms-continuation", continuation);
    }
    answer_committed(server, request, response);
}

/* ---- the request ---- */

/* Returns owned; NULL: `error`. */
static struct query *read_query(const struct http_request *request, struct hub_error *error)
{
    json_t *body = http_request_json(request, error);
    if (!body) {
        return NULL;
    }
    const json_t *text = json_object_get(body, "query");
    struct query *query = NULL;
    if (json_is_string(text)) {
        query =
            query_parse((struct text){json_string_value(text), json_string_length(text)}, error);
    } else {
        hub_refuse(error, HUB_ARGUMENT_INVALID, "BadRequest: the body has no string 'query'.");
    }
    json_decref(body);
    return query;
}

void query_run(void *context, struct http_request *request)
{
    struct https_server *server = context;
    struct place place = {0, 0};
    struct hub_error error;
    if (!access_service(server, request, PERMISSION_SERVICE_CONNECT) ||
        !access_rate(server, request, THROTTLE_QUERY)) {
        return;
    }
    struct query *query = read_query(request, &error);
    struct page page = {.query = query, .size = read_page_size(request)};
    enum hub_code code = query ? HUB_OK : error.code;
    if (code == HUB_OK && page.size == 0) {
        code =
            hub_refuse(&error, HUB_ARGUMENT_INVALID, "x-ms-max-item-count is no number of rows.");
    } else if (code == HUB_OK && !read_continuation(request, &place)) {
        code = hub_refuse(&error, HUB_ARGUMENT_INVALID, "x-ms-continuation is not one of ours.");
    }
    if (code == HUB_OK) {
        page.rows = json_array();
        fill(&page, server->context.hub, place);
        answer_page(server, request, &page);
    } else {
        answer_refusal(server, request, &error);
    }
    query_free(query);
}
