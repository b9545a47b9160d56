/* HMAC_DRBG with SHA-256 against all the vectors of the CAVP (NIST) there are, with and without
 * prediction resistance, where the folder of published vectors is.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "drbg_support.h"

enum { CASES = 720, CASES_OF_A_GROUP = 15, LINE_BYTES = 1024 };

static drbg_vector group[CASES_OF_A_GROUP];

static blob *field_of(drbg_vector *v, const char *name)
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

static size_t run_group(const drbg_pair *pair)
{
    size_t ran = 0;

    for (size_t i = 0; i < CASES_OF_A_GROUP; i++) {
        if (!group[i].is_complete)
            continue;
        drbg_check(pair, &group[i]);
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
    size_t ran = 0;
    drbg_pair pair;

    if (file == NULL)
        SKIP("the folder of published vectors is not here");
    drbg_open(crypto, &pair);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] == '\n')
            ran += run_group(&pair);
        read_line(line);
    }
    ran += run_group(&pair);
    CHECK_EQ(ran, CASES);
    drbg_close(&pair);
    (void)fclose(file);
}

static const check_test tests[] = { CHECK_TEST(all_vectors) };
CHECK_MAIN(tests)
