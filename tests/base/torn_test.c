/* torn_test.c - a file that is changed in place is named, and the signal ends the process all the
 * same. */
// SPDX-License-Identifier: Apache-2.0
#include "base/torn.h"

#include <signal.h>
#include <sys/mman.h>

#include "base/file.h"
#include "fail.h"

enum { SIZE = 3 * 4096 };

static char path[4000], beside[4096], said[8192];
static volatile char seen;

static void write_file(const char *to, char content)
{
    char data[SIZE];
    memset(data, content, sizeof data);
    FILE *file = fopen(to, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, sizeof data, file), sizeof data);
    assert_int_equal(fclose(file), 0);
}

static struct file_map map_file(const char *of)
{
    struct file_map map;
    struct error err;
    assert_fine(file_map(&map, of, &err), &err);
    return map;
}

static void read_page(const struct file_map *map, int number)
{
    seen = map->bytes.data[number * 4096];
}

static void cut(void) { assert_int_equal(truncate(path, 100), 0); }

/* With another time of writing, however coarse the clock of the file system is. */
static void overwrite(void)
{
    write_file(path, 'n');
    struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What a wrong number leads to. */
static void read_nothing(void)
{
    const char *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    seen = *(const volatile char *)nothing;
}

/* The signal that a child ends by; what it says is in `said`. */
static int end_of(void (*run)(void))
{
    int pipe_[2], status;
    write_file(path, 'o');
    assert_int_equal(pipe(pipe_), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        fail_quietly();
        dup2(pipe_[1], STDERR_FILENO);
        signal(SIGBUS, SIG_DFL); /* a sanitizer has its own */
        signal(SIGSEGV, SIG_DFL);
        torn_watch();
        run();
        _exit(0);
    }
    close(pipe_[1]);
    size_t size = 0;
    ssize_t got;
    while ((got = read(pipe_[0], said + size, sizeof said - 1 - size)) > 0) size += (size_t)got;
    said[size] = '\0';
    close(pipe_[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void assert_told(void)
{
    char begin[sizeof path + 64];
    snprintf(begin, sizeof begin, "error: %s was changed in place", path);
    assert_int_equal(strncmp(said, begin, strlen(begin)), 0);
    assert_non_null(strstr(said, "mv, never with cp"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void read_a_file_cut_short(void)
{
    struct file_map map = map_file(path);
    read_page(&map, 2);
    cut();
    read_page(&map, 0);
    read_page(&map, 2);
}

static void a_file_cut_short_is_named(void **state)
{
    (void)state;
    skip_emulated();
    assert_int_equal(end_of(read_a_file_cut_short), SIGBUS);
    assert_told();
}

static void read_one_of_several(void)
{
    struct file_map other[TORN_FILES - 1], gone = map_file(path);
    file_unmap(&gone);
    for (int i = 0; i < TORN_FILES - 1; i++) other[i] = map_file(beside);
    struct file_map map = map_file(path);
    cut();
    read_page(&other[0], 2);
    read_page(&map, 1);
}

static void among_several_it_is_the_one(void **state)
{
    (void)state;
    skip_emulated();
    assert_int_equal(end_of(read_one_of_several), SIGBUS);
    assert_told();
}

static void read_one_too_many(void)
{
    for (int i = 0; i < TORN_FILES; i++) map_file(beside);
    struct file_map map = map_file(path);
    cut();
    read_page(&map, 1);
}

static void one_too_many_ends_untold(void **state)
{
    (void)state;
    skip_emulated();
    assert_int_equal(end_of(read_one_too_many), SIGBUS);
    assert_string_equal(said, "");
}

static void follow_a_number_of_another_file(void)
{
    map_file(path);
    overwrite();
    read_nothing();
}

static void a_file_written_over_is_named(void **state)
{
    (void)state;
    skip_emulated();
    assert_int_equal(end_of(follow_a_number_of_another_file), SIGSEGV);
    assert_told();
}

static void fault_beside_a_file(void)
{
    map_file(path);
    read_nothing();
}

static void fault_beside_a_file_replaced(void)
{
    map_file(path);
    write_file(beside, 'n');
    assert_int_equal(rename(beside, path), 0);
    read_nothing();
}

static void fault_beside_a_file_let_go(void)
{
    struct file_map map = map_file(path);
    file_unmap(&map);
    overwrite();
    read_nothing();
}

static void be_sent_one(void)
{
    map_file(path);
    overwrite();
    raise(SIGBUS);
}

static void no_file_is_blamed_that_did_not_change(void **state)
{
    (void)state;
    skip_emulated();
    void (*const runs[])(void) = {fault_beside_a_file, fault_beside_a_file_replaced,
                                  fault_beside_a_file_let_go};
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        assert_int_equal(end_of(runs[i]), SIGSEGV);
        assert_string_equal(said, "");
        write_file(beside, 'b');
    }
    assert_int_equal(end_of(be_sent_one), SIGBUS);
    assert_string_equal(said, "");
}

static int make_files(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    snprintf(path, sizeof path, "%s/torn.XXXXXX", test_folder());
    close(mkstemp(path));
    snprintf(beside, sizeof beside, "%s.beside", path);
    write_file(beside, 'b');
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    unlink(path);
    unlink(beside);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_cut_short_is_named),
        cmocka_unit_test(among_several_it_is_the_one),
        cmocka_unit_test(one_too_many_ends_untold),
        cmocka_unit_test(a_file_written_over_is_named),
        cmocka_unit_test(no_file_is_blamed_that_did_not_change),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
