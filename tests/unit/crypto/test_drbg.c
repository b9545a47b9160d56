/* HMAC_DRBG with SHA-256 against the vectors of the CAVP (NIST), the first of each kind.
 * SPDX-License-Identifier: Apache-2.0 */
#include "drbg_support.h"

static const struct {
    const char *entropy;
    const char *nonce;
    const char *personal;
    const char *additional[2];
    const char *new_entropy[2]; /* prediction resistance: before each request */
    const char *output;         /* of the second request */
} vectors[] = {
    {
        "ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488",
        "659ba96c601dc69fc902940805ec0ca8",
        "",
        { "", "" },
        { "", "" },
        "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89d54fbb978a15"
        "b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc107694bb7547bb0995f70de25"
        "d6b29e2d3011bb19d27676c07162c8b5ccde0668961df86803482cb37ed6d5c0bb8d50cf1f50"
        "d476aa0458bdaba806f48be9dcb8",
    },
    {
        "d3cc4d1acf3dde0c4bd2290d262337042dc632948223d3a2eaab87da44295fbd",
        "0109b0e729f457328aa18569a9224921",
        "",
        { "3c311848183c9a212a26f27f8c6647e40375e466a0857cc39c4e47575d53f1f6",
          "fcb9abd19ccfbccef88c9c39bfb3dd7b1c12266c9808992e305bc3cff566e4e4" },
        { "", "" },
        "9c7b758b212cd0fcecd5daa489821712e3cdea4467b560ef5ddc24ab47749a1f1ffdbbb118f4"
        "e62fcfca3371b8fbfc5b0646b83e06bfbbab5fac30ea09ea2bc76f1ea568c9be0444b2cc9051"
        "7b20ca825f2d0eccd88e7175538b85d90ab390183ca6395535d34473af6b5a5b88f5a59ee756"
        "1573337ea819da0dcc3573a22974",
    },
    {
        "5cacc68165a2e2ee20812f35ec73a79dbf30fd475476ac0c44fc6174cdac2b55",
        "6f885496c1e63af620becd9e71ecb824",
        "e72dd8590d4ed5295515c35ed6199e9d211b8f069b3058caa6670b96ef1208d0",
        { "", "" },
        { "", "" },
        "f1012cf543f94533df27fedfbf58e5b79a3dc517a9c402bdbfc9a0c0f721f9d53faf4aafdc4b"
        "8f7a1b580fcaa52338d4bd95f58966a243cdcd3f446ed4bc546d9f607b190dd69954450d16cd"
        "0e2d6437067d8b44d19a6af7a7cfa8794e5fbd728e8fb2f2e8db5dd4ff1aa275f35886098e80"
        "ff844886060da8b1e7137846b23b",
    },
    {
        "5d3286bc53a258a53ba781e2c4dcd79a790e43bbe0e89fb3eed39086be34174b",
        "c5422294b7318952ace7055ab7570abf",
        "2dba094d008e150d51c4135bb2f03dcde9cbf3468a12908a1b025c120c985b9d",
        { "793a7ef8f6f0482beac542bb785c10f8b7b406a4de92667ab168ecc2cf7573c6",
          "2238cdb4e23d629fe0c2a83dd8d5144ce1a6229ef41dabe2a99ff722e510b530" },
        { "", "" },
        "d04678198ae7e1aeb435b45291458ffde0891560748b43330eaf866b5a6385e74c6fa5a5a44b"
        "db284d436e98d244018d6acedcdfa2e9f499d8089e4db86ae89a6ab2d19cb705e2f048f97fb5"
        "97f04106a1fa6a1416ad3d859118e079a0c319eb95686f4cbcce3b5101c7a0b010ef029c4ef6"
        "d06cdfac97efb9773891688c37cf",
    },
    {
        "9969e54b4703ff31785b879a7e5c0eae0d3e309559e9fe96b0676d49d591ea4d",
        "07d20d46d064757d3023cac2376127ab",
        "",
        { "", "" },
        { "c60f2999100f738c10f74792676a3fc4a262d13721798046e29a295181569f54",
          "c11d4524c9071bd3096015fcf7bc24a607f22fa065c937658a2a77a8699089f4" },
        "abc015856094803a938dffd20da94843870ef935b82cfec17706b8f551b8385044235dd44b59"
        "9f94b39be78dd476e0cf11309c995a7334e0a78b37bc9586235086fa3b637ba91cf8fb65efa2"
        "2a589c137531aa7b2d4e2607aac27292b01c698e6e01ae679eb87c01a89c7422d4372d6d754a"
        "babb4bf896fcb1cd09d692d0283f",
    },
    {
        "2cad88b2b6a06e703de46185ccb2ddcf5e0ee030995ebdf95cc4fbc38441f17f",
        "32310770e04172c0cf91f6590cce44a4",
        "",
        { "ef6da5e6530e0d621749ab192e06327e995c3ac0c3963ab8c8cd2df2839ab5df",
          "44278b31ed853f0a510bd14650ac4b4971d8b426799a43511d016be68dedbb8d" },
        { "448bfbc5ce9e3b9da3e9642daecd994dfe373e75253e8eb585141224eca7ad7b",
          "afb57f69799c0b892b3015990e133698d543aa87829ace868e4a5e9525d62357" },
        "4c7dfbe509dc5a3ac26998723c6a44cad20b197fc86117c778d1568ab828923862885e97198f"
        "77a1cb45113f5d78726a0f120aec94afc45f57c8dcc1cb092b343480012858ef5bc559f57023"
        "442209326ec4a54d91ca3a77dfdf9e75f117cef50e6fd2dc9af6ddce8e6515b4a97357a97b6c"
        "d274f68a042fa41bbd7b7261b034",
    },
    {
        "f7b90c797a4a376cdd9f5c435f5985e77f36ec1df1145a12072cbb2a0da378fc",
        "d95202986d45896e9f4a65f2f353fa35",
        "61535c5c045e784267fd0d85f2861778fa53c8e8586af67cf5c9f21a28ebb656",
        { "", "" },
        { "130ab64f41a5d49d6a241e0260b4bb8a46a16c6ac9e234c84b5b26cdb518d459",
          "f7670e817ac061ac60439be60982492000dc5da8bc6636bdac8b1cab03198dfd" },
        "8df4e349f9ea43cc509ecb2b1124358cda2de1f5cc9315edca63610a413478d68b8bb49c2814"
        "c82ce571f6e0a6780fa21c4b570610ee0c04d3edb92124f580f962d741330200c19885ca7165"
        "02223247b728d66fbbeb7c6cc25cfe9866b1450b346227c7663074c8b15d189f1c6edba172a5"
        "3c733d67c1c69bd7aca7e62013cd",
    },
    {
        "4294671d493dc085b5184607d7de2ff2b6aceb734a1b026f6cfee7c5a90f03da",
        "d071544e599235d5eb38b64b551d2a6e",
        "63bc769ae1d95a98bde870e4db7776297041d37c8a5c688d4e024b78d83f4d78",
        { "28848becd3f47696f124f4b14853a456156f69be583a7d4682cff8d44b39e1d3",
          "8bfce0b7132661c3cd78175d83926f643e36f7608eec2c5dac3ddcbacc8c2182" },
        { "db9b4790b62336fbb9a684b82947065393eeef8f57bd2477141ad17e776dac34",
          "4a9abe80f6f522f29878bedf8245b27940a76471006fb4a4110beb4decb6c341" },
        "e580dc969194b2b18a97478aef9d1a72390aff14562747bf080d741527a6655ce7fc135325b4"
        "57483a9f9c70f91165a811cf4524b50d51199a0df3bd60d12abac27d0bf6618e6b114e054203"
        "52e23f3603dfe8a225dc19b3d1fff1dc245dc6b1df24c741744bec3f9437dbbf222df84881a4"
        "57a589e7815ef132f686b760f012",
    },
};

static void known_answers(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    drbg_pair pair;

    drbg_open(crypto, &pair);
    for (size_t i = 0; i < HSM_ARRAY_LEN(vectors); i++) {
        drbg_vector v = { .entropy = unhex(vectors[i].entropy),
                          .nonce = unhex(vectors[i].nonce),
                          .personal = unhex(vectors[i].personal),
                          .output = unhex(vectors[i].output) };

        for (size_t k = 0; k < 2; k++) {
            v.new_entropy[k] = unhex(vectors[i].new_entropy[k]);
            v.additional[k] = unhex(vectors[i].additional[k]);
        }
        drbg_check(&pair, &v);
    }
    drbg_close(&pair);
}

/* A reseed shows, as the source gives something else then. */
static bool is_reseeded_after(const drbg_pair *pair, size_t requests)
{
    const hsm_bytes none = hsm_bytes_none();
    uint8_t usual[16];
    uint8_t out[16];

    for (int run = 0; run < 2; run++) {
        CHECK_OK(hsm_drbg_known_give(pair->source,
                                     hsm_bytes_of_text("0123456789abcdef0123456789abcdef"),
                                     hsm_bytes_of_text("0123456789abcdef")));
        CHECK_OK(hsm_drbg_instantiate(pair->drbg, none));
        if (run == 1)
            CHECK_OK(hsm_drbg_known_give(
                pair->source, hsm_bytes_of_text("ABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP"), none));
        for (size_t i = 0; i <= requests; i++)
            CHECK_OK(hsm_drbg_generate(pair->drbg, false, none, run == 0 ? usual : out, 16));
    }
    return memcmp(usual, out, sizeof usual) != 0;
}

static void requests_between_two_seeds(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    drbg_pair pair;

    drbg_open(crypto, &pair);
    CHECK_THAT(!is_reseeded_after(&pair, 1));
    CHECK_THAT(!is_reseeded_after(&pair, HSM_DRBG_REQUESTS_MAX - 1));
    CHECK_THAT(is_reseeded_after(&pair, HSM_DRBG_REQUESTS_MAX));
    drbg_close(&pair);
}
static const check_test tests[] = { CHECK_TEST(known_answers),
                                    CHECK_TEST(requests_between_two_seeds) };
CHECK_MAIN(tests)
