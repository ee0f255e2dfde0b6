#include "tests/server/control/control_fixture.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *target, *type;
} files[] = {{"/", "text/html; charset=utf-8"}, {"/dashboard.css", "text/css; charset=utf-8"},
    {"/dashboard.js", "text/javascript; charset=utf-8"}};

#define FILE_COUNT (sizeof files / sizeof files[0])

static struct answer *ask_for(const char *target)
{
    struct answer *answer =
        peer_ask(peer, "GET %s HTTP/1.1\r\nHost: localhost:8180\r\n\r\n", target);
    answer_check_status(answer, 200);
    return answer;
}

START_TEST(test_the_dashboard_is_in_the_binary)
{
    begin();
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct answer *answer = ask_for(files[i].target);
        ck_assert_str_eq(answer_header(answer, "Content-Type"), files[i].type);
        ck_assert_uint_gt(answer->body_length, 1000);
    }
    check_refused(405, "POST", "/", NULL, "GET");
    finish();
}
END_TEST

START_TEST(test_the_dashboard_asks_nobody_else)
{
    begin();
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct answer *answer = ask_for(files[i].target);
        const char *policy = answer_header(answer, "Content-Security-Policy");
        ck_assert_msg(policy && strstr(policy, "default-src 'none'") && !strstr(policy, "http"),
            "%s", policy);
        ck_assert_msg(!strstr(answer->body, "://"), "%s", files[i].target);
        ck_assert_msg(!strstr(answer->body, "@import"), "%s", files[i].target);
    }
    finish();
}
END_TEST

/* Whatever the script looks up by id is on the page. */
START_TEST(test_the_script_fits_the_page)
{
    begin();
    char *page = strdup(ask_for("/")->body);
    struct answer *script = ask_for("/dashboard.js");
    static const char *const calls[] = {"byId(\"", "onClick(\"", "onSubmit(\"", "fillFacts(\"",
        "fillTable(\n    \"", "fillTable(\n      \""};
    size_t count = 0;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (const char *at = script->body; (at = strstr(at, calls[i])); count++) {
            char id[80];
            at += strlen(calls[i]);
            snprintf(id, sizeof id, "id=\"%.*s\"", (int)strcspn(at, "\""), at);
            ck_assert_msg(strstr(page, id) != NULL, "%s", id);
        }
    }
    ck_assert_uint_gt(count, 40);
    ck_assert_ptr_null(strstr(script->body, "innerHTML"));
    free(page);
    finish();
}
END_TEST

START_TEST(test_strangers_do_not_get_the_dashboard)
{
    begin();
    struct answer *answer = peer_ask(peer, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    answer_check_status(answer, 403);
    finish();
}
END_TEST

SUITE_MAIN("dashboard", test_the_dashboard_is_in_the_binary, test_the_dashboard_asks_nobody_else,
    test_the_script_fits_the_page, test_strangers_do_not_get_the_dashboard)
