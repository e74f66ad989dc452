/* file_test.c - files appear whole or not at all; every way to fail is walked. */
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <errno.h>
#include <sys/stat.h>

#include "fail.h"

static char folder[4096]; /* of this test alone */

static const char *path_of(const char *name)
{
    static char path[2][4200];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/file_test.XXXXXX", test_folder());
    return mkdtemp(folder) == NULL;
}

static int entries(void)
{
    DIR *dir = opendir(folder);
    int count = -2; /* . and .. */
    assert_non_null(dir);
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

/* Each test leaves the folder empty; what is left over is a litter. */
static int empty_folder(void **state)
{
    (void)state;
    return entries() != 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *path, const char *text)
{
    struct file_map map;
    struct error err;
    assert_fine(file_map(&map, path, &err), &err);
    assert_true(slice_equal(map.bytes, slice_of(text)));
    file_unmap(&map);
}

static void maps_and_unmaps(void **state)
{
    (void)state;
    struct error err;
    struct file_map map;
    put(path_of("some"), "hello");
    assert_fine(file_map(&map, path_of("some"), &err), &err);
    assert_true(slice_equal(map.bytes, SLICE("hello")));
    unlink(path_of("some")); /* the mapping lives on */
    assert_int_equal(map.bytes.data[4], 'o');
    file_unmap(&map);
    assert_int_equal(map.bytes.size, 0);
    file_unmap(&map); /* harmless */

    put(path_of("none"), "");
    assert_fine(file_map(&map, path_of("none"), &err), &err);
    assert_int_equal(map.bytes.size, 0);
    assert_non_null(map.bytes.data);
    file_unmap(&map);
    unlink(path_of("none"));
}

static void says_why_a_file_cannot_be_read(void **state)
{
    (void)state;
    struct error err;
    struct file_map map = {{"kept", 4}};
    int fd = 77;
    assert_fails(file_map(&map, path_of("absent"), &err), ERR_NO_INPUT, "absent: No such", &err);
    assert_fails(file_map(&map, folder, &err), ERR_NO_INPUT, "Is a directory", &err);
    assert_fails(file_read_open(&fd, folder, &err), ERR_NO_INPUT, "Is a directory", &err);
    assert_fails(file_read_open(&fd, "", &err), ERR_NO_INPUT, "No such", &err);
    assert_fails(file_map(&map, "/dev/null", &err), ERR_NO_INPUT, "not a regular file", &err);
    assert_int_equal(fd, 77);
    assert_string_equal(map.bytes.data, "kept");
}

static void streams(void **state)
{
    (void)state;
    struct error err;
    int fd;
    char buffer[3];
    size_t got;
    put(path_of("some"), "hello");
    assert_fine(file_read_open(&fd, path_of("some"), &err), &err);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_fine(file_read(fd, buffer, sizeof buffer, &got, "some", &err), &err);
    assert_int_equal(got, 3);
    assert_memory_equal(buffer, "hel", 3);
    assert_fine(file_read(fd, buffer, sizeof buffer, &got, "some", &err), &err);
    assert_int_equal(got, 2);
    assert_fine(file_read(fd, buffer, sizeof buffer, &got, "some", &err), &err);
    assert_int_equal(got, 0);
    file_close(fd);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    got = 99;
    assert_fails(file_read(fd, buffer, sizeof buffer, &got, "some", &err), ERR_READ,
                 "some: Bad file", &err);
    assert_int_equal(got, 99);
    unlink(path_of("some"));
}

static void a_dash_is_standard_input(void **state)
{
    (void)state;
    struct error err;
    int fd = -1;
    assert_fine(file_read_open(&fd, "-", &err), &err);
    assert_int_equal(fd, STDIN_FILENO);
    int before = fcntl(STDIN_FILENO, F_GETFD);
    file_close(fd);
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), before); /* stays open */
}

static volatile sig_atomic_t interrupts;

static void on_alarm(int number)
{
    (void)number;
    interrupts++;
}

static void reads_across_interrupts(void **state)
{
    (void)state;
    int pipe_[2];
    assert_int_equal(pipe(pipe_), 0);
    struct sigaction action = {.sa_handler = on_alarm}, old;
    sigaction(SIGALRM, &action, &old);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 3; i++) {
            usleep(20000);
            kill(getppid(), SIGALRM);
        }
        usleep(20000);
        _exit(write(pipe_[1], "x", 1) != 1);
    }
    char byte = 0;
    size_t got = 0;
    struct error err;
    assert_fine(file_read(pipe_[0], &byte, 1, &got, "pipe", &err), &err);
    assert_int_equal(got, 1);
    assert_int_equal(byte, 'x');
    assert_true(interrupts > 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    sigaction(SIGALRM, &old, NULL);
    close(pipe_[0]);
    close(pipe_[1]);
}

static void appears_whole_at_commit(void **state)
{
    (void)state;
    struct error err;
    struct file_write file;
    const char *path = path_of("out");
    mode_t mask = umask(027);
    assert_fine(file_write_open(&file, path, &err), &err);
    assert_fine(file_write_add(&file, "hello ", 6, &err), &err);
    assert_fine(file_write_add(&file, "", 0, &err), &err);
    assert_fine(file_write_add(&file, "world", 5, &err), &err);
    assert_int_equal(access(path, F_OK), -1); /* not before */
    assert_fine(file_write_commit(&file, &err), &err);
    umask(mask);
    assert_int_equal(file.fd, -1);
    file_write_abandon(&file); /* harmless after commit */
    assert_holds(path, "hello world");
    struct stat stat_;
    assert_int_equal(stat(path, &stat_), 0);
    assert_int_equal(stat_.st_mode & 0777, 0640);
    unlink(path);
}

static void keeps_the_permissions_of_what_it_replaces(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0664, 0444};
    struct error err;
    struct file_write file;
    struct stat stat_;
    const char *path = path_of("out");
    mode_t mask = umask(022);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        put(path, "earlier");
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_fine(file_write_open(&file, path, &err), &err);
        assert_int_equal(fstat(file.fd, &stat_), 0);
        assert_int_equal(stat_.st_mode & 0777, modes[i]); /* from the first byte on */
        assert_fine(file_write_commit(&file, &err), &err);
        assert_int_equal(stat(path, &stat_), 0);
        assert_int_equal(stat_.st_mode & 0777, modes[i]);
        unlink(path);
    }
    umask(mask);
}

/* A service with a user of its own reads its model still when another is put in its place. */
static void keeps_owner_and_group_of_what_it_replaces(void **state)
{
    (void)state;
    if (geteuid() != 0) SKIP("only root can give a file away");
    struct error err;
    struct file_write file;
    struct stat stat_;
    const char *path = path_of("out");
    for (int i = 0; i < 2; i++) {
        put(path, "earlier");
        assert_int_equal(chown(path, i == 0 ? 0 : 65534, 65534), 0);
        assert_int_equal(chmod(path, 0640), 0);
        assert_fine(file_write_open(&file, path, &err), &err);
        assert_fine(file_write_commit(&file, &err), &err);
        assert_int_equal(stat(path, &stat_), 0);
        assert_int_equal(stat_.st_uid, i == 0 ? 0 : 65534);
        assert_int_equal(stat_.st_gid, 65534);
        assert_int_equal(stat_.st_mode & 0777, 0640);
        unlink(path);
    }
}

/* Who may not give it away: the own group gets no more than all have, and not another's share. */
static void another_group_gets_what_all_have(void **state)
{
    (void)state;
    if (geteuid() != 0) SKIP("only root can become another user");
    struct error err;
    struct file_write file;
    struct stat stat_;
    const char *path = path_of("out");
    put(path, "earlier");
    assert_int_equal(chmod(path, 0664), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    assert_int_equal(setegid(65534), 0);
    assert_int_equal(seteuid(65534), 0);
    enum error_code code = file_write_open(&file, path, &err);
    if (code == ERR_NONE) code = file_write_commit(&file, &err);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(setegid(0), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_fine(code, &err);
    assert_int_equal(stat(path, &stat_), 0);
    assert_int_equal(stat_.st_gid, 65534);
    assert_int_equal(stat_.st_mode & 0777, 0644);
    unlink(path);
}

static void abandons_without_a_trace(void **state)
{
    (void)state;
    struct error err;
    struct file_write file;
    const char *path = path_of("out");
    put(path, "earlier");
    assert_fine(file_write_open(&file, path, &err), &err);
    assert_fine(file_write_add(&file, "new", 3, &err), &err);
    file_write_abandon(&file);
    file_write_abandon(&file);
    assert_holds(path, "earlier");
    assert_int_equal(entries(), 1);
    unlink(path);
}

static void says_why_a_file_cannot_be_created(void **state)
{
    (void)state;
    struct error err;
    struct file_write file = {.fd = 5};
    char path[5000];
    assert_fails(file_write_open(&file, "", &err), ERR_CREATE, "empty or too long", &err);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_fails(file_write_open(&file, path, &err), ERR_CREATE, "empty or too long", &err);
    assert_fails(file_write_open(&file, folder, &err), ERR_CREATE, "Is a directory", &err);
    assert_fails(file_write_open(&file, path_of("no/such"), &err), ERR_CREATE, "No such", &err);
    assert_int_equal(file.fd, 5); /* untouched */
}

/* Renaming over a device or a pipe would take it away: -o /dev/null as root. */
static void replaces_only_regular_files(void **state)
{
    (void)state;
    struct error err;
    struct file_write file;
    const char *path = path_of("pipe");
    struct stat stat_;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_fails(file_write_open(&file, path, &err), ERR_CREATE, "not a regular file", &err);
    assert_int_equal(stat(path, &stat_), 0);
    assert_true(S_ISFIFO(stat_.st_mode));
    assert_fails(file_write_open(&file, "/dev/null", &err), ERR_CREATE, "not a regular file", &err);
    unlink(path);
}

static enum error_code write_text(const char *path, const char *text, struct error *err)
{
    struct file_write file;
    TRY(file_write_open(&file, path, err));
    enum error_code code = file_write_add(&file, text, strlen(text), err);
    if (code == ERR_NONE) return file_write_commit(&file, err);
    file_write_abandon(&file);
    return code;
}

/* As somebody whom modes bind, which they do not root, in a folder of this one. */
static enum error_code write_bound(mode_t mode, const char *path, const char *text,
                                   struct error *err)
{
    uid_t user = geteuid();
    assert_int_equal(chmod(folder, mode), 0);
    if (user == 0) assert_int_equal(seteuid(65534), 0);
    enum error_code code = write_text(path, text, err);
    if (user == 0) assert_int_equal(seteuid(user), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    return code;
}

static void assert_link(const char *path, const char *target)
{
    char held[4096];
    ssize_t size = readlink(path, held, sizeof held);
    assert_true(size >= 0);
    assert_true(slice_equal((struct slice){held, (size_t)size}, slice_of(target)));
}

/* current -> deeper/next -> ../model-42.air: the file at the end is written, the links stay. */
static void a_link_stays_and_leads_to_the_file(void **state)
{
    (void)state;
    struct error err;
    static char current[4200], next[4200], model[4200], deeper[4200]; /* too much for a frame */
    snprintf(deeper, sizeof deeper, "%s", path_of("deeper"));
    snprintf(current, sizeof current, "%s", path_of("current"));
    snprintf(next, sizeof next, "%s", path_of("deeper/next"));
    snprintf(model, sizeof model, "%s", path_of("model-42.air"));
    assert_int_equal(mkdir(deeper, 0700), 0);
    assert_int_equal(symlink("deeper/next", current), 0);
    assert_int_equal(symlink("../model-42.air", next), 0);
    for (int there = 0; there < 2; there++) { /* where nothing is yet; then where something is */
        assert_fine(write_text(current, there ? "again" : "first", &err), &err);
        assert_holds(model, there ? "again" : "first");
        assert_link(current, "deeper/next");
        assert_link(next, "../model-42.air");
        assert_int_equal(entries(), 3);
    }
    struct file_write file;
    assert_fine(file_write_open(&file, current, &err), &err);
    file_write_abandon(&file);
    assert_holds(model, "again");
    unlink(next);
    assert_int_equal(symlink(model, next), 0); /* an absolute one */
    assert_fine(write_text(current, "third", &err), &err);
    assert_holds(model, "third");
    assert_link(next, model);
    unlink(next);
    unlink(current);
    unlink(model);
    assert_int_equal(rmdir(deeper), 0);
}

static void says_where_a_link_leads_that_cannot_be_written(void **state)
{
    (void)state;
    static const char *rows[][2] = {
        {"no/such", ": No such file or directory"},
        {"/dev/null", "out, a link to /dev/null: not a regular file"},
        {"/", "out, a link to /: Is a directory"},
        {"out", "out: Too many levels of symbolic links"},
    };
    struct error err;
    struct file_write file = {.fd = 5};
    const char *path = path_of("out");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(symlink(rows[i][0], path), 0);
        assert_fails(file_write_open(&file, path, &err), ERR_CREATE, rows[i][1], &err);
        assert_int_equal(file.fd, 5); /* untouched */
        assert_link(path, rows[i][0]);
        unlink(path);
    }
    char target[4096]; /* readable names that are too long together */
    memset(target, '/', sizeof target - 1);
    target[sizeof target - 1] = '\0';
    memcpy(target, "x", 1);
    assert_int_equal(symlink(target, path), 0);
    assert_fails(file_write_open(&file, path, &err), ERR_CREATE, "out: File name too long", &err);
    unlink(path);
}

/* The folder of the link may be written, that of the file not. */
static void a_link_into_a_folder_that_may_not_be_written(void **state)
{
    (void)state;
    struct error err;
    static char locked[4200], model[4200], link[4200];
    snprintf(locked, sizeof locked, "%s", path_of("locked"));
    snprintf(model, sizeof model, "%s", path_of("locked/model.air"));
    snprintf(link, sizeof link, "%s", path_of("link"));
    assert_int_equal(mkdir(locked, 0700), 0);
    put(model, "earlier");
    assert_int_equal(symlink("locked/model.air", link), 0);
    assert_int_equal(chmod(locked, 0500), 0);
    enum error_code code = write_bound(0777, link, "new", &err);
    assert_int_equal(chmod(locked, 0700), 0);
    assert_fails(code, ERR_CREATE, "locked/model.air: Permission denied", &err);
    assert_holds(model, "earlier");
    assert_link(link, "locked/model.air");
    assert_int_equal(entries(), 2);
    unlink(model);
    unlink(link);
    assert_int_equal(rmdir(locked), 0);
}

/* Behind the rename, the file is there whatever fails; that a power cut may take it back is told.
 */
static void a_folder_that_cannot_be_synced_is_told(void **state)
{
    (void)state;
    struct error err;
    const char *path = path_of("out");
    for (long nth = 5; nth < 7; nth++) {
        put(path, "earlier");
        fault_arm(nth);
        enum error_code code = write_text(path, "new", &err);
        fault_arm(0);
        assert_fails(code, ERR_SYNC, "out: written, but its folder could not be synced: Input/",
                     &err);
        assert_holds(path, "new");
        assert_int_equal(entries(), 1);
    }
    unlink(path);
}

/* A path without a folder is in this one; and one may be written, but not read. */
static void the_folder_of_a_file_is_found(void **state)
{
    (void)state;
    struct error err;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(here >= 0);
    assert_int_equal(chdir(folder), 0);
    assert_fine(write_text("out", "new", &err), &err);
    assert_holds("out", "new");
    assert_fine(write_bound(0333, "out", "newer", &err), &err);
    assert_holds("out", "newer");
    unlink("out");
    assert_int_equal(fchdir(here), 0);
    close(here);
}

/* In a container every run has the same process number: what a killed one left must not stop
 * the next. */
static void a_leftover_is_no_obstacle(void **state)
{
    (void)state;
    struct error err;
    static struct file_write first, second; /* two paths: too much for a frame */
    const char *path = path_of("out");
    assert_fine(file_write_open(&first, path, &err), &err);
    assert_fine(file_write_add(&first, "half", 4, &err), &err);
    assert_fine(file_write_open(&second, path, &err), &err);
    assert_string_not_equal(first.temporary, second.temporary);
    assert_fine(file_write_add(&second, "whole", 5, &err), &err);
    assert_fine(file_write_commit(&second, &err), &err);
    assert_holds(path, "whole");
    file_write_abandon(&first);
    assert_int_equal(entries(), 1);
    unlink(path);
}

/* What others lie there, and are no temporaries of this very path, stay. */
static void leftovers_are_swept(void **state)
{
    (void)state;
    static const char *const kept[] = {"out",          "out.tmp",         "out2.tmp.1.0",
                                       "xout.tmp.1.0", "out.tmp.old.bak", "out.tmp.1.0.bak"};
    static const char *const swept[] = {"out.tmp.1.0", "out.tmp.77.3"};
    for (size_t i = 0; i < 6; i++) put(path_of(kept[i]), "kept");
    for (size_t i = 0; i < 2; i++) put(path_of(swept[i]), "half");
    assert_int_equal(symlink("out", path_of("link")), 0); /* whose temporaries lie behind it */
    file_sweep(path_of("link"));
    unlink(path_of("link"));
    assert_int_equal(entries(), 6);
    for (size_t i = 0; i < 6; i++) {
        assert_holds(path_of(kept[i]), "kept");
        unlink(path_of(kept[i]));
    }
    file_sweep("/nowhere/out");
}

static void a_full_disk_is_told(void **state)
{
    (void)state;
    struct error err;
    struct file_write file = {.fd = open("/dev/full", O_WRONLY | O_CLOEXEC), .path = "some.air"};
    if (file.fd < 0) skip();
    assert_fails(file_write_add(&file, "x", 1, &err), ERR_WRITE, "some.air: No space left", &err);
    close(file.fd);
}

static void the_folder_of_a_path(void **state)
{
    (void)state;
    static const char *rows[][2] = {
        {"model.air", "."}, {"/model.air", "/"}, {"a/model.air", "a"}, {"/a/b/model.air", "/a/b"}};
    char out[5];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(file_folder(rows[i][0], out, sizeof out));
        assert_string_equal(out, rows[i][1]);
    }
    assert_false(file_folder("abcde/x", out, sizeof out));
}

/* In a child: its standard descriptors are closed, as `<&- >&- 2>&-` leaves them. */
static void closed_descriptors_are_held(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct error err;
        struct stat null, held;
        for (int fd = 0; fd < 3; fd++) close(fd);
        fault_arm(2);
        if (file_hold_standard(&err) != ERR_SYSTEM || fcntl(0, F_GETFD) < 0) _exit(2);
        fault_arm(0);
        if (strstr(err.detail, "descriptor 1 is closed") == NULL) _exit(3);
        if (file_hold_standard(&err) != ERR_NONE || stat("/dev/null", &null) != 0) _exit(4);
        for (int fd = 0; fd < 3; fd++)
            if (fstat(fd, &held) != 0 || held.st_rdev != null.st_rdev) _exit(5);
        char byte = 0; /* using them fails as before */
        if (read(0, &byte, 1) != -1 || write(1, "x", 1) != -1 || write(2, "x", 1) != -1) _exit(6);
        int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _exit(next == 3 || fcntl(3, F_GETFD) >= 0 ? 0 : 7);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    struct error err;
    int flags = fcntl(0, F_GETFL); /* open ones are left alone */
    assert_fine(file_hold_standard(&err), &err);
    assert_int_equal(fcntl(0, F_GETFL), flags);
}

static void what_does_not_arrive_is_told(void **state)
{
    (void)state;
    struct error err;
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) skip();
    assert_fine(file_flush(full, &err), &err);
    fputs("x", full);
    assert_fails(file_flush(full, &err), ERR_OUTPUT, "could not be written: No space left", &err);
    assert_fails(file_flush(full, &err), ERR_OUTPUT, "could not be written", &err); /* still lost */
    setbuf(full, NULL);
    assert_fails(file_print(full, SLICE("xy"), &err), ERR_OUTPUT, "written: No space left", &err);
    fclose(full);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    FILE *gone = fdopen(ends[1], "w");
    assert_non_null(gone);
    fputs("x", gone);
    assert_fails(file_flush(gone, &err), ERR_OUTPUT, "written: Broken pipe", &err);
    fclose(gone);
}

static void a_failed_rename_leaves_nothing(void **state)
{
    (void)state;
    struct error err;
    struct file_write file;
    const char *path = path_of("out");
    assert_fine(file_write_open(&file, path, &err), &err);
    assert_int_equal(mkdir(path, 0700), 0); /* somebody was faster */
    assert_fails(file_write_commit(&file, &err), ERR_WRITE, "out: ", &err);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(entries(), 0);
}

static void a_closed_file_is_not_written(void **state)
{
    (void)state;
    struct error err;
    struct file_write file = {.fd = -1};
    assert_aborts(if (file_write_add(&file, "x", 1, &err)) _exit(1));
    assert_aborts(if (file_write_sync(&file, &err)) _exit(1));
    assert_aborts(if (file_write_commit(&file, &err)) _exit(1));
}

static enum error_code write_anew(void *context, struct error *err)
{
    const char *path = context;
    struct file_write file;
    put(path, "earlier");
    enum error_code code = file_write_open(&file, path, err);
    if (code == ERR_NONE) {
        code = file_write_add(&file, "new", 3, err);
        if (code == ERR_NONE) code = file_write_sync(&file, err);
        if (code == ERR_NONE)
            code = file_write_commit(&file, err);
        else
            file_write_abandon(&file);
    }
    bool struck = fault_struck();
    fault_arm(0); /* looking must not fail */
    assert_holds(path, code == ERR_NONE || code == ERR_SYNC ? "new" : "earlier");
    assert_int_equal(entries(), 1);
    if (struck) fault_arm(-1); /* as it was found */
    return code;
}

static enum error_code read_all(void *context, struct error *err)
{
    struct file_map map = {{"kept", 4}};
    enum error_code code = file_map(&map, context, err);
    if (code != ERR_NONE) assert_string_equal(map.bytes.data, "kept");
    TRY(code);
    file_unmap(&map);
    int fd;
    char buffer[16];
    size_t got = 99;
    TRY(file_read_open(&fd, context, err));
    code = file_read(fd, buffer, sizeof buffer, &got, "some", err);
    assert_int_equal(got, code == ERR_NONE ? 3 : 99);
    file_close(fd);
    return code;
}

static void every_failure_leaves_the_earlier_file(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s", path_of("out"));
    /* open, write, sync; sync again, rename; open the folder, sync it */
    assert_int_equal(fail_walk(write_anew, path), 7);
    assert_int_equal(fail_walk(read_all, path), 4); /* open, map; open, read */
    unlink(path);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_teardown(name, empty_folder)
    const struct CMUnitTest tests[] = {
        ROW(maps_and_unmaps),
        ROW(says_why_a_file_cannot_be_read),
        ROW(streams),
        ROW(a_dash_is_standard_input),
        ROW(reads_across_interrupts),
        ROW(appears_whole_at_commit),
        ROW(keeps_the_permissions_of_what_it_replaces),
        ROW(keeps_owner_and_group_of_what_it_replaces),
        ROW(another_group_gets_what_all_have),
        ROW(abandons_without_a_trace),
        ROW(says_why_a_file_cannot_be_created),
        ROW(replaces_only_regular_files),
        ROW(a_link_stays_and_leads_to_the_file),
        ROW(says_where_a_link_leads_that_cannot_be_written),
        ROW(a_link_into_a_folder_that_may_not_be_written),
        ROW(a_folder_that_cannot_be_synced_is_told),
        ROW(the_folder_of_a_file_is_found),
        ROW(a_leftover_is_no_obstacle),
        ROW(leftovers_are_swept),
        ROW(a_full_disk_is_told),
        ROW(the_folder_of_a_path),
        ROW(closed_descriptors_are_held),
        ROW(what_does_not_arrive_is_told),
        ROW(a_failed_rename_leaves_nothing),
        ROW(a_closed_file_is_not_written),
        ROW(every_failure_leaves_the_earlier_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
