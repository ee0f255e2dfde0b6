/*
 * Back to the seed.
 */
#include "protocols/session/fault.h"
#include "protocols/session/throttle.h"
#include "server/control/internal.h"
#include "store/memory.h"

#include <stdlib.h>
#include <string.h>

struct keep {
    bool devices, settings;
};

static bool read_keep(struct http_request *request, const json_t *list, struct keep *keep)
{
    size_t index;
    json_t *item;
    bool is_known = !list || json_is_array(list);
    json_array_foreach((json_t *)list, index, item)
    {
        const char *name = json_is_string(item) ? json_string_value(item) : "";
        bool is_devices = strcmp(name, "devices") == 0, is_settings = strcmp(name, "settings") == 0;
        keep->devices |= is_devices;
        keep->settings |= is_settings;
        is_known = is_known && (is_devices || is_settings);
    }
    if (!is_known) {
        struct hub_error error;
        hub_refuse(&error, HUB_ARGUMENT_INVALID,
            "The member \"keep\" is not a list of \"devices\" and \"settings\".");
        control_refuse(request, &error);
    }
    return is_known;
}

static enum hub_code reset(struct control *control, void *item, struct hub_error *error)
{
    const struct control_source *source = &control->options.source;
    struct keep keep = *(struct keep *)item;
    free(item);
    enum hub_code code = hub_reset(control->hub, keep.devices, error);
    if (code != HUB_OK) {
        return code;
    }
    fault_remove_all(control->options.sessions);
    throttle_refill(control->options.sessions);
    if (!keep.settings) {
        source->undo_settings(source->context);
    }
    if (!source->seed(source->context)) {
        return hub_refuse(error, HUB_SERVER_ERROR, "The devices of the start could not be put.");
    }
    return HUB_OK;
}

void control_reset(void *context, struct http_request *request)
{
    static const char *const members[] = {"keep", NULL};
    struct keep *keep = memory_allocate(sizeof *keep);
    json_t *body = control_read_body(request, members);
    if (body && read_keep(request, json_object_get(body, "keep"), keep)) {
        upheaval_begin(context, request, true, reset, keep);
    } else {
        free(keep);
    }
    json_decref(body);
}
