/* Decides whether a static OpenSSL is good enough: openssl.sh links this file into a shared object
 * the way the module is linked, loads it into another program (PROBE_LOADER) and calls probe_run().
 * Returns 0, or the number of the first check that failed. */
#ifdef PROBE_LOADER

#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*run)(void) = NULL;
    int failed;

    if (library == NULL) {
        fprintf(stderr, "dlopen: %s\n", argc == 2 ? dlerror() : "usage: probe FILE");
        return 1;
    }
    *(void **)&run = dlsym(library, "probe_run");
    failed = run != NULL ? run() : 99;
    if (failed != 0)
        fprintf(stderr, "probe: check %d failed\n", failed);
    dlclose(library);
    return failed != 0;
}

#else

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <string.h>

#if OPENSSL_VERSION_NUMBER < 0x30500000L
#error "OpenSSL 3.5 or later is needed"
#endif

static const unsigned char message[] = "probe";

/* Generates a key, signs, verifies, and sees a changed signature refused. */
static int signs(OSSL_LIB_CTX *lib, const char *name)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(lib, NULL, name);
    EVP_SIGNATURE *alg = EVP_SIGNATURE_fetch(lib, name, NULL);
    EVP_PKEY_CTX *ctx = key != NULL ? EVP_PKEY_CTX_new_from_pkey(lib, key, NULL) : NULL;
    size_t len = 0;
    unsigned char *sig = NULL;
    int ok = ctx != NULL && alg != NULL && EVP_PKEY_sign_message_init(ctx, alg, NULL) > 0 &&
             EVP_PKEY_sign(ctx, NULL, &len, message, sizeof message) > 0 &&
             (sig = OPENSSL_malloc(len)) != NULL &&
             EVP_PKEY_sign(ctx, sig, &len, message, sizeof message) > 0 &&
             EVP_PKEY_verify_message_init(ctx, alg, NULL) > 0 &&
             EVP_PKEY_verify(ctx, sig, len, message, sizeof message) == 1;

    if (ok) {
        sig[len / 2] ^= 1;
        ok = EVP_PKEY_verify_message_init(ctx, alg, NULL) > 0 &&
             EVP_PKEY_verify(ctx, sig, len, message, sizeof message) != 1;
    }
    OPENSSL_free(sig);
    EVP_PKEY_CTX_free(ctx);
    EVP_SIGNATURE_free(alg);
    EVP_PKEY_free(key);
    return ok;
}

/* Encapsulates and decapsulates to the same secret. */
static int encapsulates(OSSL_LIB_CTX *lib, const char *name)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(lib, NULL, name);
    EVP_PKEY_CTX *ctx = key != NULL ? EVP_PKEY_CTX_new_from_pkey(lib, key, NULL) : NULL;
    unsigned char wrapped[2048], sent[64], got[64];
    size_t wrapped_len = sizeof wrapped, sent_len = sizeof sent, got_len = sizeof got;
    int ok = ctx != NULL && EVP_PKEY_encapsulate_init(ctx, NULL) > 0 &&
             EVP_PKEY_encapsulate(ctx, wrapped, &wrapped_len, sent, &sent_len) > 0 &&
             EVP_PKEY_decapsulate_init(ctx, NULL) > 0 &&
             EVP_PKEY_decapsulate(ctx, got, &got_len, wrapped, wrapped_len) > 0 &&
             sent_len == got_len && CRYPTO_memcmp(sent, got, got_len) == 0;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    return ok;
}

/* The DRBG named in the architecture exists and becomes the source of all randomness. */
static int draws(OSSL_LIB_CTX *lib)
{
    unsigned char a[32] = { 0 }, b[32] = { 0 };
    EVP_RAND *drbg = EVP_RAND_fetch(lib, "HMAC-DRBG", NULL);
    int ok = drbg != NULL && RAND_set_DRBG_type(lib, "HMAC-DRBG", NULL, NULL, "SHA256") == 1 &&
             RAND_priv_bytes_ex(lib, a, sizeof a, 256) == 1 &&
             RAND_bytes_ex(lib, b, sizeof b, 256) == 1 && CRYPTO_memcmp(a, b, sizeof a) != 0;

    EVP_RAND_free(drbg);
    return ok;
}

/* What the store and the classical mechanisms cannot do without. */
static int has_classics(OSSL_LIB_CTX *lib)
{
    static const char *const ciphers[] = { "AES-256-GCM", "AES-256-WRAP", "AES-256-CTR",
                                           "AES-256-XTS", "DES-EDE3-CBC", "ChaCha20-Poly1305" };
    static const char *const curves[] = { "P-256", "P-384", "P-521", "secp256k1" };

    for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
        EVP_CIPHER *cipher = EVP_CIPHER_fetch(lib, ciphers[i], NULL);

        if (cipher == NULL)
            return 0;
        EVP_CIPHER_free(cipher);
    }
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(lib, NULL, "EC", curves[i]);

        if (key == NULL)
            return 0;
        EVP_PKEY_free(key);
    }
    return 1;
}

static int run_checks(OSSL_LIB_CTX *lib)
{
    if (!draws(lib)) /* first: the DRBG type cannot change after its first use */
        return 2;
    if (!has_classics(lib))
        return 3;
    if (!signs(lib, "ML-DSA-65"))
        return 4;
    if (!signs(lib, "SLH-DSA-SHA2-128f"))
        return 5;
    if (!encapsulates(lib, "ML-KEM-768"))
        return 6;
    return 0;
}

__attribute__((visibility("default"))) int probe_run(void)
{
    OSSL_LIB_CTX *lib = NULL;
    OSSL_PROVIDER *provider = NULL;
    int failed = 1;

    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1 &&
        (lib = OSSL_LIB_CTX_new()) != NULL &&
        (provider = OSSL_PROVIDER_load(lib, "default")) != NULL)
        failed = run_checks(lib);
    OSSL_PROVIDER_unload(provider);
    OSSL_LIB_CTX_free(lib);
    return failed;
}

#endif
