package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// FeedToken returns what verifiers hear about a token, or kv.ErrNotFound. The signature in it is
// not sealed, so it is a secret.
func (s *Service) FeedToken(r kv.Reader, id string) (*feed.Token, error) {
	rec, err := readToken(r, id)
	if err != nil {
		return nil, err
	}
	var chain chainRecord
	err = kv.GetJSON(r, chainKey(id), &chain)
	if err != nil {
		return nil, err
	}
	return s.feedToken(id, rec, chain)
}

// FeedTokens returns what verifiers hear about tokens: at most limit of them, sorted by id, after the
// given id; with "", it begins with the first.
func (s *Service) FeedTokens(r kv.Reader, after string, limit int) iter.Seq2[*feed.Token, error] {
	return func(yield func(*feed.Token, error) bool) {
		chains, err := readChains(r, after, limit)
		if err != nil {
			yield(nil, err)
			return
		}
		for t, err := range ledger.Records(r, keyToken, after, limit, func(id string, b []byte) (*feed.Token, error) {
			var rec tokenRecord
			var chain chainRecord
			other, there := chains[id]
			if !there {
				return nil, errors.New("what belongs to it is missing: restore the store from a backup")
			}
			err := errors.Join(json.Unmarshal(b, &rec), json.Unmarshal(other, &chain))
			if err != nil {
				return nil, err
			}
			return s.feedToken(id, rec, chain)
		}) {
			if !yield(t, err) {
				return
			}
		}
	}
}

// readChains reads the chainRecords of the next tokens; they have the same order as the tokenRecords.
func readChains(r kv.Reader, after string, limit int) (map[string][]byte, error) {
	var from []byte
	if after != "" {
		from = []byte(chainKey(after))
	}
	pairs, err := r.Scan([]byte(keyChain), from, limit, false)
	out := make(map[string][]byte, len(pairs))
	for _, pair := range pairs {
		out[string(pair.Key[len(keyChain):])] = pair.Value
	}
	return out, err
}

// feedToken makes what a verifier keeps of a token from its two records.
func (s *Service) feedToken(id string, rec tokenRecord, chain chainRecord) (*feed.Token, error) {
	sig, err := s.sealer.Open(nil, chain.Signature, chainKey(id))
	if err != nil {
		return nil, fmt.Errorf("tokens: the signature of token %s: %w", id, err)
	}
	t := &feed.Token{
		ID: id, UserID: rec.User, Location: chain.Location, Signature: sig,
		ExpiresAt: rec.Expires, RevokedAt: rec.Revoked.At, RevokedWhy: rec.Revoked.Why,
		Registers: rec.registers(), Job: rec.Run != nil,
	}
	for _, c := range chain.Caveats {
		t.Caveats = append(t.Caveats, []byte(c))
	}
	if !rec.Narrowed.IsZero() {
		t.Restrictions = currentCaveats(rec)
	}
	return t, nil
}
