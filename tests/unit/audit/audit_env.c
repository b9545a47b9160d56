/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/audit/audit_env.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "os/paths.h"
#include "support/check.h"
#include "unit/os/scratch.h"

static const uint8_t mac_key[HSM_AUDIT_KEY_BYTES] = "the key of entries, 32 bytes ...";
static const uint8_t seal_key[HSM_AUDIT_KEY_BYTES] = "the key of the seal, 32 bytes ..";

void env_make(audit_env *env)
{
    static int number;
    const hsm_crypto_options options = { .backend = "openssl", .may_use_pqc = true };

    *env = (audit_env){ 0 };
    CHECK_OK(hsm_crypto_create(&options, &env->crypto));
    (void)snprintf(env->directory, sizeof env->directory, "%s/log%d", scratch(), number++);
    CHECK_OK(mkdir(env->directory, 0700));
    (void)snprintf(env->path, sizeof env->path, "%s/audit.jsonl", env->directory);
    env->options = (hsm_audit_options){
        .log_path = env->path,
        .state_directory = env->directory,
        .crypto = env->crypto,
        .mac_key = hsm_bytes_of(mac_key, sizeof mac_key),
        .seal_key = hsm_bytes_of(seal_key, sizeof seal_key),
        .classes = HSM_AUDIT_CLASS_ANY,
        .busy_ms = 10000,
    };
}

void env_clear(audit_env *env)
{
    hsm_crypto_destroy(env->crypto);
    env->crypto = NULL;
}

hsm_audit_log *env_open(const audit_env *env)
{
    hsm_audit_options options = env->options;
    hsm_audit_log *log = NULL;

    options.log_path = env->path;
    options.state_directory = env->directory;
    CHECK_OK(hsm_audit_open(&options, &log));
    return log;
}

void env_append(hsm_audit_log *log, unsigned count)
{
    const hsm_audit_event event = {
        .operation = HSM_AUDITED_SIGN,
        .has_slot = true,
        .session = 77,
        .user = "user",
        .has_mechanism = true,
        .mechanism_name = "ECDSA_SHA256",
        .key_bits = 256,
        .approved = HSM_AUDIT_APPROVED_YES,
        .object = { hsm_bytes_of_text("0123456789abcdef"), hsm_bytes_of_text("signing key") },
    };

    for (unsigned i = 0; i < count; i++)
        CHECK_OK(hsm_audit_append(log, &event));
}

void env_fill(const audit_env *env, unsigned count)
{
    hsm_audit_log *log = env_open(env);

    if (log != NULL)
        env_append(log, count);
    hsm_audit_close(log);
}

hsm_signer_public env_public(const audit_env *env)
{
    HSM_AUTO(hsm_signer_drop) hsm_signer *signer = NULL;
    hsm_signer_public keys = { 0 };
    char path[4400];

    (void)snprintf(path, sizeof path, "%s/audit.keys", env->directory);
    if (CHECK_OK(hsm_signer_open(env->crypto, path, env->options.seal_key, false, &signer)))
        keys = *hsm_signer_public_keys(signer);
    return keys;
}

hsm_head env_head(const audit_env *env)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    hsm_head head = { 0 };

    CHECK_OK(hsm_head_path(env->crypto, env->directory, env->path, &path));
    CHECK_OK(hsm_head_load(env->crypto, path, env->options.mac_key, &head));
    return head;
}

static hsm_audit_verdict verify(const audit_env *env, hsm_bytes key, const hsm_signer_public *keys,
                                const hsm_head *head)
{
    HSM_AUTO(hsm_audit_verifier_drop) hsm_audit_verifier *verifier = NULL;
    HSM_AUTO(hsm_audit_reader_drop) hsm_audit_reader *reader = NULL;
    hsm_audit_verdict verdict = { .fault = HSM_AUDIT_FAULT_COUNT };

    if (CHECK_OK(hsm_audit_verifier_create(env->crypto, key, keys, &verifier)) &&
        CHECK_OK(hsm_audit_reader_open(env->path, false, &reader)) &&
        CHECK_OK(hsm_audit_verifier_run(verifier, reader, NULL, NULL)))
        hsm_audit_verifier_end(verifier, head, &verdict);
    return verdict;
}

hsm_audit_verdict env_verify(const audit_env *env, bool with_public)
{
    const hsm_head head = env_head(env);
    const hsm_signer_public keys = env_public(env);

    return verify(env, env->options.mac_key, with_public ? &keys : NULL, &head);
}

hsm_audit_verdict env_verify_public(const audit_env *env)
{
    const hsm_signer_public keys = env_public(env);

    return verify(env, hsm_bytes_none(), &keys, NULL);
}

void env_read(const audit_env *env, hsm_buf *out)
{
    hsm_buf_reset(out);
    CHECK_OK(hsm_file_read(env->path, HSM_FILE_ANY, HSM_BUF_MAX_BYTES, out));
}

void env_write(const audit_env *env, hsm_bytes content)
{
    CHECK_OK(hsm_file_replace(env->path, content, 0600));
}

hsm_bytes env_line(const hsm_buf *content, unsigned number)
{
    const uint8_t *start = content->data;
    const uint8_t *end = content->data + content->len;

    for (unsigned i = 0; start < end; i++) {
        const uint8_t *feed = memchr(start, '\n', (size_t)(end - start));

        if (feed == NULL)
            break;
        if (i == number)
            return hsm_bytes_of(start, (size_t)(feed - start));
        start = feed + 1;
    }
    CHECK_EQ(content->len, SIZE_MAX); /* there is no such line */
    return hsm_bytes_none();
}

unsigned env_count(const audit_env *env, const char *operation)
{
    HSM_AUTO(hsm_audit_reader_drop) hsm_audit_reader *reader = NULL;
    char wanted[64];
    hsm_bytes text = hsm_bytes_none();
    hsm_audit_place place;
    bool is_whole = false;
    unsigned count = 0;

    (void)snprintf(wanted, sizeof wanted, "\"operation\":\"%s\"", operation);
    CHECK_OK(hsm_audit_reader_open(env->path, false, &reader));
    while (hsm_audit_reader_next(reader, &text, &place, &is_whole) == HSM_OK)
        count += memmem(text.data, text.len, wanted, strlen(wanted)) != NULL;
    return count;
}

unsigned env_files(const audit_env *env, const char *part)
{
    DIR *directory = opendir(env->directory);
    unsigned count = 0;

    for (const struct dirent *one = NULL; directory != NULL && (one = readdir(directory)) != NULL;)
        count += strstr(one->d_name, part) != NULL;
    if (directory != NULL)
        (void)closedir(directory);
    return count;
}
