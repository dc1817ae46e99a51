package hostile

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// attacks count what hostile clients did.
type attacks struct{ hungUp, guesses, codes, keys, refused atomic.Int64 }

// hostileClient does its worst until ctx ends; n tells clients apart. Each returns what kept it from that.
type hostileClient func(ctx context.Context, h *house, n int, did *attacks) error

var hostileClients = map[string]hostileClient{
	"unknown names": guessNames, "hang-ups": hangUp, "wrong codes": guessCodes, "giant keys": sendGiants,
}

// giantBytes is about the most that the form of a ceremony, which is base64 twice over, takes.
const giantBytes = 34_000

// The networks of those who hang up, and of those who guess at names.
const (
	hangUps = "198.18."
	guesses = "198.19."
)

// each calls do again and again until ctx ends; an error that the end of ctx led to is none.
func each(ctx context.Context, do func(i int) error) error {
	for i := 0; ctx.Err() == nil; i++ {
		if err := do(i); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// guessNames tries names that nobody has, from one network after the other.
func guessNames(ctx context.Context, h *house, n int, did *attacks) error {
	return each(ctx, func(i int) error {
		c := h.newClient(fmt.Sprintf("%s%d.%d", guesses, n*50+i/250%50, i%250+1))
		defer c.CloseIdleConnections()
		status, _, err := c.form(ctx, "/login", "login", fmt.Sprintf("nobody%d-%d", n, i), "password", "wrong")
		did.guesses.Add(1)
		if status == http.StatusTooManyRequests {
			did.refused.Add(1)
		}
		return err
	})
}

// hangUp guesses the owner's password from one network after the other, and is gone while it is looked at.
func hangUp(ctx context.Context, h *house, n int, did *attacks) error {
	return each(ctx, func(i int) error {
		c := h.newClient(fmt.Sprintf("%s%d.%d", hangUps, n*50+i/250%50, i%250+1))
		defer c.CloseIdleConnections()
		short, cancel := context.WithTimeout(ctx, 35*time.Millisecond)
		defer cancel()
		_, _, err := c.form(short, "/login", "login", h.ada.name, "password", "wrong")
		did.hungUp.Add(1)
		if errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
		return err
	})
}

// guessCodes has the owner's password, and guesses at the second factor.
func guessCodes(ctx context.Context, h *house, n int, did *attacks) error {
	return each(ctx, func(i int) error {
		c := h.newClient(fmt.Sprintf("203.0.113.%d", n*20+i%20+1))
		defer c.CloseIdleConnections()
		status, _, err := c.form(ctx, "/login", "login", h.ada.name, "password", h.ada.password)
		if err != nil || status != http.StatusSeeOther {
			did.refused.Add(1)
			return err
		}
		for path, code := range map[string]string{"/login/totp": "000000", "/login/recovery": "0123456789abcdef"} {
			if _, _, err := c.form(ctx, path, "code", code); err != nil {
				return err
			}
			did.codes.Add(1)
		}
		return nil
	})
}

// sendGiants adds a security key with a modulus of giantBytes to an account of one's own, and signs in
// with passkeys whose signatures are as long. Its session takes a recovery code.
func sendGiants(ctx context.Context, h *house, n int, did *attacks) error {
	c := h.newClient(fmt.Sprintf("203.0.113.%d", 200+n))
	defer c.CloseIdleConnections()
	nobody := h.newClient(c.ip)
	defer nobody.CloseIdleConnections()
	eve := *h.eve
	eve.codes = eve.codes[n : n+1]
	err := c.signIn(ctx, &eve)
	if err != nil {
		if ctx.Err() != nil {
			return nil // it was over before
		}
		return fmt.Errorf("the session of an attacker: %w", err)
	}
	return each(ctx, func(int) error {
		for begin, c := range map[string]*client{"/webauthn/add": c, "/webauthn/passkey": nobody} {
			challenge, status, err := c.begin(ctx, begin+"/begin")
			if err != nil {
				return err
			}
			if status == http.StatusTooManyRequests {
				did.refused.Add(1)
				continue
			}
			if challenge == "" {
				return fmt.Errorf("%s: %d, no challenge", begin, status)
			}
			answer, err := giant(h.url, challenge, begin == "/webauthn/add")
			if err != nil {
				return err
			}
			res, err := c.post(ctx, begin+"/finish", "application/json", answer)
			if err != nil {
				return err
			}
			did.keys.Add(1)
			res.Body.Close()
			if res.StatusCode < 400 || res.StatusCode >= 500 {
				return fmt.Errorf("%s: a giant is answered %d", begin, res.StatusCode)
			}
		}
		return nil
	})
}

// begin begins a ceremony.
func (c *client) begin(ctx context.Context, path string) (challenge string, status int, err error) {
	res, err := c.post(ctx, path, "application/json", `{"name":"giant"}`)
	if err != nil {
		return "", 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return "", res.StatusCode, err
	}
	var a struct {
		Options struct {
			Challenge string
			PublicKey struct{ Challenge string }
		}
	}
	err = json.Unmarshal(b, &a)
	return a.Options.Challenge + a.Options.PublicKey.Challenge, res.StatusCode, err
}

// giant is an answer to a ceremony with an RSA key, or a signature, of giantBytes.
func giant(origin, challenge string, add bool) (string, error) {
	big, id, text := make([]byte, giantBytes), []byte("a giant's credential"), base64.RawURLEncoding.EncodeToString
	rand.Read(big)
	big[0] |= 0x80
	big[len(big)-1] |= 1
	kind := "webauthn.get"
	if add {
		kind = "webauthn.create"
	}
	client, err := json.Marshal(map[string]string{"type": kind, "challenge": challenge, "origin": origin})
	if err != nil {
		return "", err
	}
	party := sha256.Sum256([]byte("localhost"))
	response := map[string]string{"clientDataJSON": text(client)}
	data := append(party[:], 0x05, 0, 0, 0, 0)
	if add {
		key, err := webauthncbor.Marshal(map[int]any{1: 3, 3: -257, -1: big, -2: []byte{1, 0, 1}})
		if err != nil {
			return "", err
		}
		data = append(append(party[:], 0x45, 0, 0, 0, 0), make([]byte, 16)...)
		data = append(append(append(data, byte(len(id)>>8), byte(len(id))), id...), key...)
		object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "authData": data, "attStmt": map[string]any{}})
		if err != nil {
			return "", err
		}
		response["attestationObject"] = text(object)
	} else {
		response["authenticatorData"], response["signature"], response["userHandle"] = text(data), text(big), text([]byte("nobody"))
	}
	b, err := json.Marshal(map[string]any{"response": map[string]any{"type": "public-key", "id": text(id), "rawId": text(id), "response": response}})
	return string(b), err
}
