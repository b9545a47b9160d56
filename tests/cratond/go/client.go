// The daemon as a program in Go uses it; results are checked by Go's own cryptography.
//
//	client PORT CA CERT KEY        CERT and KEY "-": none. The PIN is in PIN.
//	client PORT CA CERT KEY probe  opens a session, and prints the status
//
// Prints "ok NAME" or "not ok NAME: WHY".
//
// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"time"

	"craton/hsm"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
)

var message = []byte("The quick brown fox jumps over the lazy dog")

func attribute(kind uint64, value []byte) *hsm.Attribute {
	return &hsm.Attribute{AttrType: kind, Value: value}
}

func ulong(value uint64) []byte {
	out := make([]byte, 8)
	binary.LittleEndian.PutUint64(out, value)
	return out
}

func connect(port, ca, cert, key string) (*grpc.ClientConn, error) {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(ca)
	if err != nil || !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("no CA: %v", err)
	}
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
	if cert != "-" {
		own, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return grpc.Dial("localhost:"+port, grpc.WithTransportCredentials(credentials.NewTLS(config)))
}

type client struct {
	context context.Context
	hsm     hsm.HsmServiceClient
	session uint64
}

func (c *client) login() error {
	opened, err := c.hsm.OpenSession(c.context, &hsm.OpenSessionRequest{ReadWrite: true})
	if err != nil {
		return err
	}
	c.session = opened.SessionHandle
	_, err = c.hsm.Login(c.context, &hsm.LoginRequest{SessionHandle: c.session, UserType: 1,
		Pin: []byte(os.Getenv("PIN"))})
	return err
}

func (c *client) value(object, kind uint64) ([]byte, error) {
	got, err := c.hsm.GetAttributeValue(c.context, &hsm.GetAttributeValueRequest{SessionHandle: c.session,
		ObjectHandle: object, AttributeTypes: []uint64{kind}})
	if err != nil {
		return nil, err
	}
	if len(got.Attributes) != 1 {
		return nil, fmt.Errorf("no attribute %#x", kind)
	}
	return got.Attributes[0].Value, nil
}

func (c *client) sign() error {
	p256, _ := hex.DecodeString("06082a8648ce3d030107")
	label := attribute(0x3, []byte("by-go"))
	made, err := c.hsm.GenerateKeyPair(c.context, &hsm.GenerateKeyPairRequest{SessionHandle: c.session,
		Mechanism:       &hsm.Mechanism{MechanismType: 0x1040},
		PublicTemplate:  []*hsm.Attribute{attribute(0x180, p256), label},
		PrivateTemplate: []*hsm.Attribute{attribute(0x108, []byte{1}), label}})
	if err != nil {
		return err
	}
	point, err := c.value(made.PublicKeyHandle, 0x181)
	if err != nil {
		return err
	}
	signed, err := c.hsm.Sign(c.context, &hsm.SignRequest{SessionHandle: c.session, KeyHandle: made.PrivateKeyHandle,
		Mechanism: &hsm.Mechanism{MechanismType: 0x1044}, Data: message})
	if err != nil {
		return err
	}
	x, y := elliptic.Unmarshal(elliptic.P256(), point[2:])
	digest := sha256.Sum256(message)
	r, s := new(big.Int).SetBytes(signed.Signature[:32]), new(big.Int).SetBytes(signed.Signature[32:])
	if !ecdsa.Verify(&ecdsa.PublicKey{Curve: elliptic.P256(), X: x, Y: y}, digest[:], r, s) {
		return fmt.Errorf("crypto/ecdsa does not verify it")
	}
	return nil
}

func (c *client) encrypt() error {
	yes, no := []byte{1}, []byte{0}
	made, err := c.hsm.GenerateKey(c.context, &hsm.GenerateKeyRequest{SessionHandle: c.session,
		Mechanism: &hsm.Mechanism{MechanismType: 0x1080},
		Template: []*hsm.Attribute{attribute(0x161, ulong(32)), attribute(0x104, yes), attribute(0x162, yes),
			attribute(0x103, no)}})
	if err != nil {
		return err
	}
	nonce := make([]byte, 12)
	sealed, err := c.hsm.Encrypt(c.context, &hsm.EncryptRequest{SessionHandle: c.session, KeyHandle: made.KeyHandle,
		Mechanism: &hsm.Mechanism{MechanismType: 0x1087,
			Typed: &hsm.Mechanism_Gcm{Gcm: &hsm.GcmParams{Iv: nonce, Aad: []byte("aad")}}}, Data: message})
	if err != nil {
		return err
	}
	key, err := c.value(made.KeyHandle, 0x11)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	gcm, _ := cipher.NewGCM(block)
	opened, err := gcm.Open(nil, nonce, sealed.EncryptedData, []byte("aad"))
	if err == nil && !bytes.Equal(opened, message) {
		err = fmt.Errorf("it is another message")
	}
	return err
}

func (c *client) find() error {
	found, err := c.hsm.FindObjects(c.context, &hsm.FindObjectsRequest{SessionHandle: c.session,
		Template: []*hsm.Attribute{attribute(0x3, []byte("by-go"))}})
	if err == nil && len(found.ObjectHandles) != 2 {
		err = fmt.Errorf("%d objects", len(found.ObjectHandles))
	}
	return err
}

func (c *client) random() error {
	made, err := c.hsm.GenerateRandom(c.context, &hsm.GenerateRandomRequest{SessionHandle: c.session, Length: 32})
	if err == nil && len(made.RandomData) != 32 {
		err = fmt.Errorf("%d bytes", len(made.RandomData))
	}
	return err
}

func main() {
	connection, err := connect(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		fmt.Println("not ok connection:", err)
		os.Exit(1)
	}
	within, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := &client{context: within, hsm: hsm.NewHsmServiceClient(connection)}
	if len(os.Args) > 5 {
		_, err = c.hsm.OpenSession(within, &hsm.OpenSessionRequest{})
		fmt.Println(status.Code(err))
		return
	}
	steps := []struct {
		name string
		run  func() error
	}{{"login", c.login}, {"sign", c.sign}, {"encrypt", c.encrypt}, {"find", c.find}, {"random", c.random}}
	for _, step := range steps {
		if err := step.run(); err != nil {
			fmt.Printf("not ok %s: %v\n", step.name, err)
		} else {
			fmt.Println("ok", step.name)
		}
	}
}
