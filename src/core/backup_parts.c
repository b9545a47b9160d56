/* SPDX-License-Identifier: Apache-2.0 */
#include "core/backup_parts.h"

static const uint8_t magic[4] = { 'R', 'H', 'B', 'K' };

#define FRAME_MAX_BYTES (HSM_OBJECT_MAX_BYTES * 2)
/* The older system's, without an object: letters, version, salt, nonce, tag, and a head in its content. */
#define OLDER_MIN_BYTES (4u + 4u + 32u + 12u + 16u + 32u)

/* --- the passphrase --------------------------------------------------------------------------- */

static size_t count_bits(uint64_t set)
{
    size_t count = 0;

    for (; set != 0; set &= set - 1)
        count++;
    return count;
}

static unsigned class_of(uint8_t c)
{
    if (c >= 'a' && c <= 'z')
        return 1u;
    if (c >= 'A' && c <= 'Z')
        return 2u;
    return c >= '0' && c <= '9' ? 4u : 8u;
}

hsm_err hsm_backup_check_passphrase(hsm_bytes passphrase)
{
    uint64_t seen[4] = { 0 };
    unsigned classes = 0;
    size_t distinct = 0;

    for (size_t i = 0; i < passphrase.len; i++) {
        const uint8_t c = passphrase.data[i];
        seen[c >> 6] |= UINT64_C(1) << (c & 63);
        classes |= class_of(c);
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(seen); i++)
        distinct += count_bits(seen[i]);
    explicit_bzero(seen, sizeof seen);
    const bool is_mixed = passphrase.len >= 16 && count_bits(classes) >= 3 && distinct >= 6;
    const bool is_long = passphrase.len >= 24 && distinct >= 12;
    return is_mixed || is_long ? HSM_OK : HSM_E_PIN_LEN;
}

/* --- the head --------------------------------------------------------------------------------- */

/* The older format counts from the little end, and this one up to the version as well. */
static uint32_t little(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

hsm_err hsm_backup_write_head(const hsm_backup_head *head, uint8_t out[HSM_BACKUP_HEAD_BYTES])
{
    hsm_writer writer = hsm_writer_of(out, HSM_BACKUP_HEAD_BYTES);
    const uint8_t version[4] = { HSM_BACKUP_FORMAT };

    hsm_write_raw(&writer, hsm_bytes_of(magic, sizeof magic));
    hsm_write_raw(&writer, hsm_bytes_of(version, sizeof version));
    hsm_write_raw(&writer, hsm_bytes_of(head->id, sizeof head->id));
    hsm_write_u64(&writer, head->created_ns);
    hsm_write_raw(&writer, hsm_bytes_of(head->serial, sizeof head->serial));
    hsm_write_raw(&writer, hsm_bytes_of(head->label, sizeof head->label));
    hsm_write_u8(&writer,
                 (uint8_t)(head->method | (head->is_selected ? HSM_BACKUP_SELECTED_BIT : 0)));
    hsm_write_u32(&writer, head->iterations);
    hsm_write_raw(&writer, hsm_bytes_of(head->salt, sizeof head->salt));
    return hsm_writer_end(&writer);
}

/* Where ours has the token's serial and its kind, the older system's format 2 has a part of its nonce and
 * ciphertext. Both look like ours in one of 130 million files. */
#define SERIAL_AT 32u
#define KIND_AT 80u
#define KIND_END 16u /* kinds to come are below */

static bool is_ours(hsm_bytes backup)
{
    bool is = backup.len > KIND_AT && backup.data[KIND_AT] > 0 && backup.data[KIND_AT] < KIND_END;

    for (size_t i = SERIAL_AT; is && i < SERIAL_AT + 16; i++)
        is = backup.data[i] >= 0x20 && backup.data[i] <= 0x7e;
    return is;
}

/* What follows letters and version in ours. */
static hsm_err read_fields(hsm_reader *reader, hsm_backup_head *head)
{
    hsm_read_copy(reader, head->id, sizeof head->id);
    head->created_ns = hsm_read_u64(reader);
    hsm_read_copy(reader, head->serial, sizeof head->serial);
    hsm_read_copy(reader, head->label, sizeof head->label);
    const uint8_t kind = hsm_read_u8(reader);
    const unsigned method = kind & ~HSM_BACKUP_SELECTED_BIT;
    head->iterations = hsm_read_u32(reader);
    hsm_read_copy(reader, head->salt, sizeof head->salt);
    HSM_CHECK(!reader->is_failed, HSM_E_DATA);
    HSM_CHECK(method == HSM_BACKUP_BY_PASSPHRASE || method == HSM_BACKUP_BY_RECIPIENTS,
              HSM_E_STORE_VERSION);
    head->method = (hsm_backup_method)method;
    head->is_selected = (kind & HSM_BACKUP_SELECTED_BIT) != 0;
    const uint32_t most =
        method == HSM_BACKUP_BY_PASSPHRASE ? HSM_BACKUP_ITERATIONS_MAX : HSM_BACKUP_RECIPIENTS_MAX;
    HSM_CHECK(head->iterations >= 1 && head->iterations <= most, HSM_E_DATA);
    return HSM_OK;
}

hsm_err hsm_backup_read_head(hsm_bytes backup, hsm_backup_head *out_head)
{
    hsm_reader reader = hsm_reader_of(backup);
    hsm_backup_head head = { .method = HSM_BACKUP_BY_PASSPHRASE };
    uint8_t version[4];

    HSM_CHECK(
        hsm_bytes_equal(hsm_read_raw(&reader, sizeof magic), hsm_bytes_of(magic, sizeof magic)),
        HSM_E_DATA);
    hsm_read_copy(&reader, version, sizeof version);
    HSM_CHECK(!reader.is_failed, HSM_E_DATA);
    head.format = little(version);
    HSM_CHECK(head.format == 1 || head.format == HSM_BACKUP_FORMAT, HSM_E_STORE_VERSION);
    HSM_CHECK(backup.len >= OLDER_MIN_BYTES, HSM_E_DATA);
    head.is_older = head.format == 1 || !is_ours(backup);
    if (!head.is_older)
        HSM_TRY(read_fields(&reader, &head));
    *out_head = head;
    return HSM_OK;
}

/* --- the seal --------------------------------------------------------------------------------- */

void hsm_backup_seal_clear(hsm_backup_seal *seal)
{
    hsm_aead_destroy(seal->aead);
    seal->aead = NULL;
}

/* The key of a secret, and the hash of all that is in the clear. */
static hsm_err make_seal(hsm_crypto *crypto, const hsm_backup_head *head, hsm_bytes secret,
                         hsm_bytes clear, hsm_backup_seal *out_seal)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;
    hsm_backup_seal seal = { 0 };

    HSM_TRY(hsm_crypto_sha256(crypto, clear, seal.head_hash));
    HSM_TRY(hsm_secret_create(HSM_AEAD_KEY_BYTES, &key));
    HSM_TRY(hsm_crypto_hkdf(crypto, secret, hsm_bytes_of(head->id, sizeof head->id),
                            hsm_bytes_of_text("craton-hsm/2 backup"), key));
    HSM_TRY(hsm_aead_create(crypto, hsm_secret_view(key), &seal.aead));
    *out_seal = seal;
    return HSM_OK;
}

static hsm_err stretch(hsm_crypto *crypto, const hsm_backup_head *head, hsm_bytes passphrase,
                       hsm_secret **out_secret)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    HSM_TRY(hsm_secret_create(HSM_AEAD_KEY_BYTES, &secret));
    HSM_TRY(hsm_crypto_pbkdf2(crypto, passphrase, hsm_bytes_of(head->salt, sizeof head->salt),
                              head->iterations, secret));
    *out_secret = HSM_MOVE(secret);
    return HSM_OK;
}

hsm_err hsm_backup_lock_up(hsm_crypto *crypto, const hsm_backup_head *head,
                           const hsm_backup_lock *lock, hsm_buf *out, hsm_backup_seal *out_seal)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    uint8_t bytes[HSM_BACKUP_HEAD_BYTES];

    HSM_TRY(hsm_backup_write_head(head, bytes));
    HSM_TRY(hsm_buf_append(out, hsm_bytes_of(bytes, sizeof bytes)));
    HSM_TRY(head->method == HSM_BACKUP_BY_RECIPIENTS
                ? hsm_backup_write_blocks(crypto, head, lock, out, &secret)
                : stretch(crypto, head, lock->passphrase, &secret));
    return make_seal(crypto, head, hsm_secret_view(secret), hsm_buf_view(out), out_seal);
}

hsm_err hsm_backup_unlock(hsm_crypto *crypto, const hsm_backup_head *head, hsm_bytes backup,
                          const hsm_backup_key *key, hsm_backup_seal *out_seal, hsm_bytes *out_rest)
{
    const bool has_blocks = head->method == HSM_BACKUP_BY_RECIPIENTS;
    const size_t block_bytes = has_blocks ? head->iterations * HSM_BACKUP_BLOCK_BYTES : 0;
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    hsm_reader reader = hsm_reader_of(backup);

    const hsm_bytes clear = hsm_read_raw(&reader, HSM_BACKUP_HEAD_BYTES + block_bytes);
    HSM_CHECK(!reader.is_failed, HSM_E_ENCRYPTED_DATA);
    const hsm_bytes blocks = hsm_bytes_of(clear.data + HSM_BACKUP_HEAD_BYTES, block_bytes);
    HSM_TRY(has_blocks ? hsm_backup_read_blocks(crypto, head, blocks, key->private_key, &secret)
                       : stretch(crypto, head, key->passphrase, &secret));
    HSM_TRY(make_seal(crypto, head, hsm_secret_view(secret), clear, out_seal));
    *out_rest = reader.rest;
    return HSM_OK;
}

/* --- frames: u8 kind, u32 length, sealed bytes -------------------------------------------------- */

/* A number is never used twice under a key: a backup has its own salt, and frames are counted. */
static void nonce_of(uint64_t frame, uint8_t nonce[HSM_AEAD_NONCE_BYTES])
{
    hsm_writer writer = hsm_writer_of(nonce, HSM_AEAD_NONCE_BYTES);

    hsm_write_u32(&writer, 0);
    hsm_write_u64(&writer, frame);
}

#define AAD_BYTES (HSM_SHA256_BYTES + 1u + 8u)

static hsm_bytes aad_of(const hsm_backup_seal *seal, hsm_backup_frame kind, uint8_t room[AAD_BYTES])
{
    hsm_writer writer = hsm_writer_of(room, AAD_BYTES);

    hsm_write_raw(&writer, hsm_bytes_of(seal->head_hash, sizeof seal->head_hash));
    hsm_write_u8(&writer, (uint8_t)kind);
    hsm_write_u64(&writer, seal->frames);
    return hsm_bytes_of(room, AAD_BYTES);
}

hsm_err hsm_backup_put_frame(hsm_backup_seal *seal, hsm_backup_frame kind, hsm_bytes plain,
                             hsm_buf *out)
{
    const size_t sealed_len = plain.len + HSM_AEAD_TAG_BYTES;
    uint8_t nonce[HSM_AEAD_NONCE_BYTES];
    uint8_t aad[AAD_BYTES];

    HSM_TRY(hsm_buf_reserve(out, 5 + sealed_len));
    hsm_writer writer = hsm_writer_of(out->data + out->len, 5);
    hsm_write_u8(&writer, (uint8_t)kind);
    hsm_write_u32(&writer, (uint32_t)sealed_len);
    HSM_TRY(hsm_writer_end(&writer));
    nonce_of(seal->frames, nonce);
    HSM_TRY(
        hsm_aead_seal(seal->aead, nonce, aad_of(seal, kind, aad), plain, out->data + out->len + 5));
    out->len += 5 + sealed_len;
    seal->frames++;
    return HSM_OK;
}

static hsm_err open_into(hsm_backup_seal *seal, hsm_backup_frame kind, hsm_bytes sealed,
                         uint8_t *out)
{
    uint8_t nonce[HSM_AEAD_NONCE_BYTES];
    uint8_t aad[AAD_BYTES];

    nonce_of(seal->frames, nonce);
    HSM_TRY(hsm_aead_open(seal->aead, nonce, aad_of(seal, kind, aad), sealed, out));
    seal->frames++;
    return HSM_OK;
}

hsm_err hsm_backup_get_frame(hsm_backup_seal *seal, hsm_reader *reader, hsm_backup_frame *out_kind,
                             hsm_buf *out_plain, hsm_secret **out_secret)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    const uint8_t kind = hsm_read_u8(reader);
    const hsm_bytes sealed = hsm_read_bytes(reader, FRAME_MAX_BYTES);

    HSM_CHECK(!reader->is_failed && sealed.len > HSM_AEAD_TAG_BYTES, HSM_E_ENCRYPTED_DATA);
    HSM_CHECK(kind >= HSM_BACKUP_PUBLIC && kind <= HSM_BACKUP_END, HSM_E_ENCRYPTED_DATA);
    const size_t len = sealed.len - HSM_AEAD_TAG_BYTES;
    if (kind == HSM_BACKUP_SECRET) {
        HSM_CHECK(len <= HSM_SECRET_MAX_BYTES, HSM_E_ENCRYPTED_DATA);
        HSM_TRY(hsm_secret_create(len, &secret));
        HSM_TRY(open_into(seal, kind, sealed, hsm_secret_data(secret)));
        *out_secret = HSM_MOVE(secret);
    } else {
        hsm_buf_reset(out_plain);
        HSM_TRY(hsm_buf_reserve(out_plain, len));
        HSM_TRY(open_into(seal, kind, sealed, out_plain->data));
        out_plain->len = len;
    }
    *out_kind = kind;
    return HSM_OK;
}
