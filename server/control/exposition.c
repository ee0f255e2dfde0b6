#include "server/control/exposition.h"

void exposition_begin(
    struct exposition *exposition, const char *name, const char *type, const char *help)
{
    exposition->name = name;
    fprintf(exposition->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_label_value(FILE *out, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", out);
        } else {
            if (*value == '"' || *value == '\\') {
                fputc('\\', out);
            }
            fputc(*value, out);
        }
    }
}

void exposition_write(
    struct exposition *exposition, const char *suffix, double value, const char *const *labels)
{
    FILE *out = exposition->out;
    fprintf(out, "%s%s", exposition->name, suffix);
    for (size_t i = 0; labels[i]; i += 2) {
        fprintf(out, "%s%s=\"", i == 0 ? "{" : ",", labels[i]);
        write_label_value(out, labels[i + 1]);
        fputc('"', out);
    }
    /* Counters are whole up to 2^53. */
    fprintf(out, "%s %.16g\n", labels[0] ? "}" : "", value);
}
