package authn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"
	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/rind-dev/rind/internal/kv"
)

// madeKey is a "security key" that somebody wrote: a modulus and an exponent of their choice, and
// signatures that are right.
type madeKey struct {
	n, d *big.Int
	e    int
	id   []byte
}

// makeKey makes a key with a modulus of so many bits, of eight primes: that is quicker than of two.
func makeKey(t testing.TB, bits, e int) *madeKey {
	t.Helper()
	n, phi := big.NewInt(1), big.NewInt(1)
	for range 7 {
		p := primeFor(t, bits/8, e)
		n.Mul(n, p)
		phi.Mul(phi, p.Sub(p, big.NewInt(1)))
	}
	for i := 0; ; i++ { // the last one makes up for what the others lack of their greatest size
		p := primeFor(t, bits-n.BitLen()+i%2, e)
		if whole := new(big.Int).Mul(n, p); whole.BitLen() == bits {
			phi.Mul(phi, p.Sub(p, big.NewInt(1)))
			return &madeKey{n: whole, d: new(big.Int).ModInverse(big.NewInt(int64(e)), phi), e: e, id: []byte("made " + rand.Text())}
		}
	}
}

// primeFor is a prime of so many bits with which e has an inverse.
func primeFor(t testing.TB, bits, e int) *big.Int {
	t.Helper()
	one := big.NewInt(1)
	for {
		p, err := rand.Prime(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		if new(big.Int).GCD(nil, nil, big.NewInt(int64(e)), new(big.Int).Sub(p, one)).Cmp(one) == 0 {
			return p
		}
	}
}

// sign is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 §8.2.1).
func (k *madeKey) sign(data []byte) []byte {
	digest := sha256.Sum256(data)
	size := (k.n.BitLen() + 7) / 8
	info := append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, digest[:]...)
	em := append([]byte{0, 1}, bytes.Repeat([]byte{0xff}, size-len(info)-3)...)
	em = append(append(em, 0), info...)
	return new(big.Int).Exp(new(big.Int).SetBytes(em), k.d, k.n).FillBytes(make([]byte, size))
}

// cose is the key as RFC 8230 §4 has it.
func (k *madeKey) cose(t testing.TB) []byte {
	t.Helper()
	return marshalCBOR(t, map[int]any{1: 3, 3: -257, -1: k.n.Bytes(), -2: big.NewInt(int64(k.e)).Bytes()})
}

func marshalCBOR(t testing.TB, v any) []byte {
	t.Helper()
	b, err := webauthncbor.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// authData is what an authenticator says, with its public key if there is one.
func authData(id, cose []byte, count byte) []byte {
	party := sha256.Sum256([]byte("rind.example.org"))
	flags := byte(0x05) // the user was there, and verified
	if cose != nil {
		flags |= 0x40
	}
	out := append(party[:], flags, 0, 0, 0, count)
	if cose == nil {
		return out
	}
	out = append(out, make([]byte, 16)...)
	out = append(out, byte(len(id)>>8), byte(len(id)))
	return append(append(out, id...), cose...)
}

func clientData(t testing.TB, kind string, challenge []byte) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": base64.RawURLEncoding.EncodeToString(challenge), "origin": site})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answerOf is an answer in JSON; members are those of its response.
func answerOf(t testing.TB, id []byte, members map[string][]byte) []byte {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString
	response := map[string]string{}
	for k, v := range members {
		response[k] = text(v)
	}
	b, err := json.Marshal(map[string]any{"type": "public-key", "id": text(id), "rawId": text(id), "response": response})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// registration answers SecurityKeys.BeginAdd with any public key, and a statement about it.
func registration(t testing.TB, opts json.RawMessage, id, cose []byte, format string, statement func(signed []byte) map[string]any) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(opts))
	if err != nil {
		t.Fatal(err)
	}
	client, data := clientData(t, "webauthn.create", o.Challenge), authData(id, cose, 0)
	hash := sha256.Sum256(client)
	object := marshalCBOR(t, map[string]any{"fmt": format, "authData": data, "attStmt": statement(append(bytes.Clone(data), hash[:]...))})
	return answerOf(t, id, map[string][]byte{"clientDataJSON": client, "attestationObject": object})
}

func noStatement([]byte) map[string]any { return map[string]any{} }

// get answers SecurityKeys.BeginVerify or BeginPasskey.
func (k *madeKey) get(t testing.TB, opts json.RawMessage, handle []byte) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(opts))
	if err != nil {
		t.Fatal(err)
	}
	client, data := clientData(t, "webauthn.get", o.Challenge), authData(k.id, nil, 9)
	hash := sha256.Sum256(client)
	return answerOf(t, k.id, map[string][]byte{
		"clientDataJSON": client, "authenticatorData": data, "signature": k.sign(append(bytes.Clone(data), hash[:]...)), "userHandle": handle,
	})
}

// plant gives an account a key that never went through SecurityKeys.Add.
func (e *env) plant(who *person, k *madeKey) (handle []byte) {
	e.t.Helper()
	err := e.core.store.Update(e.t.Context(), func(tx kv.Tx) error {
		u, err := loadUser(tx, who.UserID)
		if err != nil {
			return err
		}
		u.Keys++
		if err := kv.PutJSON(tx, userKey(u.ID), u); err != nil {
			return err
		}
		h := keyHolder{user: u}
		err = e.SecurityKeys.withHandle(tx, &h)
		if err != nil {
			return err
		}
		handle = h.handle
		return e.SecurityKeys.putKey(tx, u.ID, keyRecord{ID: rand.Text(), Name: rand.Text(), CredentialID: k.id, PublicKey: k.cose(e.t)})
	})
	if err != nil {
		e.t.Fatal(err)
	}
	return handle
}

// A key that somebody wrote is worked with only where its size is usual, whichever way it comes: added, as a second
// factor, or as a passkey. All signatures here are right.
func TestSizesOfKeys(t *testing.T) {
	for name, c := range map[string]struct {
		bits, e int
		good    bool
	}{
		"RSA with 2,048 bits":   {2048, 65537, true},
		"RSA with 4,096 bits":   {4096, 65537, true},
		"too few bits":          {2040, 65537, false},
		"too many bits":         {4104, 65537, false},
		"a small exponent":      {2048, 17, false},
		"a long exponent":       {2048, 1<<31 - 1, false},
		"one more than 65537":   {2048, 65539, false},
		"a long modulus, e = 5": {4104, 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, withKeys)
			root := e.admin()
			k := makeKey(t, c.bits, c.e)
			ctx := t.Context()
			add := e.begun(e.SecurityKeys.BeginAdd(ctx, root.Session, "made"))
			x, err := e.SecurityKeys.Add(ctx, root.Session, home, registration(t, add, k.id, k.cose(t), "none", noStatement))
			if c.good {
				root.Session = e.must(x, err)
			} else {
				wantProblem(t, err, "", CodeKeyRefused)
			}

			k.id = []byte("another " + rand.Text())
			handle := e.plant(root, k)
			half := e.password(root)
			_, err = e.SecurityKeys.Verify(ctx, half, home, k.get(t, e.begun(e.SecurityKeys.BeginVerify(ctx, half)), handle))
			opts, token, begun := e.SecurityKeys.BeginPasskey(ctx, home)
			k2 := k
			if c.good {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantProblem(t, err, "", CodeKeyRefused)
			_, err = e.SecurityKeys.SignInPasskey(ctx, home, token, k2.get(t, e.begun(opts, begun), handle))
			wantProblem(t, err, "", CodePasskeyFailed)
		})
	}
}

// What is too long to be a key is refused by its length.
func TestGiantKeys(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	giant := make([]byte, 48_000)
	rand.Read(giant)
	giant[0] |= 0x80
	giant[len(giant)-1] |= 1
	k := &madeKey{n: new(big.Int).SetBytes(giant), d: big.NewInt(1), e: 65537, id: []byte("giant")}
	if err := checkPublicKey(k.cose(t)); err == nil {
		t.Error("a key with a modulus of 48,000 bytes")
	}
	ctx := t.Context()
	add := e.begun(e.SecurityKeys.BeginAdd(ctx, root.Session, "giant"))
	_, err := e.SecurityKeys.Add(ctx, root.Session, home, registration(t, add, k.id, k.cose(t), "none", noStatement))
	wantProblem(t, err, "", CodeKeyRefused)
	if e.user(root.UserID).Keys != 0 {
		t.Error("it was added")
	}
}

// Only the algorithms that are offered are taken, also where the answer has another.
func TestAlgorithmsOfKeys(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	add := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "a"))
	var offered struct {
		PubKeyCredParams []struct{ Alg int }
	}
	err := json.Unmarshal(add, &offered)
	if err != nil {
		t.Fatal(err)
	}
	if p := offered.PubKeyCredParams; len(p) != 3 || p[0].Alg != -7 || p[1].Alg != -8 || p[2].Alg != -257 {
		t.Errorf("offered %+v", offered)
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := other.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose := marshalCBOR(t, map[int]any{1: 2, 3: -35, -1: 2, -2: point[1:49], -3: point[49:]})
	_, err = e.SecurityKeys.Add(t.Context(), root.Session, home, registration(t, add, []byte("p384"), cose, "none", noStatement))
	wantProblem(t, err, "", CodeKeyRefused)
}

// certificate is one of an attestation (WebAuthn §8.2.1), with its key.
func certificate(t testing.TB, k *rsa.PrivateKey) []byte {
	t.Helper()
	subject := pkix.Name{
		Country: []string{"SE"}, Organization: []string{"Made"}, CommonName: "made",
		ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "Authenticator Attestation"}},
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: subject, Issuer: subject, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// rsaKey is a key of this test alone: to make a large one takes seconds.
func rsaKey(t *testing.T, bits int) *rsa.PrivateKey {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("testdata/rsa-%d.pem", bits))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil || key.N.BitLen() != bits {
		t.Fatal(err)
	}
	return key
}

// A certificate in a statement about a key is held to the same sizes, and nothing of a statement is verified.
func TestCertificatesOfKeys(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	for name, c := range map[string]struct {
		bits, chain int
		good        bool
	}{
		"usual": {2048, 1, true}, "too small": {2040, 1, false}, "too large": {4104, 1, false}, "a long chain": {2048, 9, false},
	} {
		t.Run(name, func(t *testing.T) {
			authority := rsaKey(t, c.bits)
			k := newVirtualKey()
			k.cred.ID = []byte("of " + name)
			opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, name))
			packed := func(signed []byte) map[string]any {
				digest := sha256.Sum256(signed)
				sig, err := rsa.SignPKCS1v15(rand.Reader, authority, 5, digest[:])
				if err != nil {
					t.Fatal(err)
				}
				chain := make([]any, c.chain)
				for i := range chain {
					chain[i] = certificate(t, authority)
				}
				return map[string]any{"alg": -257, "sig": sig, "x5c": chain}
			}
			x, err := e.SecurityKeys.Add(t.Context(), root.Session, home, registration(t, opts, k.cred.ID, k.cred.Key.AttestationData(), "packed", packed))
			if c.good {
				root.Session = e.must(x, err)
				return
			}
			wantProblem(t, err, "", CodeKeyRefused)
		})
	}
	long := bytes.Repeat([]byte{0x30}, maxCertificate+1)
	if checkCertificates([]any{long}) == nil || checkCertificates("no chain") == nil || checkCertificates([]any{"no bytes"}) == nil {
		t.Error("a certificate that is none")
	}
	opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "wrong statement"))
	k := newVirtualKey()
	root.Session = e.must(e.SecurityKeys.Add(t.Context(), root.Session, home, registration(t, opts, k.cred.ID, k.cred.Key.AttestationData(),
		"tpm", func([]byte) map[string]any { return map[string]any{"sig": []byte("wrong")} })))
}

// Adding keys counts, right ones and wrong ones, before anything is computed.
func TestAddingKeysIsCounted(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	for range 20 {
		e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "a"))
		_, err := e.SecurityKeys.Add(t.Context(), root.Session, home, []byte("{}"))
		wantProblem(t, err, "", CodeKeyRefused)
	}
	answer := newVirtualKey().create(t, e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "a")))
	_, err := e.SecurityKeys.Add(t.Context(), root.Session, home, answer)
	wantErr(t, err, ErrThrottled)
	e.pass(5 * time.Minute)
	opts := e.begun(e.SecurityKeys.BeginAdd(t.Context(), root.Session, "b"))
	e.must(e.SecurityKeys.Add(t.Context(), root.Session, home, newVirtualKey().create(t, opts)))
}
