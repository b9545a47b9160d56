/* One vector of the CAVP for HMAC_DRBG: through OpenSSL's generator as src/crypto uses it, on its source
 * for tests.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef DRBG_SUPPORT_H
#define DRBG_SUPPORT_H

#include "crypto/backend_openssl.h"
#include "crypto/backend_openssl_drbg.h"
#include "sym_support.h"

typedef struct drbg_vector {
    blob entropy;
    blob nonce;
    blob personal;
    blob additional[2];
    blob new_entropy[2]; /* prediction resistance: before each request */
    blob output;         /* of the second request */
    bool is_complete;
} drbg_vector;

typedef struct drbg_pair {
    EVP_RAND_CTX *source;
    EVP_RAND_CTX *drbg;
} drbg_pair;

static inline void drbg_open(hsm_crypto *crypto, drbg_pair *out)
{
    OSSL_LIB_CTX *libctx = hsm_ossl_of(crypto)->libctx;

    *out = (drbg_pair){ 0 };
    REQUIRE_OK(hsm_drbg_known_source(libctx, &out->source));
    REQUIRE_OK(hsm_drbg_create(libctx, out->source, &out->drbg));
}

static inline void drbg_close(drbg_pair *pair)
{
    hsm_drbg_drop(&pair->drbg);
    hsm_drbg_drop(&pair->source);
}

static inline void drbg_check(const drbg_pair *pair, const drbg_vector *v)
{
    blob out = { .len = v->output.len };

    CHECK_OK(hsm_drbg_known_give(pair->source, view(&v->entropy), view(&v->nonce)));
    CHECK_OK(hsm_drbg_instantiate(pair->drbg, view(&v->personal)));
    for (size_t k = 0; k < 2; k++) {
        CHECK_OK(hsm_drbg_known_give(pair->source, view(&v->new_entropy[k]), hsm_bytes_none()));
        CHECK_OK(hsm_drbg_generate(pair->drbg, v->new_entropy[k].len > 0, view(&v->additional[k]),
                                   out.data, out.len));
    }
    CHECK_BYTES(out.data, out.len, v->output.data, v->output.len);
}

#endif
