/* report.c - the page is made from the JSON, so that the two say the same. */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>air-classifier doctor</title>\n<style>\n"
    ":root{color-scheme:light dark}\n"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\n"
    "section{border-left:.3rem solid #888;padding:.1rem 1rem;margin:1rem 0}\n"
    ".cause{border-color:#c00}.warning{border-color:#c80}.note{border-color:#08a}.fine{border-"
    "color:#2a2}\n"
    "h2{font-size:1.05rem;margin:.3rem 0}h2 small{font-weight:normal;opacity:.7}\n"
    "p{margin:.2rem 0;overflow-wrap:anywhere}b{display:inline-block;min-width:4rem}\n"
    "table{border-collapse:collapse;font-size:.9rem}td{padding:.1rem .8rem .1rem "
    "0;overflow-wrap:anywhere}\n"
    "</style></head><body>\n<h1>air-classifier doctor</h1>\n";

static void put_text(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc(*text, to);
        }
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void put_part(FILE *to, const json_t *finding, const char *name)
{
    const char *text = member(finding, name);
    if (text[0] == '\0') return;
    fprintf(to, "<p><b>%s</b> ", name);
    put_text(to, text);
    fputs("</p>\n", to);
}

static void put_findings(FILE *to, const json_t *findings)
{
    size_t i;
    const json_t *finding;
    json_array_foreach(findings, i, finding)
    {
        fprintf(to, "<section class=\"%s\"><h2>", member(finding, "severity"));
        put_text(to, member(finding, "title"));
        fprintf(to, " <small>%s, %s</small></h2>\n", member(finding, "severity"),
                member(finding, "id"));
        put_part(to, finding, "read");
        put_part(to, finding, "means");
        put_part(to, finding, "do");
        fputs("</section>\n", to);
    }
}

static void put_facts(FILE *to, json_t *facts)
{
    const char *name;
    json_t *value;
    fputs("<h1>What was read</h1>\n<table>\n", to);
    json_object_foreach(facts, name, value)
    {
        fprintf(to, "<tr><td>%s</td><td>", name);
        if (json_is_integer(value))
            fprintf(to, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else
            put_text(to, json_is_string(value) ? json_string_value(value) : "");
        fputs("</td></tr>\n", to);
    }
    fputs("</table>\n", to);
}

/* A file to be; given back by free. */
struct text {
    char *data;
    size_t size;
};

static enum error_code page_of(const json_t *report, struct text *out, struct error *err)
{
    struct text text = {0};
    FILE *to = open_memstream(&text.data, &text.size);
    if (to == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the page");
    fputs(head, to);
    put_findings(to, json_object_get(report, "findings"));
    json_t *facts = json_object_get(json_object_get(report, "details"), "facts");
    if (facts != NULL) put_facts(to, facts);
    fputs("</body></html>\n", to);
    bool fine = !ferror(to);
    if (fclose(to) != 0 || !fine) {
        free(text.data);
        return error_set(err, ERR_MEMORY, 0, "no memory for the page");
    }
    *out = text;
    return ERR_NONE;
}

static enum error_code write_open(struct file_write *file, const char *path,
                                  const struct text *text, struct error *err)
{
    TRY(file_write_open(file, path, err));
    enum error_code code = file_write_add(file, text->data, text->size, err);
    if (code != ERR_NONE) file_write_abandon(file);
    return code;
}

static enum error_code write_whole(const char *path, const struct text *text, struct error *err)
{
    struct file_write file;
    TRY(write_open(&file, path, text, err));
    return file_write_commit(&file, err);
}

static bool ends(const char *path, const char *ending)
{
    size_t size = strlen(path), wanted = strlen(ending);
    return size > wanted && strcmp(path + size - wanted, ending) == 0;
}

static enum error_code json_of(const json_t *object, struct text *out, struct error *err)
{
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    if (text == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the JSON");
    size_t size = strlen(text);
    text[size] = '\n'; /* in place of the NUL, which no file wants */
    *out = (struct text){text, size + 1};
    return ERR_NONE;
}

enum error_code report_write_json(const json_t *object, const char *path, struct error *err)
{
    struct text text;
    if (!ends(path, ".json"))
        return error_set(err, ERR_USAGE, 0, "%s: a snapshot ends in .json", path);
    TRY(json_of(object, &text, err));
    enum error_code code = write_whole(path, &text, err);
    free(text.data);
    return code;
}

bool report_beside(const char *path, char out[REPORT_PATH_MAX])
{
    if (!ends(path, ".html")) return false;
    int length = snprintf(out, REPORT_PATH_MAX, "%.*s.json", (int)(strlen(path) - 5), path);
    return length > 0 && length < REPORT_PATH_MAX;
}

/* The page first: what lies under the other name may be a snapshot, which nothing else keeps. */
static enum error_code commit_both(struct file_write *page, struct file_write *json,
                                   struct error *err)
{
    enum error_code code = file_write_commit(page, err);
    if (code != ERR_NONE && code != ERR_SYNC) {
        file_write_abandon(json);
        return code;
    }
    struct error second;
    enum error_code last = file_write_commit(json, &second);
    if (last == ERR_NONE) return code;
    *err = second;
    return last;
}

/* Both are whole on the disk before either takes its name. */
static enum error_code write_texts(const struct text *page, const struct text *json,
                                   const char *path, const char *beside, struct error *err)
{
    static struct file_write first, second; /* large */
    TRY(write_open(&first, path, page, err));
    enum error_code code = write_open(&second, beside, json, err);
    if (code == ERR_NONE) {
        code = file_write_sync(&first, err);
        if (code == ERR_NONE) code = file_write_sync(&second, err);
        if (code == ERR_NONE) return commit_both(&first, &second, err);
        file_write_abandon(&second);
    }
    file_write_abandon(&first);
    return code;
}

static enum error_code write_both(const json_t *report, const char *path, struct error *err)
{
    char beside[REPORT_PATH_MAX];
    struct text page = {0}, json = {0};
    if (!report_beside(path, beside))
        return error_set(err, ERR_CREATE, 0, "the path of the report is too long");
    enum error_code code = page_of(report, &page, err);
    if (code == ERR_NONE) code = json_of(report, &json, err);
    if (code == ERR_NONE) code = write_texts(&page, &json, path, beside, err);
    free(page.data);
    free(json.data);
    return code;
}

enum error_code report_write(const struct printed *printed, const char *path, struct error *err)
{
    if (!ends(path, ".html") && !ends(path, ".json"))
        return error_set(err, ERR_USAGE, 0, "%s: a report ends in .html or .json", path);
    json_t *report = printer_json(printed);
    if (report == NULL) return error_set(err, ERR_MEMORY, 0, "no memory for the report");
    enum error_code code =
        ends(path, ".json") ? report_write_json(report, path, err) : write_both(report, path, err);
    json_decref(report);
    return code;
}
