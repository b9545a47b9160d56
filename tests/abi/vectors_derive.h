/* Known answers for key derivation: RFC 5869 and Project Wycheproof (C2SP, Apache-2.0), CAVP response
 * files for SP 800-108 and TLS, RFC 7914, RFC 7627 as the OpenSSL project publishes it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef ABI_VECTORS_DERIVE_H
#define ABI_VECTORS_DERIVE_H

#include "pkcs11/pkcs11.h"

/* All values in hex. */
typedef struct hkdf_vector {
    const char *label;
    CK_MECHANISM_TYPE hash;
    const char *ikm;
    const char *salt;
    const char *info;
    const char *okm;
} hkdf_vector;

static const hkdf_vector hkdf_vectors[] = {
    { "Wycheproof hkdf_sha1 1", CKM_SHA_1, "0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
      "f0f1f2f3f4f5f6f7f8f9",
      "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3"
      "f896" },
    { "Wycheproof hkdf_sha1 2", CKM_SHA_1,
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
      "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
      "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384858687"
      "88898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
      "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
      "d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      "0bd770a74d1160f7c9f12cd5912a06ebff6adcae899d92191fe4305673ba2ffe8fa3f1a4e5ad79f3"
      "f334b3b202b2173c486ea37ce3d397ed034c7f9dfeb15c5e927336d0441f4c4300e2cff0d0900b52"
      "d3b4" },
    { "Wycheproof hkdf_sha1 3", CKM_SHA_1, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
      "0ac1af7002b3d761d1e55298da9d0506b9ae52057220a306e07b6b87e8df21d0ea00033de03984d3"
      "4918" },
    { "Wycheproof hkdf_sha1 7", CKM_SHA_1, "a4748031a14d3e6aafe42aa20c568f5f", "", "",
      "8494a3fa7140e0a5597ba83fde3e5b63819987a6b394ebb3c8f5036e42cbbe94b65607cdbd9d579e"
      "3bb2e2135dfdfd63d0ae922d7ebca2bee2026d66ea6f3a36" },
    { "Wycheproof hkdf_sha1 8", CKM_SHA_1, "06eb26f8ccf28580c8f28d5b4dc47a49", "",
      "d5f081e81e8cf9ded199f3ae43c80a2dfe3d9cf2", "47b83de33a71439c9bd3e5c3068f0864bd2e2b60" },
    { "Wycheproof hkdf_sha1 10", CKM_SHA_1, "55fb6dcc7802354e55a45a6e41858c05", "",
      "dcd590e418b259c64fb9e139b3a1280d5de8400b",
      "f87cb46b52db4b519d2bdcbe244fc60eb9070d143d1feef83ddf3feb1a0dda734196d2b4306208a1"
      "f8478ed7f5afd1a91c874816d9fca966e80ba0d797780d9e" },
    { "Wycheproof hkdf_sha1 11", CKM_SHA_1, "c27718560fae2515acb17a874991d357",
      "4487f538b65c9058625057b4bbdd93e7", "", "1651cd629e07eed70ba4fe7ee74bfad718455411" },
    { "Wycheproof hkdf_sha1 13", CKM_SHA_1, "529e91a61895f1c4ceb5b6994f48783b",
      "12e4ae515328983bab2d88da3cb32a95", "",
      "d354273aa2be68eb24414ef84268c02589d0a0bf597de902838c7a910335fe2e3c960ac9eba7d962"
      "65e346b67cc0f2ba564490bace6f63bc4b3d29e344074a3f" },
    { "Wycheproof hkdf_sha256 1", CKM_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
      "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b88718"
      "5865" },
    { "Wycheproof hkdf_sha256 2", CKM_SHA256, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "",
      "",
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a"
      "96c8" },
    { "Wycheproof hkdf_sha256 3", CKM_SHA256,
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
      "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
      "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384858687"
      "88898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
      "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
      "d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac78272"
      "71cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f"
      "1d87" },
    { "Wycheproof hkdf_sha256 6", CKM_SHA256, "a4748031a14d3e6aafe42aa20c568f5f", "", "",
      "03f5db41f4484ec9468648c9f2a7f73ec18386008691b0555a7eec165e2f8cc72a6e74fffafbfb1e"
      "ad00a89ff80ba00a266a70fcac07364110c6f5707f5096aa" },
    { "Wycheproof hkdf_sha256 7", CKM_SHA256, "06eb26f8ccf28580c8f28d5b4dc47a49", "",
      "d5f081e81e8cf9ded199f3ae43c80a2dfe3d9cf2", "ae538577a14df1ab170ec01a9ceceabcebdd584f" },
    { "Wycheproof hkdf_sha256 9", CKM_SHA256, "55fb6dcc7802354e55a45a6e41858c05", "",
      "dcd590e418b259c64fb9e139b3a1280d5de8400b",
      "6ca91e1a6c0eb286d6fea277e9936f2486104c4c5d473a92872009f04aa545a61d03d83e14aa0965"
      "ba355551b93073ef91382c88afad091c62f6f65188f789e3" },
    { "Wycheproof hkdf_sha256 10", CKM_SHA256, "c27718560fae2515acb17a874991d357",
      "4487f538b65c9058625057b4bbdd93e7", "", "19eb8ba1cc7e10498d8c3b3256f66d6ee6b2296f" },
    { "Wycheproof hkdf_sha256 12", CKM_SHA256, "529e91a61895f1c4ceb5b6994f48783b",
      "12e4ae515328983bab2d88da3cb32a95", "",
      "76ced999f5f885f9df7d78a9cb0cefd09904bc90dfedd018441f30800a848140f6a4fa057170df6c"
      "f33e93aaaa10ccdb09bd114e6f4058ca45b3cb1e453804ad" },
    { "Wycheproof hkdf_sha384 1", CKM_SHA384, "24aeff2645e3e0f5494a9a102778c43a", "", "",
      "4b7045423d9156424b0b85d95a7d602fba3924b1" },
    { "Wycheproof hkdf_sha384 3", CKM_SHA384, "a4748031a14d3e6aafe42aa20c568f5f", "", "",
      "61c0d2797276f1b789397e5a4be75c961a77bdbad4cca2bd9a4160cb85fafb1b32f95d610c58766f"
      "29769d0c68b0bcfb15916d49b72e52ad2f3e7315618175d3" },
    { "Wycheproof hkdf_sha384 4", CKM_SHA384, "06eb26f8ccf28580c8f28d5b4dc47a49", "",
      "d5f081e81e8cf9ded199f3ae43c80a2dfe3d9cf2", "ac2b3c7b3a3538d5a471a03849208437e0c2201a" },
    { "Wycheproof hkdf_sha384 6", CKM_SHA384, "55fb6dcc7802354e55a45a6e41858c05", "",
      "dcd590e418b259c64fb9e139b3a1280d5de8400b",
      "aeedc066b0ff9bd6fc13cba752a2fe8d2ffb9f013236d737e8e0031c4a5f287c67c6e7f0005d7766"
      "a2d7a4965c8c6c1e83c00f873f61002711969c709a4a0d66" },
    { "Wycheproof hkdf_sha384 7", CKM_SHA384, "c27718560fae2515acb17a874991d357",
      "4487f538b65c9058625057b4bbdd93e7", "", "836712c8a9a1c2402ca222d450c20c4101a89d80" },
    { "Wycheproof hkdf_sha384 9", CKM_SHA384, "529e91a61895f1c4ceb5b6994f48783b",
      "12e4ae515328983bab2d88da3cb32a95", "",
      "9806d5f9c7636f589a340b775b74fac64880948d12c3a4545a9a4963b5bf4b8c90c3fb51a5d39dae"
      "5213ec31b55b587decfd6e361cc856b89c07c6e93ef165f9" },
    { "Wycheproof hkdf_sha384 10", CKM_SHA384, "c360e16084cfd13cb44b0dc02d8665de",
      "685ac7df93701d6c78babd847861bb3c", "e0ddfaaaa7afb53f59a007a205c7149b5b5a72be",
      "00aa140387a3d43aae915c35b306533179019bab" },
    { "Wycheproof hkdf_sha384 12", CKM_SHA384, "7a00817689a3d79001825a864c69c120",
      "08bc01c053a6406c7c4a667c9b9b3894", "967ccd75395be6e96a67759f070487c9e2107791",
      "bd02e16b6024f2c3b752d1c1d3047583697731915fbbb34418f479b0c9bf84a86bd8e715eca198da"
      "8f9b39b25a1229c311853f862340cdefe46ddf41dcf256d9" },
};

/* SP 800-108, counter mode: the fixed input is cut in two around the counter. */
typedef struct counter_vector {
    const char *label;
    CK_MECHANISM_TYPE prf;
    CK_ULONG counter_bits;
    const char *key;
    const char *before;
    const char *after;
    const char *okm;
} counter_vector;

static const counter_vector counter_vectors[] = {
    { "CAVP CMAC_AES128 BEFORE_FIXED 8 bits, count 30", CKM_AES_CMAC, 8,
      "e91e0d06ab23a4e495bbcc430efddcaf", "",
      "24acb8e9227b180f2ccebea48051cbdbcd1be2bf94400d1e92945fe9b887585a295f46c469036107"
      "697813a3e12c45ae2ffde9a940f8f8c181018a93",
      "e81ef2483729d4165aaa4866c17f26496e6c6924e2fe34f608efef0c35835f86df29a1e19ce166a8" },
    { "CAVP CMAC_AES128 BEFORE_FIXED 32 bits, count 30", CKM_AES_CMAC, 32,
      "b2fcf854b1029888aeb0274ca09bb21a", "",
      "a6b84baae7a6ceb1d63ed704757500c510c0a8bdc22d2f42af09f79c815f37f33b67dad0b30f428f"
      "c1e2d355f7f91f65acbedd2fdd5b8c38dd890407",
      "fe4c2c0242c5a295c008aeb87ae0815171de6173773292347f4f5ec07185c3f860b5667c199aad55" },
    { "CAVP CMAC_AES128 AFTER_FIXED 16 bits, count 30", CKM_AES_CMAC, 16,
      "2eadee90adbd4b2c436ae0f33e92691f",
      "68007eb3e179a07fb241ec1c0bc5d9c3ee87ebfe97b2f4542f369df17b30d8c1c419f36b68b05dde"
      "fe44501a967bc357f616763951e737dd6dbf3081",
      "", "0d050058ab8d2ab9c552d52a437b85130ba54949b5e9b5ee45b8a81c1ddebb3a4672afc26d82f404" },
    { "CAVP CMAC_AES128 MIDDLE_FIXED 24 bits, count 30", CKM_AES_CMAC, 24,
      "e4836e2766b2950e8a37a2bacb194c68",
      "a319afc037409d490f3ee5b527fc7045514450010ada1862cfe6c9dccbdba33a977a27da67697710"
      "db00c4af7e3253ee316d",
      "43442b1fff7fe603ac90",
      "eab8b0f5f3b67f7c0adde7070afe80f4a6a40ebfd42f3dd7331d38934628b91ad4ad023f113c75e0" },
    { "CAVP CMAC_AES192 BEFORE_FIXED 8 bits, count 30", CKM_AES_CMAC, 8,
      "8725918ca07ad8e108473e5ffdf43eb1cf5c44baf0bd1cec", "",
      "f4a57b84a881cf282aac5402cfa8fc4ede0db6f8e902d5c0c41c4712077306484e626e3ffc4129d9"
      "b43b46cbb6c53d2838a811dc8aedad7253cf94d4",
      "5a795fd0d7661968c478860b526cca40eb8702083fdbff3ff8adfa697e795398ca7106bc950fbb45" },
    { "CAVP CMAC_AES192 BEFORE_FIXED 32 bits, count 30", CKM_AES_CMAC, 32,
      "d64c598436507f4d05d7ebe780092996f281901dc9c8612f", "",
      "0ea737cfca2560856917f3a2ff5e2175930d0719bba85a9c8d8cb311a0a1b8caf8ffe03e9a86ab17"
      "046670011c9fec5c5cd697d9cd931f615cdfe649",
      "3c26968bd3997c653f79bb725c36d784b590d18a64678cf312abe8a57b2891c27282e37b6a49cd73" },
    { "CAVP CMAC_AES192 AFTER_FIXED 16 bits, count 30", CKM_AES_CMAC, 16,
      "49b8c2c6a91719926a64b7acc2f8aea75ba0f3d4ee77875c",
      "81a4351d1687c2c767ba0bf7ea1d92175cc2026ddf3b767ecda951cbf5ad9742518bb7f7c78dea8e"
      "d28ae25c1d9eff0819dc7a862c4e1ba56a3e4a78",
      "", "5c4ed05a7d7f76c9c60aa388260f19a0db83415ce556ead4c8dfb97221c33d82fbc8642d86dad781" },
    { "CAVP CMAC_AES192 MIDDLE_FIXED 24 bits, count 30", CKM_AES_CMAC, 24,
      "c969540e10617baa73c5cfa2b7b01575b937e3b35d6f07d6",
      "8573c15dbca6ce3e525965fd88fda35020c8898fe51bff90386354d29079d957deae11bebc6174ca"
      "11eb6844c6e737b09ab1",
      "2d09132107eef0735bb2",
      "e9dd364a47c2f2654c4099aff21146b7f84f9d354ab98e5f49b5c5c5f70d1662efab92887bb33d5f" },
    { "CAVP CMAC_AES256 BEFORE_FIXED 8 bits, count 30", CKM_AES_CMAC, 8,
      "9debd1762a9643e967dbc174f2040e177b8053afb0829189a81fed94f8c365ee", "",
      "6c4e1e3fdd7f5c97d58bcdda792642cbd271d6968f6a8e368013d88763d0b306c832b7ab46b84d09"
      "9596972d12220a4e9c81f82d6f5003d18b93c595",
      "2518a44ea347e924b03a7b4c966ec4e4bd76c1456d09096be9387638c2737faeebba4e2b921b19db" },
    { "CAVP CMAC_AES256 BEFORE_FIXED 32 bits, count 30", CKM_AES_CMAC, 32,
      "dabde95d751ff1c132bd49f80f4ee347bf39218cf8bfec61bc3ad865d9aa1182", "",
      "55da554307ed756764d4e97febb77ce85391b53225ee09417ad57def48ead090e3d1e7c2ed04f024"
      "62a6324ea0163b18f86201c69db27fd50b4c42c5",
      "5cc29221cfa6f3a4ded7afeef5a59c05bac787fc5e98a35ee0c96ba582b05c42f758966566084f69" },
    { "CAVP CMAC_AES256 AFTER_FIXED 16 bits, count 30", CKM_AES_CMAC, 16,
      "8757f1fa830bf289b8a1f436bbe1205f5763a6a9088a53c855d98d4523c23239",
      "987418624c7d56458c679b1538ba82d7a1106eb3416da02113fd2200c06db676614bfcee4c9f5526"
      "182fcfd1289922b540ae81daecaa0749c7773c7e",
      "", "3a9e22b40dd57a4db1a436535c97490ae0e238a7ec0028d0e713c390fe497d80c237248a1ab91e57" },
    { "CAVP CMAC_AES256 MIDDLE_FIXED 24 bits, count 30", CKM_AES_CMAC, 24,
      "92c3c064c83bd60eec09763e60fd163db96393d17151e44f29fae5b0c9d469f1",
      "39783bb69fdd82f9613cb6032f9a36393f80036df1d4c1451bd5bcd0eef23f6bf4ed6ace02495572"
      "cd22c3808f3753a9e551",
      "d6359d54fd0917666ec2",
      "d261eb9a3a76f5ed8d67e9257c3acc3363f6e2aebb0dad8a84d098b8e2f2e81a81f37defd5c05a07" },
    { "CAVP HMAC_SHA1 BEFORE_FIXED 8 bits, count 30", CKM_SHA_1_HMAC, 8,
      "f0e5ad280b3465e719afdf86377bbcda59f5c59b", "",
      "231b6d83f0194499f27848108fd1fcdcf9520e67522cf54486fb919a839532d165019388242ce373"
      "a89ce644d7818e7415f5730a0b743595ab19add4",
      "9a9ddd19818bb085d24e48ee99d6e628235a422fb2ae383282b7bbbf0e5f5edf42d7237b8ed6aa1d" },
    { "CAVP HMAC_SHA1 BEFORE_FIXED 32 bits, count 30", CKM_SHA_1_HMAC, 32,
      "693adb9037184627ad300f176985bd379f388a95", "",
      "7f09570c2d9304ec743ab845a8761c126c18f5cf72358eada2b5d1deb43dc6a0f4ff8f933bef7af0"
      "bcfacb33fa07f8ca04a06afe231835d5075996be",
      "52f55f51010e9bd78e4f58cab274ecafa561bd4e0f20da84f0303a1e5ff9bebc514361ec6df5c77e" },
    { "CAVP HMAC_SHA1 AFTER_FIXED 16 bits, count 30", CKM_SHA_1_HMAC, 16,
      "8085272627e901c0a182e7ca2ec2a9a99016d1c2",
      "b8bcf0eaf31a56206ccaa32cec5d3276b684ef4cb20e7ebd20ca434fb7b828e0cf396f10a22ecede"
      "4d81d4d773a633a0aa0cf108e1f33fae8e1e7229",
      "", "248840139f3d974413d7c0ba34828a48bda71cc3b1bdc2b81573c8c7f3dc7ce655bc9c0195d3881f" },
    { "CAVP HMAC_SHA1 MIDDLE_FIXED 24 bits, count 30", CKM_SHA_1_HMAC, 24,
      "c4c58ccd18c35acdddbf08d659eda1c0838d7ffc",
      "80996f0739d9efe9f05d0a30c26618bebdef619767fc9a8bc9aad135458b392e4fa04742545c7f5a"
      "2e428aec738e7810b281",
      "a243211feec9c7bb567e",
      "cf745937e3850a7dbbefffe25603723d4eeeff1c5f17bfaebce1f120a9fe17f401af0e341f5db7ad" },
    { "CAVP HMAC_SHA224 BEFORE_FIXED 8 bits, count 30", CKM_SHA224_HMAC, 8,
      "eb9386450d7b2da5492da5b139cf4b0b951a5b0c7d40c22ae2c20677", "",
      "bd8b73969e3e2d7a943b937c3bffe3a9199d1cf27e289bb10c3b88696a5ae36b3b868b4fc6a20ca9"
      "3dd0b328f3351f71ce656bb558fa33c74741398d",
      "bc902dfba79fb4084339b6666c7f72b9f47675229dc24ec61068bb05082717eead35647ff147d7de" },
    { "CAVP HMAC_SHA224 BEFORE_FIXED 32 bits, count 30", CKM_SHA224_HMAC, 32,
      "9b75e7fa216c884037c7d6953092ed335c4efd88ca57a742d6ac3221", "",
      "12bea97865df99315259ff620302432ecafc9dce2619e87dfb4979410456a524434315dd3920e2b1"
      "aa1c79d5e07132a758a7b7b71ef10bcf1bb877f3",
      "60071bd0ceea0fe0f879223b940d3de7dde02ca6858f8450fb9c0032e49f968ef9cd9b5703163dbc" },
    { "CAVP HMAC_SHA224 AFTER_FIXED 16 bits, count 30", CKM_SHA224_HMAC, 16,
      "1335066b80b33aaaf46d7ae7e7832cdaf803ea2a9945b4ddf4651c45",
      "0828f2d84b3bc245d921b1104da271dd2b1e1e56767da24352ff218ec803c1a82e1d6b98e5f466c9"
      "d4789c6ea6ffaf15c7073ebeab162e134b3e8bfa",
      "", "0ac4e4de88bf034433a7e1d73cdd9a7ec5c76acf06a22c62377e26f555b0fb3c7cc0554359849f05" },
    { "CAVP HMAC_SHA224 MIDDLE_FIXED 24 bits, count 30", CKM_SHA224_HMAC, 24,
      "322727b1ac2a6fd83dcca34a8bbfee6781e1be7511d1b0e35739d13b",
      "8062ca35c2c11b865aef50cd61a4626feab421cd875e04f89efbc8d5e83ee2d8d2adf74b20d0fb73"
      "fb6ba8dbcf1b5ef86735",
      "7d946a7a472aac64688f",
      "ad51e8746a57c0d8d04f9d01f0dece71dff7e5fc9050f5a464b27e40076575a80ff2e2dad57dedfe" },
    { "CAVP HMAC_SHA256 BEFORE_FIXED 8 bits, count 30", CKM_SHA256_HMAC, 8,
      "63a657fb6c5bacb9a124d3e7db8bbb7d42bfdfaf8f04cb6359cd888c70669652", "",
      "2697b6ec112cab4d6f1714c991c17d44fb36a0b6ef0b0f5451619ab248950f56f403215c78711aa5"
      "63683ced05be7246f32574fa294f162dbbeb3dee",
      "1992e75756fa64734d5caecc5f6420fcb28b8b90421eee97dc8b6140ce18518405688bea489d2aaa" },
    { "CAVP HMAC_SHA256 BEFORE_FIXED 32 bits, count 30", CKM_SHA256_HMAC, 32,
      "c4bedbddb66493e7c7259a3bbbc25f8c7e0ca7fe284d92d431d9cd99a0d214ac", "",
      "1c69c54766791e315c2cc5c47ecd3ffab87d0d273dd920e70955814c220eacace6a5946542da3dfe"
      "24ff626b4897898cafb7db83bdff3c14fa46fd4b",
      "1da47638d6c9c4d04d74d4640bbd42ab814d9e8cc22f4326695239f96b0693f12d0dd1152cf44430" },
    { "CAVP HMAC_SHA256 AFTER_FIXED 16 bits, count 30", CKM_SHA256_HMAC, 16,
      "357e401a680c447f2fb0e25171d8784d25ce9a4400bbfe04710526e98c69d347",
      "32d6f66942c9a7cb28be7a58edd6e7e59850cf813014735284c276f39f4cbdea20ecfc8fd4fdc1ab"
      "e3f7df78dddadf33f5e822ab771b29d2d5d2d384",
      "", "cc877a51b8bf6dca6c622822706732eb82cc4d666865f65cb797df896a3aae7d532f67670bead853" },
    { "CAVP HMAC_SHA256 MIDDLE_FIXED 24 bits, count 30", CKM_SHA256_HMAC, 24,
      "96e17ae1275cb65e1c74d2b50fdd6a2a70b02cb7e1086270a79966661001cee1",
      "5fad02cf5d1102ae0598cbe7e07e5792166786729ae1a2ec04bd589332eaba54434e4b43547d76c6"
      "642cc1ad6395b97e654f",
      "1e23eea7d64b315857cb",
      "6527f77a1f1d0c34059912fd459e51a8d41f7258e6ad0da52954ff2c35400eee37ed5fa92272f8e7" },
    { "CAVP HMAC_SHA384 BEFORE_FIXED 8 bits, count 30", CKM_SHA384_HMAC, 8,
      "522a72c006a6b77911915c78952dd61848725a4b0789b2cfce3b29d947d9faa145417740c0365bd8"
      "1a860a600012543b",
      "",
      "4a3cd102c4b95fe193660c4c174f02c725207449b785edb8fa8c4404f01a25bef3238637d3bae370"
      "758332c678deb578322e031ec3970876600196d2",
      "2f5d52226949aecfe6359561a5fdd87a843457019e24faacacedd34177cda6cba18cc78cc8c78cef" },
    { "CAVP HMAC_SHA384 BEFORE_FIXED 32 bits, count 30", CKM_SHA384_HMAC, 32,
      "582f968a54b8797b9ea8c655b42e397adb73d773b1984b1e1c429cd597b8015d2f91d59e4136a9d5"
      "23bf6491a4733c7a",
      "",
      "e6d3c193eff34e34f8b7b00e66565aeb01f63206bb27e27aa281592afc06ae1ec5b7eb97a39684ce"
      "773d7c3528f2667c1f5d428406e78ce4cf39f652",
      "691726c111e5030b5f9657069107861ecc18bc5835a814c3d2e5092c901cb1fb6c1a7cd3eb0be2a7" },
    { "CAVP HMAC_SHA384 AFTER_FIXED 16 bits, count 30", CKM_SHA384_HMAC, 16,
      "2e406b7ca2221e8dc39ac4cde9ccf965c851a4bcaed2e2f1d681e4c093c46fbb3f242be6a3fea3d4"
      "c6c70f1dee2f618e",
      "7e792d913f00e2a2640c55bfe9c33fb3951f4bcb52af9372f27755ec30a5c50f7db4a734401b634c"
      "f7cc62cae4d832d512935e60b54025eba962019c",
      "", "fbbf7f0abf5a5342c11ffebd0d13fec464fe3586616315179e4860abc9d49fada2580bd9acff500b" },
    { "CAVP HMAC_SHA384 MIDDLE_FIXED 24 bits, count 30", CKM_SHA384_HMAC, 24,
      "3b40be4e8cd196383fd7baa62a0d2cdaaf59158d0ebf8842d93b8a99ac43584f46ae47526ffb9646"
      "2c2098741b7969f4",
      "13fa49b5b430980d37937443ed620f59c1deeb15b6a6fa38999496b8f56ac58c13bd71510d28dc53"
      "8d3d061e999a937e105b",
      "1a8f3489f640ca4302d7",
      "67cdc3453af40fc3ff17e6e0fe1c2ee0c331307d859b7e44830a722b5e372f38c0e6c3b6fe10b6cf" },
    { "CAVP HMAC_SHA512 BEFORE_FIXED 8 bits, count 30", CKM_SHA512_HMAC, 8,
      "baed493b0294c9a5dbbe4547a30f0602c6124cedb549b45cff0ee4f3689a7ae5b695e5ecdfebf611"
      "bba1174e5e3a8824383e555daef396dc58c2842f77d5a674",
      "",
      "1371182cb0725416b1eccf4ac9fb20cf4e0f77e7d006a531e0ab2b2b46e0859473dad9dcae65ba5e"
      "b902228787dae19e735d002c919a4b74012f8904",
      "09bb55c9f3cee604f4bc5544a802be8b02b34b99f7928ceee696221975f947905f1b5979d9d4c2a1" },
    { "CAVP HMAC_SHA512 BEFORE_FIXED 32 bits, count 30", CKM_SHA512_HMAC, 32,
      "a9f4a2c5af839867f5db5a1e520ab3cca72a166ca60de512fd7fe7e64cf94f92cf1d8b636175f293"
      "e003275e021018c3f0ede495997a505ec9a2afeb0495be57",
      "",
      "8e9db3335779db688bcfe096668d9c3bc64e193e3529c430e68d09d56c837dd6c0f94678f121a68e"
      "e1feea4735da85a49d34a5290aa39f7b40de435f",
      "6db880daac98b078ee389a2164252ded61322d661e2b49247ea921e544675d8f17af2bf66dd40d81" },
    { "CAVP HMAC_SHA512 AFTER_FIXED 16 bits, count 30", CKM_SHA512_HMAC, 16,
      "5aac884dfcc4f78d517082f88b4f0121c98e0f3412530ceea0dacdbd1891c5ba98d91edd1674e382"
      "9c63173a445e4856116a82818a7cdaefeb71bb6ce5121d6d",
      "c2d62b9d3580e422263bde9f1112a1a4e6454ec41111e48e4c4e43f61cbdd0730d30dcfbe3119f51"
      "925b8ba5241f90cb9214527cb13b60ed11ea745a",
      "", "a760a75858638a495f417bbc75f7b852ff7a33ec386c2472d9fb7551fd9c8f75d20fc647ec5bca7d" },
    { "CAVP HMAC_SHA512 MIDDLE_FIXED 24 bits, count 30", CKM_SHA512_HMAC, 24,
      "e4911b2b026ba170eb9fb1be8121ece0f9660b65da0c2d74a1e462d6c0a8bcbd967887d4332f775a"
      "1047bee1271838fa0b5dc655fef6f120e87a7f153dee8c45",
      "2c4288ab691e8dc4cee66a270a012cb00d37d0c6c02c6a1bb58f325465dab81c28b49dedeecd0b70"
      "a626dfe6f9d39859ecde",
      "b54276b101a98fb97c6b",
      "f95bb59b14adb1673fed25357887967b6e75033413bf372b2c788c8a7a9808b0a7c41dd129793695" },
};

/* CAVP TLS 1.2, SHA-256, count 0 */
#define TLS_PRE_MASTER_SECRET                                                          \
    "193f02f13c3c59ccb33c39e94a1cb5cdebf4ac41d5f599dbe9131f6df8264ddfbd2570e22b473b11" \
    "458ccbf1c1ecfbdb"
#define TLS_HELLO_CLIENT "cd80dbd121522fcff7ace185a2fd7574ca9373d80749a26cfb7922636983856b"
#define TLS_HELLO_SERVER "388a24f4e0850efffa5d690c97dbb5dfe9a61422e6257d4fbd4d633741bb3133"
#define TLS_CLIENT "c1ee3a6484b44eeb6f582ec2dd4092cb2c5b90fe2816f0bcd60540666d4bc172"
#define TLS_SERVER "e08971d42d127c20df826e9529e58eb20f061628a51c0f1cb3904940ea5fab26"
#define TLS_MASTER_SECRET                                                              \
    "e8389cf4ae9d20a9a73479afbceaebbb1d30623049f85d08b6ccf8874e30c440b69b9a0b030d4783" \
    "bf10ce80b0fc3d19"
#define TLS_KEY_BLOCK                                                                  \
    "f18fb4c16ad7ec26eb61e9538df8b538b8e7bf62fca6bd203327e3131a5c98990c8bffbaf46ca9fc" \
    "d6b6e423daef58291243245db75b8723c28a97fdc8151f02d061b0fb92556ac846824c0ca5e8c136" \
    "885786b5baaf78b17fb5d7b078dc3f50af838031ea3c22e0114f4e40517239851f1306c15e53641f" \
    "a25754982737a1ad"

/* RFC 7627 */
#define EMS_SECRET "0102030405060708090a0b"
#define EMS_HASH                                                                       \
    "36c129d01a3200894b9179faac589d9835d58775f9b5ea3587cb8fd0364cae8cf6c9575ed7ddd73e" \
    "1f7d16eca115415812a43c2b747daaaae043abfb50053fce"
#define EMS_MASTER                                                                     \
    "8cb203c99a13871fd96cecd2770720df3c4ebd49e1cbc956fddb400f9c051fb69b63d7abb2f996f4" \
    "e4d1ac0e9153f51b"

typedef struct pbkdf2_vector {
    const char *label;
    CK_ULONG prf;
    CK_ULONG iterations;
    const char *password;
    const char *salt;
    const char *key;
} pbkdf2_vector;

static const pbkdf2_vector pbkdf2_vectors[] = {
    { "Wycheproof pbkdf2_hmacsha1 1", CKP_PKCS5_PBKD2_HMAC_SHA1, 1, "70617373776f7264", "73616c74",
      "0c60c80f961f0e71f3a9b524af6012062fe037a6" },
    { "Wycheproof pbkdf2_hmacsha1 2", CKP_PKCS5_PBKD2_HMAC_SHA1, 2, "70617373776f7264", "73616c74",
      "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957" },
    { "Wycheproof pbkdf2_hmacsha1 3", CKP_PKCS5_PBKD2_HMAC_SHA1, 4096, "70617373776f7264",
      "73616c74", "4b007901b765489abead49d926f721d065a429c1" },
    { "Wycheproof pbkdf2_hmacsha256 1", CKP_PKCS5_PBKD2_HMAC_SHA256, 1, "706173737764", "73616c74",
      "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645"
      "991664b39d77ef317c71b845b1e30bd509112041d3a19783" },
    { "Wycheproof pbkdf2_hmacsha256 3", CKP_PKCS5_PBKD2_HMAC_SHA256, 4096, "7130577430643470",
      "798acc7c76739d75", "0501c73cb9f40b6769513e70e525051e" },
    { "Wycheproof pbkdf2_hmacsha256 4", CKP_PKCS5_PBKD2_HMAC_SHA256, 4096, "5a30673349567272",
      "84bbd18de5ec10ff",
      "05fd57d1cc373fa9f37e1857ac1c0af8fbf635e139a42f9dd25a4e4b4698ea13e943f42220384d32"
      "a272" },
    { "Wycheproof pbkdf2_hmacsha512 1", CKP_PKCS5_PBKD2_HMAC_SHA512, 4096, "7130577430643470",
      "798acc7c76739d75", "4935390897319c3efc15d19304109c79" },
    { "Wycheproof pbkdf2_hmacsha512 2", CKP_PKCS5_PBKD2_HMAC_SHA512, 4096, "5a30673349567272",
      "84bbd18de5ec10ff",
      "d1b8e64e3b67a548c8bda3118eab1bc3f81b4cc9ead842eda18f6685533c2c7f4f49b8c7a78fea13"
      "b776" },
    { "Wycheproof pbkdf2_hmacsha512 4", CKP_PKCS5_PBKD2_HMAC_SHA512, 4096, "6b6f67583748447a",
      "0a8fbd0232a3a7f6e60d6564c92ea35f", "23cb042249cf5d03f0cbfe8726df1bee" },
};

/* By Python's hmac: key 00 .. 1f, IV 64 .. 83, counter of 32 bits after the iteration variable,
 * then "label", SHA-256. */
#define FEEDBACK_OKM                                                                   \
    "2f049f8dd97ffd26286a786590c6ebe35a7c717efe46c5ef38d4dc00e3d9ebe0fc0e434a7cd268a8" \
    "255cc86152b549a47618004e91bb6c44fd502c77b33485df"
#define PIPELINE_OKM                                                                   \
    "be7ec95d8517584fdedbe408e2df2f8dface4d9df268f49f839660dcbeff816bfe8e37f755943bed" \
    "c9a9d5fc7adfe58d9974e231c119b40a69f9276d362648c6"
/* Counter mode over three segments, with the length of the keys (512 bits) and of the segments (768). */
#define KEYS_OKM                                                                       \
    "7634a20c9ed1e7a9b7465e31cf1e6a8e2a67d490399c039a88195e7a2ded139893a4861745c57f06" \
    "af716703c54c53c3d3a5c95526136b3db8153b3f39c7435a8bc8ad6cbfdde04f55ef08a62583ee40" \
    "d1f5161701121733474395df0697445c"
#define SEGMENTS_OKM                                                                   \
    "cbf80078d0a82769b621943179c6cdc8a8a3f97d50d9f91323586160a0333c7028dfc904ac82fc66" \
    "69be723b9a642628d794932b99f6c8388c7b90531016d6d474f6f995b02d24f2a7eb1c282cd71ddc" \
    "0bc36a57427e437b570b45d48a58292a"

#endif
