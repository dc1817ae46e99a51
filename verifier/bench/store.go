package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

const (
	location = "packages.example.org"
	perOwner = 20 // tokens per user; each user has one project
	batch    = 20_000
)

var (
	start  = time.Unix(1_800_000_000, 0)
	key    = bytes.Repeat([]byte{7}, rootkeys.KeySize)
	issuer = "00000000-0000-4000-8000-000000000001"

	opaqueBucket  = []byte("opaque")  // SHA-256 of an opaque token → what it allows
	classicBucket = []byte("classic") // ID of a macaroon → its root key and state, as JSON
)

func uuid(kind, n int) string { return fmt.Sprintf("0190%04x-0000-7000-8000-%012x", kind, n) }

func userID(n int) string    { return uuid(2, n/perOwner) }
func projectID(n int) string { return uuid(3, n/perOwner) }
func project(n int) string   { return fmt.Sprintf("project-%06d", n/perOwner) }

func derived(what string, n int) []byte {
	b := sha256.Sum256(fmt.Appendf(nil, "%s %d", what, n))
	return b[:]
}

// opaque returns the text of opaque token n.
func opaque(n int) string { return fmt.Sprintf("ghp_%x", derived("opaque token", n)[:20]) }

// issued returns token n with three caveats: its user, its project and its life.
func issued(n int) (token.Token, error) {
	return token.Mint(derived("root key", n), tokenID(n), location, [][]byte{
		caveats.User(userID(n)).Append(nil),
		caveats.ProjectNames{project(n)}.Append(nil),
		caveats.Life{ExpiresAt: start.Unix() + 86400, NotBefore: start.Unix() - 60}.Append(nil),
	})
}

// peersOf is the path of the file for the peers that look tokens up, next to the store's own file.
func peersOf(path string) string { return path + ".peers" }

// makeStore fills a root-key store and the peers' file, unless they exist.
func makeStore(ctx context.Context, path string, tokens int) error {
	for _, f := range []struct {
		path string
		fill func(string) error
	}{
		{peersOf(path), func(making string) error { return fillPeers(making, tokens) }},
		{path, func(making string) error { return fillKeys(ctx, making, tokens) }},
	} {
		if _, err := os.Stat(f.path); err == nil {
			continue
		}
		making := f.path + ".new"
		os.Remove(making)
		if err := errors.Join(f.fill(making), os.Rename(making, f.path)); err != nil {
			return err
		}
	}
	return printSize(path, tokens)
}

// printSize prints how many bytes each token takes in the store's own file.
func printSize(path string, tokens int) error {
	fi, err := os.Stat(path)
	if err == nil {
		each := fi.Size() / int64(tokens)
		verdict := "holds"
		if each > mostBytes {
			verdict = "DOES NOT HOLD"
		}
		fmt.Printf("the store of %d tokens: %d MB, %d bytes a token (at most %d: %s)\n", tokens, fi.Size()>>20, each, mostBytes, verdict)
	}
	return err
}

const mostBytes = 400

// fillKeys applies the change sets of an issuer, each with batch tokens.
func fillKeys(ctx context.Context, path string, tokens int) error {
	s, err := rootkeys.Open(path, rootkeys.Options{Key: key})
	if err != nil {
		return err
	}
	sets := uint64((tokens + batch - 1) / batch)
	for r := uint64(1); r <= sets; r++ {
		from := int(r-1) * batch
		set := rootkeys.ChangeSet{Revision: r, Time: start}
		for n := from; n < min(from+batch, tokens); n++ {
			changes, err := changesOf(n)
			if err != nil {
				return err
			}
			set.Changes = append(set.Changes, changes...)
		}
		head := rootkeys.Position{Issuer: issuer, Epoch: 1, Revision: sets}
		if err := s.Apply(ctx, head, []rootkeys.ChangeSet{set}); err != nil {
			s.Close()
			return err
		}
	}
	return s.Close()
}

// changesOf returns the changes that an issuer sends for token n. The first token of an owner comes with
// the changes for the owner and the project.
func changesOf(n int) (all []rootkeys.Change, err error) {
	if n%perOwner == 0 {
		all = append(all,
			rootkeys.Change{User: &rootkeys.User{ID: userID(n), Name: "user-" + project(n)}},
			rootkeys.Change{Project: &rootkeys.Project{ID: projectID(n), Name: project(n), Members: map[string]string{userID(n): "owner"}}})
	}
	t, err := issued(n)
	if err != nil {
		return nil, err
	}
	return append(all, rootkeys.Change{Token: &rootkeys.Token{
		ID: t.ID, UserID: userID(n), Location: t.Location, Caveats: t.Caveats, Signature: t.Signature[:], ExpiresAt: start.Add(24 * time.Hour)}}), nil
}

// classicRecord is the usual record of a verifier that holds root keys.
type classicRecord struct {
	RootKey  []byte `json:"root_key"`
	User     string `json:"user"`
	UserName string `json:"user_name"`
	Project  string `json:"project"`
	Expires  int64  `json:"expires"`
	Revoked  bool   `json:"revoked"`
}

// opaqueRecord is the concatenation of expiry, user, project ID and project name.
func opaqueRecord(n int) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(start.Unix()+86400))
	b = append(b, userID(n)...)
	b = append(b, projectID(n)...)
	return append(b, project(n)...)
}

// fillPeers writes the records of the peers that look tokens up, each kind into its own bucket.
func fillPeers(path string, tokens int) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	type hashed struct {
		sum [32]byte
		n   int
	}
	opaques := make([]hashed, tokens)
	for n := range opaques {
		opaques[n] = hashed{sha256.Sum256([]byte(opaque(n))), n}
	}
	slices.SortFunc(opaques, func(a, b hashed) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	for from := 0; from < tokens; from += batch {
		err := db.Update(func(tx *bbolt.Tx) error {
			o, err := tx.CreateBucketIfNotExists(opaqueBucket)
			if err != nil {
				return err
			}
			c, err := tx.CreateBucketIfNotExists(classicBucket)
			if err != nil {
				return err
			}
			for n := from; n < min(from+batch, tokens); n++ {
				if err := o.Put(opaques[n].sum[:], opaqueRecord(opaques[n].n)); err != nil {
					return err
				}
				b, err := json.Marshal(classicRecord{derived("root key", n), userID(n), "user-" + project(n), project(n), start.Unix() + 86400, false})
				if err != nil {
					return err
				}
				if err := c.Put([]byte(tokenID(n)), b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
