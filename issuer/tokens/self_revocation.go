package tokens

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
)

// ErrNotGenuine says that a text is not a token that this issuer issued, or that a holder
// narrowed. It does not say what is wrong with the text, so that nobody learns from it
// which identifiers exist.
var ErrNotGenuine = errors.New("tokens: this is no token of this issuer")

// Found says where a token leaked. Its texts come from outside.
type Found struct {
	URL    string // where the token can be read; may be ""
	Source string // kind of place that was searched: "content", "commit"; may be ""
}

// Burned is the result of Burn or Leaked.
type Burned struct {
	Token    Token  // as it is now
	Revision uint64 // a verifier that has applied it refuses the token
	Done     bool   // this call revoked it
}

// Burn revokes the token with a text, for good: whoever holds a token can end it, whatever
// its life is and however it was narrowed, and all narrowed copies end with it. Burn first
// checks the chain of signatures, as a verifier does, so that an identifier alone ends
// nothing; if the check fails, the error is ErrNotGenuine. A token that is already revoked
// stays as it is, with no error and no further audit row.
//
// by is whoever presented the text, as far as known.
func (s *Service) Burn(ctx context.Context, text string, by audit.Actor) (Burned, error) {
	return s.burnText(ctx, text, by, cause{what: "burned", notice: notices.TokenBurned, why: "by somebody who presented it to be revoked"})
}

// Leaked is Burn for a token that by found where others can read it.
func (s *Service) Leaked(ctx context.Context, text string, by audit.Actor, found Found) (Burned, error) {
	return s.burnText(ctx, text, by, cause{
		what: "leaked", notice: notices.TokenLeaked, why: "because it was found where others can read it",
		detail: map[string]string{"url": found.URL, "source": found.Source},
	})
}

// cause says why a token ends if no signed-in person ends it.
type cause struct {
	what   string            // kind of the audit row, after "token."
	notice notices.Kind      // what the owner hears
	why    string            // follows "revoked"
	detail map[string]string // details of the audit row besides those of the token
}

func (s *Service) burnText(ctx context.Context, text string, by audit.Actor, e cause) (Burned, error) {
	t, err := token.Parse(text)
	if err != nil || !caveats.ValidUUID(t.ID) {
		return Burned{}, ErrNotGenuine
	}
	var out Burned
	err = s.store.View(ctx, func(r kv.Reader) error { // without a genuine token, nobody gets past this to a write
		if err := s.authenticate(r, t); err != nil {
			return err
		}
		out.Token, err = s.viewToken(r, t.ID)
		return err
	})
	if err != nil {
		return Burned{}, err
	}
	out.Revision, err = s.ledger.UpdateExempt(ctx, func(c *ledger.Change) (err error) {
		out.Done, err = burnToken(c, t.ID, by, e)
		if err == nil {
			out.Token, err = s.viewToken(c, t.ID)
		}
		return err
	})
	if err != nil {
		return Burned{}, err
	}
	if out.Done {
		s.log.InfoContext(ctx, "token revoked", "token", t.ID, "why", e.what)
	}
	return out, nil
}

// authenticate checks a token against its chainRecord: it has to be the issued token, or
// one that a holder narrowed.
func (s *Service) authenticate(r kv.Reader, t token.Token) error {
	var chain chainRecord
	err := kv.GetJSON(r, chainKey(t.ID), &chain)
	if errors.Is(err, kv.ErrNotFound) {
		return ErrNotGenuine
	}
	if err != nil {
		return err
	}
	sealed, err := s.sealer.Open(nil, chain.Signature, chainKey(t.ID))
	if err != nil {
		return fmt.Errorf("tokens: the signature of token %s: %w", t.ID, err)
	}
	if len(sealed) != token.SignatureSize {
		return fmt.Errorf("tokens: the signature of token %s is damaged: restore the store from a backup", t.ID)
	}
	want := [token.SignatureSize]byte(sealed)
	if t.Location != chain.Location || len(t.Caveats) < len(chain.Caveats) {
		return ErrNotGenuine
	}
	for i, c := range chain.Caveats {
		if !bytes.Equal(t.Caveats[i], []byte(c)) {
			return ErrNotGenuine
		}
	}
	if added := t.Caveats[len(chain.Caveats):]; len(added) > 0 {
		want, err = token.Extend(want, t.ID, added)
		if err != nil {
			return ErrNotGenuine // such caveats can't have been signed
		}
	}
	if subtle.ConstantTimeCompare(want[:], t.Signature[:]) != 1 {
		return ErrNotGenuine
	}
	return nil
}

func burnToken(c *ledger.Change, id string, by audit.Actor, e cause) (done bool, err error) {
	rec, err := readToken(c, id)
	if err != nil || !rec.Revoked.At.IsZero() {
		return false, err
	}
	err = endToken(c, id, &rec, Revocation{At: c.Now, Why: e.why})
	if err != nil {
		return false, err
	}
	if rec.Run == nil || e.what != "burned" { // jobs end their tokens as a rule
		d := rec.described(id)
		d.URL = e.detail["url"]
		if err := c.Notify(ledger.Principal{Actor: by}, e.notice, rec.User, d); err != nil {
			return false, err
		}
	}
	return true, auditToken(c, ledger.Principal{Actor: by}, e.what, id, rec, e.detail)
}

// viewToken reads a token for display.
func (s *Service) viewToken(r kv.Reader, id string) (Token, error) {
	rec, err := readToken(r, id)
	if err != nil {
		return Token{}, err
	}
	user, err := ledger.ReadUser(r, rec.User)
	if err != nil {
		return Token{}, err
	}
	return rec.view(r, id, user.Name, s.clock())
}
