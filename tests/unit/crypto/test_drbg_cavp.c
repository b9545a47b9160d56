/* HMAC_DRBG with SHA-256 against all the vectors of the CAVP (NIST) there are, with and without
 * prediction resistance, where the folder of published vectors is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/backend_openssl_drbg.h"
#include "sym_support.h"

enum { CASES = 720, CASES_OF_A_GROUP = 15, LINE_BYTES = 1024 };

typedef struct vector {
    blob entropy;
    blob nonce;
    blob personal;
    blob additional[2];
    blob new_entropy[2];
    blob output;
    bool is_complete;
} vector;

static vector group[CASES_OF_A_GROUP];

static blob *field_of(vector *v, const char *name)
{
    const struct {
        const char *name;
        blob *field;
    } fields[] = {
        { "Entropy", &v->entropy },
        { "Nonce", &v->nonce },
        { "PersonalisationString", &v->personal },
        { "AdditionalInputA", &v->additional[0] },
        { "AdditionalInputB", &v->additional[1] },
        { "EntropyPredictionResistanceA", &v->new_entropy[0] },
        { "EntropyPredictionResistanceB", &v->new_entropy[1] },
        { "Output", &v->output },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].field;
    }
    return NULL;
}

/* "Name.Number = hex"; whatever has no number is about the group. */
static void read_line(char *line)
{
    char name[64];
    char value[LINE_BYTES] = "";
    unsigned number = 0;

    if (sscanf(line, "%63[A-Za-z].%u = %1023s", name, &number, value) < 2)
        return;
    REQUIRE_THAT(number < CASES_OF_A_GROUP);
    blob *field = field_of(&group[number], name);
    REQUIRE_THAT(field != NULL);
    *field = unhex(value);
    group[number].is_complete = field == &group[number].output; /* it comes last */
}

static void request(hsm_drbg *drbg, const blob *entropy, const blob *additional, blob *out)
{
    hsm_bytes input = view(additional);

    /* With prediction resistance the additional input goes into the reseed (9.3.1). */
    if (entropy->len > 0) {
        CHECK_OK(hsm_drbg_reseed(drbg, view(entropy), input));
        input = hsm_bytes_none();
    }
    CHECK_OK(hsm_drbg_generate(drbg, input, out->data, out->len));
}

static size_t run_group(hsm_drbg *drbg)
{
    size_t ran = 0;

    for (size_t i = 0; i < CASES_OF_A_GROUP; i++) {
        const vector *v = &group[i];
        blob out = { .len = v->output.len };

        if (!v->is_complete)
            continue;
        CHECK_OK(
            hsm_drbg_instantiate(drbg, view(&v->entropy), view(&v->nonce), view(&v->personal)));
        for (size_t k = 0; k < 2; k++)
            request(drbg, &v->new_entropy[k], &v->additional[k], &out);
        CHECK_BYTES(out.data, out.len, v->output.data, v->output.len);
        ran++;
    }
    memset(group, 0, sizeof group);
    return ran;
}

static FILE *open_vectors(void)
{
    char path[4096];
    const char *folder = getenv("CRATON_HSM_VECTORS");

    if (folder == NULL)
        folder = getenv("CRATON_HSM_VECTORS_DEFAULT");
    if (folder == NULL)
        return NULL;
    (void)snprintf(path, sizeof path, "%s/acvp/hmac_drbg_sha256.txt", folder);
    return fopen(path, "re");
}

static void all_vectors(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    FILE *file = open_vectors();
    char line[LINE_BYTES];
    hsm_drbg drbg = { 0 };
    size_t ran = 0;

    if (file == NULL)
        SKIP("the folder of published vectors is not here");
    REQUIRE_OK(hsm_drbg_init(&drbg, hsm_ossl_of(crypto)->libctx));
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '\n')
            ran += run_group(&drbg);
        read_line(line);
    }
    ran += run_group(&drbg);
    CHECK_EQ(ran, CASES);
    hsm_drbg_clear(&drbg);
    (void)fclose(file);
}

static const check_test tests[] = { CHECK_TEST(all_vectors) };
CHECK_MAIN(tests)
