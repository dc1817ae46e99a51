package issuertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Logged is an entry of the change log as it is stored.
type Logged struct {
	Time time.Time
	Refs []struct{ Kind, ID string }
}

// Trail holds all audit rows and all entries of the change log.
type Trail struct {
	Rows []audit.Event // oldest first
	Log  []Logged
}

// Trail reads the Trail of the House.
func (h *House) Trail() (t Trail) {
	h.Helper()
	h.Check(h.Store.View(h.Context(), func(r kv.Reader) (err error) {
		t, err = ReadTrail(r)
		return err
	}))
	return t
}

// ReadTrail reads the Trail in a transaction.
func ReadTrail(r kv.Reader) (t Trail, err error) {
	t.Rows, err = audit.All(r, 0, 0)
	if err != nil {
		return t, err
	}
	slices.Reverse(t.Rows)
	pairs, err := r.Scan([]byte("issuer/log/"), nil, 0, false)
	if err != nil {
		return t, err
	}
	t.Log = make([]Logged, len(pairs))
	for i, p := range pairs {
		err := json.Unmarshal(p.Value, &t.Log[i])
		if err != nil {
			return t, err
		}
	}
	return t, nil
}

// Wrote runs do, which has to succeed, and compares what it wrote with want: the audit
// rows as "kind account project", then a line "log kind id …" for each new entry of the
// change log. The lines have the keys of names in place of the ids.
func (h *House) Wrote(names map[string]string, do func() error, want ...string) []audit.Event {
	h.Helper()
	before := h.Trail()
	h.Check(do())
	after := h.Trail()
	rows, entries := after.Rows[len(before.Rows):], after.Log[len(before.Log):]
	short := func(id string) string {
		for name, full := range names {
			if full == id {
				return name
			}
		}
		return map[string]string{AliceID: "alice", BobID: "bob", CarolID: "carol", RootID: "root", "": "-"}[id]
	}
	var got []string
	for _, e := range rows {
		got = append(got, fmt.Sprintf("%s %s %s", e.Kind, short(e.Account), short(e.Project)))
		if !e.Time.Equal(h.Clock.Now()) || e.Actor.IP != "203.0.113.9" || e.Actor.Username == "" {
			h.Errorf("row %s of %v is by %+v", e.Kind, e.Time, e.Actor)
		}
	}
	for _, e := range entries {
		line := "log"
		for _, f := range e.Refs {
			line += " " + f.Kind + " " + short(f.ID)
		}
		got = append(got, line)
		if !e.Time.Equal(h.Clock.Now()) {
			h.Errorf("log entry of %v", e.Time)
		}
	}
	if !slices.Equal(got, want) {
		h.Errorf("wrote\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	return rows
}

// Refused runs do, which has to fail with want, and checks that it wrote nothing. want
// is an error, or a text like "label: label_required; life: life_required".
func (h *House) Refused(want any, do func() error) {
	h.Helper()
	before := h.Trail()
	err := do()
	switch want := want.(type) {
	case error:
		if !errors.Is(err, want) {
			h.Errorf("error %v, want %v", err, want)
		}
	case string:
		var ps problem.Problems
		if !errors.As(err, &ps) || ps.Error() != want {
			h.Errorf("error %v, want problems %s", err, want)
		}
	}
	after := h.Trail()
	if len(before.Rows) != len(after.Rows) || len(before.Log) != len(after.Log) {
		h.Error("a refused change left a trace")
	}
}
