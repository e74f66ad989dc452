/* csv_test.c - RFC 4180 in every form it comes, and every way a file can be wrong. */
// SPDX-License-Identifier: Apache-2.0
#include "text/csv.h"

#include <malloc.h>

#include "base/limits.h"
#include "base/writer.h"
#include "stream.h"

#define HEAD "subject,description\n"

static int source = -1;

/* Opens text as a file; the descriptor is closed by shut(). */
static enum error_code open_with(struct csv **out_csv, struct slice text, const struct names *names,
                                 bool need_label, struct error *err)
{
    source = stream_of(text);
    struct csv_options options = {
        .path = "f.csv", .fd = source, .names = names, .need_label = need_label};
    enum error_code code = csv_open(out_csv, &options, err);
    if (code != ERR_NONE) close(source);
    return code;
}

static struct csv *open_fine(struct slice text)
{
    struct error err;
    struct csv *csv;
    assert_fine(open_with(&csv, text, NULL, false, &err), &err);
    return csv;
}

static void shut(struct csv *csv)
{
    csv_close(csv);
    close(source);
}

static void assert_text(struct slice got, struct slice wanted)
{
    if (!slice_equal(got, wanted))
        fail_msg("'%.*s' instead of '%.*s'", (int)got.size, got.data, (int)wanted.size,
                 wanted.data);
}

static void assert_row(struct csv *csv, size_t line, const char *subject, const char *description)
{
    struct error err;
    struct csv_row row;
    bool end = true;
    assert_fine(csv_next(csv, &row, &end, &err), &err);
    assert_false(end);
    if (row.fault.code != ERR_NONE) fail_msg("%s", row.fault.detail);
    assert_text(row.text.field[CASE_SUBJECT], slice_of(subject));
    assert_text(row.text.field[CASE_DESCRIPTION], slice_of(description));
    assert_int_equal(row.line, line);
}

static void assert_bad_row(struct csv *csv, enum error_code code, size_t line, const char *why)
{
    struct error err;
    struct csv_row row;
    bool end = true;
    assert_fine(csv_next(csv, &row, &end, &err), &err);
    assert_false(end);
    assert_fails(row.fault.code, code, why, &row.fault);
    assert_int_equal(row.line, line);
    assert_int_equal(row.fault.line, line);
}

/* The end comes, and comes again; the row given is left alone. */
static void assert_end(struct csv *csv)
{
    for (int i = 0; i < 2; i++) {
        struct error err;
        struct csv_row row = {.line = 4711};
        bool end = false;
        assert_fine(csv_next(csv, &row, &end, &err), &err);
        assert_true(end);
        assert_int_equal(row.line, 4711);
    }
}

static void fields_are_unquoted(void **state)
{
    (void)state;
    static const char *rows[][3] = {
        {"a,b", "a", "b"},
        {"\"a\",\"b\"", "a", "b"},
        {"\"a \"\"b\"\" c\",d", "a \"b\" c", "d"},
        {"\"\"\"\",d", "\"", "d"},
        {"\"a,b\",c", "a,b", "c"},
        {"\"a\nb\",c", "a\nb", "c"},
        {"\"a\r\nb\",c", "a\r\nb", "c"},
        {"\"a\rb\n\n\",c", "a\rb\n\n", "c"},
        {"\"\",b", "", "b"},
        {",b", "", "b"},
        {"a,", "a", ""},
        {"  a\t,  b ", "  a\t", "  b "}, /* blanks are the customer's */
        {"\"  a \",\" \"", "  a ", " "},
        {"'a',`b`", "'a'", "`b`"},
        {"gr\xC3\xBC\xC3\x9F e,\xF0\x9F\x98\x80", "gr\xC3\xBC\xC3\x9F e", "\xF0\x9F\x98\x80"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int ended = 0; ended < 3; ended++) {
            static const char *ends[] = {"", "\n", "\r\n"};
            char text[200];
            int size = snprintf(text, sizeof text, HEAD "%s%s", rows[i][0], ends[ended]);
            struct csv *csv = open_fine((struct slice){text, (size_t)size});
            assert_row(csv, 2, rows[i][1], rows[i][2]);
            assert_end(csv);
            assert_int_equal(csv_consumed(csv), size);
            shut(csv);
        }
}

static void lines_end_in_three_ways(void **state)
{
    (void)state;
    static const char *ends[] = {"\n", "\r\n", "\r"};
    for (size_t e = 0; e < 3; e++) {
        char text[300];
        struct writer writer = writer_of(text, sizeof text);
        for (const char *c = "subject,description|a,b|||\"c|d\",e|x|f,g|"; *c != '\0'; c++)
            writer_text(&writer, *c == '|' ? ends[e] : (char[]){*c, '\0'});
        struct csv *csv = open_fine(writer_slice(&writer));
        char quoted[8];
        snprintf(quoted, sizeof quoted, "c%sd", ends[e]);
        assert_row(csv, 2, "a", "b"); /* two empty lines follow */
        assert_row(csv, 5, quoted, "e");
        assert_bad_row(csv, ERR_CSV, 7, "line 7: 1 columns where the header has 2");
        assert_row(csv, 8, "f", "g");
        assert_end(csv);
        shut(csv);
    }
}

static void mixed_line_ends_are_counted(void **state)
{
    (void)state;
    struct csv *csv = open_fine(SLICE("subject,description\r\na,1\rb,2\nc,3\r\n\r\n\r\r\nd,4"));
    assert_row(csv, 2, "a", "1");
    assert_row(csv, 3, "b", "2");
    assert_row(csv, 4, "c", "3");
    assert_row(csv, 8, "d", "4");
    assert_end(csv);
    shut(csv);
}

static void a_mark_of_byte_order_is_skipped(void **state)
{
    (void)state;
    struct csv *csv = open_fine(SLICE("\xEF\xBB\xBF\"subject\",description\na,\xEF\xBB\xBF"));
    assert_row(csv, 2, "a", "\xEF\xBB\xBF"); /* elsewhere it is a character */
    assert_end(csv);
    shut(csv);
}

static void rows_of_the_wrong_width_are_at_fault_alone(void **state)
{
    (void)state;
    struct csv *csv = open_fine(SLICE(HEAD "a,b\nc\n\"d\nd\",e,f\n,\n \ng,h\n"));
    assert_row(csv, 2, "a", "b");
    assert_bad_row(csv, ERR_CSV, 3, "f.csv: line 3: 1 columns where the header has 2");
    assert_bad_row(csv, ERR_CSV, 4, "f.csv: line 4: 3 columns where the header has 2");
    assert_bad_row(csv, ERR_EMPTY_CASE, 6, "f.csv: line 6: subject and description");
    assert_bad_row(csv, ERR_CSV, 7, "line 7: 1 columns");
    assert_row(csv, 8, "g", "h");
    assert_end(csv);
    shut(csv);
}

static void what_is_no_text_is_at_fault(void **state)
{
    (void)state;
    struct csv *csv = open_fine(SLICE("sbr,subject,other,description\n"
                                      "x,a,\xFF\0,b\n"
                                      "x,ok,z,gr\xFC\n"
                                      "x,a\0b,z,c\n"
                                      "\xC0\xAF,a,z,c\n"
                                      "\0,a,z,c\n"
                                      "x,e,z,f\n"));
    assert_row(csv, 2, "a", "b"); /* nobody reads the column "other" */
    assert_bad_row(csv, ERR_UTF8, 3, "f.csv: line 3: description: byte 3 (0xFC)");
    assert_bad_row(csv, ERR_CSV, 4, "f.csv: line 4: a raw NUL byte in column 2");
    assert_bad_row(csv, ERR_UTF8, 5, "f.csv: line 5: sbr: byte 1 (0xC0)");
    assert_bad_row(csv, ERR_CSV, 6, "f.csv: line 6: a raw NUL byte in column 1");
    assert_row(csv, 7, "e", "f");
    assert_end(csv);
    shut(csv);
}

/* A file whose quotes are wrong can not be followed: that is an error of csv_next. */
static void stray_quotes_end_the_reading(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
        size_t line;
    } rows[] = {
        {HEAD "a,b\nc,\"d\ne\nf,g\n", "row at line 3 is never closed", 3},
        {HEAD "a,b\n\"", "row at line 3 is never closed", 3},
        {HEAD "a,b\n\"c\"d,e\n", "line 3: a quote stands where none may", 3},
        {HEAD "a,b\n\"c\" ,e\n", "line 3: a quote stands where none may", 3},
        {HEAD "a,b\n\"c\nc\"d,e\n", "line 4: a quote stands where none may (row begun at line 3)",
         4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err;
        struct csv_row row = {.line = 4711};
        bool end = true;
        struct csv *csv = open_fine(slice_of(rows[i].text));
        assert_row(csv, 2, "a", "b");
        assert_fails(csv_next(csv, &row, &end, &err), ERR_CSV, rows[i].why, &err);
        assert_int_equal(err.line, rows[i].line);
        assert_int_equal(row.line, 4711);
        assert_true(end); /* untouched */
        shut(csv);
    }
}

/* But a field without quotes around it cannot hold a line break: its row ends with its line. */
static void a_quote_inside_a_field_costs_one_row(void **state)
{
    (void)state;
    static const char *ends[] = {"\n", "\r\n", "\r"};
    for (size_t e = 0; e < 3; e++) {
        char text[300];
        struct writer writer = writer_of(text, sizeof text);
        static const char rows[] =
            "subject,description|a,b|c\"d\",\"e||\"f|f\",g|\"h|h\",5\" disk|i\",j|k,l|m,n\"";
        for (const char *c = rows; *c != '\0'; c++)
            writer_text(&writer, *c == '|' ? ends[e] : (char[]){*c, '\0'});
        struct csv *csv = open_fine(writer_slice(&writer));
        char quoted[8];
        snprintf(quoted, sizeof quoted, "f%sf", ends[e]);
        assert_row(csv, 2, "a", "b");
        assert_bad_row(csv, ERR_CSV, 3, "line 3: column 1 has a quote inside, but none around it");
        assert_row(csv, 5, quoted, "g");
        assert_bad_row(csv, ERR_CSV, 7, "line 7: column 2 has a quote inside");
        assert_bad_row(csv, ERR_CSV, 9, "line 9: column 1 has a quote inside");
        assert_row(csv, 10, "k", "l");
        assert_bad_row(csv, ERR_CSV, 11, "line 11: column 2 has a quote inside"); /* at the end */
        assert_end(csv);
        shut(csv);
    }
}

/* The rest of such a row is passed over however long it is, and wherever a read ends in it. */
static void the_rest_of_such_a_row_is_passed_over(void **state)
{
    (void)state;
    enum { LONGEST = 200 * 1024 };
    static char text[LONGEST + 100];
    for (size_t size = LONGEST - 70; size < LONGEST; size += 7) {
        int head = snprintf(text, sizeof text, HEAD "a\"");
        memset(text + head, ',', size);
        for (size_t i = 0; i < size; i += 5) text[(size_t)head + i] = '"';
        snprintf(text + (size_t)head + size, 20, "\nb,c\n");
        struct csv *csv = open_fine(slice_of(text));
        assert_bad_row(csv, ERR_CSV, 2, "column 1 has a quote inside");
        assert_row(csv, 3, "b", "c");
        assert_end(csv);
        shut(csv);
    }
}

static void headers_that_cannot_be_used(void **state)
{
    (void)state;
    static const struct names other = {.given = {[CASE_SUBJECT] = {"title", 5}}};
    static const struct names queue = {.given = {[NAMES_LABEL] = {"queue", 5}}};
    static const struct {
        struct slice text;
        const struct names *columns;
        bool need_label;
        enum error_code code;
        const char *why;
    } rows[] = {
        {{"", 0}, NULL, false, ERR_CSV, "the file is empty"},
        {{"\xEF\xBB\xBF", 3}, NULL, false, ERR_CSV, "the file is empty"},
        {{"\n\r\n\n", 4}, NULL, false, ERR_CSV, "the file is empty"},
        {{"a,b\n", 4}, NULL, false, ERR_CSV, "neither a column 'subject' nor 'description'"},
        {{"Subject\n", 8}, NULL, false, ERR_CSV, "; it has 'Subject'"},
        {{"a, SBR \n", 9}, NULL, true, ERR_CSV, "; it has 'a', 'SBR'"},
        {{"a,b,c,d,e,f,g,h,i\n", 18}, NULL, false, ERR_CSV, "'g', 'h', ..."},
        {{"sbr;subject\n", 12}, NULL, true, ERR_CSV, "; it is separated by semicolons"},
        {{"sbr\tsubject\n", 12}, NULL, true, ERR_CSV, "; it is separated by tabs"},
        {{"\"sbr\";\"subject\"\n", 16}, NULL, true, ERR_CSV, "f.csv: line 1: it is separated by s"},
        {{"\xEF\xBB\xBF\"a b\";c;d\r\n", 14}, NULL, false, ERR_CSV, "by semicolons, save it"},
        {{"sbr;\"a b\";subject\n", 18}, NULL, false, ERR_CSV, "by semicolons, save it with commas"},
        {{"\"sbr\"\t\"subject\"\n", 16}, NULL, true, ERR_CSV, "by tabs, save it with commas"},
        {{"\"a;\"b,c\n", 8}, NULL, true, ERR_CSV, "a quote stands where none may"},
        {{"subject,x,subject\n", 18}, NULL, false, ERR_CSV, "two columns are named 'subject'"},
        {{"sbr,subject, sbr \n", 18}, NULL, false, ERR_CSV, "two columns are named 'sbr'"},
        {{"subject\n", 8}, NULL, true, ERR_CSV, "no column 'sbr' with the labels"},
        {{"subject,sbr\n", 12}, &queue, true, ERR_CSV, "no column 'queue' with the labels"},
        {{"subject\n", 8}, &other, false, ERR_CSV, "neither a column"},
        {{"subject,description\n", 20}, &other, false, ERR_CSV, "no column 'title', which"},
        {{"title,title\n", 12}, &other, false, ERR_CSV, "two columns are named 'title'"},
        {{"subject,\"x\n", 11}, NULL, false, ERR_CSV, "never closed"},
        {{"subject,x\"\n", 11}, NULL, false, ERR_CSV, "a quote stands where none may"},
        {{"subject,gr\xFC\n", 12}, NULL, false, ERR_UTF8, "f.csv: byte 3 (0xFC)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err;
        struct csv *csv = (void *)&source;
        assert_fails(open_with(&csv, rows[i].text, rows[i].columns, rows[i].need_label, &err),
                     rows[i].code, rows[i].why, &err);
        assert_int_equal(err.line, 1);
        assert_ptr_equal(csv, &source); /* untouched */
    }
}

static void columns_stand_in_any_order(void **state)
{
    (void)state;
    struct error err;
    struct csv_row row;
    bool end;
    struct csv *csv =
        open_fine(SLICE("version,x,\" sbr \",case_number, severity\t,product,y,subject,"
                        "origin,case_language,description\n"
                        "1,2,3,4,5,6,7,8,9,10,11\n"));
    assert_fine(csv_next(csv, &row, &end, &err), &err);
    assert_int_equal(row.fault.code, ERR_NONE);
    static const char *wanted[CASE_FIELDS] = {
        [CASE_VERSION] = "1",   [CASE_NUMBER] = "4",      [CASE_SEVERITY] = "5",
        [CASE_PRODUCT] = "6",   [CASE_SUBJECT] = "8",     [CASE_ORIGIN] = "9",
        [CASE_LANGUAGE] = "10", [CASE_DESCRIPTION] = "11"};
    for (enum case_field f = 0; f < CASE_FIELDS; f++)
        assert_text(row.text.field[f], slice_of(wanted[f]));
    assert_text(row.label, SLICE("3"));
    assert_end(csv);
    shut(csv);
}

static void a_header_alone_has_no_rows(void **state)
{
    (void)state;
    static const char *texts[] = {"subject", "subject\n", "subject\r\n\r\n", "description,sbr\r"};
    for (size_t i = 0; i < 4; i++) {
        struct csv *csv = open_fine(slice_of(texts[i]));
        assert_end(csv);
        shut(csv);
    }
}

static void other_names_of_columns(void **state)
{
    (void)state;
    struct error err;
    struct names columns;
    struct csv_row row;
    struct csv *csv;
    bool end;
    assert_fine(
        names_parse(&columns, SLICE("subject=title,description=the body,sbr=queue=1"), &err), &err);
    assert_text(columns.given[CASE_SUBJECT], SLICE("title"));
    assert_text(columns.given[CASE_DESCRIPTION], SLICE("the body"));
    assert_text(columns.given[NAMES_LABEL], SLICE("queue=1"));
    assert_int_equal(columns.given[CASE_VERSION].size, 0);
    struct slice text = SLICE("title,the body,queue=1,subject,sbr,version\na,b,c,d,e,f\n");
    assert_fine(open_with(&csv, text, &columns, true, &err), &err);
    assert_fine(csv_next(csv, &row, &end, &err), &err);
    assert_int_equal(row.fault.code, ERR_NONE);
    assert_text(row.text.field[CASE_SUBJECT], SLICE("a")); /* its own name is not looked at */
    assert_text(row.text.field[CASE_DESCRIPTION], SLICE("b"));
    assert_text(row.label, SLICE("c"));
    assert_text(row.text.field[CASE_VERSION], SLICE("f"));
    shut(csv);

    assert_fine(names_parse(&columns, SLICE(""), &err), &err);
    for (enum case_field f = 0; f < CASE_FIELDS; f++) assert_int_equal(columns.given[f].size, 0);
}

/* The same rows, however the bytes arrive: every split between what is already read and what
 * comes, and byte by byte through a pipe. */
static void pieces_make_no_difference(void **state)
{
    (void)state;
    struct slice text = SLICE("\xEF\xBB\xBFsubject,description\r\n\"a\r\n\"\"b\",c\r\n"
                              "\r\nd\r\n\xE2\x82\xAC,\"\"");
    for (size_t split = 0; split <= text.size + 1; split++) {
        struct error err;
        struct csv *csv;
        bool byte_by_byte = split > text.size;
        struct stream stream = {.head = slice_from(text, byte_by_byte ? 0 : split)};
        stream.apart = byte_by_byte ? text.size : 0;
        stream_open(&stream);
        struct csv_options options = {.path = "f.csv", .fd = stream.fd};
        if (!byte_by_byte) options.begin = (struct slice){text.data, split};
        assert_fine(csv_open(&csv, &options, &err), &err);
        assert_row(csv, 2, "a\r\n\"b", "c");
        assert_bad_row(csv, ERR_CSV, 5, "line 5: 1 columns");
        assert_row(csv, 6, "\xE2\x82\xAC", "");
        assert_end(csv);
        assert_int_equal(csv_consumed(csv), text.size);
        csv_close(csv);
        stream_close(&stream);
    }
}

/* Rows of every length, so that chunks end at every place of a row. */
static void long_files_keep_their_rows(void **state)
{
    (void)state;
    enum { ROWS = 900 };
    size_t size = 1024 * 1024;
    char *text = malloc(size);
    assert_non_null(text);
    struct writer writer = writer_of(text, size);
    writer_text(&writer, HEAD);
    for (int i = 0; i < ROWS; i++)
        writer_format(&writer, "\"%0*d\",\"x\"\"\n%d\"%s", i + 1, i, i, i % 2 ? "\r\n" : "\n");
    assert_false(writer.cut);
    assert_true(writer.used > (size_t)6 * 65536);
    struct csv *csv = open_fine(writer_slice(&writer));
    for (int i = 0; i < ROWS; i++) {
        char subject[ROWS + 2], description[20];
        struct writer wanted = writer_of(subject, sizeof subject);
        writer_format(&wanted, "%0*d%c", i + 1, i, '\0');
        snprintf(description, sizeof description, "x\"\n%d", i);
        assert_row(csv, 2 + 2 * (size_t)i, subject, description);
    }
    assert_end(csv);
    shut(csv);
    free(text);
}

static long resident_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

/* A field of 100 MB: the row is at fault, in little memory, and so is a quote never closed. */
static void a_field_without_end_is_not_kept(void **state)
{
    (void)state;
    char *piece = malloc(1000000);
    assert_non_null(piece);
    memset(piece, 'x', 1000000);
    long before = resident_kib();
    for (int quoted = 0; quoted < 2; quoted++) {
        struct error err;
        struct csv *csv;
        struct csv_row row;
        bool end;
        struct stream stream = {.head = slice_of(quoted ? HEAD "a,b\nc,\"" : HEAD "a,b\nc,"),
                                .piece = {piece, 1000000},
                                .count = 100};
        stream_open(&stream);
        struct csv_options options = {.path = "f.csv", .fd = stream.fd};
        assert_fine(csv_open(&csv, &options, &err), &err);
        assert_row(csv, 2, "a", "b");
        if (quoted) {
            assert_fails(csv_next(csv, &row, &end, &err), ERR_CSV,
                         "f.csv: the quote opened in the row at line 3 is never closed", &err);
            assert_int_equal(err.line, 3);
        } else {
            assert_bad_row(csv, ERR_TEXT_LONG, 3, "line 3: column 2 is longer than 4000000 bytes");
            assert_end(csv);
        }
        assert_true(csv_consumed(csv) > 100000000);
        csv_close(csv);
        stream_close(&stream);
    }
#ifndef __SANITIZE_ADDRESS__ /* it keeps freed memory for a while */
    assert_true(resident_kib() - before < 32 * 1024);
#else
    (void)before;
#endif
    free(piece);
}

/* One field of size bytes, of these two over and over, in a row of its own between others. */
static void assert_read_on(const char *two, size_t size, const char *before, const char *behind,
                           const char *why, size_t lines)
{
    char *text = malloc(size + 200);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, HEAD "a,b\nc,%s", before);
    for (size_t i = 0; i < size; i++) text[used++] = two[i % 2];
    used += (size_t)sprintf(text + used, "%s\nd,\"e,\n\"\"\"\n", behind);
    struct csv *csv = open_fine((struct slice){text, used});
    free(text);
    assert_row(csv, 2, "a", "b");
    assert_bad_row(csv, ERR_TEXT_LONG, 3, why);
    assert_row(csv, 3 + lines, "d", "e,\n\"");
    assert_end(csv);
    shut(csv);
}

/* Wherever in it the bound strikes: at its end, between the quotes that stand for one, often. */
static void what_follows_a_long_field_is_read(void **state)
{
    (void)state;
    enum { BOUND = 4000000 + 65536 };
    for (size_t size = BOUND - 2; size <= BOUND + 2; size++) {
        assert_read_on("xy", size, "", "", "longer than", 1);
        assert_read_on("xy", size, "\"", "\"", "longer than", 1);
        if (size >= BOUND) assert_read_on("xy", size, "\"", "\",\"\"", "column 2 is longer", 1);
    }
    for (size_t pairs = BOUND - 1; pairs <= BOUND + 1; pairs++)
        assert_read_on("\"\"", 2 * pairs, "\"", "\"", "longer than", 1);
    assert_read_on("x,", 9000000, "\"", "\"\"\",\"\"", "column 2 is longer than 4000000 bytes", 1);
    assert_read_on("x\n", 9000000, "\"", "\"",
                   "f.csv: line 3: column 2 is longer than 4000000 bytes; the row ends in line "
                   "4500003, as where a quote is not closed",
                   4500001);
}

static void a_header_without_end_is_refused_early(void **state)
{
    (void)state;
    struct error err;
    struct csv *csv = NULL;
    char piece[4096];
    memset(piece, 'x', sizeof piece);
    struct stream stream = {.piece = {piece, sizeof piece}, .count = 25000};
    stream_open(&stream);
    struct csv_options options = {.path = "f.csv", .fd = stream.fd};
    assert_fails(csv_open(&csv, &options, &err), ERR_TEXT_LONG, "row at line 1 has a field", &err);
    assert_null(csv);
    stream_close(&stream);
}

/* Fields that are each fine but make a row too long: the row is at fault, the next is read. */
static void a_row_too_long_is_at_fault(void **state)
{
    (void)state;
    enum { FIELD = 1000001 };
    struct error err;
    struct csv *csv;
    char *piece = malloc(FIELD);
    assert_non_null(piece);
    memset(piece, 'x', FIELD);
    piece[FIELD - 1] = ',';
    struct stream stream = {.head = SLICE("subject,a,b,c,d,e,f,g,h,i,j,k,l\n"),
                            .piece = {piece, FIELD},
                            .count = 12,
                            .tail = SLICE("y\nz,,,,,,,,,,,,\n")};
    stream_open(&stream);
    struct csv_options options = {.path = "f.csv", .fd = stream.fd};
    assert_fine(csv_open(&csv, &options, &err), &err);
    assert_bad_row(csv, ERR_TEXT_LONG, 2, "f.csv: line 2: the row is longer than 8000000 bytes");
    assert_row(csv, 3, "z", "");
    assert_end(csv);
    csv_close(csv);
    stream_close(&stream);

    stream = (struct stream){.head = SLICE("subject,"),
                             .piece = {piece, FIELD},
                             .count = 9,
                             .tail = SLICE("description\na,b,c,d,e,f,g,h,i,j,k\n")};
    stream_open(&stream);
    options.fd = stream.fd;
    assert_fails(csv_open(&csv, &options, &err), ERR_TEXT_LONG, "line 1: the row is longer", &err);
    stream_close(&stream);
    free(piece);
}

static void a_text_too_long_is_at_fault(void **state)
{
    (void)state;
    struct error err;
    struct csv *csv;
    size_t size = TEXT_CODE_POINTS_MAX + 1;
    char *piece = malloc(size);
    assert_non_null(piece);
    memset(piece, 'x', size);
    struct stream stream = {
        .head = slice_of(HEAD "a,"), .piece = {piece, size}, .count = 1, .tail = SLICE("\nb,c\n")};
    stream_open(&stream);
    struct csv_options options = {.path = "f.csv", .fd = stream.fd};
    assert_fine(csv_open(&csv, &options, &err), &err);
    assert_bad_row(csv, ERR_TEXT_LONG, 2, "line 2: description makes the case longer than 1000000");
    assert_row(csv, 3, "b", "c");
    csv_close(csv);
    stream_close(&stream);
    free(piece);
}

static void columns_have_a_bound(void **state)
{
    (void)state;
    struct error err;
    struct csv *csv;
    char text[8000];
    struct writer writer = writer_of(text, sizeof text);
    writer_text(&writer, "subject");
    for (int i = 1; i < 1024; i++) writer_char(&writer, ',');
    writer_text(&writer, "\na");
    for (int i = 1; i < 1024; i++) writer_char(&writer, ',');
    writer_text(&writer, "\nb");
    for (int i = 0; i < 3000; i++) writer_char(&writer, ',');
    writer_char(&writer, '\n');
    assert_false(writer.cut);
    csv = open_fine(writer_slice(&writer));
    assert_row(csv, 2, "a", "");
    assert_bad_row(csv, ERR_CSV, 3, "line 3: more than 1024 columns where the header has 1024");
    assert_end(csv);
    shut(csv);

    writer = writer_of(text, sizeof text);
    writer_text(&writer, "subject");
    for (int i = 0; i < 1024; i++) writer_char(&writer, ',');
    assert_fails(open_with(&csv, writer_slice(&writer), NULL, false, &err), ERR_CSV,
                 "more than 1024 columns", &err);
}

static enum error_code read_all(void *context, struct error *err)
{
    struct csv *csv = context;
    enum error_code code =
        open_with(&csv, SLICE("subject,description,sbr\na,\"b\nb\",c\nd,e\n"), NULL, true, err);
    if (code != ERR_NONE) {
        assert_ptr_equal(csv, context);
        return code;
    }
    for (size_t rows = 0;; rows++) {
        struct csv_row row = {.line = 4711};
        bool end = false;
        code = csv_next(csv, &row, &end, err);
        if (code != ERR_NONE || end) assert_int_equal(row.line, 4711);
        if (code != ERR_NONE) assert_false(end);
        if (code != ERR_NONE || end) break;
        assert_int_equal(row.line, rows == 0 ? 2 : 4);
    }
    shut(csv);
    return code;
}

static void every_failing_operation_is_told(void **state)
{
    (void)state;
    assert_true(fail_walk(read_all, NULL) >= 4); /* memory; mark of byte order, chunk, end */
}

/* libcsv's own memory: a field that is not too long, but can not be had. */
static void too_little_memory_is_not_a_long_field(void **state)
{
    (void)state;
    skip_emulated();
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    skip(); /* they map memory of their own */
#endif
    mallopt(M_MMAP_THRESHOLD, 64 * 1024); /* large blocks go back to the system at once */
    malloc_trim(0);
    char *text = malloc(3000000);
    assert_non_null(text);
    memset(text, 'x', 3000000);
    memcpy(text, HEAD, sizeof HEAD - 1);
    struct csv *csv = open_fine((struct slice){text, 3000000});
    free(text);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        long pages = 0;
        FILE *file = fopen("/proc/self/statm", "r");
        if (file == NULL || fscanf(file, "%ld", &pages) != 1) _exit(2);
        fclose(file);
        rlim_t bytes = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + 1000000;
        setrlimit(RLIMIT_AS, &(struct rlimit){bytes, bytes});
        struct error err;
        struct csv_row row;
        bool end;
        _exit(csv_next(csv, &row, &end, &err) == ERR_MEMORY ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    shut(csv);
}

static void a_descriptor_that_cannot_be_read(void **state)
{
    (void)state;
    struct error err;
    struct csv *csv = NULL;
    struct csv_options options = {.path = "f.csv", .fd = -1};
    assert_fails(csv_open(&csv, &options, &err), ERR_READ, "f.csv: Bad file", &err);
    assert_null(csv);
    csv_close(NULL); /* harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_unquoted),
        cmocka_unit_test(lines_end_in_three_ways),
        cmocka_unit_test(mixed_line_ends_are_counted),
        cmocka_unit_test(a_mark_of_byte_order_is_skipped),
        cmocka_unit_test(rows_of_the_wrong_width_are_at_fault_alone),
        cmocka_unit_test(what_is_no_text_is_at_fault),
        cmocka_unit_test(stray_quotes_end_the_reading),
        cmocka_unit_test(a_quote_inside_a_field_costs_one_row),
        cmocka_unit_test(the_rest_of_such_a_row_is_passed_over),
        cmocka_unit_test(headers_that_cannot_be_used),
        cmocka_unit_test(columns_stand_in_any_order),
        cmocka_unit_test(a_header_alone_has_no_rows),
        cmocka_unit_test(other_names_of_columns),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(long_files_keep_their_rows),
        cmocka_unit_test(a_field_without_end_is_not_kept),
        cmocka_unit_test(what_follows_a_long_field_is_read),
        cmocka_unit_test(a_header_without_end_is_refused_early),
        cmocka_unit_test(a_row_too_long_is_at_fault),
        cmocka_unit_test(a_text_too_long_is_at_fault),
        cmocka_unit_test(columns_have_a_bound),
        cmocka_unit_test(every_failing_operation_is_told),
        cmocka_unit_test(too_little_memory_is_not_a_long_field),
        cmocka_unit_test(a_descriptor_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
