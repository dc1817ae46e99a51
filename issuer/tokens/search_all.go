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

// AllQuery asks for a page of everybody's tokens: those of an owner, those that can upload to a
// project, or those with a text. The first of these fields that is set counts; if none is set, the
// query is for all tokens.
type AllQuery struct {
	Owner   string // user ID
	Project string // name
	Text    string // the label contains it, or the ID begins with it
	After   string // Next of the page before; "" for the first page
	Limit   int    // 0 means 50; at most MaxPage
}

// Search lists everybody's tokens, newest first, for administrators; others get ErrNotFound,
// and so does a query for a project that doesn't exist. A page of a search for a text may hold
// fewer than Limit tokens, or none, and still have a Next, because Search looks at no more than
// 20,000 tokens for one page. Search does not count the tokens: Total and Unrevoked are 0.
//
// If Text looks like the text of a token, Search returns the problem "token_as_search" with the
// field "q".
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

// projectIDs returns the ids of a page of the tokens that can upload to a project.
func (s *Service) projectIDs(r kv.Reader, p ledger.Principal, q AllQuery) (ids []string, next string, err error) {
	_, found, next, err := s.findInProject(r, p, q.Project, ProjectTokensQuery{After: q.After, Limit: q.Limit})
	for _, f := range found {
		ids = append(ids, f.id)
	}
	return ids, next, err
}

// CheckTokenSearch returns a problem if a text is or contains a token. Whoever typed it used
// the wrong box, and the token must not get into an address, a log or a page.
func CheckTokenSearch(text string) error {
	if strings.Contains(strings.ToLower(text), token.Prefix) {
		return problem.New("q", "token_as_search")
	}
	return nil
}

// searchTokens returns the ids of a page, and the last id that it looked at if there may be
// more.
func searchTokens(r kv.Reader, want string, q AllQuery) (ids []string, next string, err error) {
	prefix, label, start := []byte(keyToken), ledger.Fold(want), strings.ToLower(want)
	var after []byte
	if q.After != "" && len(q.After) <= 36 {
		after = []byte(tokenKey(q.After))
	}
	last := ""
	for read := 0; read < ledger.MaxScanned; {
		pairs, err := r.Scan(prefix, after, ledger.ScanStep, true) // ids sort in the order of minting
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

// labelBegins is the text before the label in a stored tokenRecord.
var labelBegins = []byte(`"label":"`)

// meets reports whether the id of a token begins with start, or its label contains the folded
// want. If the label in the record has no JSON escapes, meets does not decode the record.
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
