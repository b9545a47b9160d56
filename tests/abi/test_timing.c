/* Failures of decrypting and unwrapping take the same time whatever is wrong, and RSA PKCS#1 v1.5 the same
 * as a success. Processor time of two classes of input in turn, as dudect does it, judged by medians: a
 * busy machine adds to both. The limit is wide, and a round that passes it is enough, so that the test
 * shows gross leaks and does not fail by chance; CRATON_HSM_TEST_LONG=1 measures longer, with a narrow one. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "support.h"

#define TIMED_FIXTURE(name)                               \
    if (IS_SANITIZED)                                     \
        SKIP("a sanitizer's own time hides differences"); \
    FIXTURE(name)

enum { INPUT_MAX = 512, CLASSES = 2, ROUNDS_MAX = 4, SAMPLES_MAX = 20000 };

/* One input of a class. */
typedef struct input {
    CK_BYTE data[INPUT_MAX];
    CK_ULONG len;
} input;

typedef struct trial {
    const fixture *fix;
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE key;
    bool is_unwrap;
    CK_RV want[CLASSES];
    input in[CLASSES];
} trial;

static bool is_long(void)
{
    return getenv("CRATON_HSM_TEST_LONG") != NULL;
}

static CK_RV decrypt(trial *t, const input *in)
{
    CK_BYTE out[INPUT_MAX];
    CK_ULONG len = sizeof out;

    CHECK_OK(p11->C_DecryptInit(t->fix->session, &t->mechanism, t->key));
    return p11->C_Decrypt(t->fix->session, (CK_BYTE_PTR)(uintptr_t)in->data, in->len, out, &len);
}

static CK_RV unwrap(trial *t, const input *in)
{
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    return p11->C_UnwrapKey(t->fix->session, &t->mechanism, t->key,
                            (CK_BYTE_PTR)(uintptr_t)in->data, in->len, tmpl.at, tmpl.count, &made);
}

/* Nanoseconds of this thread's processor time for one use of an input. */
static double time_one(trial *t, size_t which)
{
    struct timespec from, to;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    const CK_RV rv = t->is_unwrap ? unwrap(t, &t->in[which]) : decrypt(t, &t->in[which]);
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    CHECK_EQ(rv, t->want[which]);
    return (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
}

static int by_size(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

/* By how much, as a part of it, the median time of one class differs from the other's. */
static double difference(trial *t, size_t samples)
{
    static double times[CLASSES][SAMPLES_MAX];
    double median[CLASSES];

    for (size_t i = 0; i < samples; i++) {
        for (size_t k = 0; k < CLASSES; k++)
            times[(i + k) % CLASSES][i] = time_one(t, (i + k) % CLASSES);
    }
    for (size_t k = 0; k < CLASSES; k++) {
        qsort(times[k], samples, sizeof times[k][0], by_size);
        median[k] = times[k][samples / 2];
    }
    const double apart = median[0] > median[1] ? median[0] / median[1] : median[1] / median[0];
    return apart - 1;
}

/* Whether some round finds the two classes alike. */
static bool are_alike(trial *t, size_t samples, const char *label)
{
    const double limit = is_long() ? 0.02 : 0.10;
    double best = 1e9;

    if (is_long())
        samples *= 10;
    for (int round = 0; round < ROUNDS_MAX && best > limit; round++) {
        const double now = difference(t, samples);
        best = now < best ? now : best;
    }
    printf("# %s: %.2f%% apart\n", label, best * 100);
    return best <= limit;
}

/* --- inputs ------------------------------------------------------------------------------------- */

static void encrypt_to(const fixture *fix, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                       const CK_BYTE *text, CK_ULONG len, input *out)
{
    out->len = sizeof out->data;
    CHECK_OK(p11->C_EncryptInit(fix->session, mechanism, key));
    CHECK_OK(p11->C_Encrypt(fix->session, (CK_BYTE_PTR)(uintptr_t)text, len, out->data, &out->len));
}

/* Below any modulus of its length, and without any padding but by a chance of 2^-16. */
static void put_noise(const fixture *fix, input *out)
{
    out->len = 256;
    CHECK_OK(p11->C_GenerateRandom(fix->session, out->data, out->len));
    out->data[0] = 0;
}

static void rsa_pkcs_1(void)
{
    TIMED_FIXTURE(fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    trial t = { .fix = &fix, .mechanism = { CKM_RSA_PKCS, NULL, 0 }, .key = keys.private_key };
    const CK_BYTE text[32] = { 7 };

    encrypt_to(&fix, &t.mechanism, keys.public_key, text, sizeof text, &t.in[0]);
    put_noise(&fix, &t.in[1]);
    CHECK_THAT(are_alike(&t, 300, "RSA PKCS#1 v1.5, right and wrong"));
}

static void rsa_oaep(void)
{
    TIMED_FIXTURE(fix);
    CK_BYTE label[] = "another";
    CK_RSA_PKCS_OAEP_PARAMS params = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_RSA_PKCS_OAEP_PARAMS other = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, label, 7 };
    CK_MECHANISM with_other = { CKM_RSA_PKCS_OAEP, &other, sizeof other };
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    trial t = { .fix = &fix,
                .mechanism = { CKM_RSA_PKCS_OAEP, &params, sizeof params },
                .key = keys.private_key,
                .want = { CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_INVALID } };
    const CK_BYTE text[32] = { 7 };

    encrypt_to(&fix, &with_other, keys.public_key, text, sizeof text, &t.in[0]);
    put_noise(&fix, &t.in[1]);
    CHECK_THAT(are_alike(&t, 300, "RSA OAEP, wrong label and no padding"));
}

/* Blocks that fail at the last and at the first byte of their padding. */
static void cbc_pad(void)
{
    TIMED_FIXTURE(fix);
    CK_BYTE iv[16] = { 1 }, text[CLASSES][48];
    CK_MECHANISM cbc = { CKM_AES_CBC, iv, sizeof iv };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "aes");
    trial t = { .fix = &fix,
                .mechanism = { CKM_AES_CBC_PAD, iv, sizeof iv },
                .key = key,
                .want = { CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_INVALID } };

    memset(text, 16, sizeof text);
    text[0][47] = 0;
    text[1][32] = 0;
    for (size_t k = 0; k < CLASSES; k++)
        encrypt_to(&fix, &cbc, key, text[k], sizeof text[k], &t.in[k]);
    CHECK_THAT(are_alike(&t, 2000, "AES-CBC-PAD, last and first byte"));
    t.is_unwrap = true;
    t.want[0] = t.want[1] = CKR_WRAPPED_KEY_INVALID;
    CHECK_THAT(are_alike(&t, 2000, "unwrapping by it"));
}

static void key_wrap(void)
{
    TIMED_FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "aes");
    trial t = { .fix = &fix,
                .mechanism = { CKM_AES_KEY_WRAP_KWP, NULL, 0 },
                .key = key,
                .is_unwrap = true,
                .want = { CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_INVALID } };

    for (size_t k = 0; k < CLASSES; k++) {
        t.in[k].len = sizeof t.in[k].data;
        CHECK_OK(p11->C_WrapKey(fix.session, &t.mechanism, key, key, t.in[k].data, &t.in[k].len));
    }
    t.in[0].data[0] ^= 1;
    t.in[1].data[t.in[1].len - 1] ^= 1;
    CHECK_THAT(are_alike(&t, 2000, "AES-KWP, first and last byte"));
}

/* The test of the test: a text of a block more is told from the other. */
static void a_difference_is_seen(void)
{
    TIMED_FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "aes");
    trial t = { .fix = &fix, .mechanism = { CKM_AES_ECB, NULL, 0 }, .key = key };

    t.in[0].len = 16;
    t.in[1].len = 512;
    bool is_seen = false;
    for (int round = 0; round < ROUNDS_MAX && !is_seen; round++)
        is_seen = difference(&t, 2000) > 0.02;
    CHECK_THAT(is_seen);
}

static const check_test tests[] = {
    CHECK_TEST(rsa_pkcs_1),
    CHECK_TEST(rsa_oaep),
    CHECK_TEST(cbc_pad),
    CHECK_TEST(key_wrap),
    CHECK_TEST(a_difference_is_seen),
};

int main(int argc, char **argv)
{
    fixture_settings = "[audit]\nenabled = false\n"; /* the disk's time is not what is asked for */
    fixture_place = place_in_memory();
    return check_main(tests, ARRAY_LEN(tests), argc, argv);
}
