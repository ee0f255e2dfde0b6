#include "store/log.h"

#include "store/memory.h"
#include "tests/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- what went to standard error ---- */

static FILE *kept;

static void catch_errors(void)
{
    log_set_level(LOG_INFO);
    log_set_format(LOG_TEXT);
    kept = tmpfile();
    ck_assert_int_ge(dup2(fileno(kept), STDERR_FILENO), 0);
}

/* Everything so far. Returns owned. */
static char *caught(void)
{
    fflush(stderr);
    fseek(kept, 0, SEEK_END);
    size_t size = (size_t)ftell(kept);
    rewind(kept);
    char *text = memory_allocate(size + 1);
    ck_assert_uint_eq(fread(text, 1, size, kept), size);
    fclose(kept);
    return text;
}

/* The line behind its time. */
static void check_line(const char *expected)
{
    char *text = caught();
    ck_assert_uint_gt(strlen(text), 25);
    ck_assert_str_eq(text + 25, expected);
    free(text);
}

START_TEST(test_a_line_has_time_level_identifier_sentence_and_fields)
{
    catch_errors();
    LOG(LOG_WARN, "TEST-ID", "a sentence", {"a", "1"}, {"left", NULL}, {"b", "two words"});
    char *text = caught();
    ck_assert_int_eq(text[4], '-');
    ck_assert_int_eq(text[23], 'Z');
    ck_assert_str_eq(text + 24, " warn  TEST-ID a sentence a=1 b=\"two words\"\n");
    free(text);
}
END_TEST

START_TEST(test_a_line_without_fields_is_one_too)
{
    catch_errors();
    LOG(LOG_ERROR, "TEST-ID", "a sentence");
    check_line("error TEST-ID a sentence\n");
}
END_TEST

START_TEST(test_what_a_value_holds_does_not_break_the_line)
{
    catch_errors();
    LOG(LOG_INFO, "TEST-ID", "s", {"a", "x\ny\x1b[2J"}, {"b", "say \"x\""}, {"c", "k=v"},
        {"d", "back\\slash"});
    check_line("info  TEST-ID s a=x\\u000ay\\u001b[2J b=\"say \\\"x\\\"\" c=\"k=v\""
               " d=back\\\\slash\n");
}
END_TEST

START_TEST(test_levels_above_the_one_shown_are_left_out)
{
    for (int shown = LOG_ERROR; shown <= LOG_DEBUG; shown++) {
        size_t lines = 0;
        catch_errors();
        log_set_level((enum log_level)shown);
        ck_assert_int_eq(log_get_level(), shown);
        for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
            LOG((enum log_level)level, "TEST-ID", "s");
        }
        char *text = caught();
        for (const char *c = text; *c; c++) {
            lines += *c == '\n';
        }
        ck_assert_uint_eq(lines, (size_t)shown + 1);
        free(text);
    }
}
END_TEST

START_TEST(test_a_line_of_json_is_json)
{
    catch_errors();
    log_set_format(LOG_JSON);
    LOG(LOG_INFO, "TEST-ID", "a \"sentence\"", {"a", "x\ny\t\x7f\\"}, {"left", NULL},
        {"b", "h\xc3\xa4"});
    char *text = caught();
    json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(line != NULL, "%s", text);
    ck_assert_str_eq(json_string_value(json_object_get(line, "level")), "info");
    ck_assert_str_eq(json_string_value(json_object_get(line, "id")), "TEST-ID");
    ck_assert_str_eq(json_string_value(json_object_get(line, "message")), "a \"sentence\"");
    ck_assert_str_eq(json_string_value(json_object_get(line, "a")), "x\ny\t\x7f\\");
    ck_assert_str_eq(json_string_value(json_object_get(line, "b")), "h\xc3\xa4");
    ck_assert_uint_eq(json_object_size(line), 6);
    ck_assert_uint_eq(strcspn(text, "\n"), strlen(text) - 1);
    json_decref(line);
    free(text);
}
END_TEST

START_TEST(test_bytes_that_are_no_utf8_leave_json_what_it_is)
{
    catch_errors();
    log_set_format(LOG_JSON);
    LOG(LOG_INFO, "TEST-ID", "s", {"a", "x\xff\xc3y\xe2\x82"});
    char *text = caught();
    json_t *line = json_loads(text, 0, NULL);
    ck_assert_msg(line != NULL, "%s", text);
    json_decref(line);
    free(text);
}
END_TEST

START_TEST(test_a_long_value_does_not_break_the_line)
{
    char value[20001];
    memset(value, '"', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        catch_errors();
        log_set_format((enum log_format)format);
        LOG(LOG_INFO, "TEST-ID", "s", {"a", value}, {"b", "last"});
        LOG(LOG_INFO, "TEST-ID", "next");
        char *text = caught();
        char *end = strchr(text, '\n');
        ck_assert_ptr_nonnull(end);
        ck_assert_ptr_nonnull(strstr(end, "next"));
        if (format == LOG_JSON) {
            *end = '\0';
            json_t *line = json_loads(text, 0, NULL);
            ck_assert_ptr_nonnull(line);
            ck_assert_str_eq(json_string_value(json_object_get(line, "b")), "last");
            json_decref(line);
        }
        free(text);
    }
}
END_TEST

START_TEST(test_levels_are_read_in_any_case)
{
    enum log_level level = LOG_ERROR;
    ck_assert(log_level_parse("Debug", &level));
    ck_assert_int_eq(level, LOG_DEBUG);
    ck_assert(!log_level_parse("loud", &level));
    ck_assert(!log_level_parse("", &level));
    ck_assert_int_eq(level, LOG_DEBUG);
}
END_TEST

SUITE_MAIN("log", test_a_line_has_time_level_identifier_sentence_and_fields,
    test_a_line_without_fields_is_one_too, test_what_a_value_holds_does_not_break_the_line,
    test_levels_above_the_one_shown_are_left_out, test_a_line_of_json_is_json,
    test_bytes_that_are_no_utf8_leave_json_what_it_is, test_a_long_value_does_not_break_the_line,
    test_levels_are_read_in_any_case)
