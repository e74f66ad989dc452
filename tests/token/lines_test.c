/* lines_test.c - the stream: order, threads, errors with their line, and no process made. */
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "token/lines.h"

static char in_path[256], out_path[256];

static void set_paths(void)
{
    snprintf(in_path, sizeof in_path, "%s/lines_in_%ld", test_folder(), (long)getpid());
    snprintf(out_path, sizeof out_path, "%s/lines_out_%ld", test_folder(), (long)getpid());
}

static void write_file(const char *data, size_t size)
{
    FILE *file = fopen(in_path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* Tokenizes the file at in_path; what came out is in *out. */
static enum error_code stream(unsigned threads, struct file_map *out, struct error *err)
{
    struct lines_options options = {.path = "input"};
    options.way = token_way_of(SLICE("en"), TOKEN_SPACY3);
    struct crew *crew;
    assert_fine(file_read_open(&options.input, in_path, err), err);
    FILE *file = fopen(out_path, "we");
    assert_non_null(file);
    options.output = fileno(file);
    assert_fine(crew_open(&crew, threads, err), err);
    enum error_code code = lines_tokenize(&options, crew, err);
    crew_close(crew);
    fclose(file);
    file_close(options.input);
    struct error map_err;
    assert_fine(file_map(out, out_path, &map_err), &map_err);
    return code;
}

static void output_is(const char *input, const char *wanted)
{
    struct error err;
    struct file_map out;
    write_file(input, strlen(input));
    assert_fine(stream(2, &out, &err), &err);
    assert_true(slice_equal(out.bytes, slice_of(wanted)));
    file_unmap(&out);
}

static void output_fails(const char *input, enum error_code wanted, const char *sentence,
                         const char *before)
{
    struct error err;
    struct file_map out;
    write_file(input, strlen(input));
    assert_fails(stream(2, &out, &err), wanted, sentence, &err);
    assert_true(slice_equal(out.bytes, slice_of(before)));
    file_unmap(&out);
}

static void lines_become_arrays(void **state)
{
    (void)state;
    output_is("", "");
    output_is("\n \r\n", "");
    output_is("{\"text\":\"\"}", "[\"xxbos\"]\n");
    output_is(
        "\xEF\xBB\xBF{\"text\":\"A\"}\r\n\n{\"id\":1,\"text\":\"b\\u0000\\\"\\\\\\t\xC3\xA9\"}\n",
        "[\"xxbos\",\"a\"]\n[\"xxbos\",\"b\\u0000\",\"\\\"\",\"\\\\\",\"\\t\",\"\xC3\xA9\"]\n");
}

static void errors_name_their_line(void **state)
{
    (void)state;
    static const char ONE[] = "{\"text\":\"a\"}\n", FIRST[] = "[\"xxbos\",\"a\"]\n";
    static const struct bad {
        const char *line;
        enum error_code code;
        const char *sentence;
    } BAD[] = {
        {"{\"text\":5}", ERR_LINE, "input: line 2: no JSON object with a string"},
        {"{}", ERR_LINE, "input: line 2: no JSON object with a string"},
        {"the disk is full", ERR_LINE, "input: line 2: no JSON object with a string"},
        {"\"text\"", ERR_LINE, "input: line 2: no JSON object with a string"},
        {"{\"text\":\"\\ud800\"}", ERR_LINE, "input: line 2, column"},
        {"{\"text\":\"\xFF\"}", ERR_UTF8, "input: line 2, column"},
        {"{\"text\":\"\xED\xA0\x80\"}", ERR_UTF8, "input: line 2, column"},
        {"{\"text\":\"x\"", ERR_LINE, "input: line 2, column"},
        {"{\"text\":\"x\"} {}", ERR_LINE, "input: line 2, column"},
        {"{\"text\":\"x\",\"text\":\"y\"}", ERR_LINE, "input: line 2, column"},
        {"{\"a\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}", ERR_LINE, "input: line 2, byte"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char input[256];
        snprintf(input, sizeof input, "%s%s\n%s", ONE, BAD[i].line, ONE);
        output_fails(input, BAD[i].code, BAD[i].sentence, FIRST);
    }
    char nul[] = "{\"text\":\"a\"}\n{\"text\":\"b_\"}\n"; /* a raw NUL */
    nul[sizeof ONE - 1 + 10] = '\0';
    struct error err;
    struct file_map out;
    write_file(nul, sizeof nul - 1);
    assert_int_equal(stream(1, &out, &err), ERR_LINE);
    assert_non_null(strstr(err.detail, "input: line 2, column"));
    file_unmap(&out);
}

/* Lines of very different sizes, more than a block together. */
static size_t make_big(char **out)
{
    size_t size = 0, capacity = 4 << 20;
    char *data = malloc(capacity);
    assert_non_null(data);
    for (int i = 0; i < 3000; i++) {
        size += (size_t)snprintf(data + size, capacity - size, "{\"text\":\"Case %d isn't OK: ", i);
        for (int k = 0; k < (i % 700 == 0 ? 90000 : i % 40); k++)
            size += (size_t)snprintf(data + size, capacity - size, "w%d ", k);
        size += (size_t)snprintf(data + size, capacity - size, "\"}\n");
        assert_true(size < capacity - 16);
    }
    *out = data;
    return size;
}

static void any_number_of_threads_gives_the_same(void **state)
{
    (void)state;
    char *data;
    struct error err;
    struct file_map one, many;
    size_t size = make_big(&data);
    write_file(data, size);
    assert_fine(stream(1, &one, &err), &err);
    assert_true(one.bytes.size > size / 2);
    char *kept = malloc(one.bytes.size);
    assert_non_null(kept);
    memcpy(kept, one.bytes.data, one.bytes.size);
    struct slice wanted = {kept, one.bytes.size};
    file_unmap(&one);
    for (unsigned threads = 2; threads <= 16; threads *= 2) {
        assert_fine(stream(threads, &many, &err), &err);
        assert_true(slice_equal(many.bytes, wanted));
        file_unmap(&many);
    }
    /* A fault in the middle: what is before it is written, for any number of threads. */
    memcpy(data + size / 2, "\xFF", 1);
    write_file(data, size);
    size_t before = 0;
    for (unsigned threads = 1; threads <= 8; threads *= 2) {
        assert_int_equal(stream(threads, &many, &err), ERR_UTF8);
        assert_true(many.bytes.size <= wanted.size);
        assert_memory_equal(many.bytes.data, wanted.data, many.bytes.size);
        if (threads > 1) assert_int_equal(many.bytes.size, before);
        before = many.bytes.size;
        file_unmap(&many);
    }
    assert_true(before > 0);
    free(kept);
    free(data);
}

/* The n-th allocation, read or write fails: an error, never a crash, until all went well. */
static void every_failure_is_told(void **state)
{
    (void)state;
    write_file("{\"text\":\"a\"}\n{\"text\":\"b\"}\n", 26);
    struct lines_options options = {.path = "input", .way = {0}};
    bool through = false;
    for (long n = 1; n < 200 && !through; n++) {
        struct error err;
        struct crew *crew;
        assert_fine(crew_open(&crew, 1, &err), &err);
        assert_fine(file_read_open(&options.input, in_path, &err), &err);
        FILE *file = fopen(out_path, "we");
        assert_non_null(file);
        options.output = fileno(file);
        fault_arm(n);
        enum error_code code = lines_tokenize(&options, crew, &err);
        through = !fault_struck();
        fault_arm(0);
        assert_int_equal(code != ERR_NONE, !through);
        file_close(options.input);
        fclose(file);
        crew_close(crew);
    }
    assert_true(through);
}

/* ---- no process is made ---- */

static volatile sig_atomic_t trapped;

static void on_trap(int signal)
{
    (void)signal;
    trapped = 1;
}

/* fork, vfork, execve and any clone that makes no thread raise SIGSYS; clone3, whose
 * flags a filter can not read, is refused, and the C library takes clone. */
static bool forbid_processes(void)
{
#define DENY(call, action)                                                                         \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_fork
        DENY(SYS_fork, SECCOMP_RET_TRAP),
        DENY(SYS_vfork, SECCOMP_RET_TRAP),
#endif
        DENY(SYS_execve, SECCOMP_RET_TRAP),
        DENY(SYS_execveat, SECCOMP_RET_TRAP),
        DENY(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
#undef DENY
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    struct sigaction action = {.sa_handler = on_trap};
    return sigaction(SIGSYS, &action, NULL) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Both paths under the filter, and then the filter itself: 0 if all is as it must be. */
static int without_processes(void)
{
    struct error err;
    struct file_map out;
    struct arena arena;
    struct token_scratch scratch;
    struct token_list list;
    golden_scratch(&scratch, &arena, 1000);
    if (!forbid_processes()) return 2;
    struct token_way way = token_way_of(SLICE("en"), TOKEN_SPACY3);
    token_one(&way, SLICE("It can't boot"), &scratch, &list);
    if (list.count != 6 || trapped) return 3;
    if (stream(4, &out, &err) != ERR_NONE || out.bytes.size == 0 || trapped) return 4;
    if (fork() == 0) _exit(5); /* what a fork would have been */
    return trapped ? 0 : 6;
}

static void no_process_is_made(void **state)
{
    (void)state;
    skip_emulated();
    write_file("{\"text\":\"a\"}\n{\"text\":\"b\"}\n", 26);
    pid_t child = fork(); /* the filter can not be taken off again */
    assert_true(child >= 0);
    if (child == 0) _exit(without_processes());
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    set_paths();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_arrays),
        cmocka_unit_test(errors_name_their_line),
        cmocka_unit_test(any_number_of_threads_gives_the_same),
        cmocka_unit_test(every_failure_is_told),
        cmocka_unit_test(no_process_is_made),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(in_path);
    unlink(out_path);
    return failed;
}
