/*
 * Addresses: whatever comes is a template or unknown, and ids stay within their bounds.
 */
#include "protocols/address/address.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_id(const struct address_id *id, bool expected)
{
    if ((id->raw[0] != '\0') != expected || strlen(id->raw) > ADDRESS_ID_MAX ||
        strlen(id->decoded) > strlen(id->raw) || strchr(id->raw, '/')) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct address address = address_parse((struct text){(const char *)bytes, length});
    bool for_device = address.kind >= ADDRESS_DEVICE_BOUND;

    check_id(&address.device, for_device);
    if (address.module.raw[0] != '\0') {
        check_id(&address.module, for_device);
    }
    return 0;
}
