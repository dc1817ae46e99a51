package audit_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// book is a Sink that keeps the numbers of rows, and fails when a test says so.
type book struct {
	seqs  []uint64
	takes int // rows that it takes of each batch before it fails; -1: all
}

var errBook = errors.New("the log is full")

func (b *book) write(_ context.Context, rows []audit.Event) (int, error) {
	n := len(rows)
	if b.takes >= 0 && b.takes < n {
		n = b.takes
	}
	b.seqs = append(b.seqs, seqs(rows[:n])...)
	if n < len(rows) {
		return n, errBook
	}
	return n, nil
}

func upTo(from, to uint64) (out []uint64) {
	for n := from; n <= to; n++ {
		out = append(out, n)
	}
	return out
}

func TestEachRowIsWrittenOnce(t *testing.T) {
	s, b := open(t), &book{takes: -1}
	f := audit.NewFollower(s, b.write, nil)
	if err := f.Follow(ctx); err != nil || len(b.seqs) != 0 {
		t.Fatalf("%v, %v", b.seqs, err)
	}
	mustAdd(t, s, random(1, 450)...)
	undo := errors.New("undo")
	if err := s.Update(ctx, func(tx kv.Tx) error {
		return errors.Join(audit.Append(tx, audit.Event{Kind: "token.minted", Time: at}), undo)
	}); !errors.Is(err, undo) {
		t.Fatal(err)
	}
	for range 3 {
		if err := f.Follow(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(b.seqs, upTo(1, 450)) {
		t.Fatalf("%d rows", len(b.seqs))
	}
	mustAdd(t, s, random(2, 5)...)
	next := audit.NewFollower(s, b.write, nil) // after a restart
	if err := next.Follow(ctx); err != nil || !slices.Equal(b.seqs, upTo(1, 455)) {
		t.Errorf("after a restart: %d rows, %v", len(b.seqs), err)
	}
}

// TestAFollowerBeginsWhereTheTrailIs: the rows of before it was asked for are not
// written, those of while it was off are.
func TestAFollowerBeginsWhereTheTrailIs(t *testing.T) {
	s, b := open(t), &book{takes: -1}
	mustAdd(t, s, random(1, 10)...)
	if err := audit.NewFollower(s, b.write, nil).Follow(ctx); err != nil || len(b.seqs) != 0 {
		t.Fatalf("%v, %v", b.seqs, err)
	}
	mustAdd(t, s, random(1, 10)...)
	if err := audit.NewFollower(s, b.write, nil).Follow(ctx); err != nil || !slices.Equal(b.seqs, upTo(11, 20)) {
		t.Errorf("%v, %v", b.seqs, err)
	}
}

// TestALogThatFailsLosesNothing: rows wait, in order, and those that were taken do not
// come again.
func TestALogThatFailsLosesNothing(t *testing.T) {
	s, b := open(t), &book{takes: -1}
	f := audit.NewFollower(s, b.write, nil)
	if err := f.Follow(ctx); err != nil {
		t.Fatal(err)
	}
	for round, takes := range []int{0, 3, 0, 1, -1, 2, -1} {
		mustAdd(t, s, random(uint64(round), 7)...)
		b.takes = takes
		if err := f.Follow(ctx); (takes >= 0) != errors.Is(err, errBook) || takes < 0 && err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	if !slices.Equal(b.seqs, upTo(1, 49)) {
		t.Errorf("written: %v", b.seqs)
	}
	b.takes = -1
	mustAdd(t, s, random(9, 1)...)
	broken := audit.NewFollower(&failing{s, 0}, b.write, nil)
	if err := broken.Follow(ctx); !errors.Is(err, errFull) {
		t.Errorf("a store that is full: %v", err)
	}
	if err := broken.Follow(ctx); err != nil || !slices.Equal(b.seqs, upTo(1, 50)) {
		t.Errorf("the row came twice, or %v: %v", err, b.seqs)
	}
}

// full is a row with something in each field.
var full = audit.Event{
	Seq: 7, Time: at, Kind: "token.minted", Account: "u1", Project: "p1", AccountName: "ada", ProjectName: "demo",
	Actor:  audit.Actor{UserID: "u2", Username: "bob", IP: "192.0.2.1", UserAgent: "curl/8", Factor: "totp", RequestID: "r1"},
	Detail: map[string]string{"label": "=1+1", "token": "t1"},
}

// TestALineHasFixedNames: what a collector is set up for does not change.
func TestALineHasFixedNames(t *testing.T) {
	var out bytes.Buffer
	h := slog.NewJSONHandler(&out, nil)
	for _, e := range []audit.Event{full, {Seq: 8, Time: at, Kind: "setup.link_made"}} {
		if err := h.Handle(ctx, e.Record()); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var got [2]map[string]any
	for i, line := range lines {
		err := json.Unmarshal([]byte(line), &got[i])
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{
		"time": "2026-02-03T04:05:06.000000007Z", "level": "INFO", "msg": "audit", "seq": 7.0, "kind": "token.minted", "group": "token",
		"actor": "bob", "actor_id": "u2", "ip": "192.0.2.1", "user_agent": "curl/8", "factor": "totp", "request_id": "r1",
		"account": "ada", "account_id": "u1", "project": "demo", "project_id": "p1", "detail": map[string]any{"label": "=1+1", "token": "t1"},
	}
	for name, value := range want {
		if m, ok := value.(map[string]any); ok {
			if d, _ := got[0][name].(map[string]any); !maps.Equal(m, d) {
				t.Errorf("%s: %v", name, got[0][name])
			}
		} else if got[0][name] != value {
			t.Errorf("%s: %v, want %v", name, got[0][name], value)
		}
	}
	if len(got[0]) != len(want) || len(got[1]) != len(want)-1 { // a group that is empty is not written
		t.Errorf("%d and %d attributes, want %d", len(got[0]), len(got[1]), len(want))
	}
}

func TestExports(t *testing.T) {
	evil := full
	evil.Actor.Username, evil.Actor.UserAgent, evil.AccountName, evil.ProjectName = "=HYPERLINK(\"x\")", "+1", "-2\"; x", "@SUM(A1)"
	plain := audit.Event{Seq: 8, Time: at, Kind: "setup.link_made"}
	var out bytes.Buffer
	enc, err := audit.NewCSV(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []audit.Event{full, evil, plain} {
		if err := errors.Join(enc.Encode(e), enc.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, want := range []string{
		"seq|time|kind|group|actor|actor_id|ip|user_agent|factor|request_id|account|account_id|project|project_id|detail",
		`7|2026-02-03T04:05:06.000000007Z|token.minted|token|bob|u2|192.0.2.1|curl/8|totp|r1|ada|u1|demo|p1|{"label":"=1+1","token":"t1"}`,
		`7|2026-02-03T04:05:06.000000007Z|token.minted|token|'=HYPERLINK("x")|u2|192.0.2.1|'+1|totp|r1|'-2"; x|u1|'@SUM(A1)|p1|{"label":"=1+1","token":"t1"}`,
		`8|2026-02-03T04:05:06.000000007Z|setup.link_made|system|||||||||||{}`,
	} {
		if got := strings.Join(rows[i], "|"); got != want {
			t.Errorf("row %d:\n%s, want\n%s", i, got, want)
		}
	}
	out.Reset()
	lines := audit.NewJSONLines(&out)
	for _, e := range []audit.Event{full, evil, plain} {
		if err := errors.Join(lines.Encode(e), lines.Flush()); err != nil {
			t.Fatal(err)
		}
	}
	dec := json.NewDecoder(&out)
	for _, want := range []audit.Event{full, evil, plain} {
		var got audit.Event
		err := dec.Decode(&got)
		if err != nil || got.Seq != want.Seq || got.Actor != want.Actor || !maps.Equal(got.Detail, want.Detail) || got.ProjectName != want.ProjectName {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// Cells that a spreadsheet takes for formulas never stay.
func FuzzCSVCell(f *testing.F) {
	for _, s := range []string{"=1", "+1", "-1", "@x", "\t=1", "\r=1", "'", "", "a=1", " =1", "x;=1", "x\t+1", "x; \"@y", "x|-1", "ＡＢ;＝1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := audit.Event{Time: at, Kind: "setup.link_made"}
		e.Actor.Username = s
		var out bytes.Buffer
		enc, err := audit.NewCSV(&out)
		err = errors.Join(err, enc.Encode(e), enc.Flush())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&out).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatal(len(rows), err)
		}
		for _, part := range strings.FieldsFunc("x;"+rows[1][4], func(r rune) bool { return strings.ContainsRune(";|\t\r\n", r) }) {
			part = strings.TrimLeft(part, ` "`)
			if strings.IndexFunc(part, func(r rune) bool { return strings.ContainsRune("=+-@＝＋－＠", r) }) == 0 {
				t.Errorf("%q stays a formula: %q", s, rows[1][4])
			}
		}
	})
}
