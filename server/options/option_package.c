/* The table of settings as the package carries it: manual page, completion, environment file. */
#include "server/options/options_table.h"

#include <ctype.h>
#include <string.h>

/* ---- the manual page ---- */

/* Text of ours as roff: a plain "-" would become a hyphen, a leading "." a request. */
static void print_roff(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

static void print_man_verb(FILE *out, const struct option_verb *verb)
{
    fputs(".TP\n.B devicebound ", out);
    print_roff(out, verb->word);
    fputs("\\fR ", out);
    print_roff(out, verb->arguments);
    fprintf(out, "\n%c", toupper((unsigned char)verb->help[0]));
    print_roff(out, verb->help + 1);
    fputs(".\n", out);
}

static void print_man_sources(FILE *out, const struct option_row *row)
{
    char environment[OPTION_ENVIRONMENT_SIZE];
    option_environment_name(row, environment);
    fprintf(out, ".br\nEnvironment: \\fB%s\\fR", environment);
    if (row->key) {
        fprintf(out, "; key: \\fB%s\\fR", row->key);
    }
    fputc('\n', out);
}

static void print_man_row(FILE *out, const struct option_row *row)
{
    char range[OPTION_ACCEPTED_SIZE], verbs[OPTION_VERBS_SIZE] = "";
    option_describe_range(row, range);
    option_describe_verbs(row, verbs);
    fputs(".TP\n\\fB\\-\\-", out);
    print_roff(out, row->flag);
    fprintf(out, "\\fR%s\\fI%s\\fR\n", row->placeholder ? " " : "",
        row->placeholder ? row->placeholder : "");
    print_roff(out, verbs);
    fputs(verbs[0] ? ": " : "", out);
    print_roff(out, row->help);
    fprintf(out, "%s%s%s.\n", range[0] ? " (" : "", range, range[0] ? ")" : "");
    if (row->initial && row->type != OPTION_SWITCH) {
        fputs("Default: ", out);
        print_roff(out, row->initial);
        fputs(".\n", out);
    }
    if (row->group != GROUP_VERB) {
        print_man_sources(out, row);
    }
}

static void print_man_settings(FILE *out)
{
    for (enum option_group group = 0; group < GROUP_COUNT; group++) {
        fprintf(out, ".SS ");
        print_roff(out, option_group_titles[group]);
        fputc('\n', out);
        for (size_t i = 0; i < option_row_count; i++) {
            if (option_rows[i].group == group) {
                print_man_row(out, &option_rows[i]);
            }
        }
    }
}

static const char man_head[] =
    ".TH DEVICEBOUND 1 \"\" \"devicebound " DEVICEBOUND_VERSION "\" \"User Commands\"\n"
    ".SH NAME\n"
    "devicebound \\- a local IoT Hub for testing cloud\\-to\\-device messages\n"
    ".SH SYNOPSIS\n"
    ".B devicebound\n"
    "[\\fIVERB\\fR] [\\fISETTING\\fR...]\n"
    ".SH DESCRIPTION\n"
    "Speaks AMQP 1.0, MQTT 3.1.1 and HTTPS as Azure IoT Hub does, so that unmodified device and\n"
    "service SDKs run against it. When clients may come it prints one line to standard output,\n"
    "which begins with \"devicebound ready\"; connection strings follow on standard error.\n"
    ".SH VERBS\n";

static const char man_settings[] =
    ".SH SETTINGS\n"
    "Each is a flag, an environment variable and a key of the \\fB\\-\\-config\\fR file, which is\n"
    "JSON; a dot in a key is nesting. The first of these that is given counts.\n";

static const char man_tail[] = ".SH SIGNALS\n"
                               ".TP\n"
                               "SIGTERM, SIGINT\n"
                               "Closes the connections and stops; a second one stops at once.\n"
                               ".TP\n"
                               "SIGHUP\n"
                               "Reads certificates and log level again.\n"
                               ".SH EXIT STATUS\n"
                               ".TP\n0\nAll is well.\n"
                               ".TP\n1\nThe answer of a verb is no.\n"
                               ".TP\n2\nA setting is wrong.\n"
                               ".TP\n3\nA port cannot be bound.\n"
                               ".TP\n4\nThe data directory or the database cannot be used.\n"
                               ".SH FILES\n"
                               ".TP\n"
                               ".I /etc/default/devicebound\n"
                               "Settings of devicebound.service.\n"
                               ".TP\n"
                               ".I /var/lib/devicebound\n"
                               "Its database, CA and certificates.\n";

void options_print_man(FILE *out)
{
    fputs(man_head, out);
    for (size_t i = 0; i < option_verb_count; i++) {
        if (option_verbs[i].help) {
            print_man_verb(out, &option_verbs[i]);
        }
    }
    fputs(man_settings, out);
    print_man_settings(out);
    fputs(man_tail, out);
}

/* ---- completion ---- */

/* What may follow the flag, as compgen is asked for it. */
static void print_bash_row(FILE *out, const struct option_row *row)
{
    if (row->type == OPTION_SWITCH) {
        return;
    }
    fprintf(out, "        --%s) ", row->flag);
    if (row->words) {
        fputs("COMPREPLY=($(compgen -W '", out);
        for (const struct option_word *word = row->words; word->word; word++) {
            fprintf(out, "%s%s", word == row->words ? "" : " ", word->word);
        }
        fputs("' -- \"$current\")); ", out);
    } else if (strcmp(row->placeholder, "FILE") == 0 || strcmp(row->placeholder, "DIR") == 0) {
        fprintf(out, "COMPREPLY=($(compgen -%c -- \"$current\")); ",
            row->placeholder[0] == 'F' ? 'f' : 'd');
    }
    fputs("return ;;\n", out);
}

/* The flags that a verb takes and uses. */
static void print_bash_flags(FILE *out, enum verb verb)
{
    const char *separator = "";
    fputs("words='", out);
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        bool is_setting = verb == VERB_SERVE && row->group != GROUP_VERB;
        if (is_setting || (row->verbs & OF_VERB(verb))) {
            fprintf(out, "%s--%s", separator, row->flag);
            separator = " ";
        }
    }
    fputs("'", out);
}

static const char bash_head[] =
    "# Completion for devicebound.\n"
    "_devicebound()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words\n"
    "    COMPREPLY=()\n"
    "    # --flag=value comes as three words\n"
    "    [ \"$current\" = = ] && current=\n"
    "    [ \"$previous\" = = ] && previous=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    case $previous in\n";

void options_print_bash(FILE *out)
{
    fputs(bash_head, out);
    for (size_t i = 0; i < option_row_count; i++) {
        print_bash_row(out, &option_rows[i]);
    }
    fputs("    esac\n    case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; i < option_verb_count; i++) {
        if (option_verbs[i].help && option_verbs[i].verb != VERB_SERVE) {
            fprintf(out, "        %s) ", option_verbs[i].word);
            print_bash_flags(out, option_verbs[i].verb);
            fputs(" ;;\n", out);
        }
    }
    fputs("        *) ", out); /* serve, or no verb, which is the same */
    print_bash_flags(out, VERB_SERVE);
    fputs(" ;;\n    esac\n    [ \"$COMP_CWORD\" -eq 1 ] && words=\"$words", out);
    for (size_t i = 0; i < option_verb_count; i++) {
        if (option_verbs[i].help) {
            fprintf(out, " %s", option_verbs[i].word);
        }
    }
    fputs("\"\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
          "}\n"
          "complete -F _devicebound devicebound\n",
        out);
}

/* ---- the environment file ---- */

static void print_environment_row(FILE *out, const struct option_row *row)
{
    char environment[OPTION_ENVIRONMENT_SIZE], range[OPTION_ACCEPTED_SIZE];
    option_environment_name(row, environment);
    option_describe_range(row, range);
    fprintf(out, "\n# %s%s%s%s\n#%s=%s\n", row->help, range[0] ? " (" : "", range,
        range[0] ? ")" : "", environment, row->initial ? row->initial : "");
}

void options_print_environment(FILE *out)
{
    fputs("# Settings of devicebound.service, each with its default; devicebound(1) has them all.\n"
          "# Commas separate what is repeatable. After a change:\n"
          "#     systemctl restart devicebound\n",
        out);
    for (enum option_group group = 0; group < GROUP_VERB; group++) {
        fprintf(out, "\n# ---- %s ----\n", option_group_titles[group]);
        for (size_t i = 0; i < option_row_count; i++) {
            if (option_rows[i].group == group) {
                print_environment_row(out, &option_rows[i]);
            }
        }
    }
}
