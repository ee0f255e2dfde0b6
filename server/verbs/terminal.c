#include "server/verbs/terminal.h"

#include <stdlib.h>
#include <string.h>

/* C1 of ISO 6429 as UTF-8 has it: U+0080 to U+009F. */
static bool is_c1(const unsigned char *at)
{
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
}

void terminal_print(FILE *out, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (is_c1(at)) {
            at++;
            fputc('?', out);
        } else {
            fputc(*at < 0x20 || *at == 0x7f ? '?' : *at, out);
        }
    }
}

bool terminal_wants_colour(void)
{
    const char *refusal = getenv("NO_COLOR"), *kind = getenv("TERM");
    return (!refusal || !*refusal) && (!kind || strcmp(kind, "dumb") != 0);
}
