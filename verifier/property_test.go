package verifier_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// TestOneCaveatMoreAllowsASubset holds for every caveat, of any form, at any
// place where one can be put: by the issuer, on its side later, by a holder.
func TestOneCaveatMoreAllowsASubset(t *testing.T) {
	h := newHouse(t)
	number, allowed, refused := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		issued := append([][]byte{caveats.User(alice).Append(nil)}, rapid.SliceOfN(wellFormed(), 0, 3).Draw(rt, "issued")...)
		restrictions := rapid.SliceOfN(wellFormed(), 0, 2).Draw(rt, "restrictions")
		held := rapid.SliceOfN(anyCaveat(), 0, 3).Draw(rt, "held")

		fewer := h.chain(&number, issued, restrictions, held)
		switch rapid.IntRange(0, 2).Draw(rt, "where") {
		case 0:
			held = slices.Insert(held, rapid.IntRange(0, len(held)).Draw(rt, "at"), anyCaveat().Draw(rt, "more"))
		case 1:
			issued = slices.Insert(issued, rapid.IntRange(0, len(issued)).Draw(rt, "at"), wellFormed().Draw(rt, "more"))
		default:
			restrictions = append(restrictions, wellFormed().Draw(rt, "more"))
		}
		more := h.chain(&number, issued, restrictions, held)
		for range 8 {
			req := anyRequest().Draw(rt, "request")
			before, after := h.reasons(fewer, req), h.reasons(more, req)
			if after == nil && before != nil {
				rt.Fatalf("%+v is allowed with one caveat more, and was denied before: %v", req, before)
			}
			if before == nil {
				allowed++
			}
			if before == nil && after != nil {
				refused++
			}
		}
	})
	// The property would hold if nothing were ever allowed, or no caveat mattered.
	if allowed < 20 || refused < 5 {
		t.Errorf("%d requests allowed, and %d of them refused by one caveat more: too few to show anything", allowed, refused)
	}
}

// chain issues a token, narrows it as a holder, and returns its text.
func (h *house) chain(number *int, issued, restrictions, held [][]byte) string {
	*number++
	tok, rec := mintRaw(h, *number, issued)
	rec.Restrictions = restrictions
	h.apply(rootkeys.Change{Token: rec})
	if len(held) > 0 {
		tok = extend(h, tok, held...)
	}
	return text(h, tok)
}

// wellFormed draws caveats that an issuer would write, most of which some of the
// requests below satisfy.
func wellFormed() *rapid.Generator[[]byte] {
	some := func(of ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, len(of), rapid.ID[string])
	}
	return rapid.Custom(func(t *rapid.T) []byte {
		var c caveats.Caveat
		switch rapid.IntRange(0, 8).Draw(t, "kind") {
		case 0:
			c = caveats.Life{ExpiresAt: now.Unix() + rapid.Int64Range(-1, 5).Draw(t, "end"), NotBefore: now.Unix() - rapid.Int64Range(-1, 5).Draw(t, "begin")}
		case 1:
			c = caveats.ProjectNames(some("demo", "other").Draw(t, "names"))
		case 2:
			c = caveats.ProjectIDs(some(demo, other).Draw(t, "ids"))
		case 3:
			c = caveats.User(rapid.SampledFrom([]string{alice, alice, alice, bob}).Draw(t, "user"))
		case 4:
			c = caveats.Versions(some("1.0", "1.0.0", "2.0").Draw(t, "versions"))
		case 5:
			c = caveats.FileNames(some("demo-1.0.tar.gz", "demo-2.0.tar.gz").Draw(t, "files"))
		case 6:
			c = caveats.Digests(some(digest('a'), digest('b')).Draw(t, "digests"))
		case 7:
			c = caveats.Networks(some("203.0.113.0/24", "2001:db8::/32", "0.0.0.0/0").Draw(t, "networks"))
		default:
			c = caveats.Actions(some("upload", "create").Draw(t, "actions"))
		}
		return c.Append(nil)
	})
}

// anyCaveat draws what a holder may add: mostly caveats, but any bytes can be
// chained.
func anyCaveat() *rapid.Generator[[]byte] {
	odd := rapid.SampledFrom([][]byte{[]byte(`[200,"x"]`), []byte(`[1]`), []byte(`[true,["demo"]]`), []byte(`{"version":1}`), {}, {0xff}})
	return rapid.OneOf(wellFormed(), wellFormed(), wellFormed(), odd, rapid.SliceOfN(rapid.Byte(), 0, 20))
}

func anyRequest() *rapid.Generator[verifier.Request] {
	return rapid.Custom(func(t *rapid.T) verifier.Request {
		from := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, of[0]) }
		req := verifier.Request{
			Action:   from("upload", "upload", "create", ""),
			Project:  from("demo", "demo", "Other", "nobodys", ""),
			Version:  from("1.0", "2.0", "1.0+x", "junk", ""),
			Filename: from("demo-1.0.tar.gz", "demo-2.0.tar.gz", ""),
			SHA256:   from(digest('a'), digest('b'), ""),
			Now:      now.Add(time.Duration(rapid.IntRange(-3, 6).Draw(t, "now")) * time.Second),
		}
		req.ClientIP, _ = netip.ParseAddr(from("203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1", "198.51.100.1", ""))
		return req
	})
}

// digest is 64 times the same hex digit.
func digest(c byte) string {
	b := make([]byte, 64)
	for i := range b {
		b[i] = c
	}
	return string(b)
}
