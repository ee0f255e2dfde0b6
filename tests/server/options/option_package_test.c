/* What the package carries of the table of settings. */
#include "tests/folder.h"
#include "tests/server/options/sources.h"

#include <stdlib.h>
#include <string.h>

#define REPLY_SIZE 4096

/* ---- the manual page ---- */

START_TEST(test_the_manual_page_has_every_verb_and_setting_with_its_variable_and_key)
{
    char *page = source_printed(options_print_man);
    for (char *from = page, *to = page; (*to = *from) != '\0'; from++) { /* "\-" as it is shown */
        to += *from != '\\' || from[1] != '-';
    }
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        char head[80], variable[OPTION_ENVIRONMENT_SIZE], range[OPTION_ACCEPTED_SIZE];
        snprintf(head, sizeof head, "\n\\fB--%s\\fR", row->flag);
        const char *entry = strstr(page, head);
        ck_assert_msg(entry != NULL, "--%s is not in the manual page", row->flag);
        ck_assert_ptr_nonnull(strstr(entry, row->help));
        option_describe_range(row, range);
        ck_assert_ptr_nonnull(strstr(entry, range));
        option_environment_name(row, variable);
        ck_assert(row->group == GROUP_VERB || strstr(entry, variable));
        ck_assert(!row->key || strstr(entry, row->key));
    }
    for (size_t i = 0; i < option_verb_count; i++) {
        ck_assert(!option_verbs[i].help || strstr(page, option_verbs[i].word));
    }
    free(page);
}
END_TEST

START_TEST(test_the_manual_page_has_minus_signs_that_can_be_copied)
{
    char *page = source_printed(options_print_man);
    for (const char *minus = strchr(page, '-'); minus; minus = strchr(minus + 1, '-')) {
        ck_assert_msg(minus > page && minus[-1] == '\\', "%.40s", minus);
    }
    free(page);
}
END_TEST

/* ---- completion ---- */

/* What bash offers for the last of `words`, which are as bash splits them. */
static const char *complete(const char *words)
{
    static char reply[REPLY_SIZE];
    char home[FOLDER_SIZE], command[FOLDER_SIZE + 32];
    folder_make(home);
    char *script = source_printed(options_print_bash);
    FILE *file = fopen(folder_file(home, "script"), "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file,
        "%s\nset -eu\nCOMP_WORDS=(devicebound %s)\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
        "_devicebound || true\necho \" ${COMPREPLY[*]-} \"\n",
        script, words);
    ck_assert_int_eq(fclose(file), 0);
    snprintf(command, sizeof command, "bash %s", folder_file(home, "script"));
    FILE *out = popen(command, "r");
    ck_assert_ptr_nonnull(out);
    reply[fread(reply, 1, sizeof reply - 1, out)] = '\0';
    ck_assert_int_eq(pclose(out), 0);
    free(script);
    folder_remove(home);
    return reply;
}

START_TEST(test_bash_completes_verbs_flags_and_words)
{
    ck_assert_str_eq(complete("he"), " healthcheck help \n");
    ck_assert_str_eq(complete("se"), " serve send \n");
    ck_assert_str_eq(complete("serve --mqtts"), " --mqtts-port \n");
    ck_assert_str_eq(complete("send d1 on --ack ''"), " none positive negative full \n");
    ck_assert_str_eq(complete("serve --durability ''"), " process power \n");
    ck_assert_str_eq(complete("--auth = ''"), " enforce lenient \n");
    ck_assert_str_eq(complete("--auth ="), " enforce lenient \n");
    ck_assert_str_eq(complete("--auth = le"), " lenient \n");
    ck_assert_str_eq(complete("--config /etc/debian_v"), " /etc/debian_version \n");
    ck_assert_str_eq(complete("--hostname ''"), "  \n");
    ck_assert_ptr_nonnull(strstr(complete("--in-memory ''"), " --data-dir "));
    ck_assert_ptr_null(strstr(complete("serve ''"), " version "));
}
END_TEST

/* Whether the flag is offered behind the verb; "" is none. */
static bool is_offered(const char *verb, const char *flag)
{
    char words[80], word[80];
    snprintf(words, sizeof words, "%s --", verb);
    snprintf(word, sizeof word, " --%s ", flag);
    return strstr(complete(words), word) != NULL;
}

START_TEST(test_bash_offers_the_flags_of_the_verb)
{
    ck_assert_str_eq(complete("receive d1 --"),
        " --config --bind --control-port --complete --reject --abandon --json \n");
    ck_assert_str_eq(complete("receive d1 --a"), " --abandon \n");
    ck_assert_str_eq(complete("send d1 on --a"), " --ack \n");
    ck_assert_str_eq(complete("advance PT1S --"), " --config --bind --control-port \n");
    ck_assert_str_eq(complete("version --"), "  \n");
    ck_assert(is_offered("watch", "device") && !is_offered("send", "device"));
    ck_assert(is_offered("connection-string", "hostname") && !is_offered("watch", "hostname"));
    ck_assert(is_offered("ca", "ca-key") && !is_offered("ca", "policy"));
    for (size_t i = 0; i < option_row_count; i++) { /* the hub has all but those of single verbs */
        bool is_setting = option_rows[i].group != GROUP_VERB;
        ck_assert_msg(is_offered("serve", option_rows[i].flag) == is_setting, "%zu", i);
    }
    ck_assert(is_offered("", "in-memory") && is_offered("--auth lenient", "in-memory"));
    ck_assert(!is_offered("", "json"));
}
END_TEST

START_TEST(test_bash_offers_the_flags_of_single_verbs_behind_no_other)
{
    for (size_t i = 0; i < option_row_count; i++) {
        const struct option_row *row = &option_rows[i];
        for (size_t j = 0; j < option_verb_count && row->group == GROUP_VERB; j++) {
            const struct option_verb *verb = &option_verbs[j];
            ck_assert_msg(!verb->help || is_offered(verb->word, row->flag) ==
                                             ((row->verbs & OF_VERB(verb->verb)) != 0),
                "%s --%s", verb->word, row->flag);
        }
    }
}
END_TEST

/* ---- the environment file ---- */

static bool values_equal(const struct options *one, const struct options *other)
{
    struct option_view a, b;
    size_t at = 0;
    for (; options_view_at(one, at, &a) && options_view_at(other, at, &b); at++) {
        if (strcmp(a.value, b.value) != 0) {
            return false;
        }
    }
    return at > 0;
}

START_TEST(test_the_environment_file_has_every_variable_with_its_default)
{
    static const char *const arguments[] = {"devicebound", "version"};
    char *text = source_printed(options_print_environment);
    char **environment = calloc(option_row_count + 1, sizeof *environment);
    size_t count = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strncmp(line, "#DEVICEBOUND_", 13) == 0) {
            environment[count++] = line + 1;
        } else {
            ck_assert_msg(strncmp(line, "# ", 2) == 0, "not a comment: %s", line);
        }
    }
    ck_assert_uint_eq(count, source_count_settings());
    struct options set, unset;
    char error[512] = "";
    ck_assert_msg(options_read(&set, 2, (char *const *)arguments, environment, error), "%s", error);
    ck_assert(options_read(&unset, 2, (char *const *)arguments, environment + count, error));
    ck_assert(values_equal(&set, &unset));
    options_release(&set);
    options_release(&unset);
    free(environment);
    free(text);
}
END_TEST

SUITE_MAIN("what the package carries",
    test_the_manual_page_has_every_verb_and_setting_with_its_variable_and_key,
    test_the_manual_page_has_minus_signs_that_can_be_copied,
    test_bash_completes_verbs_flags_and_words, test_bash_offers_the_flags_of_the_verb,
    test_bash_offers_the_flags_of_single_verbs_behind_no_other,
    test_the_environment_file_has_every_variable_with_its_default)
