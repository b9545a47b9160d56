/* SPDX-License-Identifier: Apache-2.0 */
#include "ct/secret.h"

#include <openssl/evp.h>
#include <valgrind/memcheck.h>

#include "base/ct.h"
#include "token/internal.h"

static unsigned verdicts;

void ct_hide(const void *data, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(data, len);
}

void ct_show(const void *data, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(data, len);
}

unsigned ct_verdicts(void)
{
    const unsigned given = verdicts;

    verdicts = 0;
    return given;
}

unsigned ct_errors(void)
{
    return (unsigned)VALGRIND_COUNT_ERRORS;
}

int ct_is_watched(void)
{
    return RUNNING_ON_VALGRIND != 0;
}

/* --- the linker puts these before the functions of their names (--wrap) ------------------------- */

bool __real_hsm_ct_equal(hsm_bytes a, hsm_bytes b);
bool __wrap_hsm_ct_equal(hsm_bytes a, hsm_bytes b);
bool __wrap_hsm_ct_equal(hsm_bytes a, hsm_bytes b)
{
    bool is_equal = __real_hsm_ct_equal(a, b);

    ct_show(&is_equal, sizeof is_equal);
    verdicts++;
    return is_equal;
}

size_t __real_hsm_ct_padding(const uint8_t *block, size_t len);
size_t __wrap_hsm_ct_padding(const uint8_t *block, size_t len);
size_t __wrap_hsm_ct_padding(const uint8_t *block, size_t len)
{
    size_t padding = __real_hsm_ct_padding(block, len);

    ct_show(&padding, sizeof padding);
    verdicts++;
    return padding;
}

int __real_CRYPTO_memcmp(const void *a, const void *b, size_t len);
int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len);
int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len)
{
    int difference = __real_CRYPTO_memcmp(a, b, len);

    ct_show(&difference, sizeof difference);
    verdicts++;
    return difference;
}

/* The keys that a login derives from the PIN. */
hsm_err __real_hsm_pin_open(hsm_token *token, const hsm_token_record *record,
                            const hsm_pin_try *given, hsm_secret **out_master_key);
hsm_err __wrap_hsm_pin_open(hsm_token *token, const hsm_token_record *record,
                            const hsm_pin_try *given, hsm_secret **out_master_key);
hsm_err __wrap_hsm_pin_open(hsm_token *token, const hsm_token_record *record,
                            const hsm_pin_try *given, hsm_secret **out_master_key)
{
    ct_hide(hsm_secret_data(given->keys), hsm_secret_len(given->keys));
    const hsm_err err = __real_hsm_pin_open(token, record, given, out_master_key);
    ct_show(hsm_secret_data(given->keys), hsm_secret_len(given->keys));
    if (err == HSM_OK)
        ct_show(hsm_secret_data(*out_master_key), hsm_secret_len(*out_master_key));
    return err;
}

/* What RSA made of the ciphertext. */
int __real_RSA_padding_check_PKCS1_OAEP_mgf1(unsigned char *to, int to_len,
                                             const unsigned char *from, int from_len, int num,
                                             const unsigned char *label, int label_len,
                                             const EVP_MD *md, const EVP_MD *mgf1_md);
int __wrap_RSA_padding_check_PKCS1_OAEP_mgf1(unsigned char *to, int to_len,
                                             const unsigned char *from, int from_len, int num,
                                             const unsigned char *label, int label_len,
                                             const EVP_MD *md, const EVP_MD *mgf1_md);
int __wrap_RSA_padding_check_PKCS1_OAEP_mgf1(unsigned char *to, int to_len,
                                             const unsigned char *from, int from_len, int num,
                                             const unsigned char *label, int label_len,
                                             const EVP_MD *md, const EVP_MD *mgf1_md)
{
    ct_hide(from, (size_t)from_len);
    int len = __real_RSA_padding_check_PKCS1_OAEP_mgf1(to, to_len, from, from_len, num, label,
                                                       label_len, md, mgf1_md);
    ct_show(&len, sizeof len);
    ct_show(to, (size_t)to_len);
    ct_show(from, (size_t)from_len);
    verdicts++;
    return len;
}
