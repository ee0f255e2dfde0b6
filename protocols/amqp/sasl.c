#include "protocols/amqp/sasl.h"

#include <proton/sasl.h>
#include <proton/sasl_plugin.h>
#include <proton/transport.h>
#include <string.h>

/* Proton keeps the pointer of a user name, so the names are constants. */
#define NOBODY "anonymous"

bool sasl_plain_split(struct text response, struct text *user, struct text *password)
{
    if (!response.bytes) {
        return false;
    }
    const char *end = response.bytes + response.length;
    const char *first = memchr(response.bytes, 0, response.length);
    const char *second = first ? memchr(first + 1, 0, (size_t)(end - first - 1)) : NULL;
    if (!second) {
        return false;
    }
    *user = (struct text){first + 1, (size_t)(second - first - 1)};
    *password = (struct text){second + 1, (size_t)(end - second - 1)};
    return user->length > 0 && password->length > 0 &&
           !memchr(password->bytes, 0, password->length);
}

static bool cut_prefix(struct text *text, struct text prefix)
{
    struct text head = {text->bytes, prefix.length};
    if (text->length < prefix.length || !text_equal_nocase(head, prefix)) {
        return false;
    }
    text->bytes += prefix.length;
    text->length -= prefix.length;
    return true;
}

/* Ids may hold an @ themselves, host names may not: the last one divides. */
bool sasl_user_parse(struct text user, struct sasl_user *out)
{
    *out = (struct sasl_user){0};
    const char *at = user.bytes ? memrchr(user.bytes, '@', user.length) : NULL;
    if (!at) {
        return false;
    }
    struct text name = {user.bytes, (size_t)(at - user.bytes)};
    struct text host = {at + 1, user.length - name.length - 1};
    if (cut_prefix(&host, TEXT("sas.root."))) {
        out->policy = name;
    } else {
        cut_prefix(&host, TEXT("sas."));
        const char *slash = memchr(name.bytes, '/', name.length);
        out->device = name;
        if (slash) {
            struct text rest = {slash, name.length - (size_t)(slash - name.bytes)};
            out->device.length = (size_t)(slash - name.bytes);
            if (!cut_prefix(&rest, TEXT("/modules/")) || rest.length == 0) {
                return false;
            }
            out->module = rest;
        }
    }
    out->hub = host;
    return name.length > 0 && host.length > 0 && (out->policy.bytes || out->device.length > 0);
}

/* ---- the fourteen entry points ---- */

static const struct sasl_host *host_of(pn_transport_t *transport)
{
    return pnx_sasl_get_context(transport);
}

static void sasl_free(pn_transport_t *transport)
{
    pnx_sasl_set_context(transport, NULL);
}

/* Compared byte for byte by the C clients, which read an array only: hence never just one name. */
static const char *list_mechanisms(pn_transport_t *transport)
{
    return host_of(transport)->has_certificate ? "MSSBCBS ANONYMOUS PLAIN EXTERNAL"
                                               : "MSSBCBS ANONYMOUS PLAIN";
}

static bool init_server(pn_transport_t *transport)
{
    pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
    return true;
}

static bool init_client(pn_transport_t *transport)
{
    (void)transport;
    return false;
}

static void prepare_write(pn_transport_t *transport)
{
    (void)transport;
}

static bool let_in(
    const struct sasl_host *host, const char *mechanism, const pn_bytes_t *initial_response)
{
    if (strcmp(mechanism, "MSSBCBS") == 0 || strcmp(mechanism, "ANONYMOUS") == 0) {
        return true;
    }
    if (strcmp(mechanism, "EXTERNAL") == 0) {
        return host->has_certificate;
    }
    struct text user, password;
    return strcmp(mechanism, "PLAIN") == 0 &&
           sasl_plain_split(
               (struct text){initial_response->start, initial_response->size}, &user, &password) &&
           host->plain(host->owner, user, password);
}

static void process_init(
    pn_transport_t *transport, const char *mechanism, const pn_bytes_t *initial_response)
{
    if (let_in(host_of(transport), mechanism ? mechanism : "", initial_response)) {
        pnx_sasl_set_succeeded(transport, NOBODY, NULL);
    } else {
        pnx_sasl_set_failed(transport);
    }
    pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

/* Nothing is ever challenged, so a response is a mistake. */
static void process_response(pn_transport_t *transport, const pn_bytes_t *response)
{
    (void)response;
    pnx_sasl_set_failed(transport);
    pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME);
}

static bool process_mechanisms(pn_transport_t *transport, const char *mechanisms)
{
    (void)transport;
    (void)mechanisms;
    return false;
}

static void process_challenge(pn_transport_t *transport, const pn_bytes_t *challenge)
{
    (void)transport;
    (void)challenge;
}

static void process_outcome(pn_transport_t *transport, const pn_bytes_t *outcome)
{
    (void)transport;
    (void)outcome;
}

static bool can_encrypt(pn_transport_t *transport)
{
    (void)transport;
    return false;
}

static ssize_t max_encrypt_size(pn_transport_t *transport)
{
    (void)transport;
    return 0;
}

static ssize_t pass(pn_transport_t *transport, pn_bytes_t in, pn_bytes_t *out)
{
    (void)transport;
    *out = in;
    return (ssize_t)in.size;
}

static const pnx_sasl_implementation implementation = {
    .free = sasl_free,
    .list_mechanisms = list_mechanisms,
    .init_server = init_server,
    .init_client = init_client,
    .prepare_write = prepare_write,
    .process_init = process_init,
    .process_response = process_response,
    .process_mechanisms = process_mechanisms,
    .process_challenge = process_challenge,
    .process_outcome = process_outcome,
    .can_encrypt = can_encrypt,
    .max_encrypt_size = max_encrypt_size,
    .encode = pass,
    .decode = pass,
};

void sasl_install(pn_transport_t *transport, const struct sasl_host *host)
{
    union {
        const struct sasl_host *given;
        void *kept; /* Proton's context has no const */
    } context = {host};
    pn_sasl(transport);
    pnx_sasl_set_implementation(transport, &implementation, context.kept);
}
