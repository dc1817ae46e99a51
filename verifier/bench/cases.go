package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"go.etcd.io/bbolt"
	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Sizes of two samples of all tokens. A busy index sees some tokens again and again: each upload is
// checked when it begins and when it ends, and a release has several files. The larger sample stands for
// tokens that come back only after many thousands of others.
const (
	seenAgain = 10_000
	seenOnce  = 100_000
)

// house holds the store, and the peers' file, which bbolt opens directly.
type house struct {
	tokens   int
	keys     *rootkeys.Store
	verifier *verifier.Verifier
	db       *bbolt.DB
}

// draw is a sample of tokens with their requests.
type draw struct {
	issued, narrowed, opaque []string
	requests                 []verifier.Request
}

func openHouse(path string, tokens int) (*house, error) {
	keys, err := rootkeys.Open(path, rootkeys.Options{Key: key, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	db, err := bbolt.Open(peersOf(path), 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	return &house{tokens, keys, verifier.New(keys), db}, nil
}

func (h *house) close() {
	h.keys.Close()
	h.db.Close()
}

func (h *house) draw(size int) (*draw, error) {
	r, d := rand.New(rand.NewPCG(1, uint64(size))), &draw{}
	for range min(size, h.tokens) {
		n := r.IntN(h.tokens)
		t, err := issued(n)
		if err != nil {
			return nil, err
		}
		text, err := t.Text()
		if err != nil {
			return nil, err
		}
		less, err := token.Restrict(text, caveats.Versions{"1.2.3"})
		if err != nil {
			return nil, err
		}
		d.issued = append(d.issued, text)
		d.narrowed = append(d.narrowed, less)
		d.opaque = append(d.opaque, opaque(n))
		d.requests = append(d.requests, verifier.Request{
			Action: caveats.ActionUpload, Project: project(n), Version: "1.2.3", Filename: "demo-1.2.3.tar.gz", Now: start})
	}
	return d, nil
}

// verify returns rind's check of the i-th of texts.
func (h *house) verify(ctx context.Context, d *draw, texts []string) func(int) error {
	return func(i int) error {
		i %= len(texts)
		g, err := h.verifier.Verify(ctx, texts[i], d.requests[i])
		if err == nil && g.Project == "" {
			err = errors.New("an empty grant")
		}
		return err
	}
}

// opaqueLookup does what crates.io and GitHub do: it hashes the token and finds the record.
func (h *house) opaqueLookup(d *draw) func(int) error {
	return func(i int) error {
		i %= len(d.opaque)
		return h.lookUp(d.opaque[i], d.requests[i].Project)
	}
}

func (h *house) lookUp(text, project string) error {
	sum := sha256.Sum256([]byte(text))
	return h.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(opaqueBucket).Get(sum[:])
		if len(b) < 80 || int64(binary.BigEndian.Uint64(b)) <= start.Unix() || string(b[80:]) != project {
			return errors.New("not allowed")
		}
		return nil
	})
}

// classic is the check with the library's own functions, with root keys from the store and caveats
// decoded by encoding/json.
func (h *house) classic(d *draw) func(int) error {
	return func(i int) error {
		i %= len(d.issued)
		return h.classicCheck(d.issued[i], d.requests[i].Project)
	}
}

func (h *house) classicCheck(text, want string) error {
	body, ok := strings.CutPrefix(text, "pypi-")
	if !ok {
		return errors.New("prefix")
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return err
	}
	var m macaroon.Macaroon
	if err := m.UnmarshalBinary(raw); err != nil {
		return err
	}
	var rec classicRecord
	err = h.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket(classicBucket).Get(m.Id())
		if b == nil {
			return errors.New("unknown")
		}
		return json.Unmarshal(b, &rec)
	})
	if err != nil {
		return err
	}
	if rec.Revoked || rec.Project != want {
		return errors.New("not allowed")
	}
	return m.Verify(rec.RootKey, func(c string) error { return classicCaveat(c, rec.User, want) }, nil)
}

func classicCaveat(c, user, project string) error {
	var fields []json.RawMessage
	err := json.Unmarshal([]byte(c), &fields)
	if err != nil || len(fields) < 2 {
		return fmt.Errorf("malformed: %w", err)
	}
	switch string(fields[0]) {
	case "0":
		var end, begin int64
		err := errors.Join(json.Unmarshal(fields[1], &end), json.Unmarshal(fields[2], &begin))
		if err != nil {
			return err
		}
		if now := start.Unix(); begin <= now && now < end {
			return nil
		}
	case "1":
		var names []string
		err := json.Unmarshal(fields[1], &names)
		if err != nil {
			return err
		}
		for _, n := range names {
			if n == project {
				return nil
			}
		}
	case "3":
		var id string
		err := json.Unmarshal(fields[1], &id)
		if err != nil {
			return err
		}
		if id == user {
			return nil
		}
	}
	return errors.New("not allowed")
}
