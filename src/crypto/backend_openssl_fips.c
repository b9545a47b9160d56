/* Finding and loading OpenSSL's FIPS provider, without a configuration file of OpenSSL's.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_fips.h"
#include "crypto/backend_openssl_params.h"

#include <libgen.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/fips_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "os/env.h"
#include "os/file.h"

#define MAC_BYTES 32
#define MAC_TEXT_BYTES (3 * MAC_BYTES) /* "AB:CD:...:EF" and NUL */
#define MODULE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define SETTINGS_MAX_BYTES ((size_t)64 * 1024)

/* Where distributions put the module, and what `openssl fipsinstall` writes about it. */
static const char *const modules[] = {
    "/usr/lib/x86_64-linux-gnu/ossl-modules/fips.so",
    "/usr/lib/aarch64-linux-gnu/ossl-modules/fips.so",
    "/usr/lib64/ossl-modules/fips.so",
    "/usr/lib/ossl-modules/fips.so",
    "/usr/local/lib64/ossl-modules/fips.so",
    "/usr/local/lib/ossl-modules/fips.so",
};
static const char *const settings[] = {
    "/usr/lib/ssl/fipsmodule.cnf",
    "/etc/ssl/fipsmodule.cnf",
    "/etc/pki/tls/fipsmodule.cnf",
    "/usr/local/ssl/fipsmodule.cnf",
};

static const char *first_of(const char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (hsm_path_exists(paths[i]))
            return paths[i];
    }
    return NULL;
}

static hsm_err find_module(const char **out_path)
{
    const char *named = hsm_env_get(HSM_FIPS_MODULE_VARIABLE);
    const char *path =
        named != NULL && named[0] == '/' ? named : first_of(modules, HSM_ARRAY_LEN(modules));

    if (path == NULL || !hsm_path_exists(path)) {
        hsm_log(
            HSM_LOG_ERROR,
            "crypto_backend \"openssl-fips\": OpenSSL's FIPS provider (fips.so) %s%s is not there; "
            "on Debian install openssl-provider-fips",
            path != NULL ? "at " : "", path != NULL ? path : "");
        return HSM_E_CONFIG;
    }
    *out_path = path;
    return HSM_OK;
}

/* The MAC that fipsinstall noted when the module was installed. */
static bool read_noted(char out[MAC_TEXT_BYTES])
{
    static const char key[] = "\nmodule-mac = ";
    const char *path = first_of(settings, HSM_ARRAY_LEN(settings));
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };

    if (path == NULL || hsm_file_read(path, 0, SETTINGS_MAX_BYTES, &text) != HSM_OK ||
        hsm_buf_append(&text, hsm_bytes_of("", 1)) != HSM_OK)
        return false;
    const char *at = strstr((const char *)hsm_buf_view(&text).data, key);
    if (at == NULL || strcspn(at + strlen(key), "\r\n") != MAC_TEXT_BYTES - 1)
        return false;
    memcpy(out, at + strlen(key), MAC_TEXT_BYTES - 1);
    out[MAC_TEXT_BYTES - 1] = '\0';
    return true;
}

static hsm_err hmac_file(hsm_bytes file, uint8_t out[MAC_BYTES])
{
    /* The key that OpenSSL publishes for this (providers/fips/self_test.c, FIPS_KEY_STRING): the
     * check is against damage, not against somebody who can change both files. */
    static const uint8_t key[] = { 0xf4, 0x55, 0x66, 0x50, 0xac, 0x31, 0xd3, 0x54, 0x61, 0x61, 0x0b,
                                   0xac, 0x4e, 0xd8, 0x1b, 0x1a, 0x18, 0x1b, 0x2d, 0x8a, 0x43, 0xea,
                                   0x28, 0x54, 0xcb, 0xae, 0x22, 0xca, 0x74, 0x56, 0x08, 0x13 };
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    OSSL_PROVIDER *plain = libctx == NULL ? NULL : OSSL_PROVIDER_load(libctx, "default");
    size_t len = 0;

    const bool is_done = plain != NULL &&
                         EVP_Q_mac(libctx, "HMAC", NULL, "SHA256", NULL, key, sizeof key, file.data,
                                   file.len, out, MAC_BYTES, &len) != NULL &&
                         len == MAC_BYTES;
    if (plain != NULL)
        (void)OSSL_PROVIDER_unload(plain);
    OSSL_LIB_CTX_free(libctx);
    return is_done ? HSM_OK : HSM_E_CRYPTO;
}

/* Where nobody ran fipsinstall there is nothing to compare with: the module is told its own MAC. */
static hsm_err compute_mac(const char *path, char out[MAC_TEXT_BYTES])
{
    HSM_AUTO(hsm_buf_clear) hsm_buf file = { 0 };
    uint8_t mac[MAC_BYTES];

    hsm_log(
        HSM_LOG_WARNING,
        "crypto_backend \"openssl-fips\": no fipsmodule.cnf, so %s is not compared with what was "
        "installed (openssl fipsinstall)",
        path);
    HSM_TRY(hsm_file_read(path, HSM_FILE_TRUSTED, MODULE_MAX_BYTES, &file));
    HSM_TRY(hmac_file(hsm_buf_view(&file), mac));
    for (size_t i = 0; i < MAC_BYTES; i++)
        (void)snprintf(out + 3 * i, MAC_TEXT_BYTES - 3 * i,
                       "%02X:", mac[i]); /* cuts the last ':' */
    return HSM_OK;
}

/* The settings that fipsinstall would have written. */
static OSSL_PROVIDER *load_module(OSSL_LIB_CTX *libctx, const char *path, const char *mac)
{
    OSSL_PARAM params[] = {
        hsm_ossl_text(OSSL_PROV_PARAM_CORE_MODULE_FILENAME, path),
        hsm_ossl_text(OSSL_PROV_FIPS_PARAM_MODULE_MAC, mac),
        hsm_ossl_text(OSSL_PROV_FIPS_PARAM_INSTALL_VERSION, "1"),
        hsm_ossl_text(OSSL_PROV_FIPS_PARAM_CONDITIONAL_ERRORS, "1"),
        hsm_ossl_text(OSSL_PROV_FIPS_PARAM_SECURITY_CHECKS, "1"),
        OSSL_PARAM_construct_end(),
    };
    char folder[PATH_MAX];

    (void)snprintf(folder, sizeof folder, "%s", path);
    if (OSSL_PROVIDER_set_default_search_path(libctx, dirname(folder)) != 1)
        return NULL;
    return OSSL_PROVIDER_load_ex(libctx, "fips", params);
}

hsm_err hsm_ossl_fips_load(OSSL_LIB_CTX *libctx, OSSL_PROVIDER **out_fips, OSSL_PROVIDER **out_base)
{
    const char *path = NULL;
    char mac[MAC_TEXT_BYTES];

    HSM_TRY(find_module(&path));
    /* A module named by hand is not the one that the system's file is about. */
    if (hsm_env_get(HSM_FIPS_MODULE_VARIABLE) != NULL || !read_noted(mac))
        HSM_TRY(compute_mac(path, mac));
    OSSL_PROVIDER *fips = load_module(libctx, path, mac);
    OSSL_PROVIDER *base = fips == NULL ? NULL : OSSL_PROVIDER_load(libctx, "base");
    if (base == NULL || EVP_default_properties_enable_fips(libctx, 1) != 1) {
        if (base != NULL)
            (void)OSSL_PROVIDER_unload(base);
        if (fips != NULL)
            (void)OSSL_PROVIDER_unload(fips);
        hsm_log(HSM_LOG_ERROR,
                "crypto_backend \"openssl-fips\": %s can't be loaded, or its self-tests failed",
                path);
        return HSM_E_CONFIG;
    }
    *out_fips = fips;
    *out_base = base;
    return HSM_OK;
}
