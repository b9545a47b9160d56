/* The operations that are measured, as an application would call them: the session is looked up for
 * each call, and each operation is begun anew.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/bench.h"
#include "base/handle.h"

#define DATA_BYTES_MAX 1024u
#define GCM_IV_BYTES 12u
#define GCM_TAG_BITS 128u
#define HASH_BYTES_MAX 64u

static const uint8_t data[DATA_BYTES_MAX];

static hsm_bytes data_of(const hsm_bench_row *row)
{
    return hsm_bytes_of(data, row->data_bytes);
}

static hsm_err begin(const hsm_bench_loop *loop, hsm_op op, const CK_MECHANISM *mechanism,
                     CK_OBJECT_HANDLE key)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(loop->core, loop->session, &session));
    return hsm_core_op_init(loop->core, session, op, mechanism, key);
}

/* The result goes into `out`. */
static hsm_err finish(const hsm_bench_loop *loop, hsm_op op, hsm_out *out)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session_go_on(loop->core, loop->session, &session));
    return hsm_core_op_single(loop->core, session, op, data_of(loop->row), out);
}

static hsm_err sign_once(hsm_bench_loop *loop)
{
    const CK_MECHANISM mechanism = { .mechanism = loop->row->mechanism };
    hsm_out out = hsm_out_of(loop->result, sizeof loop->result);

    HSM_TRY(begin(loop, HSM_OP_SIGN, &mechanism, loop->use_key));
    HSM_TRY(finish(loop, HSM_OP_SIGN, &out));
    loop->result_len = out.len;
    return HSM_OK;
}

static hsm_err verify_once(hsm_bench_loop *loop)
{
    const CK_MECHANISM mechanism = { .mechanism = loop->row->mechanism };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(begin(loop, HSM_OP_VERIFY, &mechanism, loop->public_key));
    HSM_TRY(hsm_core_session_go_on(loop->core, loop->session, &session));
    return hsm_core_verify(loop->core, session, data_of(loop->row),
                           hsm_bytes_of(loop->result, loop->result_len));
}

/* Its IV is another one each time, also among threads: that of the session and its count. */
static hsm_err encrypt_once(hsm_bench_loop *loop)
{
    const uint32_t thread = (uint32_t)loop->session;
    uint8_t iv[GCM_IV_BYTES];
    CK_GCM_PARAMS gcm = {
        .pIv = iv, .ulIvLen = sizeof iv, .ulIvBits = 8 * sizeof iv, .ulTagBits = GCM_TAG_BITS
    };
    const CK_MECHANISM mechanism = { loop->row->mechanism, &gcm, sizeof gcm };
    hsm_out out = hsm_out_of(loop->result, sizeof loop->result);

    memcpy(iv, &thread, sizeof thread);
    memcpy(iv + sizeof thread, &loop->count, sizeof loop->count);
    HSM_TRY(begin(loop, HSM_OP_ENCRYPT, &mechanism, loop->use_key));
    return finish(loop, HSM_OP_ENCRYPT, &out);
}

static hsm_err digest_once(hsm_bench_loop *loop)
{
    const CK_MECHANISM mechanism = { .mechanism = loop->row->mechanism };
    uint8_t hash[HASH_BYTES_MAX];
    hsm_out out = hsm_out_of(hash, sizeof hash);

    HSM_TRY(begin(loop, HSM_OP_DIGEST, &mechanism, HSM_HANDLE_NONE));
    return finish(loop, HSM_OP_DIGEST, &out);
}

static hsm_err random_once(hsm_bench_loop *loop)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(loop->core, loop->session, &session));
    return hsm_core_random(loop->core, session, loop->result, loop->row->data_bytes);
}

/* --- what makes objects: they are destroyed at once, which counts ------------------------------- */

static hsm_err encapsulate_once(hsm_bench_loop *loop)
{
    const CK_MECHANISM mechanism = { .mechanism = loop->row->mechanism };
    const hsm_template tmpl = hsm_named_template(&loop->templates->shared_key);
    const hsm_kem_request request = { &mechanism, loop->public_key, &tmpl };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_out out = hsm_out_of(loop->result, sizeof loop->result);
    CK_OBJECT_HANDLE made = HSM_HANDLE_NONE;

    HSM_TRY(hsm_core_session(loop->core, loop->session, &session));
    HSM_TRY(hsm_core_encapsulate_key(loop->core, session, &request, &out, &made));
    loop->result_len = out.len;
    return hsm_core_destroy_object(loop->core, session, made);
}

static hsm_err decapsulate_once(hsm_bench_loop *loop)
{
    const CK_MECHANISM mechanism = { .mechanism = loop->row->mechanism };
    const hsm_template tmpl = hsm_named_template(&loop->templates->shared_key);
    const hsm_kem_request request = { &mechanism, loop->use_key, &tmpl };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE made = HSM_HANDLE_NONE;

    HSM_TRY(hsm_core_session(loop->core, loop->session, &session));
    HSM_TRY(hsm_core_decapsulate_key(loop->core, session, &request,
                                     hsm_bytes_of(loop->result, loop->result_len), &made));
    return hsm_core_destroy_object(loop->core, session, made);
}

static hsm_err pair_once(hsm_bench_loop *loop)
{
    const CK_MECHANISM mechanism = { .mechanism = loop->row->mechanism };
    const hsm_template public_template = hsm_named_template(&loop->templates->public_key);
    const hsm_template private_template = hsm_named_template(&loop->templates->use_key);
    const hsm_pair_request request = { &mechanism, &public_template, &private_template };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE public_key = HSM_HANDLE_NONE;
    CK_OBJECT_HANDLE private_key = HSM_HANDLE_NONE;

    HSM_TRY(hsm_core_session(loop->core, loop->session, &session));
    HSM_TRY(hsm_core_generate_pair(loop->core, session, &request, &public_key, &private_key));
    HSM_TRY(hsm_core_destroy_object(loop->core, session, public_key));
    return hsm_core_destroy_object(loop->core, session, private_key);
}

/* --- the table ------------------------------------------------------------------------------------ */

#define PAIR_ROW(what, kind, mech, uses, public_uses) \
    .name = kind what, .key = kind, .mechanism = (mech), .use = (uses), .public_use = (public_uses)
#define SIGN_ROW(kind, mech, bytes)                                                               \
    {                                                                                             \
        PAIR_ROW(" sign", kind, mech, "SIGN", "VERIFY"), .data_bytes = (bytes), .once = sign_once \
    }
#define VERIFY_ROW(kind, mech, bytes)                                        \
    {                                                                        \
        PAIR_ROW(" verify", kind, mech, "SIGN", "VERIFY"),                   \
            .data_bytes = (bytes), .prepare = sign_once, .once = verify_once \
    }

static const hsm_bench_row rows[] = {
    SIGN_ROW("RSA-2048", CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROW("RSA-3072", CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROW("RSA-4096", CKM_SHA256_RSA_PKCS, 64),
    SIGN_ROW("P-256", CKM_ECDSA, 32),
    VERIFY_ROW("P-256", CKM_ECDSA, 32),
    SIGN_ROW("P-384", CKM_ECDSA, 48),
    VERIFY_ROW("P-384", CKM_ECDSA, 48),
    SIGN_ROW("Ed25519", CKM_EDDSA, 64),
    VERIFY_ROW("Ed25519", CKM_EDDSA, 64),
    SIGN_ROW("ML-DSA-65", CKM_ML_DSA, 64),
    VERIFY_ROW("ML-DSA-65", CKM_ML_DSA, 64),
    { PAIR_ROW(" encapsulate", "ML-KEM-768", CKM_ML_KEM, "DECAPSULATE", "ENCAPSULATE"),
      .once = encapsulate_once },
    { PAIR_ROW(" decapsulate", "ML-KEM-768", CKM_ML_KEM, "DECAPSULATE", "ENCAPSULATE"),
      .prepare = encapsulate_once, .once = decapsulate_once },
    { PAIR_ROW(" key pair", "P-256", CKM_EC_KEY_PAIR_GEN, "SIGN", "VERIFY"), .once = pair_once },
    { .name = "AES-256-GCM 1 KiB",
      .key = "AES-256",
      .use = "ENCRYPT",
      .mechanism = CKM_AES_GCM,
      .data_bytes = 1024,
      .once = encrypt_once },
    { .name = "HMAC-SHA-256 64 B",
      .key = "SHA256-HMAC",
      .use = "SIGN",
      .mechanism = CKM_SHA256_HMAC,
      .data_bytes = 64,
      .once = sign_once },
    { .name = "SHA-256 64 B", .mechanism = CKM_SHA256, .data_bytes = 64, .once = digest_once },
    { .name = "random 32 B", .data_bytes = 32, .once = random_once },
    { .name = "durable write",
      .prepare = hsm_bench_disk_prepare,
      .once = hsm_bench_disk_once,
      .end = hsm_bench_disk_end,
      .is_alone = true },
};

const hsm_bench_row *hsm_bench_rows(size_t *out_count)
{
    *out_count = HSM_ARRAY_LEN(rows);
    return rows;
}
