#include "store/database.h"

#include "store/log.h"
#include "store/memory.h"
#include "tests/folder.h"
#include "tests/suite.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct database *database;
static struct hub_error error;
static sqlite3_stmt *insert;
static char folder[FOLDER_SIZE];

static const char *path(void)
{
    return folder_file(folder, "hub.db");
}

/* ---- rows of the test's own ---- */

static void open_at(const char *where, enum durability durability)
{
    ck_assert_msg(
        database_open(&database, where, durability, &error) == HUB_OK, "%s", error.sentence);
    sqlite3_exec(database_handle(database), "CREATE TABLE IF NOT EXISTS note (x)", 0, 0, 0);
    insert = database_prepare(database, "INSERT INTO note VALUES (?1)");
}

static void open_in_memory(void)
{
    open_at(NULL, DURABILITY_PROCESS);
}

static void write_row(int64_t x)
{
    sqlite3_bind_int64(insert, 1, x);
    database_run(database, insert);
}

static int count_row(void *context, int columns, char **values, char **names)
{
    (void)columns;
    (void)names;
    *(int *)context = atoi(values[0]);
    return 0;
}

static int number_of(const char *sql)
{
    int number = -1;
    sqlite3_exec(database_handle(database), sql, count_row, &number, NULL);
    return number;
}

static int rows(void)
{
    return number_of("SELECT count(*) FROM note");
}

static int refuse_commit(void *context)
{
    (void)context;
    return 1;
}

static void let_commits_fail(bool fail)
{
    sqlite3_commit_hook(database_handle(database), fail ? refuse_commit : NULL, NULL);
}

/* ---- what was told, as letters in order ---- */

static char told[64];

static void tell(char letter)
{
    told[strlen(told)] = letter;
}

static void answer(void *owner, void *item, const struct hub_error *failure)
{
    (void)owner;
    tell(failure ? (char)(*(const char *)item - 'a' + 'A') : *(const char *)item);
}

static void await_letter(const char *letter)
{
    database_await(database, answer, &told, (void *)letter);
}

static void member_committed(void *owner)
{
    (void)owner;
    tell('+');
}

static void member_undone(void *owner, const struct hub_error *failure)
{
    (void)owner;
    ck_assert_ptr_nonnull(failure);
    tell('-');
}

static const struct database_member member = {member_committed, member_undone};

/* ---- groups ---- */

START_TEST(test_a_group_is_committed_then_told_in_order)
{
    open_in_memory();
    database_join(database, &member, NULL);
    write_row(1);
    await_letter("a");
    write_row(2);
    await_letter("b");
    ck_assert(database_has_work(database));
    ck_assert_str_eq(told, "");
    ck_assert(!database_commit(database));
    ck_assert_str_eq(told, "+ab");
    ck_assert_int_eq(rows(), 2);
    ck_assert(!database_has_work(database));
    ck_assert_uint_eq(database_get_counts(database).commits, 1);
    database_close(database);
}
END_TEST

START_TEST(test_a_group_that_fails_leaves_nothing_and_is_told)
{
    open_in_memory();
    database_join(database, &member, NULL);
    write_row(1);
    database_commit(database);
    let_commits_fail(true);
    write_row(2);
    write_row(3);
    await_letter("a");
    await_letter("b");
    ck_assert(!database_commit(database));
    ck_assert_str_eq(told, "+-AB");
    ck_assert_int_eq(rows(), 1);
    ck_assert_uint_eq(database_get_counts(database).failed_commits, 1);
    let_commits_fail(false);
    write_row(4);
    await_letter("c");
    database_commit(database);
    ck_assert_str_eq(told, "+-AB+c");
    ck_assert_int_eq(rows(), 2);
    database_close(database);
}
END_TEST

START_TEST(test_a_write_that_fails_dooms_its_group_alone)
{
    open_in_memory();
    sqlite3_exec(database_handle(database), "CREATE UNIQUE INDEX one ON note (x)", 0, 0, 0);
    write_row(1);
    write_row(1); /* not twice */
    write_row(2); /* not any more */
    await_letter("a");
    database_commit(database);
    ck_assert_str_eq(told, "A");
    ck_assert_int_eq(rows(), 0);
    write_row(2);
    await_letter("b");
    database_commit(database);
    ck_assert_str_eq(told, "Ab");
    ck_assert_int_eq(rows(), 1);
    database_close(database);
}
END_TEST

START_TEST(test_without_a_group_an_answer_has_the_next_turn)
{
    open_in_memory();
    ck_assert(!database_commit(database));
    ck_assert(!database_has_work(database));
    await_letter("a");
    ck_assert(database_has_work(database));
    database_commit(database);
    ck_assert_str_eq(told, "a");
    ck_assert_uint_eq(database_get_counts(database).commits, 0);
    database_close(database);
}
END_TEST

static void last_row(void *owner)
{
    (void)owner;
    tell('w');
    write_row(99);
}

START_TEST(test_the_last_rows_are_written_before_the_commit)
{
    open_in_memory();
    database_before_commit(database, last_row, NULL);
    database_commit(database); /* no group, no last row */
    ck_assert_str_eq(told, "");
    write_row(1);
    await_letter("a");
    database_commit(database);
    ck_assert_str_eq(told, "wa");
    ck_assert_int_eq(rows(), 2);
    database_close(database);
}
END_TEST

static void begin_another(void *owner)
{
    bool *begins = owner;
    if (*begins) {
        *begins = false;
        write_row(7);
        await_letter("n");
    }
}

START_TEST(test_what_a_member_begins_is_told_after_its_own_commit)
{
    static const struct database_member beginner = {begin_another, NULL};
    bool begins = true;
    open_in_memory();
    database_join(database, &beginner, &begins);
    write_row(1);
    await_letter("a");
    ck_assert(database_commit(database)); /* there is more to do */
    ck_assert_str_eq(told, "a");
    let_commits_fail(true);
    database_commit(database);
    ck_assert_str_eq(told, "aN");
    ck_assert_int_eq(rows(), 1);
    database_close(database);
}
END_TEST

static void answer_and_begin(void *owner, void *item, const struct hub_error *failure)
{
    answer(owner, item, failure);
    write_row(8);
    await_letter("z");
}

START_TEST(test_what_an_answer_begins_is_told_after_its_own_commit)
{
    open_in_memory();
    write_row(1);
    database_await(database, answer_and_begin, &told, (void *)"a");
    ck_assert(database_commit(database));
    ck_assert_str_eq(told, "a");
    ck_assert(!database_commit(database));
    ck_assert_str_eq(told, "az");
    let_commits_fail(true);
    write_row(2);
    database_await(database, answer_and_begin, &told, (void *)"b");
    ck_assert(!database_commit(database)); /* a full disk must not make the loop spin */
    ck_assert_str_eq(told, "azB");
    let_commits_fail(false);
    database_commit(database);
    database_close(database);
}
END_TEST

static void answer_and_forget(void *owner, void *item, const struct hub_error *failure)
{
    answer(owner, item, failure);
    database_forget(database, &insert);
}

START_TEST(test_answers_of_who_goes_are_forgotten)
{
    open_in_memory();
    write_row(1);
    await_letter("a");
    database_await(database, answer, &insert, (void *)"x");
    await_letter("b");
    database_forget(database, &insert);
    database_await(database, answer_and_forget, &told, (void *)"c");
    database_await(
        database, answer, &insert, (void *)"y"); /* forgotten while the others are told */
    database_commit(database);
    ck_assert_str_eq(told, "abc");
    database_close(database);
}
END_TEST

/* ---- the file ---- */

static void set_up(void)
{
    log_set_level(LOG_ERROR);
    folder_make(folder);
    memset(told, 0, sizeof told);
}

static void tear_down(void)
{
    folder_remove(folder);
}

START_TEST(test_what_is_open_when_it_closes_is_committed)
{
    open_at(path(), DURABILITY_PROCESS);
    write_row(1);
    await_letter("a");
    database_close(database);
    ck_assert_str_eq(told, "a");
    open_at(path(), DURABILITY_PROCESS);
    ck_assert_int_eq(rows(), 1);
    database_close(database);
}
END_TEST

START_TEST(test_what_was_committed_survives_the_end_of_the_process)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        open_at(path(), DURABILITY_PROCESS);
        write_row(1);
        database_commit(database);
        write_row(2); /* not committed */
        raise(SIGKILL);
    }
    waitpid(child, &status, 0);
    ck_assert(WIFSIGNALED(status));
    ck_assert(file_exists(folder_file(folder, "hub.db-wal")));
    open_at(path(), DURABILITY_PROCESS);
    ck_assert_int_eq(rows(), 1);
    database_close(database);
}
END_TEST

START_TEST(test_durability_is_how_commits_are_synced)
{
    open_at(path(), DURABILITY_PROCESS);
    ck_assert_int_eq(number_of("PRAGMA synchronous"), 1);
    database_close(database);
    open_at(path(), DURABILITY_POWER);
    ck_assert_int_eq(number_of("PRAGMA synchronous"), 2);
    database_close(database);
}
END_TEST

static void check_refused(const char *where, const char *say)
{
    struct database *none = NULL;
    ck_assert_int_eq(database_open(&none, where, DURABILITY_PROCESS, &error), HUB_SERVER_ERROR);
    ck_assert_ptr_null(none);
    ck_assert_msg(strstr(error.sentence, say) != NULL, "no \"%s\" in: %s", say, error.sentence);
    ck_assert_ptr_null(strchr(error.sentence, '\n'));
    ck_assert_ptr_nonnull(strstr(error.sentence, where));
}

START_TEST(test_a_second_server_is_refused)
{
    open_at(path(), DURABILITY_PROCESS);
    check_refused(path(), "in use by another devicebound");
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct database *none;
        if (database_open(&none, path(), DURABILITY_PROCESS, &error) != HUB_OK) {
            raise(SIGKILL); /* what it holds besides is nobody's concern */
        }
        _exit(1);
    }
    waitpid(child, &status, 0);
    ck_assert(WIFSIGNALED(status));
    write_row(1); /* the first is none the worse for it */
    database_commit(database);
    ck_assert_int_eq(rows(), 1);
    database_close(database);
    open_at(path(), DURABILITY_PROCESS); /* and gives the lock up */
    database_close(database);
}
END_TEST

/* Refused, with every byte of the file as it was. */
static void check_left_alone(const void *bytes, size_t length, const char *say)
{
    size_t after_length;
    file_write(path(), bytes, length);
    check_refused(path(), say);
    char *after = file_read(path(), &after_length);
    ck_assert_uint_eq(after_length, length);
    ck_assert_mem_eq(after, bytes, length);
    free(after);
}

/* The bytes of a sound file. Returns owned. */
static char *make_file(size_t *length)
{
    open_at(path(), DURABILITY_PROCESS);
    for (int i = 0; i < 5000; i++) {
        write_row(i);
    }
    database_close(database);
    return file_read(path(), length);
}

START_TEST(test_a_file_that_is_no_database_is_left_alone)
{
    check_left_alone("hello, world: this is a text", 28, "no database at all");
    char *zeros = memory_allocate(8192);
    check_left_alone(zeros, 8192, "");
    free(zeros);
}
END_TEST

START_TEST(test_a_damaged_file_is_left_alone)
{
    size_t length;
    char *bytes = make_file(&length);
    check_left_alone(bytes, length / 2 / 4096 * 4096, "damaged"); /* half of it */
    memset(bytes + 4096, 0xff, 4096);
    check_left_alone(bytes, length, "damaged");
    free(bytes);
}
END_TEST

/* Bytes 60 to 63 of SQLite's header are the schema's version, 68 to 71 the application's mark. */
START_TEST(test_a_newer_file_is_left_alone)
{
    size_t length;
    char *bytes = make_file(&length);
    memcpy(bytes + 60, "\0\0\xff\xff", 4);
    check_left_alone(bytes, length, "newer version");
    free(bytes);
}
END_TEST

START_TEST(test_a_file_of_somebody_else_is_left_alone)
{
    size_t length;
    char *bytes = make_file(&length);
    memcpy(bytes + 68, "\1\2\3\4", 4);
    check_left_alone(bytes, length, "not made by devicebound");
    free(bytes);
}
END_TEST

START_TEST(test_an_empty_file_becomes_a_database)
{
    file_write(path(), "", 0);
    open_at(path(), DURABILITY_PROCESS);
    database_close(database);
}
END_TEST

START_TEST(test_a_place_that_cannot_be_is_refused)
{
    check_refused(folder_file(folder, "none/hub.db"), "No such file or directory");
    mkdir(path(), 0700);
    check_refused(path(), "");
}
END_TEST

START_TEST(test_in_memory_leaves_nothing)
{
    ck_assert_int_eq(chdir(folder), 0);
    open_in_memory();
    write_row(1);
    database_commit(database);
    database_close(database);
    ck_assert_uint_eq(folder_count(folder), 0);
}
END_TEST

#define MEBIBYTE 1048576
#define WRITTEN 96 /* of them: one and a half times the bound */

static off_t size_of(const char *file)
{
    struct stat found;
    return stat(file, &found) == 0 ? found.st_size : 0;
}

START_TEST(test_the_write_ahead_log_is_bounded)
{
    open_at(path(), DURABILITY_PROCESS);
    for (int i = 0; i < WRITTEN; i++) {
        sqlite3_bind_zeroblob(insert, 1, MEBIBYTE);
        database_run(database, insert);
        database_commit(database);
    }
    ck_assert_int_eq(rows(), WRITTEN);
    ck_assert_uint_gt(database_get_counts(database).checkpoints, 0);
    ck_assert_int_le(size_of(folder_file(folder, "hub.db-wal")), 72 * MEBIBYTE);
    database_close(database);
    ck_assert_int_ge(size_of(path()), (off_t)WRITTEN * MEBIBYTE);
    ck_assert(!file_exists(folder_file(folder, "hub.db-wal")));
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {test_a_group_is_committed_then_told_in_order,
        test_a_group_that_fails_leaves_nothing_and_is_told,
        test_a_write_that_fails_dooms_its_group_alone,
        test_without_a_group_an_answer_has_the_next_turn,
        test_the_last_rows_are_written_before_the_commit,
        test_what_a_member_begins_is_told_after_its_own_commit,
        test_what_an_answer_begins_is_told_after_its_own_commit,
        test_answers_of_who_goes_are_forgotten, test_what_is_open_when_it_closes_is_committed,
        test_what_was_committed_survives_the_end_of_the_process,
        test_durability_is_how_commits_are_synced, test_a_second_server_is_refused,
        test_a_file_that_is_no_database_is_left_alone, test_a_damaged_file_is_left_alone,
        test_a_newer_file_is_left_alone, test_a_file_of_somebody_else_is_left_alone,
        test_an_empty_file_becomes_a_database, test_a_place_that_cannot_be_is_refused,
        test_in_memory_leaves_nothing, test_the_write_ahead_log_is_bounded};
    Suite *suite = suite_create("database");
    TCase *tcase = tcase_create("database");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_test(tcase, cases[i]);
    }
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
