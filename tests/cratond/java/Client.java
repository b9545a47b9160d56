/* The daemon as a program in Java uses it; results are checked by Java's own providers.
 *
 *     Client PORT CA CERT KEY        CERT and KEY "-": none. The PIN is in PIN.
 *     Client PORT CA CERT KEY probe  opens a session, and prints the status
 *
 * Prints "ok NAME" or "not ok NAME: WHY".
 * SPDX-License-Identifier: Apache-2.0 */
import com.google.protobuf.ByteString;
import craton_hsm.CratonHsm.*;
import craton_hsm.HsmServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.io.File;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.AlgorithmParameters;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

public final class Client {
    private static final byte[] MESSAGE = "The quick brown fox jumps over the lazy dog".getBytes();
    private static final ByteString YES = ByteString.copyFrom(new byte[] {1});
    private static final ByteString NO = ByteString.copyFrom(new byte[] {0});
    private static final ByteString P256 =
            ByteString.copyFrom(new BigInteger("06082a8648ce3d030107", 16).toByteArray());
    private static final ByteString LABEL = ByteString.copyFromUtf8("by-java");

    private final HsmServiceGrpc.HsmServiceBlockingStub hsm;
    private long session;

    private Client(ManagedChannel channel) {
        hsm = HsmServiceGrpc.newBlockingStub(channel).withDeadlineAfter(60, TimeUnit.SECONDS);
    }

    private static Attribute attribute(long kind, ByteString value) {
        return Attribute.newBuilder().setAttrType(kind).setValue(value).build();
    }

    private static ByteString ulong(long value) {
        return ByteString.copyFrom(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
    }

    private static Mechanism.Builder mechanism(long type) {
        return Mechanism.newBuilder().setMechanismType(type);
    }

    private static void require(boolean what, String why) {
        if (!what)
            throw new IllegalStateException(why);
    }

    private byte[] value(long object, long kind) {
        return hsm.getAttributeValue(GetAttributeValueRequest.newBuilder().setSessionHandle(session)
                .setObjectHandle(object).addAttributeTypes(kind).build()).getAttributes(0).getValue().toByteArray();
    }

    private void login() {
        session = hsm.openSession(OpenSessionRequest.newBuilder().setReadWrite(true).build()).getSessionHandle();
        hsm.login(LoginRequest.newBuilder().setSessionHandle(session).setUserType(1)
                .setPin(ByteString.copyFromUtf8(System.getenv("PIN"))).build());
    }

    /* r and s as the token gives them, as a DER sequence. */
    private static byte[] der(byte[] raw) {
        byte[] r = new BigInteger(1, Arrays.copyOf(raw, 32)).toByteArray();
        byte[] s = new BigInteger(1, Arrays.copyOfRange(raw, 32, 64)).toByteArray();
        return ByteBuffer.allocate(6 + r.length + s.length).put((byte) 0x30).put((byte) (4 + r.length + s.length))
                .put((byte) 2).put((byte) r.length).put(r).put((byte) 2).put((byte) s.length).put(s).array();
    }

    private void sign() throws Exception {
        GenerateKeyPairResponse made = hsm.generateKeyPair(GenerateKeyPairRequest.newBuilder()
                .setSessionHandle(session).setMechanism(mechanism(0x1040))
                .addPublicTemplate(attribute(0x180, P256)).addPublicTemplate(attribute(0x3, LABEL))
                .addPrivateTemplate(attribute(0x108, YES)).addPrivateTemplate(attribute(0x3, LABEL)).build());
        byte[] point = value(made.getPublicKeyHandle(), 0x181);
        byte[] signed = hsm.sign(SignRequest.newBuilder().setSessionHandle(session).setMechanism(mechanism(0x1044))
                .setKeyHandle(made.getPrivateKeyHandle()).setData(ByteString.copyFrom(MESSAGE)).build())
                .getSignature().toByteArray();
        AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
        curve.init(new ECGenParameterSpec("secp256r1"));
        ECPoint at = new ECPoint(new BigInteger(1, Arrays.copyOfRange(point, 3, 35)),
                new BigInteger(1, Arrays.copyOfRange(point, 35, 67)));
        Signature verifier = Signature.getInstance("SHA256withECDSA");
        verifier.initVerify((ECPublicKey) KeyFactory.getInstance("EC")
                .generatePublic(new ECPublicKeySpec(at, curve.getParameterSpec(ECParameterSpec.class))));
        verifier.update(MESSAGE);
        require(verifier.verify(der(signed)), "Java does not verify it");
    }

    private void encrypt() throws Exception {
        long key = hsm.generateKey(GenerateKeyRequest.newBuilder().setSessionHandle(session)
                .setMechanism(mechanism(0x1080)).addTemplate(attribute(0x161, ulong(32)))
                .addTemplate(attribute(0x104, YES)).addTemplate(attribute(0x162, YES))
                .addTemplate(attribute(0x103, NO)).build()).getKeyHandle();
        GcmParams params = GcmParams.newBuilder().setIv(ByteString.copyFrom(new byte[12])).build();
        byte[] sealed = hsm.encrypt(EncryptRequest.newBuilder().setSessionHandle(session).setKeyHandle(key)
                .setMechanism(mechanism(0x1087).setGcm(params)).setData(ByteString.copyFrom(MESSAGE)).build())
                .getEncryptedData().toByteArray();
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(value(key, 0x11), "AES"),
                new GCMParameterSpec(128, new byte[12]));
        require(Arrays.equals(cipher.doFinal(sealed), MESSAGE), "it is another message");
    }

    private void find() {
        int found = hsm.findObjects(FindObjectsRequest.newBuilder().setSessionHandle(session)
                .addTemplate(attribute(0x3, LABEL)).build()).getObjectHandlesCount();
        require(found == 2, found + " objects");
    }

    private void random() {
        int length = hsm.generateRandom(GenerateRandomRequest.newBuilder().setSessionHandle(session).setLength(32)
                .build()).getRandomData().size();
        require(length == 32, length + " bytes");
    }

    private interface Step {
        void run() throws Exception;
    }

    private static void step(String name, Step what) {
        try {
            what.run();
            System.out.println("ok " + name);
        } catch (Exception e) {
            System.out.println("not ok " + name + ": " + e);
        }
    }

    private Status.Code probe() {
        try {
            hsm.openSession(OpenSessionRequest.getDefaultInstance());
            return Status.Code.OK;
        } catch (StatusRuntimeException e) {
            return e.getStatus().getCode();
        }
    }

    public static void main(String[] args) throws Exception {
        SslContextBuilder tls = GrpcSslContexts.configure(SslContextBuilder.forClient(), SslProvider.OPENSSL)
                .trustManager(new File(args[1])).protocols("TLSv1.3");
        if (!args[2].equals("-"))
            tls.keyManager(new File(args[2]), new File(args[3]));
        ManagedChannel channel = NettyChannelBuilder.forAddress("localhost", Integer.parseInt(args[0]))
                .sslContext(tls.build()).build();
        Client client = new Client(channel);
        if (args.length > 4) {
            System.out.println(client.probe());
        } else {
            step("login", client::login);
            step("sign", client::sign);
            step("encrypt", client::encrypt);
            step("find", client::find);
            step("random", client::random);
        }
        channel.shutdownNow().awaitTermination(10, TimeUnit.SECONDS);
    }
}
