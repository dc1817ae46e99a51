package caveats

import (
	"bytes"
	"math"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// slowly is what Check would find without holds: Parse, and the caveat's own Check.
func slowly(raw []byte, r Request) *Failure {
	_, f := checkOne(raw, r)
	return f
}

// sameVerdict fails where the quick check allows what the slow one does not.
func sameVerdict(t interface {
	Helper()
	Fatalf(string, ...any)
}, raw []byte, r Request) (quick bool) {
	t.Helper()
	before := bytes.Clone(raw)
	quick = holds(raw, &r)
	if f := slowly(raw, r); quick && f != nil {
		t.Fatalf("%q holds at a glance and fails with %v for %+v", raw, *f, r)
	}
	if !bytes.Equal(raw, before) {
		t.Fatalf("%q was changed", raw)
	}
	c, err := Parse(raw)
	l, is := c.(Life)
	if end, ok := Ends([][]byte{raw}); err == nil && (ok != is || is && end != l.ExpiresAt) || err != nil && ok {
		t.Fatalf("%q ends at %d, %v; it parses as %#v", raw, end, ok, c)
	}
	return quick
}

// TestHoldsAgreesOnTheTables: all cases that this package's tables hold, as written
// and with white space and escapes; those that hold do so at a glance.
func TestHoldsAgreesOnTheTables(t *testing.T) {
	for _, c := range checkCases {
		raw := c.caveat.Append(nil)
		if quick := sameVerdict(t, raw, c.req); !quick && c.want == "" {
			_, is := c.caveat.(Versions)
			if !is && c.req.Action != ActionStage { // another spelling, or an action that another implies, takes the long way
				t.Errorf("%s holds only at length", raw)
			}
		}
		sameVerdict(t, bytes.ReplaceAll(raw, []byte(","), []byte("\r\n ,\t")), c.req)
		sameVerdict(t, append(raw, ' ', 'x'), c.req)
		for i := range raw { // and cut at every byte
			sameVerdict(t, raw[:i], c.req)
		}
	}
	for _, s := range samples {
		sameVerdict(t, []byte(s.wire), fullRequest())
	}
}

// TestEscapesAreNotReadAsTheyStand: the name with a backslash is another one than
// the name that the escape means.
func TestEscapesAreNotReadAsTheyStand(t *testing.T) {
	for raw, want := range map[string]bool{
		`[101,["a\\b"]]`: true, `[101,["a\u005cb"]]`: true, `[101,["a\/"]]`: false,
		`[101,["x","a\\b"]]`: true, `[101,["a\b"]]`: false,
	} {
		r := with(func(r *Request) { r.Filename = `a\b` })
		sameVerdict(t, []byte(raw), r)
		if got := Check([][]byte{[]byte(raw)}, r) == nil; got != want {
			t.Errorf("%s holds for %s: %v", raw, r.Filename, got)
		}
	}
}

// TestListsAreReadToTheirEnd: what stands behind the match counts.
func TestListsAreReadToTheirEnd(t *testing.T) {
	for _, raw := range []string{
		`[104,["upload"`, `[104,["upload",]]`, `[104,["upload",1]]`, `[104,["upload","\ud800"]]`, "[104,[\"upload\",\"\xff\"]]",
		`[104,["upload"],1]`, `[104,["upload"]]]`, `[104,["upload"]] x`, `[104.0,["upload"]]`, `["104",["upload"]]`, `[104,[["upload"]]]`,
		`[103,["0.0.0.0/0",1]]`, `[0,1800000001,0,0]`, `[0,1800000001]`, `[0,1800000001,-0]`, `[3,"` + userA + `",""]`,
	} {
		r := fullRequest()
		if holds([]byte(raw), &r) || Check([][]byte{[]byte(raw)}, r) == nil {
			t.Errorf("%s holds", raw)
		}
	}
	long := append([]byte(`[104,["upload"]]`), bytes.Repeat([]byte(" "), MaxCaveat)...)
	r := fullRequest()
	if holds(long, &r) || !holds(long[:MaxCaveat], &r) {
		t.Error("the limit of size")
	}
	if _, ok := Ends([][]byte{append([]byte(`[0,5,0]`), long...)}); ok {
		t.Error("an end of a caveat over the limit of size")
	}
}

// TestHoldsAgreesOnChains draws caveats and requests that often match.
func TestHoldsAgreesOnChains(t *testing.T) {
	quick := 0
	rapid.Check(t, func(t *rapid.T) {
		if sameVerdict(t, drawCaveat(t), drawRequest(t)) {
			quick++
		}
	})
	if quick == 0 { // about 40 of 100 do
		t.Error("nothing held at a glance")
	}
}

// TestWhatHoldsAtLength: spellings that are not seen at a glance hold all the same.
func TestWhatHoldsAtLength(t *testing.T) {
	for raw, set := range map[string]func(*Request){
		`[101,["a\u005cb"]]`: func(r *Request) { r.Filename = `a\b` },
		`[100,["1.0.0"]]`:    func(r *Request) { r.Version = "1.0" },
		`[100,["v1.0"]]`:     func(r *Request) { r.Version = "1" },
	} {
		r := with(set)
		if sameVerdict(t, []byte(raw), r) || Check([][]byte{[]byte(raw)}, r) != nil {
			t.Errorf("%s: at a glance, or not at all", raw)
		}
	}
}

// FuzzHolds looks for bytes on which the quick check and Parse with Check differ:
// it may never allow more. Where it says no, it may only be for a spelling.
func FuzzHolds(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte, said string, seconds int64) {
		r := Request{Action: said, Project: said, ProjectID: said, UserID: said, Version: said, Filename: said, SHA256: said,
			Now: time.Unix(seconds%(1<<40), 0)}
		r.ClientIP, _ = netip.ParseAddr(said)
		for _, r := range []Request{r, fullRequest()} {
			if quick := sameVerdict(t, raw, r); !quick && slowly(raw, r) == nil && !bytes.Contains(raw, []byte(`\`)) {
				if c, _ := Parse(raw); c.Tag() != TagVersions && r.Action != ActionStage {
					t.Fatalf("%q holds for %+v, and not at a glance", raw, r)
				}
			}
		}
	})
}

func TestEnds(t *testing.T) {
	raw := func(list ...string) (out [][]byte) {
		for _, s := range list {
			out = append(out, []byte(s))
		}
		return out
	}
	for _, c := range []struct {
		raw  [][]byte
		want int64
		ok   bool
	}{
		{nil, 0, false},
		{raw(`[1,["demo"]]`, `[00,1,0]`, `[0,1]`, `x`), 0, false},
		{raw(`[0,7,0]`, ` [ 0 , 5 , 9 ] `, `[1,["demo"]]`, `[0,6,0]`), 5, true},
		{raw(`[0,9223372036854775807,0]`), math.MaxInt64, true},
		{raw(`[0,0,0]`, `[0,-5,0]`), -5, true},
	} {
		if got, ok := Ends(c.raw); got != c.want || ok != c.ok {
			t.Errorf("%q: %d, %v", c.raw, got, ok)
		}
	}
}

// TestCheckAllocatesNothing on the way on which everything holds.
func TestCheckAllocatesNothing(t *testing.T) {
	raw := [][]byte{
		[]byte(`[3,"` + userA + `"]`), []byte(`[1,["other","demo"]]`), []byte(`[2,["` + projectB + `"]]`), []byte(`[0,1800003600,1799999940]`),
		[]byte(`[100,["1.0"]]`), []byte(`[101,["demo-1.0.tar.gz"]]`), []byte(`[102,["` + digestA + `"]]`), []byte(`[104,["upload"]]`),
	}
	r := fullRequest()
	if n := testing.AllocsPerRun(100, func() {
		if Check(raw, r) != nil {
			t.Fatal("fails")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
