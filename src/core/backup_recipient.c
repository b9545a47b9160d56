/* Backups for recipients: a random secret, sealed for each of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/backup_parts.h"
#include "crypto/export.h"

/* The key that seals the secret, of what encapsulation gave; used once, so its nonce is zero. */
static hsm_err block_aead(hsm_crypto *crypto, const hsm_backup_head *head, hsm_bytes shared,
                          hsm_aead **out_aead)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_secret_create(HSM_AEAD_KEY_BYTES, &key));
    HSM_TRY(hsm_crypto_hkdf(crypto, shared, hsm_bytes_of(head->salt, sizeof head->salt),
                            hsm_bytes_of_text("craton-hsm/2 backup recipient"), key));
    return hsm_aead_create(crypto, hsm_secret_view(key), out_aead);
}

static const uint8_t zero_nonce[HSM_AEAD_NONCE_BYTES];

static hsm_err write_block(hsm_crypto *crypto, const hsm_backup_head *head, hsm_bytes spki,
                           hsm_bytes secret, hsm_buf *out)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
    HSM_AUTO(hsm_aead_drop) hsm_aead *aead = NULL;
    uint8_t block[HSM_BACKUP_BLOCK_BYTES];
    uint8_t *ciphertext = block + HSM_SHA256_BYTES;

    HSM_TRY(hsm_crypto_sha256(crypto, spki, block));
    HSM_TRY(hsm_recipient_seal(crypto, spki, ciphertext, &shared));
    HSM_TRY(block_aead(crypto, head, hsm_secret_view(shared), &aead));
    HSM_TRY(hsm_aead_seal(aead, zero_nonce, hsm_bytes_of(head->id, sizeof head->id), secret,
                          ciphertext + HSM_RECIPIENT_CIPHERTEXT_BYTES));
    return hsm_buf_append(out, hsm_bytes_of(block, sizeof block));
}

hsm_err hsm_backup_write_blocks(hsm_crypto *crypto, const hsm_backup_head *head,
                                const hsm_backup_lock *lock, hsm_buf *out, hsm_secret **out_secret)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    HSM_TRY(hsm_secret_create(HSM_RECIPIENT_SECRET_BYTES, &secret));
    HSM_TRY(hsm_crypto_random(crypto, hsm_secret_data(secret), HSM_RECIPIENT_SECRET_BYTES));
    for (size_t i = 0; i < lock->recipient_count; i++)
        HSM_TRY(write_block(crypto, head, lock->recipients[i], hsm_secret_view(secret), out));
    *out_secret = HSM_MOVE(secret);
    return HSM_OK;
}

static hsm_err read_block(hsm_crypto *crypto, const hsm_backup_head *head, hsm_bytes private_key,
                          hsm_bytes block, hsm_secret **out_secret)
{
    const hsm_bytes ciphertext =
        hsm_bytes_of(block.data + HSM_SHA256_BYTES, HSM_RECIPIENT_CIPHERTEXT_BYTES);
    const hsm_bytes sealed = hsm_bytes_of(ciphertext.data + ciphertext.len,
                                          HSM_RECIPIENT_SECRET_BYTES + HSM_AEAD_TAG_BYTES);
    HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_aead_drop) hsm_aead *aead = NULL;

    const hsm_err err = hsm_recipient_open(crypto, private_key, ciphertext, &shared);
    HSM_CHECK(err != HSM_E_WRAPPED_KEY, HSM_E_ENCRYPTED_DATA);
    HSM_TRY(err);
    HSM_TRY(block_aead(crypto, head, hsm_secret_view(shared), &aead));
    HSM_TRY(hsm_secret_create(HSM_RECIPIENT_SECRET_BYTES, &secret));
    HSM_TRY(hsm_aead_open(aead, zero_nonce, hsm_bytes_of(head->id, sizeof head->id), sealed,
                          hsm_secret_data(secret)));
    *out_secret = HSM_MOVE(secret);
    return HSM_OK;
}

hsm_err hsm_backup_read_blocks(hsm_crypto *crypto, const hsm_backup_head *head, hsm_bytes blocks,
                               hsm_bytes private_key, hsm_secret **out_secret)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf spki = { 0 };
    uint8_t name[HSM_SHA256_BYTES];

    HSM_TRY(hsm_recipient_public(crypto, private_key, &spki));
    HSM_TRY(hsm_crypto_sha256(crypto, hsm_buf_view(&spki), name));
    for (size_t at = 0; at < blocks.len; at += HSM_BACKUP_BLOCK_BYTES) {
        const hsm_bytes block = hsm_bytes_of(blocks.data + at, HSM_BACKUP_BLOCK_BYTES);

        if (hsm_bytes_equal(hsm_bytes_of(block.data, sizeof name), hsm_bytes_of(name, sizeof name)))
            return read_block(crypto, head, private_key, block, out_secret);
    }
    return HSM_E_ENCRYPTED_DATA;
}

/* --- keys ---------------------------------------------------------------------------------------- */

hsm_err hsm_core_make_recipient(hsm_core *core, hsm_bytes passphrase, hsm_buf *out_private,
                                hsm_buf *out_public)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pkcs8 = NULL;

    HSM_TRY(hsm_backup_check_passphrase(passphrase));
    HSM_TRY(hsm_recipient_generate(core->crypto, &pkcs8, out_public));
    return hsm_export_pkcs8(core->crypto, hsm_secret_view(pkcs8), passphrase, out_private);
}

hsm_err hsm_core_read_recipient(hsm_core *core, hsm_bytes file, hsm_buf *out_spki)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf spki = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *tried = NULL;
    uint8_t ciphertext[HSM_RECIPIENT_CIPHERTEXT_BYTES];

    HSM_CHECK(file.len > 0, HSM_E_DATA);
    if (file.data[0] == '-')
        HSM_TRY(hsm_export_read_pem(file, "PUBLIC KEY", &spki));
    else
        HSM_TRY(hsm_buf_append(&spki, file));
    HSM_TRY(hsm_recipient_seal(core->crypto, hsm_buf_view(&spki), ciphertext, &tried));
    return hsm_buf_append(out_spki, hsm_buf_view(&spki));
}

hsm_err hsm_core_open_recipient(hsm_core *core, hsm_bytes file, hsm_bytes passphrase,
                                hsm_secret **out_private_key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pkcs8 = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf spki = { 0 };

    HSM_TRY(hsm_export_open_pkcs8(core->crypto, file, passphrase, &pkcs8));
    HSM_TRY(hsm_recipient_public(core->crypto, hsm_secret_view(pkcs8), &spki));
    *out_private_key = HSM_MOVE(pkcs8);
    return HSM_OK;
}
