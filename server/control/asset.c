/*
 * Gives out the files of the binary. The pages ask for nothing from elsewhere, and browsers are
 * told so.
 */
#include "server/control/asset.h"

#include "server/control/internal.h"

#include <stdlib.h>
#include <string.h>

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void give(struct http_request *request, const char *name, const char *type)
{
    const struct asset *asset = assets;
    while (strcmp(asset->name, name) != 0) {
        asset++; /* names are ours: each is there */
    }
    struct http_response *response =
        http_response_create(200, type, (struct text){asset->bytes, asset->length});
    http_response_header(response, "Cache-Control", "no-cache");
    http_response_header(response, "Content-Security-Policy", POLICY);
    http_response_header(response, "X-Content-Type-Options", "nosniff");
    http_answer(request, response);
}

void control_dashboard(void *context, struct http_request *request)
{
    (void)context;
    give(request, "dashboard.html", "text/html; charset=utf-8");
}

void control_dashboard_style(void *context, struct http_request *request)
{
    (void)context;
    give(request, "dashboard.css", "text/css; charset=utf-8");
}

void control_dashboard_script(void *context, struct http_request *request)
{
    (void)context;
    give(request, "dashboard.js", "text/javascript; charset=utf-8");
}

void control_openapi(void *context, struct http_request *request)
{
    (void)context;
    if (control_check_no_query(request)) {
        give(request, "openapi.json", HTTP_JSON_TYPE);
    }
}
