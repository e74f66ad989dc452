/* fetch.c - libcurl by dlopen: 3 MB that the service never loads, and no build dependency.
 *
 * The numbers of options are libcurl's ABI and do not change (its docs/ABI); the test
 * compares them with curl.h where that is installed.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/fetch.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"

enum {
    OPT_WRITEDATA = 10001,
    OPT_URL = 10002,
    OPT_PROXY = 10004,
    OPT_ERRORBUFFER = 10010,
    OPT_POSTFIELDS = 10015,
    OPT_USERAGENT = 10018,
    OPT_HTTPHEADER = 10023,
    OPT_HEADERDATA = 10029,
    OPT_CAINFO = 10065,
    OPT_WRITEFUNCTION = 20011,
    OPT_HEADERFUNCTION = 20079,
    OPT_NOSIGNAL = 99,
    OPT_TIMEOUT_MS = 155,
    OPT_CONNECTTIMEOUT_MS = 156,
    OPT_PROTOCOLS = 181,
    INFO_RESPONSE_CODE = 0x200002,
    INFO_TOTAL_TIME = 0x300003,
    GLOBAL_ALL = 3,
    PROTOCOLS_HTTP = 3,
    ERROR_BUFFER_BYTES = 256
};

struct fetch {
    void *handle;
    int (*global_init)(long flags);
    void (*global_cleanup)(void);
    void *(*easy_init)(void);
    int (*easy_setopt)(void *easy, int option, ...);
    int (*easy_perform)(void *easy);
    int (*easy_getinfo)(void *easy, int info, ...);
    void (*easy_cleanup)(void *easy);
    const char *(*easy_strerror)(int code);
    void *(*slist_append)(void *list, const char *text);
    void (*slist_free_all)(void *list);
};

static bool load(struct fetch *fetch)
{
    const struct {
        const char *name;
        void *slot;
    } symbols[] = {
        {"curl_global_init", &fetch->global_init},
        {"curl_global_cleanup", &fetch->global_cleanup},
        {"curl_easy_init", &fetch->easy_init},
        {"curl_easy_setopt", &fetch->easy_setopt},
        {"curl_easy_perform", &fetch->easy_perform},
        {"curl_easy_getinfo", &fetch->easy_getinfo},
        {"curl_easy_cleanup", &fetch->easy_cleanup},
        {"curl_easy_strerror", &fetch->easy_strerror},
        {"curl_slist_append", &fetch->slist_append},
        {"curl_slist_free_all", &fetch->slist_free_all},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *symbol = dlsym(fetch->handle, symbols[i].name);
        if (symbol == NULL) return false;
        memcpy(symbols[i].slot, &symbol, sizeof symbol);
    }
    return true;
}

enum error_code fetch_open(struct fetch **out_fetch, struct error *err)
{
    /* The GnuTLS flavour first: the HTTP server of this program uses GnuTLS too. */
    static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4"};
    struct fetch *fetch;
    TRY(mem_take(&fetch, 1, sizeof *fetch, err));
    for (size_t i = 0; i < sizeof names / sizeof names[0] && fetch->handle == NULL; i++)
        fetch->handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    bool fine = fetch->handle != NULL && load(fetch) && fetch->global_init(GLOBAL_ALL) == 0;
    if (!fine) {
        if (fetch->handle != NULL) dlclose(fetch->handle);
        mem_free(fetch);
        return error_set(err, ERR_UNAVAILABLE, 0,
                         "libcurl cannot be opened: install libcurl3-gnutls or libcurl4");
    }
    *out_fetch = fetch;
    return ERR_NONE;
}

void fetch_close(struct fetch *fetch)
{
    fetch->global_cleanup();
    dlclose(fetch->handle);
    mem_free(fetch);
}

/* Keeps what fits; takes the rest too, so that the time is that of the whole body. */
static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct fetch_answer *answer = context;
    size_t bytes = size * count, room = FETCH_BODY_MAX - answer->size;
    size_t kept = bytes < room ? bytes : room;
    memcpy(answer->body + answer->size, data, kept);
    answer->size += kept;
    return bytes;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct fetch_answer *answer = context;
    size_t bytes = size * count;
    if (bytes > 8 && strncasecmp(data, "server: ", 8) == 0) {
        size_t kept = bytes - 8 < sizeof answer->server ? bytes - 8 : sizeof answer->server - 1;
        memcpy(answer->server, data + 8, kept);
        answer->server[kept] = '\0';
        answer->server[strcspn(answer->server, "\r\n")] = '\0';
    }
    return bytes;
}

static void *make_headers(const struct fetch *fetch, const struct fetch_request *request)
{
    void *list = fetch->slist_append(NULL, "Accept: application/json, text/plain");
    if (request->body != NULL) list = fetch->slist_append(list, "Content-Type: application/json");
    if (request->token != NULL) {
        char header[4200];
        snprintf(header, sizeof header, "Authorization: Bearer %s", request->token);
        list = fetch->slist_append(list, header);
    }
    return list;
}

enum error_code fetch_once(struct fetch *fetch, const struct fetch_request *request,
                           struct fetch_answer *out, struct error *err)
{
    check(request->timeout_ms > 0);
    out->status = 0;
    out->size = 0;
    out->failure[0] = out->server[0] = '\0';
    char reason[ERROR_BUFFER_BYTES] = "";
    void *easy = fetch->easy_init();
    if (easy == NULL) return error_set(err, ERR_MEMORY, 0, "libcurl gives no handle");
    void *headers = make_headers(fetch, request);
    fetch->easy_setopt(easy, OPT_URL, request->url);
    fetch->easy_setopt(easy, OPT_PROTOCOLS, (long)PROTOCOLS_HTTP);
    fetch->easy_setopt(easy, OPT_NOSIGNAL, 1L);
    fetch->easy_setopt(easy, OPT_TIMEOUT_MS, (long)request->timeout_ms);
    fetch->easy_setopt(easy, OPT_CONNECTTIMEOUT_MS, (long)request->timeout_ms);
    fetch->easy_setopt(easy, OPT_USERAGENT, "air-classifier doctor");
    fetch->easy_setopt(easy, OPT_ERRORBUFFER, reason);
    fetch->easy_setopt(easy, OPT_HTTPHEADER, headers);
    fetch->easy_setopt(easy, OPT_WRITEFUNCTION, take_body);
    fetch->easy_setopt(easy, OPT_WRITEDATA, out);
    fetch->easy_setopt(easy, OPT_HEADERFUNCTION, take_header);
    fetch->easy_setopt(easy, OPT_HEADERDATA, out);
    if (request->ca_path != NULL) fetch->easy_setopt(easy, OPT_CAINFO, request->ca_path);
    if (request->proxy != NULL) fetch->easy_setopt(easy, OPT_PROXY, request->proxy);
    if (request->body != NULL) fetch->easy_setopt(easy, OPT_POSTFIELDS, request->body);
    int code = fetch->easy_perform(easy);
    long status = 0;
    double seconds = 0;
    fetch->easy_getinfo(easy, INFO_RESPONSE_CODE, &status);
    fetch->easy_getinfo(easy, INFO_TOTAL_TIME, &seconds);
    out->body[out->size] = '\0';
    out->status = code == 0 ? (int)status : 0;
    out->milliseconds = seconds * 1000;
    if (code != 0)
        snprintf(out->failure, sizeof out->failure, "%s",
                 reason[0] != '\0' ? reason : fetch->easy_strerror(code));
    fetch->slist_free_all(headers);
    fetch->easy_cleanup(easy);
    return ERR_NONE;
}
