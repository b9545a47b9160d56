/* Known answers for digests and MACs: FIPS 180-4, FIPS 202, RFC 2202, RFC 4231 and Project
 * Wycheproof (C2SP, Apache-2.0).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CRYPTO_VECTORS_MAC_H
#define UNIT_CRYPTO_VECTORS_MAC_H

#include "crypto/mech.h"

typedef struct mac_vector {
    const char *label;
    CK_MECHANISM_TYPE mech; /* the one with a length, where the MAC is shorter */
    const char *key;
    const char *message;
    const char *mac;
} mac_vector;

static const mac_vector mac_vectors[] = {
    {
        "RFC 4231 case 1 SHA224",
        CKM_SHA224_HMAC,
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22",
    },
    {
        "RFC 4231 case 2 SHA224",
        CKM_SHA224_HMAC,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
    },
    {
        "RFC 4231 case 6 SHA224",
        CKM_SHA224_HMAC,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920"
        "2d2048617368204b6579204669727374",
        "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e",
    },
    {
        "RFC 4231 case 5 SHA224",
        CKM_SHA224_HMAC_GENERAL,
        "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
        "546573742057697468205472756e636174696f6e",
        "0e2aea68a90c8d37c988bcdb9fca6fa8",
    },
    {
        "RFC 4231 case 1 SHA256",
        CKM_SHA256_HMAC,
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    },
    {
        "RFC 4231 case 2 SHA256",
        CKM_SHA256_HMAC,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    },
    {
        "RFC 4231 case 6 SHA256",
        CKM_SHA256_HMAC,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920"
        "2d2048617368204b6579204669727374",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    },
    {
        "RFC 4231 case 5 SHA256",
        CKM_SHA256_HMAC_GENERAL,
        "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
        "546573742057697468205472756e636174696f6e",
        "a3b6167473100ee06e0c796c2955552b",
    },
    {
        "RFC 4231 case 1 SHA384",
        CKM_SHA384_HMAC,
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076e"
        "de7f4af152e8b2fa9cb6",
    },
    {
        "RFC 4231 case 2 SHA384",
        CKM_SHA384_HMAC,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69"
        "e2c78b3239ecfab21649",
    },
    {
        "RFC 4231 case 6 SHA384",
        CKM_SHA384_HMAC,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920"
        "2d2048617368204b6579204669727374",
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030"
        "fe8296248df163f44952",
    },
    {
        "RFC 4231 case 5 SHA384",
        CKM_SHA384_HMAC_GENERAL,
        "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
        "546573742057697468205472756e636174696f6e",
        "3abf34c3503b2a23a46efc619baef897",
    },
    {
        "RFC 4231 case 1 SHA512",
        CKM_SHA512_HMAC,
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        "4869205468657265",
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8"
        "a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    },
    {
        "RFC 4231 case 2 SHA512",
        CKM_SHA512_HMAC,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a"
        "994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    },
    {
        "RFC 4231 case 6 SHA512",
        CKM_SHA512_HMAC,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b657920"
        "2d2048617368204b6579204669727374",
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f"
        "2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    },
    {
        "RFC 4231 case 5 SHA512",
        CKM_SHA512_HMAC_GENERAL,
        "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
        "546573742057697468205472756e636174696f6e",
        "415fad6271580a531d4179bc891d87a6",
    },
    {
        "RFC 2202 case 2 SHA-1",
        CKM_SHA_1_HMAC,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    },
    {
        "Wycheproof hmac_sha3_256 7",
        CKM_SHA3_256_HMAC,
        "1bb997ff4de8a5a391de5c08a33bc2c7c2891e47ad5b9c63110192f78b98fe78",
        "667e015df7fc",
        "ca5e8f039efc1137cefd128c40e275e727811bc2f785f7222343c2866f80b44d",
    },
    {
        "Wycheproof hmac_sha3_256 88",
        CKM_SHA3_256_HMAC_GENERAL,
        "665a02bc265a66d01775091da56726b6668bfd903cb7af66fb1b78a8a062e43c",
        "3f56935def3f",
        "8cd87f6ae1614e4a731d52ad0d877442",
    },
    {
        "Wycheproof hmac_sha3_384 7",
        CKM_SHA3_384_HMAC,
        "3ac9abd53dbd0fbb891f9b5e16dd45df994e5283527832707138fc2712bad9e34761e7d9c6d0"
        "5d46f2c8323ddb0efe99",
        "5a34155b1115",
        "ff5391301e105d0f18b8256aa8e5c03f4c57f341e0f61149cb62c0d2366826b8618b4ba2894d"
        "e235b723755c1cbc7a45",
    },
    {
        "Wycheproof hmac_sha3_384 88",
        CKM_SHA3_384_HMAC_GENERAL,
        "f222a1dabf322aff8463acee6444939331212be3e19d31f4b73fdcc97e2925365ea33c985282"
        "805c83dcd8fb42a0e214",
        "c85ad7872b76",
        "4fc8b44f25d87a32f6e0dbb7d9851482344d4af5bfd77845",
    },
    {
        "Wycheproof hmac_sha3_512 7",
        CKM_SHA3_512_HMAC,
        "b3ecae6f25c2f699f158b3ffcd0a7a575583e4c9cb56b5c22ef4273cde6c6734e84d7400749c"
        "17e47e8cfccafaf8b50c65eb47dfeb273d5d30a1181e37b27ad0",
        "f0361d58291e",
        "5d3b47454f71949a441c59a20b0a56b6b2aa4c256e1c6e128c5eb201c68e63da130ad6959412"
        "6ff789fa471e2e51de73ea57f75ce2a1e2c9d02eabdf55153228",
    },
    {
        "Wycheproof hmac_sha3_512 88",
        CKM_SHA3_512_HMAC_GENERAL,
        "c6c95bf9facab295cebfa4b907855874f57a5c1548576ad8bae694a364f5e58dbb8c8dd49330"
        "b2fdd1b71657d211db2a6569a9f3a356c0c5b3c4efbd5b6777cb",
        "4cf926af475a",
        "29e274b1851fa268e0e02e3b450469ce4a69762e45af8afca567776967955de6",
    },
    {
        "Wycheproof hmac_sha512_256 8",
        CKM_SHA512_256_HMAC,
        "1bb997ff4de8a5a391de5c08a33bc2c7c2891e47ad5b9c63110192f78b98fe78",
        "667e015df7fc",
        "ae7a29fd949066b682b6efda53aedfaea2afb217460825085d76ba05c3146676",
    },
    {
        "Wycheproof hmac_sha512_256 89",
        CKM_SHA512_256_HMAC_GENERAL,
        "665a02bc265a66d01775091da56726b6668bfd903cb7af66fb1b78a8a062e43c",
        "3f56935def3f",
        "08151bc441cf73348a79576e79392737",
    },
    {
        "RFC 4231 case 2 with sha3_224 (python hmac)",
        CKM_SHA3_224_HMAC,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "7fdb8dd88bd2f60d1b798634ad386811c2cfc85bfaf5d52bbace5e66",
    },
    {
        "RFC 4231 case 2 with sha512_224 (python hmac)",
        CKM_SHA512_224_HMAC,
        "4a656665",
        "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
        "4a530b31a79ebcce36916546317c45f247d83241dfb818fd37254bde",
    },
    {
        "Wycheproof aes_cmac 12",
        CKM_AES_CMAC,
        "91656d8fc0aced60ddb1c4006d0dde53",
        "7b3e440fe566790064b2ec",
        "76672ed16c29be449e0c80785cc38e89",
    },
    {
        "Wycheproof aes_cmac 114",
        CKM_AES_CMAC,
        "d9574c3a221b986690931faac5258d9d3c52362b2cb9b054",
        "178ea8404ba54ee4e4522c",
        "64a0e0b6757309ab58d74f72c310e473",
    },
    {
        "Wycheproof aes_cmac 216",
        CKM_AES_CMAC,
        "b259a555d44b8a20c5489e2f38392ddaa6be9e35b9833b67e1b5fdf6cb3e4c6c",
        "afd73117330c6e8528a6e4",
        "68020bfc9bd73fd80d3ce581ba3b1208",
    },
};

/* The digest of "abc". */
typedef struct digest_vector {
    CK_MECHANISM_TYPE mech;
    const char *digest;
} digest_vector;

static const digest_vector digest_vectors[] = {
    {
        CKM_SHA_1,
        "a9993e364706816aba3e25717850c26c9cd0d89d",
    },
    {
        CKM_SHA224,
        "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
    },
    {
        CKM_SHA256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    },
    {
        CKM_SHA384,
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7"
        "cc2358baeca134c825a7",
    },
    {
        CKM_SHA512,
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274f"
        "c1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    },
    {
        CKM_SHA512_224,
        "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
    },
    {
        CKM_SHA512_256,
        "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
    },
    {
        CKM_SHA3_224,
        "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
    },
    {
        CKM_SHA3_256,
        "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
    },
    {
        CKM_SHA3_384,
        "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927a"
        "c7f539f1edf228376d25",
    },
    {
        CKM_SHA3_512,
        "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192a"
        "f3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
    },
};

#endif
