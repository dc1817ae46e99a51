package audit_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/kv/teststore"
)

var at = time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)

func open(t *testing.T) kv.Store {
	t.Helper()
	s, err := teststore.Open(t, filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return kvtest.Again(s)
}

func add(s kv.Store, events ...audit.Event) error {
	return s.Update(ctx, func(tx kv.Tx) error {
		for _, e := range events {
			if err := audit.Append(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func mustAdd(t *testing.T, s kv.Store, events ...audit.Event) {
	t.Helper()
	if err := add(s, events...); err != nil {
		t.Fatal(err)
	}
}

// list runs one of the package's lists in a View.
func list(t *testing.T, s kv.Store, f func(kv.Reader) ([]audit.Event, error)) (out []audit.Event) {
	t.Helper()
	if err := s.View(ctx, func(r kv.Reader) (err error) { out, err = f(r); return err }); err != nil {
		t.Fatal(err)
	}
	return out
}

func all(r kv.Reader) ([]audit.Event, error) { return audit.All(r, 0, 0) }

func seqs(events []audit.Event) []uint64 {
	out := []uint64{}
	for _, e := range events {
		out = append(out, e.Seq)
	}
	return out
}

var ctx = context.Background()

func TestRowComesBackWhole(t *testing.T) {
	s := open(t)
	want := audit.Event{
		AccountName: "bob", ProjectName: "Käse",
		Time: at.In(time.FixedZone("CET", 3600)), Kind: "project.member_added", Account: "u-1", Project: "p-1",
		Actor:  audit.Actor{UserID: "u-2", Username: "ada", IP: "192.0.2.1", UserAgent: "Mozilla/5.0 (日本)", Factor: "totp", RequestID: "r-1"},
		Detail: map[string]string{"role": "owner", "project": "Käse"},
	}
	mustAdd(t, s, want)
	want.Seq, want.Time = 1, at
	for name, f := range map[string]func(kv.Reader) ([]audit.Event, error){
		"all":     all,
		"account": func(r kv.Reader) ([]audit.Event, error) { return audit.Account(r, "u-1", 0, 10) },
		"actor":   func(r kv.Reader) ([]audit.Event, error) { return audit.Account(r, "u-2", 0, 10) },
		"project": func(r kv.Reader) ([]audit.Event, error) { return audit.Project(r, "p-1", 0, 10) },
	} {
		if got := list(t, s, f); len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestNumbersHaveNoGaps: many writers, some of whom fail after they appended.
func TestNumbersHaveNoGaps(t *testing.T) {
	s := open(t)
	undo := errors.New("undo")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				err := s.Update(ctx, func(tx kv.Tx) error {
					e := audit.Event{Kind: "token.minted", Time: at, Account: fmt.Sprint("u", i), Detail: map[string]string{"n": fmt.Sprint(j)}}
					if err := audit.Append(tx, e); err != nil {
						return err
					}
					if j%3 == 0 {
						return undo
					}
					return nil
				})
				if (j%3 == 0) != errors.Is(err, undo) || j%3 != 0 && err != nil {
					t.Errorf("row %d of %d: %v", j, i, err)
				}
			}
		})
	}
	wg.Wait()
	var want []uint64
	for n := uint64(48); n > 0; n-- {
		want = append(want, n)
	}
	if got := seqs(list(t, s, all)); !slices.Equal(got, want) {
		t.Errorf("numbers %v, want 48 to 1", got)
	}
	for i := range 8 {
		got := list(t, s, func(r kv.Reader) ([]audit.Event, error) { return audit.Account(r, fmt.Sprint("u", i), 0, 0) })
		var ns []string
		for _, e := range got {
			ns = append(ns, e.Detail["n"])
		}
		if want := []string{"8", "7", "5", "4", "2", "1"}; !slices.Equal(ns, want) {
			t.Errorf("account %d: rows %v, want %v, newest first", i, ns, want)
		}
	}
}

func TestPaging(t *testing.T) {
	s := open(t)
	for n := range 600 { // more than one byte of numbers
		e := audit.Event{Kind: "token.minted", Time: at, Account: "odd", Project: "p"}
		if n%2 == 1 {
			e.Account = "even"
		}
		mustAdd(t, s, e)
	}
	for name, c := range map[string]struct {
		f    func(r kv.Reader, before uint64, limit int) ([]audit.Event, error)
		step uint64
		from uint64
	}{
		"all":     {audit.All, 1, 600},
		"account": {func(r kv.Reader, b uint64, l int) ([]audit.Event, error) { return audit.Account(r, "odd", b, l) }, 2, 599},
		"project": {func(r kv.Reader, b uint64, l int) ([]audit.Event, error) { return audit.Project(r, "p", b, l) }, 1, 600},
	} {
		var want, got []uint64
		for n := int(c.from); n > 0; n -= int(c.step) {
			want = append(want, uint64(n))
		}
		before := uint64(0)
		for {
			page := list(t, s, func(r kv.Reader) ([]audit.Event, error) { return c.f(r, before, 7) })
			if len(page) == 0 {
				break
			}
			if len(page) > 7 {
				t.Fatalf("%s: a page of %d rows", name, len(page))
			}
			got = append(got, seqs(page)...)
			before = page[len(page)-1].Seq
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: paging returned %d rows, want %d", name, len(got), len(want))
		}
		if page := list(t, s, func(r kv.Reader) ([]audit.Event, error) { return c.f(r, 1, 7) }); len(page) != 0 {
			t.Errorf("%s: before the first row there is %+v", name, page)
		}
	}
}

// TestIDsDoNotOverlap: rows of one id never show under another one.
func TestIDsDoNotOverlap(t *testing.T) {
	s := open(t)
	mustAdd(t, s, audit.Event{Kind: "token.minted", Time: at, Account: "ab", Project: "ab"}, audit.Event{Kind: "token.minted", Time: at, Account: "a"})
	for id, want := range map[string]int{"a": 1, "ab": 1, "abc": 0, "": 0, "a/": 0, "/": 0, "a\x00": 0, strings.Repeat("a", 2000): 0} {
		if got := list(t, s, func(r kv.Reader) ([]audit.Event, error) { return audit.Account(r, id, 0, 0) }); len(got) != want {
			t.Errorf("Account(%.10q): %d rows, want %d", id, len(got), want)
		}
	}
}

func TestTextsAreCleanedAndCut(t *testing.T) {
	cases := []struct{ name, given, want string }{
		{"plain", "Mozilla/5.0 – 日本語 🧀", "Mozilla/5.0 – 日本語 🧀"},
		{"log injection", "x\r\nlevel=INFO msg=\"signed in\"", "xlevel=INFO msg=\"signed in\""},
		{"terminal", "\x1b[2Jx\x7f\u009b1m\x00", "[2Jx1m"},
		{"direction", "x\u202egpj.exe\u2066\u2069\u200f", "xgpj.exe"},
		{"lines", "a\u2028b\u2029c\u0085d", "abcd"},
		{"not UTF-8", "a\xff\xfeb\xc3", "a?b?"},
		{"256 bytes", strings.Repeat("x", 256), strings.Repeat("x", 256)},
		{"257 bytes", strings.Repeat("x", 257), strings.Repeat("x", 256)},
		{"cut in two bytes", strings.Repeat("x", 255) + "é!", strings.Repeat("x", 255)},
		{"cut in three bytes", strings.Repeat("x", 254) + "語!", strings.Repeat("x", 254)},
		{"cut in four bytes", strings.Repeat("x", 253) + "🧀!", strings.Repeat("x", 253)},
		{"cut behind four bytes", strings.Repeat("x", 252) + "🧀!", strings.Repeat("x", 252) + "🧀"},
		{"huge", strings.Repeat("🧀", 1<<18), strings.Repeat("🧀", 64)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			mustAdd(t, s, audit.Event{Kind: "token.minted", Time: at, Actor: audit.Actor{
				UserID: c.given, Username: c.given, IP: c.given, UserAgent: c.given, Factor: c.given, RequestID: c.given}})
			a := list(t, s, all)[0].Actor
			for field, got := range map[string]string{"user id": a.UserID, "user name": a.Username, "IP": a.IP, "user agent": a.UserAgent, "factor": a.Factor, "request": a.RequestID} {
				if got != c.want || !utf8.ValidString(got) {
					t.Errorf("%s: %q, want %q", field, got, c.want)
				}
			}
		})
	}
}

func TestDetailIsCleanedCutAndNotTheCallers(t *testing.T) {
	s := open(t)
	given := map[string]string{"label": "a\nb", "long": strings.Repeat("é", audit.MaxDetail)}
	mustAdd(t, s, audit.Event{Kind: "token.minted", Time: at, Detail: given})
	got := list(t, s, all)[0].Detail
	if got["label"] != "ab" || got["long"] != strings.Repeat("é", audit.MaxDetail/2) {
		t.Errorf("label %q, %d bytes of long", got["label"], len(got["long"]))
	}
	if given["label"] != "a\nb" || len(given["long"]) != 2*audit.MaxDetail {
		t.Error("the caller's map was changed")
	}
}

func TestMistakesOfTheCallerAreRefused(t *testing.T) {
	many := map[string]string{}
	for i := range audit.MaxDetails + 1 {
		many[fmt.Sprint("d", i)] = ""
	}
	cases := map[string]audit.Event{
		"no time":         {Kind: "token.minted"},
		"long account":    {Kind: "token.minted", Time: at, Account: strings.Repeat("a", 65)},
		"slash":           {Kind: "token.minted", Time: at, Account: "a/b"},
		"control":         {Kind: "token.minted", Time: at, Project: "a\x00"},
		"bytes":           {Kind: "token.minted", Time: at, Project: "a\xff"},
		"many details":    {Kind: "token.minted", Time: at, Detail: many},
		"a detail's name": {Kind: "token.minted", Time: at, Detail: map[string]string{"A name": ""}},
	}
	for _, kind := range []string{"", "token", "Token.minted", "token.", ".minted", "other.kind", "token minted", "token.minted\n", "token..minted", "tökén.minted", "1.2", strings.Repeat("a.", 60) + "b"} {
		cases["kind "+kind] = audit.Event{Kind: kind, Time: at}
	}
	s := open(t)
	for name, e := range cases {
		if err := add(s, e); err == nil || !strings.HasPrefix(err.Error(), "audit: ") {
			t.Errorf("%s: %v, want an error", name, err)
		}
	}
	if got := list(t, s, all); len(got) != 0 {
		t.Errorf("refused rows are there: %+v", got)
	}
}

// TestDamageIsSaid: a trail that was changed behind its back is an error, never
// a shorter trail, and never "not found".
func TestDamageIsSaid(t *testing.T) {
	row := func(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte("audit/row/"), n) }
	read := func(s kv.Store) error {
		return s.View(ctx, func(r kv.Reader) error {
			_, a := audit.Account(r, "u", 0, 0)
			_, b := audit.All(r, 0, 0)
			return errors.Join(a, b)
		})
	}
	write := func(s kv.Store) error { return add(s, audit.Event{Kind: "token.minted", Time: at}) }
	cases := map[string]struct {
		change func(kv.Tx) error
		use    func(kv.Store) error
	}{
		"a row is gone":       {func(tx kv.Tx) error { return tx.Delete(row(1)) }, read},
		"a row is torn":       {func(tx kv.Tx) error { return tx.Put(row(1), []byte(`{"seq":1`)) }, read},
		"a row has moved":     {func(tx kv.Tx) error { return tx.Put(row(1), []byte(`{"seq":2,"kind":"token.minted"}`)) }, read},
		"the counter is torn": {func(tx kv.Tx) error { return tx.Put([]byte("audit/last"), []byte{1}) }, write},
		"the counter is gone": {func(tx kv.Tx) error { return tx.Delete([]byte("audit/last")) }, write},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			mustAdd(t, s, audit.Event{Kind: "token.minted", Time: at, Account: "u"}, audit.Event{Kind: "token.minted", Time: at, Account: "u"})
			if err := s.Update(ctx, c.change); err != nil {
				t.Fatal(err)
			}
			if err := c.use(s); err == nil || errors.Is(err, kv.ErrNotFound) || !strings.Contains(err.Error(), "audit") {
				t.Errorf("got %v, want an error of the audit trail", err)
			}
		})
	}
}
