/*
 * An answer: status, headers that cannot break the header block, body.
 */
#include "protocols/http/request.h"
#include "store/log.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

struct http_response {
    int status;
    size_t size;
    struct MHD_Response *mhd;
};

struct http_response *response_wrap(int status, const char *type, struct MHD_Response *mhd)
{
    struct http_response *response = memory_allocate(sizeof *response);
    if (!mhd) {
        abort(); /* out of memory */
    }
    *response = (struct http_response){.status = status, .mhd = mhd};
    if (type) {
        http_response_header(response, "Content-Type", type);
    }
    return response;
}

struct http_response *http_response_create(int status, const char *type, struct text body)
{
    struct MHD_Response *mhd = MHD_create_response_from_buffer(
        body.length, (void *)(uintptr_t)(body.bytes ? body.bytes : ""), MHD_RESPMEM_MUST_COPY);
    struct http_response *response = response_wrap(status, type, mhd);
    response->size = body.length;
    if (status == MHD_HTTP_NO_CONTENT) {
        /* RFC 9110, 8.6 has none here; the service sends it, and its clients are used to it. */
        MHD_set_response_options(response->mhd, MHD_RF_INSANITY_HEADER_CONTENT_LENGTH, MHD_RO_END);
        http_response_header(response, "Content-Length", "0");
    }
    return response;
}

void http_response_free(struct http_response *response)
{
    if (response) {
        MHD_destroy_response(response->mhd);
        free(response);
    }
}

int http_response_status(const struct http_response *response)
{
    return response->status;
}

size_t http_response_size(const struct http_response *response)
{
    return response->size;
}

const char *http_response_find(const struct http_response *response, const char *name)
{
    return response ? MHD_get_response_header(response->mhd, name) : NULL;
}

/* RFC 9110, 5.6.2: the characters of a name. */
static bool is_token_character(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* No longer than it was, so that the head's size can be told. Returns owned. */
static char *make_name(struct text name)
{
    char *out = memory_copy_bytes(name.bytes, name.length);
    for (size_t i = 0; i < name.length; i++) {
        if (!is_token_character((unsigned char)out[i])) {
            out[i] = '_';
        }
    }
    return out;
}

/* Returns owned. libmicrohttpd refuses an empty value; a blank is one on the wire (RFC 9110, 5.5).
 */
static char *make_value(struct text value)
{
    char *out = memory_allocate(value.length + 2);
    size_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.bytes[i];
        if (c == '\t') {
            out[length++] = ' ';
        } else if (c >= ' ' && c != 0x7f) {
            out[length++] = (char)c;
        }
    }
    if (length == 0) {
        out[length++] = ' ';
    }
    return out;
}

void http_response_header_text(struct http_response *response, struct text name, struct text value)
{
    char *clean_name = make_name(name);
    char *clean_value = make_value(value);
    if (MHD_add_response_header(response->mhd, clean_name, clean_value) != MHD_YES) {
        LOG(LOG_WARN, "HTTP-HEADER-REFUSED", "a response header cannot be sent",
            {"name", clean_name});
    }
    free(clean_name);
    free(clean_value);
}

void http_response_header(struct http_response *response, const char *name, const char *value)
{
    http_response_header_text(response, text_of(name), text_of(value));
}

enum MHD_Result response_send(struct http_response *response, struct MHD_Connection *mhd)
{
    enum MHD_Result result = MHD_queue_response(mhd, (unsigned)response->status, response->mhd);
    http_response_free(response);
    return result;
}
