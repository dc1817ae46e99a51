package tokens

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// AllQuery asks for a part of the tokens of everybody: of an owner, of those that can upload to
// a project, or of those with a text. The first that is set counts; without any they are all.
type AllQuery struct {
	Owner   string // user ID
	Project string // name
	Text    string // that the label holds, or the ID begins with
	After   string // Next of the page before; "" for the first page
	Limit   int    // 50 where it is 0, at most MaxPage
}

// Search lists tokens of everybody, newest first, for administrators; to others it is
// ErrNotFound, and so is a project that doesn't exist. A page of those with a text may hold
// fewer than Limit, or none, and still have a Next: no more than 20,000 tokens are looked at
// for it. How many there are is not counted.
//
// What looks like the text of a token is not searched for: it is the problem
// "token_as_search" of the field "q".
func (s *Service) Search(ctx context.Context, p ledger.Principal, q AllQuery) (out TokenPage, err error) {
	if !p.Admin {
		return out, ledger.ErrNotFound
	}
	if err := CheckTokenSearch(q.Text); err != nil {
		return out, err
	}
	find := func(r kv.Reader) (ids []string, next string, err error) {
		return searchTokens(r, strings.TrimSpace(q.Text), q)
	}
	switch {
	case q.Owner != "":
		find = func(r kv.Reader) ([]string, string, error) {
			return ownedIDs(r, q.Owner, q.After, ledger.PageSize(q.Limit))
		}
	case q.Project != "":
		find = func(r kv.Reader) ([]string, string, error) { return s.projectIDs(r, p, q) }
	}
	now := s.clock()
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = TokenPage{}
		ids, next, err := find(r)
		if err != nil {
			return err
		}
		out.Next = next
		out.Tokens, err = viewTokens(r, ids, now)
		return err
	})
	return out, err
}

// projectIDs is a page of the tokens that can upload to a project.
func (s *Service) projectIDs(r kv.Reader, p ledger.Principal, q AllQuery) (ids []string, next string, err error) {
	_, found, next, err := s.findInProject(r, p, q.Project, ProjectTokensQuery{After: q.After, Limit: q.Limit})
	for _, f := range found {
		ids = append(ids, f.id)
	}
	return ids, next, err
}

// CheckTokenSearch refuses a text that is, or holds, a token: whoever typed it took one
// box for another, and it must not get into an address, a log or a page.
func CheckTokenSearch(text string) error {
	if strings.Contains(strings.ToLower(text), token.Prefix) {
		return problem.New("q", "token_as_search")
	}
	return nil
}

// searchTokens is a page of ids, and the last id that was looked at where there may be
// more.
func searchTokens(r kv.Reader, want string, q AllQuery) (ids []string, next string, err error) {
	prefix, label, start := []byte(keyToken), ledger.Fold(want), strings.ToLower(want)
	var after []byte
	if q.After != "" && len(q.After) <= 36 {
		after = []byte(tokenKey(q.After))
	}
	last := ""
	for read := 0; read < ledger.MaxScanned; {
		pairs, err := r.Scan(prefix, after, ledger.ScanStep, true) // ids sort as tokens were minted
		if err != nil || len(pairs) == 0 {
			return ids, "", err
		}
		for _, p := range pairs {
			id := string(p.Key[len(prefix):])
			ok, err := meets(id, p.Value, start, label)
			if err != nil {
				return nil, "", err
			}
			if ok && len(ids) == ledger.PageSize(q.Limit) {
				return ids, last, nil
			}
			last = id
			if ok {
				ids = append(ids, id)
			}
		}
		read += len(pairs)
		after = pairs[len(pairs)-1].Key
	}
	return ids, last, nil
}

// labelBegins is what stands in front of the label in a tokenRecord.
var labelBegins = []byte(`"label":"`)

// meets tells whether a token has an id that begins with start, or a label that holds
// the folded want. Of a record in which the label is written as it is, nothing else is decoded.
func meets(id string, record []byte, start, want string) (bool, error) {
	if strings.HasPrefix(id, start) {
		return true, nil
	}
	if _, rest, ok := bytes.Cut(record, labelBegins); ok {
		if end := bytes.IndexAny(rest, `"\`); end >= 0 && rest[end] == '"' {
			return strings.Contains(ledger.Fold(string(rest[:end])), want), nil
		}
	}
	var rec tokenRecord
	err := json.Unmarshal(record, &rec)
	if err != nil {
		return false, fmt.Errorf("tokens: the token %s is damaged: %w", id, err)
	}
	return strings.Contains(ledger.Fold(rec.Label), want), nil
}
