/* form.c - what people give instead of text: a spreadsheet, its "Unicode text", a packed export.
 * As text, their first byte that is no UTF-8 would be told, which is true and helps nobody. */
// SPDX-License-Identifier: Apache-2.0
#include "text/form.h"

static const struct {
    struct slice begin;
    const char *what;
} forms[] = {
    {{"\xFF\xFE", 2}, "UTF-16; iconv -f UTF-16 -t UTF-8 converts it"},
    {{"\xFE\xFF", 2}, "UTF-16; iconv -f UTF-16 -t UTF-8 converts it"},
    {{"PK\3\4", 4}, "a zip archive, as spreadsheets are; save the sheet as CSV in UTF-8"},
    {{"\xD0\xCF\x11\xE0", 4}, "a spreadsheet or document; save it as CSV in UTF-8"},
    {{"\x1F\x8B", 2}, "compressed; give what gunzip -c makes of it"},
    {{"\x28\xB5\x2F\xFD", 4}, "compressed; give what zstd -dc makes of it"},
    {{"\xFD\x37zX", 4}, "compressed; give what xz -dc makes of it"},
};

enum error_code form_check(struct slice begin, const char *path, struct error *err)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (slice_starts(begin, forms[i].begin))
            return error_set(err, ERR_FORM, 0, "%s: this is %s", path, forms[i].what);
    return ERR_NONE;
}
