package token_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/realtest"
)

// mintingFile is testdata/vectors/minting.json.
type mintingFile struct {
	Cases []struct {
		Name         string
		RootKeyHex   string `json:"root_key_hex"`
		Identifier   string
		Location     string
		Caveats      []string
		ChainHex     []string `json:"chain_hex"`
		SignatureHex string   `json:"signature_hex"`
		Token        string
	}
}

func readMinting(t *testing.T) (f mintingFile, raw []byte) {
	t.Helper()
	raw, err := os.ReadFile("../testdata/vectors/minting.json")
	if err != nil {
		t.Fatal(err)
	}
	err = json.Unmarshal(raw, &f)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) < 12 {
		t.Fatalf("%d cases, there were 12", len(f.Cases))
	}
	return f, raw
}

// TestMintingVectors: Mint, Extend and macaroon.v2 give what make_minting.py got.
func TestMintingVectors(t *testing.T) {
	f, _ := readMinting(t)
	for _, c := range f.Cases {
		t.Run(c.Name, func(t *testing.T) {
			key, err := hex.DecodeString(c.RootKeyHex)
			if err != nil {
				t.Fatal(err)
			}
			tok, err := token.Mint(key, c.Identifier, c.Location, bytesOf(c.Caveats))
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(tok.Signature[:]); got != c.SignatureHex || got != c.ChainHex[len(c.Caveats)] {
				t.Errorf("signature %s", got)
			}
			if text := textOf(t, tok); text != c.Token {
				t.Errorf("token %s", text)
			}
			m, err := macaroon.New(key, []byte(c.Identifier), c.Location, macaroon.V2)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.ChainHex {
				if got := hex.EncodeToString(m.Signature()); got != c.ChainHex[i] {
					t.Errorf("macaroon.v2 after %d caveats: %s", i, got)
				}
				at, err := hex.DecodeString(c.ChainHex[i])
				if err != nil {
					t.Fatal(err)
				}
				end, err := token.Extend([token.SignatureSize]byte(at), c.Identifier, tok.Caveats[i:])
				if err != nil || end != tok.Signature {
					t.Errorf("Extend over the last %d caveats: %x, %v", len(tok.Caveats)-i, end, err)
				}
				if i < len(tok.Caveats) {
					if err := m.AddFirstPartyCaveat(tok.Caveats[i]); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestVectorsAreWhatTheScriptsMake runs the scripts that made minting.json and forms.json.
func TestVectorsAreWhatTheScriptsMake(t *testing.T) {
	realtest.Need(t, realtest.Python, realtest.Pymacaroons)
	for _, name := range []string{"minting", "forms"} {
		want, err := os.ReadFile("../testdata/vectors/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(realtest.Python.Path, "../testdata/vectors/make_"+name+".py")
		cmd.Stderr = os.Stderr
		got, err := cmd.Output()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("make_%s.py makes another %s.json: %v", name, name, err)
		}
	}
}
