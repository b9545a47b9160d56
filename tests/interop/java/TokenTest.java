import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/**
 * A program as users write them, on SunPKCS11. Each result is compared with Java's own providers, which never see the
 * token; signatures are also left as files for openssl.
 *
 * <p>usage: java TokenTest.java PKCS11-CONFIG PKCS12-FILE. The PIN is in the environment variable PIN. Prints "ok NAME",
 * "not ok NAME: why" or "skip NAME: why", one line per test.
 */
public final class TokenTest {
    private static final byte[] MESSAGE = "The quick brown fox jumps over the lazy dog".getBytes();
    private static final SecureRandom RANDOM = new SecureRandom();

    private static Provider token;
    private static char[] pin;
    private static KeyStore store;
    private static boolean failed;

    private interface Test {
        void run() throws Exception;
    }

    private static final class Skip extends Exception {
        Skip(String why) {
            super(why);
        }
    }

    public static void main(String[] args) throws Exception {
        token = Security.getProvider("SunPKCS11").configure(args[0]);
        Security.addProvider(token);
        pin = System.getenv("PIN").toCharArray();

        // First: after a digest SunPKCS11 closes the session, and with the last one goes the login.
        test("SHA-256, SHA-384, SHA-512", TokenTest::digests);
        test("load the key store", TokenTest::loadStore);
        test("random bytes", TokenTest::randomBytes);
        test("HMAC", TokenTest::macs);
        test("AES-GCM", TokenTest::aesGcm);
        test("AES-GCM refuses what was changed", TokenTest::aesGcmChanged);
        test("AES-CBC with padding, AES-CTR", TokenTest::aesCbcCtr);
        test("generated AES key", TokenTest::generatedAes);
        test("RSA signatures", TokenTest::rsaSignatures);
        test("RSA encryption", TokenTest::rsaEncryption);
        test("ECDSA P-256, P-384, P-521", TokenTest::ecdsa);
        test("ECDH", TokenTest::ecdh);
        test("AES key wrap", TokenTest::keyWrap);
        test("RSA key wrap", TokenTest::rsaWrap);
        test("secret key kept in the token", TokenTest::storeSecretKey);
        test("key and certificate kept in the token", () -> storeKeyEntry(args[1]));
        test("eight threads", TokenTest::threads);
        System.exit(failed ? 1 : 0);
    }

    private static void test(String name, Test test) {
        try {
            test.run();
            System.out.println("ok " + name);
        } catch (Skip skip) {
            System.out.println("skip " + name + ": " + skip.getMessage());
        } catch (Throwable problem) {
            failed = true;
            System.out.println("not ok " + name + ": " + problem);
            problem.printStackTrace();
        }
    }

    private static void check(boolean condition, String what) {
        if (!condition) {
            throw new IllegalStateException(what);
        }
    }

    private static byte[] random(int bytes) {
        byte[] result = new byte[bytes];
        RANDOM.nextBytes(result);
        return result;
    }

    private static void loadStore() throws Exception {
        store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin);
    }

    private static void digests() throws Exception {
        byte[] large = random(100_000);
        for (String name : List.of("SHA-256", "SHA-384", "SHA-512")) {
            MessageDigest ours = MessageDigest.getInstance(name, token);
            ours.update(large, 0, 77_777);
            ours.update(large, 77_777, large.length - 77_777);
            check(Arrays.equals(ours.digest(), MessageDigest.getInstance(name, "SUN").digest(large)), name);
        }
    }

    private static void randomBytes() throws Exception {
        SecureRandom random = SecureRandom.getInstance("PKCS11", token);
        byte[] one = new byte[64];
        byte[] two = new byte[64];
        random.nextBytes(one);
        random.nextBytes(two);
        check(!Arrays.equals(one, two), "the same twice");
    }

    private static void macs() throws Exception {
        SecretKey key = new SecretKeySpec(random(64), "Generic");
        for (String name : List.of("HmacSHA256", "HmacSHA384", "HmacSHA512")) {
            Mac ours = Mac.getInstance(name, token);
            Mac theirs = Mac.getInstance(name, "SunJCE");
            ours.init(key);
            theirs.init(key);
            check(Arrays.equals(ours.doFinal(MESSAGE), theirs.doFinal(MESSAGE)), name);
        }
    }

    private static byte[] gcm(Object provider, int mode, SecretKey key, byte[] iv, byte[] input) throws Exception {
        Cipher cipher = cipher("AES/GCM/NoPadding", provider);
        cipher.init(mode, key, new GCMParameterSpec(128, iv));
        cipher.updateAAD("header".getBytes());
        return cipher.doFinal(input);
    }

    private static Cipher cipher(String name, Object provider) throws Exception {
        return provider instanceof Provider
                ? Cipher.getInstance(name, (Provider) provider)
                : Cipher.getInstance(name, (String) provider);
    }

    private static void aesGcm() throws Exception {
        for (int keyBytes : new int[] {16, 32}) {
            for (int length : new int[] {0, 1, 16, 1000, 100_000}) {
                SecretKey key = new SecretKeySpec(random(keyBytes), "AES");
                byte[] iv = random(12);
                byte[] plain = random(length);
                byte[] sealed = gcm(token, Cipher.ENCRYPT_MODE, key, iv, plain);
                check(Arrays.equals(plain, gcm("SunJCE", Cipher.DECRYPT_MODE, key, iv, sealed)), "encrypt " + length);
                check(Arrays.equals(plain, gcm(token, Cipher.DECRYPT_MODE, key, iv, sealed)), "decrypt " + length);
            }
        }
    }

    private static void aesGcmChanged() throws Exception {
        SecretKey key = new SecretKeySpec(random(32), "AES");
        byte[] iv = random(12);
        byte[] sealed = gcm("SunJCE", Cipher.ENCRYPT_MODE, key, iv, MESSAGE);
        sealed[3] ^= 1;
        try {
            gcm(token, Cipher.DECRYPT_MODE, key, iv, sealed);
        } catch (AEADBadTagException | javax.crypto.IllegalBlockSizeException | java.security.ProviderException refused) {
            return;
        }
        check(false, "accepted");
    }

    private static void aesCbcCtr() throws Exception {
        SecretKey key = new SecretKeySpec(random(32), "AES");
        IvParameterSpec iv = new IvParameterSpec(random(16));
        byte[] plain = random(12_345);
        for (String name : List.of("AES/CBC/PKCS5Padding", "AES/CTR/NoPadding")) {
            Cipher ours = cipher(name, token);
            Cipher theirs = cipher(name, "SunJCE");
            ours.init(Cipher.ENCRYPT_MODE, key, iv);
            theirs.init(Cipher.DECRYPT_MODE, key, iv);
            check(Arrays.equals(plain, theirs.doFinal(ours.doFinal(plain))), name + " encrypt");
            theirs.init(Cipher.ENCRYPT_MODE, key, iv);
            ours.init(Cipher.DECRYPT_MODE, key, iv);
            check(Arrays.equals(plain, ours.doFinal(theirs.doFinal(plain))), name + " decrypt");
        }
    }

    private static void generatedAes() throws Exception {
        KeyGenerator generator = KeyGenerator.getInstance("AES", token);
        generator.init(256);
        SecretKey key = generator.generateKey();
        byte[] iv = random(12);
        byte[] sealed = gcm(token, Cipher.ENCRYPT_MODE, key, iv, MESSAGE);
        check(Arrays.equals(MESSAGE, gcm(token, Cipher.DECRYPT_MODE, key, iv, sealed)), "round trip");
    }

    private static KeyPair rsaPair() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", token);
        generator.initialize(2048);
        return generator.generateKeyPair();
    }

    private static KeyPair ecPair(String curve) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", token);
        generator.initialize(new ECGenParameterSpec(curve));
        return generator.generateKeyPair();
    }

    /** The same public key, for a provider that knows nothing of the token. */
    private static PublicKey plain(PublicKey key, String algorithm, String provider) throws Exception {
        return KeyFactory.getInstance(algorithm, provider).generatePublic(new X509EncodedKeySpec(key.getEncoded()));
    }

    private static byte[] sign(Signature signer, PrivateKey key) throws Exception {
        signer.initSign(key);
        signer.update(MESSAGE);
        return signer.sign();
    }

    private static boolean verify(Signature verifier, PublicKey key, byte[] signature) throws Exception {
        verifier.initVerify(key);
        verifier.update(MESSAGE);
        return verifier.verify(signature);
    }

    private static void leave(String name, PublicKey key, byte[] signature) throws Exception {
        Files.write(Path.of("java." + name + ".pub"), key.getEncoded());
        Files.write(Path.of("java." + name + ".sig"), signature);
        Files.write(Path.of("java.message"), MESSAGE);
    }

    private static void rsaSignatures() throws Exception {
        KeyPair pair = rsaPair();
        PublicKey open = plain(pair.getPublic(), "RSA", "SunRsaSign");
        for (String name : List.of("SHA256withRSA", "SHA384withRSA", "SHA512withRSA")) {
            byte[] signature = sign(Signature.getInstance(name, token), pair.getPrivate());
            check(verify(Signature.getInstance(name, "SunRsaSign"), open, signature), name);
            check(verify(Signature.getInstance(name, token), pair.getPublic(), signature), name + " in the token");
            leave("rsa", open, signature);
        }
        PSSParameterSpec pss = new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1);
        Signature ours = Signature.getInstance("RSASSA-PSS", token);
        Signature theirs = Signature.getInstance("RSASSA-PSS", "SunRsaSign");
        ours.setParameter(pss);
        theirs.setParameter(pss);
        check(verify(theirs, open, sign(ours, pair.getPrivate())), "PSS");
    }

    private static void rsaEncryption() throws Exception {
        KeyPair pair = rsaPair();
        Cipher theirs = cipher("RSA/ECB/PKCS1Padding", "SunJCE");
        theirs.init(Cipher.ENCRYPT_MODE, plain(pair.getPublic(), "RSA", "SunRsaSign"));
        Cipher ours = cipher("RSA/ECB/PKCS1Padding", token);
        ours.init(Cipher.DECRYPT_MODE, pair.getPrivate());
        check(Arrays.equals(MESSAGE, ours.doFinal(theirs.doFinal(MESSAGE))), "decrypt");
    }

    private static void ecdsa() throws Exception {
        for (String curve : List.of("secp256r1", "secp384r1", "secp521r1")) {
            KeyPair pair = ecPair(curve);
            PublicKey open = plain(pair.getPublic(), "EC", "SunEC");
            for (String name : List.of("SHA256withECDSA", "SHA384withECDSA", "SHA512withECDSA")) {
                byte[] signature = sign(Signature.getInstance(name, token), pair.getPrivate());
                check(verify(Signature.getInstance(name, "SunEC"), open, signature), curve + " " + name);
                leave(curve, open, signature);
            }
        }
    }

    private static void ecdh() throws Exception {
        for (String curve : List.of("secp256r1", "secp384r1")) {
            KeyPair mine = ecPair(curve);
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", "SunEC");
            generator.initialize(new ECGenParameterSpec(curve));
            KeyPair peer = generator.generateKeyPair();
            KeyAgreement ours = KeyAgreement.getInstance("ECDH", token);
            ours.init(mine.getPrivate());
            ours.doPhase(peer.getPublic(), true);
            KeyAgreement theirs = KeyAgreement.getInstance("ECDH", "SunEC");
            theirs.init(peer.getPrivate());
            theirs.doPhase(plain(mine.getPublic(), "EC", "SunEC"), true);
            check(Arrays.equals(ours.generateSecret(), theirs.generateSecret()), curve);
        }
    }

    private static void keyWrap() throws Exception {
        if (token.getService("Cipher", "AES/KW/NoPadding") == null) {
            throw new Skip("this Java has no AES/KW in SunPKCS11");
        }
        SecretKey wrapping = new SecretKeySpec(random(32), "AES");
        SecretKey target = new SecretKeySpec(random(32), "AES");
        Cipher ours = cipher("AES/KW/NoPadding", token);
        Cipher theirs = cipher("AES/KW/NoPadding", "SunJCE");
        ours.init(Cipher.WRAP_MODE, wrapping);
        theirs.init(Cipher.UNWRAP_MODE, wrapping);
        byte[] wrapped = ours.wrap(target);
        byte[] opened = theirs.unwrap(wrapped, "AES", Cipher.SECRET_KEY).getEncoded();
        check(Arrays.equals(target.getEncoded(), opened), "wrap");
        ours.init(Cipher.UNWRAP_MODE, wrapping);
        SecretKey back = (SecretKey) ours.unwrap(wrapped, "AES", Cipher.SECRET_KEY);
        byte[] iv = random(12);
        byte[] sealed = gcm(token, Cipher.ENCRYPT_MODE, back, iv, MESSAGE);
        check(Arrays.equals(MESSAGE, gcm("SunJCE", Cipher.DECRYPT_MODE, target, iv, sealed)), "unwrap");
    }

    private static void rsaWrap() throws Exception {
        KeyPair pair = rsaPair();
        SecretKey target = new SecretKeySpec(random(32), "AES");
        Cipher theirs = cipher("RSA/ECB/PKCS1Padding", "SunJCE");
        theirs.init(Cipher.WRAP_MODE, plain(pair.getPublic(), "RSA", "SunRsaSign"));
        Cipher ours = cipher("RSA/ECB/PKCS1Padding", token);
        ours.init(Cipher.UNWRAP_MODE, pair.getPrivate());
        SecretKey back = (SecretKey) ours.unwrap(theirs.wrap(target), "AES", Cipher.SECRET_KEY);
        byte[] iv = random(12);
        byte[] sealed = gcm(token, Cipher.ENCRYPT_MODE, back, iv, MESSAGE);
        check(Arrays.equals(MESSAGE, gcm("SunJCE", Cipher.DECRYPT_MODE, target, iv, sealed)), "unwrap");
    }

    private static void storeSecretKey() throws Exception {
        SecretKey key = new SecretKeySpec(random(32), "AES");
        store.setEntry("kept aes", new KeyStore.SecretKeyEntry(key), null);
        loadStore();
        SecretKey kept = (SecretKey) store.getKey("kept aes", null);
        check(kept != null, "not found again");
        byte[] iv = random(12);
        byte[] sealed = gcm(token, Cipher.ENCRYPT_MODE, kept, iv, MESSAGE);
        check(Arrays.equals(MESSAGE, gcm("SunJCE", Cipher.DECRYPT_MODE, key, iv, sealed)), "another key");
        store.deleteEntry("kept aes");
        loadStore();
        check(!store.containsAlias("kept aes"), "not deleted");
    }

    private static void storeKeyEntry(String path) throws Exception {
        KeyStore file = KeyStore.getInstance("PKCS12");
        try (FileInputStream in = new FileInputStream(path)) {
            file.load(in, pin);
        }
        Certificate[] chain = file.getCertificateChain("imported");
        store.setKeyEntry("imported", file.getKey("imported", pin), null, chain);
        loadStore();
        PrivateKey key = (PrivateKey) store.getKey("imported", null);
        check(Arrays.equals(store.getCertificate("imported").getEncoded(), chain[0].getEncoded()), "certificate");
        byte[] signature = sign(Signature.getInstance("SHA256withRSA", token), key);
        check(verify(Signature.getInstance("SHA256withRSA", "SunRsaSign"), chain[0].getPublicKey(), signature), "signature");
    }

    private static void threads() throws Exception {
        KeyPair pair = ecPair("secp256r1");
        PublicKey open = plain(pair.getPublic(), "EC", "SunEC");
        SecretKey key = new SecretKeySpec(random(32), "AES");
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<Boolean>> results = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            results.add(pool.submit(() -> {
                boolean good = true;
                for (int j = 0; j < 50; j++) {
                    byte[] signature = sign(Signature.getInstance("SHA256withECDSA", token), pair.getPrivate());
                    good &= verify(Signature.getInstance("SHA256withECDSA", "SunEC"), open, signature);
                    byte[] iv = random(12);
                    byte[] sealed = gcm(token, Cipher.ENCRYPT_MODE, key, iv, MESSAGE);
                    good &= Arrays.equals(MESSAGE, gcm("SunJCE", Cipher.DECRYPT_MODE, key, iv, sealed));
                }
                return good;
            }));
        }
        pool.shutdown();
        for (Future<Boolean> result : results) {
            check(result.get(), "a thread got something wrong");
        }
    }
}
