/* EdDSA vectors, in hex: RFC 8032, Wycheproof (C2SP).
 * Wycheproof's: Copyright Google LLC and the C2SP authors, Apache-2.0.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CRYPTO_VECTORS_EDDSA_H
#define UNIT_CRYPTO_VECTORS_EDDSA_H

#include <stdbool.h>

#include "crypto/mech.h"

typedef struct eddsa_vector {
    const char *label;
    const char *curve;
    const char *value; /* "": verification only */
    const char *point;
    const char *message;
    const char *context;
    bool has_context;
    bool is_prehash;
    const char *signature;
    bool is_valid;
} eddsa_vector;

static const eddsa_vector eddsa_vectors[] = {
    { "RFC 8032, 7.1, test 1", "ED25519",
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "", false, false,
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e"
      "39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
      true },
    { "RFC 8032, 7.1, test 2", "ED25519",
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72", "", false, false,
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f"
      "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
      true },
    { "RFC 8032, 7.1, test 3", "ED25519",
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82", "", false, false,
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67"
      "f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
      true },
    { "RFC 8032, 7.2, context foo", "ED25519",
      "0305334e381af78f141cb666f6199f57bc3495335a256a95bd2a55bf546663f6",
      "dfc9425e4f968f7f0c29f0259cf5f9aed6851c2bb4ad8bfb860cfee0ab248292",
      "f726936d19c800494e3fdaff20b276a8", "666f6f", true, false,
      "55a4cc2f70a54e04288c5f4cd1e45a7bb520b36292911876cada7323198dd87a8b36950b95130022907a"
      "7fb7c4e9b2d5f6cca685a587b4b21f4b888e4e7edb0d",
      true },
    { "RFC 8032, 7.3, prehash abc", "ED25519",
      "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
      "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf", "616263", "", true, true,
      "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a20"
      "03d062adf5aaa10b8c61e636062aaad11c2a26083406",
      true },
    { "RFC 8032, 7.4, blank", "ED448",
      "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3"
      "fc5b94492f8f032e7549a20098f95b",
      "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6"
      "783df1e50f6cd1fa1abeafe8256180",
      "", "", false, false,
      "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd"
      "7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db9"
      "9ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
      true },
    { "RFC 8032, 7.5, Ed448ph abc", "ED448",
      "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42ef7822e0d5104127dc05"
      "d6dbefde69e3ab2cec7c867c6e2c49",
      "259b71c19f83ef77a7abd26524cbdb3161b590a48f7d17de3ee0ba9c52beb743c09428a131d6b1b57303"
      "d90d8132c276d5ed3d5d01c0f53880",
      "616263", "", true, true,
      "822f6901f7480f3d5f562c592994d9693602875614483256505600bbc281ae381f54d6bce2ea91157493"
      "2f52a4e6cadd78769375ec3ffd1b801a0d9b3f4030cd433964b6457ea39476511214f97469b57dd32dbc"
      "560a9a94d00bff07620464a3ad203df7dc7ce360c3cd3696d9d9fab90f00",
      true },
    { "ED25519: case 1", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "", "", false, false,
      "d4fbdb52bfa726b44d1786a8c0d171c3e62ca83c9e5bbe63de0bb2483f8fd6cc1429ab72cafc41ab56af"
      "02ff8fcc43b99bfe4c7ae940f60f38ebaa9d311c4007",
      true },
    { "ED25519: case 2", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "78", "", false, false,
      "d80737358ede548acb173ef7e0399f83392fe8125b2ce877de7975d8b726ef5b1e76632280ee38afad12"
      "125ea44b961bf92f1178c9fa819d020869975bcbe109",
      true },
    { "ED25519: special values for r and s", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "3f", "", false, false,
      "000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
      "00000000000000000000000000000000000000000000",
      false },
    { "ED25519: special values for r and s", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "3f", "", false, false,
      "000000000000000000000000000000000000000000000000000000000000000001000000000000000000"
      "00000000000000000000000000000000000000000000",
      false },
    { "ED25519: empty signature", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "54657374", "", false,
      false, "", false },
    { "ED25519: s missing", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "54657374", "", false,
      false, "7c38e026f29e14aabd059a0f2db8b0cd783040609a8be684db12f82a27774ab0", false },
    { "ED25519: signature too long", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "54657374", "", false,
      false,
      "7c38e026f29e14aabd059a0f2db8b0cd783040609a8be684db12f82a27774ab07a9155711ecfaf7f99f2"
      "77bad0c6ae7e39d4eef676573336a5c51eb6f946b30d2020",
      false },
    { "ED25519: include pk in signature", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "54657374", "", false,
      false,
      "7c38e026f29e14aabd059a0f2db8b0cd783040609a8be684db12f82a27774ab07a9155711ecfaf7f99f2"
      "77bad0c6ae7e39d4eef676573336a5c51eb6f946b30d7d4d0e7f6153a69b6242b522abbee685fda4420f"
      "8834b108c3bdae369ef549fa",
      false },
    { "ED25519: removing 0 byte from signature", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "546573743137", "", false,
      false,
      "93de3ca252426c95f735cb9edd92e83321ac62372d5aa5b379786bae111ab6b17251330e8f9a7c30d699"
      "3137c596007d7b001409287535ac4804e662bc58a3",
      false },
    { "ED25519: removing 0 byte from signature", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "54657374313236", "",
      false, false,
      "dffed33a7f420b62bb1731cfd03be805affd18a281ec02b1067ba6e9d20826569e742347df59c88ae96d"
      "b1f1969fb189b0ec34381d85633e1889da48d95e0e",
      false },
    { "ED25519: modified bit 0 in R. Accepted only by verifiers that ignore t", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "313233343030", "", false,
      false,
      "647c1492402ab5ce03e2c3a7f0384d051b9cf3570f1207fc78c1bcc98c281c2b1d125e5538f38afbcc1c"
      "84e489521083041d24bc6240767029da063271a1ff0c",
      false },
    { "ED25519: modified bit 1 in R. Accepted only by verifiers that ignore t", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "313233343030", "", false,
      false,
      "677c1492402ab5ce03e2c3a7f0384d051b9cf3570f1207fc78c1bcc98c281c2bc108ca4b87a49c9ed2cf"
      "383aecad8f54a962b2899da891e12004d7993a627e01",
      false },
    { "ED25519: the encoded s was replaced by s + L. The scalar is unchanged ", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "54657374", "", false,
      false,
      "7c38e026f29e14aabd059a0f2db8b0cd783040609a8be684db12f82a27774ab067654bce3832c2d76f8f"
      "6f5dafc08d9339d4eef676573336a5c51eb6f946b31d",
      false },
    { "ED25519: the encoded s was replaced by s + 2L. The scalar is unchanged", "ED25519", "",
      "7d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549fa", "54657374", "", false,
      false,
      "7c38e026f29e14aabd059a0f2db8b0cd783040609a8be684db12f82a27774ab05439412b5395d42f462c"
      "67008eba6ca839d4eef676573336a5c51eb6f946b32d",
      false },
    { "ED448: case 1", "ED448", "",
      "419610a534af127f583b04818cdb7f0ff300b025f2e01682bcae33fd691cee039511df0cddc690ee9784"
      "26e8b38e50ce5af7dcfba50f704c00",
      "", "", false, false,
      "cf7953007666e12f73af9ec92e3e018da5ee5a8d5b17f5100a354c58f1d5f4bb37ab835c52f72374c72d"
      "612689149cf6d36a70db6dc5a6c400b597348e0e31e51e65bb144e63c892a367b4c055c036aa6cd7e728"
      "cdd2a098963bda863903e6dd025b5a5d891209f4e28537694804e50b0800",
      true },
    { "ED448: case 2", "ED448", "",
      "419610a534af127f583b04818cdb7f0ff300b025f2e01682bcae33fd691cee039511df0cddc690ee9784"
      "26e8b38e50ce5af7dcfba50f704c00",
      "78", "", false, false,
      "c56e94d5c9ca860c244f33db556bf6b3cec38b024b77604a35d6a07211b1316b9a027133c374b86f7266"
      "5cc45ce01583a2e0f2775c6172da801acef168717cab1196cddfb149359dfef589756257cc2d6b02fc51"
      "6d8d41b4adaa3f11428f41410ef0dc3c1b008d3d052173d4389508ed0100",
      true },
    { "ED448: special values for r and s", "ED448", "",
      "419610a534af127f583b04818cdb7f0ff300b025f2e01682bcae33fd691cee039511df0cddc690ee9784"
      "26e8b38e50ce5af7dcfba50f704c00",
      "3f", "", false, false,
      "000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
      "000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
      "000000000000000000000000000000000000000000000000000000000000",
      false },
    { "ED448: special values for r and s", "ED448", "",
      "419610a534af127f583b04818cdb7f0ff300b025f2e01682bcae33fd691cee039511df0cddc690ee9784"
      "26e8b38e50ce5af7dcfba50f704c00",
      "3f", "", false, false,
      "000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
      "000000000000000000000000000000010000000000000000000000000000000000000000000000000000"
      "000000000000000000000000000000000000000000000000000000000000",
      false },
    { "ED448: empty signature", "ED448", "",
      "419610a534af127f583b04818cdb7f0ff300b025f2e01682bcae33fd691cee039511df0cddc690ee9784"
      "26e8b38e50ce5af7dcfba50f704c00",
      "54657374", "", false, false, "", false },
    { "ED448: s missing", "ED448", "",
      "419610a534af127f583b04818cdb7f0ff300b025f2e01682bcae33fd691cee039511df0cddc690ee9784"
      "26e8b38e50ce5af7dcfba50f704c00",
      "54657374", "", false, false,
      "5d053ff5b71f6ec3284525d35d77933178c8e19879886d08eccc6c7d27e9e5b5e02537dbc4d4723506e8"
      "d171fc1733857573dd02d18f48f280",
      false },
};

#endif
