/* The table of settings, shown: --help, the README's table, the control API's listing. */
#include "server/options/options_table.h"

#include <string.h>

const char *option_source_name(enum option_source source)
{
    static const char *const names[] = {
        [SOURCE_DEFAULT] = "default",
        [SOURCE_FILE] = "file",
        [SOURCE_ENVIRONMENT] = "environment",
        [SOURCE_COMMAND_LINE] = "commandLine",
        [SOURCE_RUNTIME] = "runtime",
    };
    return names[source];
}

void option_describe_range(const struct option_row *row, char out[OPTION_ACCEPTED_SIZE])
{
    out[0] = '\0';
    if (row->words || row->type == OPTION_COUNT || row->type == OPTION_DURATION) {
        option_describe_accepted(row, out);
    }
}

void option_describe_verbs(const struct option_row *row, char out[OPTION_VERBS_SIZE])
{
    size_t used = 0;
    bool is_of_verbs = row->group == GROUP_VERB;
    for (size_t i = 0; is_of_verbs && i < option_verb_count && used < OPTION_VERBS_SIZE; i++) {
        const struct option_verb *verb = &option_verbs[i];
        if (verb->help && (row->verbs & OF_VERB(verb->verb))) {
            used += (size_t)snprintf(
                out + used, OPTION_VERBS_SIZE - used, "%s%s", used ? ", " : "", verb->word);
        }
    }
}

static void print_verb(FILE *out, const struct option_verb *verb)
{
    char head[96];
    bool is_default = verb->verb == VERB_SERVE;
    snprintf(head, sizeof head, "devicebound %s%s%s %s", is_default ? "[" : "", verb->word,
        is_default ? "]" : "", verb->arguments);
    fprintf(out, "  %-46s %s\n", head, verb->help);
}

static void print_row(FILE *out, const struct option_row *row)
{
    char head[64], range[OPTION_ACCEPTED_SIZE], verbs[OPTION_VERBS_SIZE] = "";
    snprintf(head, sizeof head, "--%s%s%s", row->flag, row->placeholder ? " " : "",
        row->placeholder ? row->placeholder : "");
    option_describe_range(row, range);
    option_describe_verbs(row, verbs);
    fprintf(out, "  %-34s %s%s%s", head, verbs, verbs[0] ? ": " : "", row->help);
    if (range[0]) {
        fprintf(out, " (%s)", range);
    }
    if (row->initial && row->type != OPTION_SWITCH) {
        fprintf(out, " [%s]", row->initial);
    }
    fputc('\n', out);
}

void options_print_help(FILE *out)
{
    fputs("devicebound: a local IoT Hub for testing cloud-to-device messages\n\n", out);
    for (size_t i = 0; i < option_verb_count; i++) {
        if (option_verbs[i].help) {
            print_verb(out, &option_verbs[i]);
        }
    }
    fputs("\n"
          "Each setting is a flag, an environment variable (--https-port: DEVICEBOUND_HTTPS_PORT)\n"
          "and a key of the --config file; the first of these that is given counts.\n",
        out);
    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        fprintf(out, "\n%s\n", option_group_titles[group]);
        for (size_t i = 0; i < option_row_count; i++) {
            if (option_rows[i].group == group) {
                print_row(out, &option_rows[i]);
            }
        }
    }
}

/* In a table of Markdown `|` ends a cell. */
static void print_markdown_row(FILE *out, const struct option_row *row)
{
    char environment[OPTION_ENVIRONMENT_SIZE], range[OPTION_ACCEPTED_SIZE];
    option_environment_name(row, environment);
    option_describe_range(row, range);
    fprintf(out, "| `--%s%s%s` | `%s` | ", row->flag, row->placeholder ? " " : "",
        row->placeholder ? row->placeholder : "", environment);
    if (row->key) {
        fprintf(out, "`%s`", row->key);
    }
    fprintf(out, " | %s%s%s | %s%s%s%s |\n", row->initial ? "`" : "",
        row->initial ? row->initial : "", row->initial ? "`" : "", row->help, range[0] ? " (" : "",
        range, range[0] ? ")" : "");
}

void options_print_markdown(FILE *out)
{
    fputs("| flag | environment | key | default | meaning |\n|---|---|---|---|---|\n", out);
    for (enum option_group group = 0; group < GROUP_VERB; group++) {
        for (size_t i = 0; i < option_row_count; i++) {
            if (option_rows[i].group == group) {
                print_markdown_row(out, &option_rows[i]);
            }
        }
    }
}

bool options_view_at(const struct options *options, size_t index, struct option_view *view)
{
    for (size_t i = 0; i < option_row_count; i++) {
        if (!option_rows[i].key) {
            continue;
        }
        if (index-- == 0) {
            const struct option_given *given = &options->given[i];
            *view = (struct option_view){
                option_rows[i].key, given->text ? given->text : "", given->source};
            return true;
        }
    }
    return false;
}
