/* printer.c - findings as paragraphs or as one JSON object. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/printer.h"

#include <string.h>

#include "base/check.h"
#include "base/file.h"
#include "text/utf8.h"

enum { WIDTH = 100, INDENT = 11 };

static const char *const colours[] = {
    [FINDING_FINE] = "\033[32m",
    [FINDING_NOTE] = "\033[36m",
    [FINDING_WARNING] = "\033[33;1m",
    [FINDING_CAUSE] = "\033[31;1m",
};

static size_t columns_of(const char *text, size_t size)
{
    return utf8_count((struct slice){text, size});
}

/* Words broken at WIDTH, later lines under the first. */
static void print_wrapped(FILE *to, const char *text, size_t column)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " "), columns = columns_of(text, word);
        if (column + columns > WIDTH && column > INDENT) {
            fprintf(to, "\n%*s", INDENT, "");
            column = INDENT;
        }
        fwrite(text, 1, word, to);
        column += columns;
        text += word;
        if (*text == ' ') {
            text++;
            if (*text == '\0') break;
            /* The blank is dropped where the line ends anyway. */
            if (column + 1 + columns_of(text, strcspn(text, " ")) <= WIDTH) {
                fputc(' ', to);
                column++;
            } else {
                fprintf(to, "\n%*s", INDENT, "");
                column = INDENT;
            }
        }
    }
    fputc('\n', to);
}

static void print_part(FILE *to, const char *name, const char *text)
{
    if (text[0] == '\0') return;
    fprintf(to, "  %-*s", INDENT - 2, name);
    print_wrapped(to, text, INDENT);
}

static void print_finding(const struct doctor_output *output, const struct finding *finding)
{
    const char *on = output->colour ? colours[finding->severity] : "";
    const char *off = output->colour ? "\033[0m" : "";
    fprintf(output->to, "%s%-*s%s", on, INDENT, finding_word(finding->severity), off);
    if (finding->severity == FINDING_FINE) {
        char line[sizeof finding->title + sizeof finding->read + 4];
        snprintf(line, sizeof line, "%s: %s", finding->title, finding->read);
        print_wrapped(output->to, line, INDENT);
        return;
    }
    print_wrapped(output->to, finding->title, INDENT);
    print_part(output->to, "read", finding->read);
    print_part(output->to, "means", finding->means);
    print_part(output->to, "do", finding->todo);
}

static void print_text(const struct doctor_output *output, const struct printed *printed)
{
    if (printed->headline != NULL) fprintf(output->to, "%s\n\n", printed->headline);
    if (printed->table != NULL) fprintf(output->to, "%s\n", printed->table);
    const struct finding_list *list = printed->findings;
    for (size_t i = 0; i < list->count; i++)
        if (!output->quiet || list->items[i].severity != FINDING_FINE)
            print_finding(output, &list->items[i]);
}

static json_t *finding_json(const struct finding *finding)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", finding->id, "severity",
                     finding_word(finding->severity), "title", finding->title, "read",
                     finding->read, "means", finding->means, "do", finding->todo);
}

json_t *printer_json(const struct printed *printed)
{
    finding_sort(printed->findings);
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < printed->findings->count; i++)
        if (json_array_append_new(array, finding_json(&printed->findings->items[i])) != 0) {
            json_decref(array);
            array = NULL;
        }
    if (array == NULL) return NULL;
    json_t *object = json_pack("{s:s, s:i, s:o}", "doctor", printed->command, "status",
                               finding_status(printed->findings), "findings", array);
    if (object != NULL && printed->details != NULL &&
        json_object_set(object, "details", printed->details) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

enum error_code printer_dump(FILE *to, const json_t *object, struct error *err)
{
    bool whole = object != NULL && json_dumpf(object, to, JSON_INDENT(2)) == 0;
    if (!whole && !ferror(to)) return error_set(err, ERR_MEMORY, 0, "no memory for the JSON");
    fputc('\n', to);
    return file_flush(to, err);
}

enum error_code printer_print(const struct doctor_output *output, const struct printed *printed,
                              struct error *err)
{
    check(output->to != NULL);
    finding_sort(printed->findings);
    if (output->json) {
        json_t *object = printer_json(printed);
        enum error_code code = printer_dump(output->to, object, err);
        json_decref(object);
        return code;
    }
    print_text(output, printed);
    return file_flush(output->to, err);
}
