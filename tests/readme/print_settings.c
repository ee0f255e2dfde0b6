/* Prints the README's table of settings. */
#include "server/options/options.h"

int main(void)
{
    options_print_markdown(stdout);
    return 0;
}
