package inspect

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

var update = flag.Bool("update", false, "write the expected outputs of TestInspectionReadsWell anew")

// noon is when the tokens of these tests are looked at; madeID is of a token that
// was made an hour before.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	madeID = "01a202e9-b380-7000-8000-000000000001"
	userID = "00000000-0000-4000-8000-0000000000aa"
	demoID = "00000000-0000-4000-8000-0000000000bb"
)

func raw(cs ...caveats.Caveat) (out [][]byte) {
	for _, c := range cs {
		out = append(out, c.Append(nil))
	}
	return out
}

func life(from, to time.Duration) caveats.Life {
	return caveats.Life{NotBefore: noon.Add(from).Unix(), ExpiresAt: noon.Add(to).Unix()}
}

// TestInspectionReadsWell compares whole outputs with testdata; run it
// with -update and read them.
func TestInspectionReadsWell(t *testing.T) {
	made := madeAt(madeID)
	if made == nil {
		t.Fatalf("%s says nothing of its time", madeID)
	}
	issuedLife := caveats.Life{NotBefore: made.Add(-time.Minute).Unix(), ExpiresAt: noon.Add(90 * 24 * time.Hour).Unix()}
	demo := []caveats.Caveat{caveats.User(userID), caveats.ProjectNames{"demo"}, caveats.ProjectIDs{demoID}, issuedLife}
	for name, cs := range map[string][][]byte{
		"issued":   raw(demo...),
		"all":      raw(caveats.User(userID)),
		"narrowed": raw(append(slices.Clone(demo), caveats.ProjectNames{"demo"}, caveats.Versions{"1.0", "1.1"}, caveats.FileNames{"demo-1.0.tar.gz"}, caveats.Digests{strings.Repeat("ab", 32)}, life(-time.Minute, 15*time.Minute), caveats.Networks{"192.0.2.0/24"}, caveats.Actions{"upload"})...),
		"limited":  raw(append(slices.Clone(demo), caveats.Versions{"1.0"}, caveats.Networks{"192.0.2.0/24"}, caveats.Actions{"upload"}, caveats.Versions{"1.0"})...),
		"unclear":  raw(caveats.User(userID), life(-time.Minute, time.Hour)),
		"expired":  raw(caveats.User(userID), life(-3*time.Hour, -2*time.Hour)),
		"unknown":  append(raw(demo...), []byte(`[200,"\u001b[2J",{"a":[1]}]`), []byte("[0,1]\x1b[2J")),
		"foreign":  raw(caveats.ProjectNames{"demo"}, caveats.User(demoID)),
		"unnormal": raw(append(slices.Clone(demo), caveats.ProjectNames{"x", "Demo"}, caveats.Digests{strings.Repeat("AB", 32)})...),
		"empty":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			err := Inspect(token.Token{Location: "packages.example.org", ID: madeID, Caveats: cs}, noon).Print(&b, noon)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("printed\n%s\nwanted\n%s", &b, want)
			}
		})
	}
}

func TestOriginIsToldByPlaceAndForm(t *testing.T) {
	made := madeAt(madeID)
	begins := made.Add(-time.Minute).Unix()
	user, names, ids := caveats.User(userID), caveats.ProjectNames{"demo"}, caveats.ProjectIDs{demoID}
	issued := caveats.Life{NotBefore: begins, ExpiresAt: begins + 1000}
	i, h, u := ByIssuer, ByHolder, Unclear
	for name, c := range map[string]struct {
		caveats [][]byte
		want    []Origin
	}{
		"whole":                       {raw(user, names, ids, issued), []Origin{i, i, i, i}},
		"no projects":                 {raw(user, issued), []Origin{i, i}},
		"clock ticked while minting":  {raw(user, caveats.Life{NotBefore: begins + 1, ExpiresAt: begins + 9}), []Origin{i, i}},
		"life of another time":        {raw(user, caveats.Life{NotBefore: begins + 2, ExpiresAt: begins + 9}), []Origin{i, u}},
		"life of an earlier time":     {raw(user, caveats.Life{NotBefore: begins - 1, ExpiresAt: begins + 9}), []Origin{i, u}},
		"life before all time":        {raw(user, caveats.Life{NotBefore: math.MinInt64, ExpiresAt: 9}), []Origin{i, u}},
		"behind an unclear life":      {raw(user, caveats.Life{ExpiresAt: 9}, names, ids), []Origin{i, u, h, h}},
		"names alone":                 {raw(user, names, issued), []Origin{i, h, h}},
		"names and ids that differ":   {raw(user, caveats.ProjectNames{"a", "b"}, ids), []Origin{i, h, h}},
		"ids alone":                   {raw(user, ids), []Origin{i, h}},
		"added names":                 {raw(user, names, ids, issued, names), []Origin{i, i, i, i, h}},
		"added life":                  {raw(user, names, ids, issued, issued), []Origin{i, i, i, i, h}},
		"written with white space":    {[][]byte{user.Append(nil), []byte(`[1, ["demo"]]`), ids.Append(nil)}, []Origin{i, h, h}},
		"user with white space":       {[][]byte{[]byte(`[3, "` + userID + `"]`)}, []Origin{u}},
		"not of an issuer like these": {raw(names, user), []Origin{u, u}},
		"malformed in the middle":     {[][]byte{user.Append(nil), []byte("x"), issued.Append(nil)}, []Origin{i, h, h}},
		"nothing":                     {nil, []Origin{}},
	} {
		got := originsOf(token.Token{ID: madeID, Caveats: c.caveats}, made)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got := originsOf(token.Token{Caveats: raw(user, issued)}, nil); got[1] != Unclear {
		t.Errorf("a life of a token of no known time is by %s", got[1])
	}
}

func TestLivesBeyondTheCalendar(t *testing.T) {
	for name, c := range map[string]struct {
		life          caveats.Life
		begins, ends  string // RFC 3339; "" for no bound
		expired, okay bool
	}{
		"for ever":             {caveats.Life{NotBefore: 0, ExpiresAt: math.MaxInt64}, "", "", false, true},
		"ended before time":    {caveats.Life{NotBefore: math.MinInt64, ExpiresAt: math.MinInt64 + 1}, "", "0001-01-01T00:00:00Z", true, false},
		"begins after time":    {caveats.Life{NotBefore: math.MaxInt64 - 1, ExpiresAt: math.MaxInt64}, "9999-12-31T23:59:59Z", "", false, false},
		"ends in the year 1e5": {caveats.Life{NotBefore: 1, ExpiresAt: 3093527980800}, "1970-01-01T00:00:01Z", "", false, true},
		"ends as it begins":    {life(0, 0), "2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z", true, false},
		"last second":          {life(-time.Hour, time.Second), "2026-11-22T11:00:00Z", "2026-11-22T12:00:01Z", false, true},
		"first second":         {life(0, time.Hour), "2026-11-22T12:00:00Z", "2026-11-22T13:00:00Z", false, true},
	} {
		in := Inspect(token.Token{ID: "x", Caveats: raw(c.life)}, noon)
		if got := written(in.Begins); got != c.begins {
			t.Errorf("%s: begins %q, want %q", name, got, c.begins)
		}
		if got := written(in.Ends); got != c.ends {
			t.Errorf("%s: ends %q, want %q", name, got, c.ends)
		}
		if in.Expired != c.expired || (len(in.Problems) == 0) != c.okay {
			t.Errorf("%s: expired %v, problems %q", name, in.Expired, in.Problems)
		}
	}
}

func written(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func TestSpanIsCutToItsLargestUnit(t *testing.T) {
	for seconds, want := range map[int64]string{
		0: "less than a minute", 59: "less than a minute", 60: "1 minute", 3599: "59 minutes", 3600: "1 hour",
		86399: "23 hours", 86400: "1 day", 364 * 86400: "364 days", 365 * 86400: "1 year", 8000 * 365 * 86400: "8000 years",
	} {
		if got := span(seconds); got != want {
			t.Errorf("%d s: %q, want %q", seconds, got, want)
		}
	}
}
