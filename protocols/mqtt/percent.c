#include "protocols/mqtt/percent.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool percent_take(const char *at, size_t left, char *byte)
{
    if (left < 3 || at[0] != '%') {
        return false;
    }
    int high = hex_value(at[1]), low = hex_value(at[2]);
    if (high < 0 || low < 0) {
        return false;
    }
    *byte = (char)(high << 4 | low);
    return true;
}
