package authn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
)

// An answer that is too long, and a key that is, are refused by their length, though all in them is right.
func TestLengthsOfKeys(t *testing.T) {
	e := newEnv(t, withKeys)
	root := e.admin()
	ctx := t.Context()
	long := func(answer []byte) []byte { return append(answer, bytes.Repeat([]byte(" "), MaxKeyAnswer)...) }
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := made.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose := func(more int) []byte {
		return marshalCBOR(t, map[int]any{1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:], 100: make([]byte, more)})
	}
	add := func(id string, cose []byte, change func([]byte) []byte) (Session, error) {
		opts := e.begun(e.SecurityKeys.BeginAdd(ctx, root.Session, id))
		return e.SecurityKeys.Add(ctx, root.Session, home, change(registration(t, opts, []byte(id), cose, "none", noStatement)))
	}
	same := func(answer []byte) []byte { return answer }
	_, err = add("long answer", cose(10), long)
	wantProblem(t, err, "", CodeKeyRefused)
	_, err = add("long key", cose(maxPublicKey), same)
	wantProblem(t, err, "", CodeKeyRefused)
	root.Session = e.must(add("usual", cose(10), same))

	k := makeKey(t, 2048, 65537)
	handle := e.plant(root, k)
	half := e.password(root)
	verify := func(change func([]byte) []byte) error {
		_, err := e.SecurityKeys.Verify(ctx, half, home, change(k.get(t, e.begun(e.SecurityKeys.BeginVerify(ctx, half)), handle)))
		return err
	}
	wantProblem(t, verify(long), "", CodeKeyRefused)
	if err := verify(same); err != nil {
		t.Error(err)
	}
}
