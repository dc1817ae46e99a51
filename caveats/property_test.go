package caveats

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The generators draw from small pools, so that requests often satisfy caveats.

func subset(pool ...string) *rapid.Generator[[]string] {
	return rapid.SliceOfN(rapid.SampledFrom(pool), 0, 3)
}

func drawCaveat(t *rapid.T) []byte {
	list := func(pool ...string) []string { return subset(pool...).Draw(t, "list") }
	switch rapid.IntRange(0, 10).Draw(t, "kind") {
	case 0:
		return Life{ExpiresAt: rapid.Int64Range(now-5, now+50).Draw(t, "end"), NotBefore: rapid.Int64Range(now-50, now+5).Draw(t, "begin")}.Append(nil)
	case 1:
		return ProjectNames(list("demo", "other", "Demo")).Append(nil)
	case 2:
		return ProjectIDs(list(projectB, projectC)).Append(nil)
	case 3:
		return User(rapid.SampledFrom([]string{userA, userA, projectB}).Draw(t, "user")).Append(nil)
	case 4:
		return Versions(list("1.0", "1.0", "v1", "2.0", "one")).Append(nil)
	case 5:
		return FileNames(list("demo-1.0.tar.gz", "x")).Append(nil)
	case 6:
		return Digests(list(digestA, digestA, "x")).Append(nil)
	case 7:
		return Networks(list("203.0.113.0/24", "::/0", "0.0.0.0/0", "192.0.2.1/24")).Append(nil)
	case 8:
		return Actions(list(ActionUpload, ActionCreate)).Append(nil)
	case 9:
		return []byte(rapid.SampledFrom([]string{`[9999]`, `[true,["demo"]]`, `[0,1,0,0]`, ``}).Draw(t, "other"))
	default:
		return []byte(` [ 0 , 1800003600 , 0 ] `)
	}
}

func drawRequest(t *rapid.T) Request {
	pick := func(name string, pool ...string) string { return rapid.SampledFrom(pool).Draw(t, name) }
	r := Request{
		Action: pick("action", ActionUpload, ActionUpload, ActionCreate, ""), Project: pick("project", "demo", "demo", "Other", ""),
		ProjectID: pick("project id", projectB, projectB, projectC, ""), UserID: userA, Version: pick("version", "1.0.0", "1", "2", ""),
		Filename: pick("file", "demo-1.0.tar.gz", "x", ""), SHA256: pick("digest", digestA, digestA, ""), Now: time.Unix(now+rapid.Int64Range(-3, 3).Draw(t, "now"), 0),
	}
	if ip := pick("client", "203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1", ""); ip != "" {
		r.ClientIP = netip.MustParseAddr(ip)
	}
	return r
}

// TestOneMoreCaveatNeverAllowsMore: a token with a caveat more, anywhere in the
// chain, allows a subset of the requests; and it fails for everything for which
// it failed before, the id of a project beside its name excepted, which is told
// by the name.
func TestOneMoreCaveatNeverAllowsMore(t *testing.T) {
	allowed, narrowed := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		chain := rapid.Custom(drawChain).Draw(t, "chain")
		at := rapid.IntRange(0, len(chain)).Draw(t, "at")
		more := append(append(append([][]byte{}, chain[:at]...), drawCaveat(t)), chain[at:]...)
		r := drawRequest(t)
		before, after := Check(chain, r), Check(more, r)
		if len(before) == 0 {
			allowed++
		}
		if len(before) == 0 && len(after) > 0 {
			narrowed++
		}
		if len(before) > 0 && len(after) == 0 {
			t.Fatalf("%q denied %v, %q allows it", chain, before, more)
		}
		for _, f := range before {
			if !reasons(after)[f.Reason] {
				t.Fatalf("%q fails with %v, %q only with %v", chain, before, more, after)
			}
		}
	})
	if allowed == 0 || narrowed == 0 {
		t.Errorf("nothing was tested: %d chains allowed their request, %d were narrowed", allowed, narrowed)
	}
}

func drawChain(t *rapid.T) [][]byte {
	chain := make([][]byte, rapid.IntRange(0, 5).Draw(t, "length"))
	for i := range chain {
		chain[i] = drawCaveat(t)
	}
	return chain
}

func reasons(failures []Failure) map[Reason]bool {
	out := map[Reason]bool{}
	for _, f := range failures {
		out[f.Reason] = true
	}
	return out
}

// TestTextsComeBack: a string of any content is written and read again.
func TestTextsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		p := parser{in: appendText(nil, text)}
		if back, ok := p.text(); !ok || back != text || p.at != len(p.in) {
			t.Fatalf("%q came back as %q, %v", text, back, ok)
		}
	})
}

// TestParsePrintIsTheIdentity on values of any content that is of form; Parse refuses the
// others.
func TestParsePrintIsTheIdentity(t *testing.T) {
	parsed := 0
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.String(), 0, 5).Draw(t, "list")
		text := rapid.String().Draw(t, "text")
		if rapid.Bool().Draw(t, "of form") {
			list, text = subset("demo", "1.0", digestA, userA, "203.0.113.0/24", "upload").Draw(t, "list of form"), userA
		}
		life := Life{rapid.Int64().Draw(t, "end"), rapid.Int64().Draw(t, "begin")}
		for _, c := range []Caveat{life, User(text), ProjectNames(list), ProjectIDs(list), Versions(list), FileNames(list), Digests(list), Networks(list), Actions(list)} {
			wire := c.Append(nil)
			back, err := Parse(wire)
			if len(wire) > MaxCaveat {
				continue
			}
			if checkElements(c) != nil {
				if back != nil || !errors.Is(err, ErrMalformed) {
					t.Fatalf("%s is of no form and gives %#v, %v", wire, back, err)
				}
				continue
			}
			parsed++
			if err != nil || string(back.Append(nil)) != string(wire) || back.String() != c.String() {
				t.Fatalf("%#v: %s gives %#v, %v", c, wire, back, err)
			}
			if got, ok := back.(FileNames); ok {
				for i := range got {
					if got[i] != list[i] {
						t.Fatalf("%q came back as %q", list[i], got[i])
					}
				}
			}
		}
	})
	if parsed == 0 {
		t.Error("nothing was of form")
	}
}
