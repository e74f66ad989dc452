/* admin.c - compared in a time that does not tell how much of it was right. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/admin.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"

static bool is_token(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~') return false;
    return true;
}

static enum error_code take(struct admin *admin, struct slice text, const char *path,
                            struct error *err)
{
    if (text.size < ADMIN_TOKEN_MIN || text.size > ADMIN_TOKEN_MAX)
        return error_set(err, ERR_USAGE, 0, "%s: a token of %zu bytes; it has %d to %d", path,
                         text.size, ADMIN_TOKEN_MIN, ADMIN_TOKEN_MAX);
    if (!is_token(text))
        return error_set(err, ERR_USAGE, 0, "%s: a token is one line of printable ASCII", path);
    memcpy(admin->token, text.data, text.size);
    admin->size = text.size;
    return ERR_NONE;
}

enum error_code admin_open(struct admin *out_admin, const char *path, struct error *err)
{
    struct admin admin = {0};
    struct stat status;
    struct file_map map;
    if (path == NULL) return *out_admin = admin, ERR_NONE;
    TRY(file_map(&map, path, err));
    enum error_code code = take(&admin, slice_trim(map.bytes), path, err);
    file_unmap(&map);
    /* Not refused: Kubernetes mounts secrets so. */
    if (code == ERR_NONE && stat(path, &status) == 0 && (status.st_mode & S_IROTH) != 0)
        log_line(LOG_LEVEL_WARNING, "the admin's token may be read by every user: %s", path);
    if (code == ERR_NONE) *out_admin = admin;
    return code;
}

static bool is_ours(const struct admin *admin, const char *token)
{
    size_t size = strlen(token);
    unsigned char differs = size != admin->size;
    for (size_t i = 0; i < admin->size; i++)
        differs |= (unsigned char)(admin->token[i] ^ (i < size ? token[i] : 0));
    return differs == 0;
}

enum error_code admin_check(const struct admin *admin, const char *authorization, struct error *err)
{
    static const char scheme[] = "Bearer ";
    if (admin->size == 0)
        return error_set(err, ERR_FORBIDDEN, 0, "no admin token is set (--admin-token-file)");
    if (authorization == NULL)
        return error_set(err, ERR_UNAUTHORIZED, 0, "the header Authorization is absent");
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0 ||
        !is_ours(admin, authorization + sizeof scheme - 1))
        return error_set(err, ERR_UNAUTHORIZED, 0, "the token is not the admin's");
    return ERR_NONE;
}
