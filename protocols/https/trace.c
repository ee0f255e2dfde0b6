#include "protocols/https/trace.h"

#include "protocols/http/uri.h"
#include "protocols/https/answer.h"
#include "store/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MASK "***"

/* ---- what is masked ---- */

/* Where a text is put together, cut at its end. */
struct page {
    char *out;
    size_t length;
};

static void put(struct page *page, const char *bytes, size_t length)
{
    size_t room = TRACE_TEXT_SIZE - 1 - page->length;
    size_t kept = length < room ? length : room;
    memcpy(page->out + page->length, bytes, kept);
    page->length += kept;
    page->out[page->length] = '\0';
}

/* The length of what comes before a secret: "sig=", "SharedAccessKey=", also percent-encoded, once
 * or twice. 0: none does. */
static size_t secret_begins(const char *at, const char *end)
{
    static const char *const names[] = {"sig", "key"};
    static const char *const signs[] = {"=", "%3d", "%253d"};
    size_t left = (size_t)(end - at);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t name = strlen(names[i]);
        if (left < name || strncasecmp(at, names[i], name) != 0) {
            continue;
        }
        for (size_t j = 0; j < sizeof signs / sizeof signs[0]; j++) {
            size_t sign = strlen(signs[j]);
            if (left - name >= sign && strncasecmp(at + name, signs[j], sign) == 0) {
                return name + sign;
            }
        }
    }
    return 0;
}

/* Base64 has slashes, and not every client encodes them. */
static bool ends_secret(char c)
{
    return strchr("&;\" ", c) != NULL;
}

static void put_masked(struct page *page, struct text text)
{
    const char *at = text.bytes, *end = at + text.length;
    while (at < end) {
        size_t head = secret_begins(at, end);
        put(page, at, head > 0 ? head : 1);
        at += head > 0 ? head : 1;
        if (head > 0) {
            put(page, MASK, strlen(MASK));
            while (at < end && !ends_secret(*at)) {
                at++;
            }
        }
    }
}

/* Pairs of other names are secret, with their names: who knows what they are. */
static void put_pairs(struct page *page, struct text pairs, const char *const *shown)
{
    while (pairs.length > 0) {
        struct text pair = text_take_until(&pairs, '&');
        struct text value = pair, name = text_take_until(&value, '=');
        const char *const *known = shown;
        while (*known && !text_equal_nocase(name, text_of(*known))) {
            known++;
        }
        put_masked(page, *known ? pair : TEXT(MASK));
        put(page, "&", pairs.bytes ? 1 : 0);
    }
}

void https_mask_target(const char *target, char out[static TRACE_TEXT_SIZE])
{
    static const char *const shown[] = {
        "api-version", "top", "reject", "iothub-messagelocktimeout", NULL};
    struct page page = {.out = out};
    size_t path = strcspn(target, "?");
    out[0] = '\0';
    put_masked(&page, (struct text){target, path});
    if (target[path] == '?') {
        put(&page, "?", 1);
        put_pairs(&page, text_of(target + path + 1), shown);
    }
}

void https_mask_authorization(const char *value, char out[static TRACE_TEXT_SIZE])
{
    static const char scheme[] = "SharedAccessSignature ";
    static const char *const shown[] = {"sr", "se", "skn", "sig", NULL};
    struct page page = {.out = out};
    out[0] = '\0';
    if (!value) {
        return;
    }
    if (strncasecmp(value, scheme, sizeof scheme - 1) == 0) {
        put(&page, value, sizeof scheme - 1);
        put_pairs(&page, text_of(value + sizeof scheme - 1), shown);
    } else if (strncasecmp(value, "Bearer ", 7) == 0) {
        put(&page, "Bearer " MASK, 7 + strlen(MASK));
    } else {
        put(&page, MASK, strlen(MASK));
    }
}

/* ---- the lines ---- */

/* A header of either side; "" leaves it out. */
static const char *mask_header(const char *value, char out[static TRACE_TEXT_SIZE])
{
    struct page page = {.out = out};
    out[0] = '\0';
    if (!value) {
        return NULL;
    }
    put_masked(&page, text_of(value));
    return out;
}

struct numbers {
    char connection[24], bytes[24], ms[24];
};

static struct numbers numbers_of(const struct http_request *request, size_t bytes)
{
    struct numbers numbers;
    snprintf(numbers.connection, sizeof numbers.connection, "%" PRIu64,
        connection_id(http_request_client(request)));
    snprintf(numbers.bytes, sizeof numbers.bytes, "%zu", bytes);
    snprintf(numbers.ms, sizeof numbers.ms, "%" PRId64, http_request_age_ms(request));
    return numbers;
}

void https_trace_received(void *context, const struct http_request *request)
{
    const struct https_server *server = context;
    char target[TRACE_TEXT_SIZE], authorization[TRACE_TEXT_SIZE];
    char agent[TRACE_TEXT_SIZE], type[TRACE_TEXT_SIZE], match[TRACE_TEXT_SIZE];
    char line[TRACE_TEXT_SIZE + 32];
    if (!server->options.trace) {
        return;
    }
    struct numbers numbers = numbers_of(request, http_request_size(request));
    https_mask_target(http_request_target(request), target);
    https_mask_authorization(http_request_header(request, "Authorization"), authorization);
    snprintf(line, sizeof line, "%.16s %s", http_request_method(request), target);
    LOG(LOG_INFO, "HTTPS-TRACE", line, {"way", "in"}, {"connection", numbers.connection},
        {"bytes", numbers.bytes}, {"authorization", authorization[0] ? authorization : NULL},
        {"agent", mask_header(http_request_header(request, "User-Agent"), agent)},
        {"type", mask_header(http_request_header(request, "Content-Type"), type)},
        {"ifMatch", mask_header(http_request_header(request, "If-Match"), match)});
}

void https_trace_answered(
    void *context, const struct http_request *request, const struct http_response *response)
{
    const struct https_server *server = context;
    char target[TRACE_TEXT_SIZE], line[TRACE_TEXT_SIZE + 64], status[16] = "no answer";
    if (!server->options.trace) {
        return;
    }
    struct numbers numbers = numbers_of(request, response ? http_response_size(response) : 0);
    if (response) {
        snprintf(status, sizeof status, "%d", http_response_status(response));
    }
    https_mask_target(http_request_target(request), target);
    snprintf(line, sizeof line, "%s to %.16s %s", status, http_request_method(request), target);
    LOG(LOG_INFO, "HTTPS-TRACE", line, {"way", "out"}, {"connection", numbers.connection},
        {"bytes", numbers.bytes}, {"ms", numbers.ms},
        {"error", http_response_find(response, "iothub-errorcode")},
        {"type", http_response_find(response, "Content-Type")},
        {"etag", http_response_find(response, "ETag")});
}
