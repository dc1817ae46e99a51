package token_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/realtest"
)

// liberties are the ways in which PyPI's reading (testdata/peer/warehouse.py) is
// kinder than ours, all of them, with the reason why we refuse. The model names
// them when it takes them; an answer that differs for another reason fails the
// test, and so does a liberty that no generated case took.
var liberties = map[string]string{
	"tag that is no integer literal": "true and 1.0 are keys of Python's dict that equal 1; in another language they are not, and a caveat must mean one thing",
	"extra element":                  "elements behind the known ones are ignored there; a later version may give them a meaning that narrows, so we refuse what we do not read",
	"legacy map":                     "the caveats of before 2022; none was ever issued here, and the user's map speaks of whoever asks",
	"time beyond int64":              "Python's integers have no end; verifiers in other languages would wrap, round or saturate",
	"minus zero":                     "-0 is an integer there and a float elsewhere; a number has one spelling",
	"lone surrogate":                 "no Unicode text has one; decoders swap it for U+FFFD, so that two strings become one",
	"element of no form":             "a list may hold what is no project name or id there; no request could match it, so it is a mistake that its author should hear of",
	"beyond the limits":              "no limits there: HMACs and parsing at the sender's will",
	"base64 in another spelling":     "Python's decoder passes over whatever is not of the alphabet and over unused bits: many texts for one token get round lists of revoked texts",
	"trailing bytes":                 "bytes behind the signature are ignored there: many texts for one token",
	"varint in another spelling":     "numbers with more bytes than they need: many texts for one token",
	"V1 encoding":                    "the older encoding of the same macaroon: many texts for one token",
	"unsigned splice":                "pymacaroons leaves a caveat that fails out of the chain of signatures, so one that nobody signed passes if it fails",
	"location not compared":          "the signature does not cover the location: a token that says another host names another issuer",
	"issued caveats not compared":    "whoever steals root keys could mint anything; our store holds no root keys, and the issued caveats must stand first",
}

// extension explains the one way in which PyPI is stricter.
const extension = "the caveats 100 to 104 are not known there"

const (
	projectID = "00000000-0000-4000-8000-0000000000bb"
	otherID   = "00000000-0000-4000-8000-0000000000bc"
	atNow     = 1800000000
)

// tally counts the outcomes of a comparison.
type tally struct {
	both, neither, stricterThere int
	liberties                    map[string]int
}

// compare holds our answer against the model's: we allow exactly what it allows
// without a liberty, and what it does not know.
func (c *tally) compare(t *testing.T, what string, ours []caveats.Failure, theirs answer) {
	t.Helper()
	allow := len(ours) == 0
	switch {
	case theirs.Allow && len(theirs.Liberties) > 0:
		for _, l := range theirs.Liberties {
			if liberties[l] == "" {
				t.Errorf("%s: a liberty that is not listed: %s", what, l)
			}
			c.liberties[l]++
		}
		if allow {
			t.Errorf("%s: we allow it with %q", what, theirs.Liberties)
		}
	case allow && !theirs.Allow && theirs.Extension:
		c.stricterThere++
	case allow != theirs.Allow:
		t.Errorf("%s: we say %v, the model %+v", what, ours, theirs)
	case allow:
		c.both++
	default:
		c.neither++
	}
}

// report fails where an outcome never came up.
func (c *tally) report(t *testing.T, want ...string) {
	t.Helper()
	t.Logf("%d allowed by both, %d by neither, %d by us alone (%s)", c.both, c.neither, c.stricterThere, extension)
	for _, name := range want {
		t.Logf("%5d times there alone: %s: %s", c.liberties[name], name, liberties[name])
		if c.liberties[name] == 0 {
			t.Errorf("no case took the liberty %q", name)
		}
	}
	if c.both == 0 || c.neither == 0 || c.stricterThere == 0 {
		t.Error("an outcome never came up")
	}
}

// requests are what the caveats and tokens are held against.
func requestOf(r *rand.Rand) (caveats.Request, question) {
	req := caveats.Request{
		Action: caveats.ActionUpload, Project: "demo", ProjectID: projectID, UserID: userID, Version: "1.0", Filename: "demo-1.0.tar.gz",
		SHA256: strings.Repeat("a", 64), Now: time.Unix(atNow, 0),
	}
	switch r.IntN(8) {
	case 0:
		req.Project, req.ProjectID = "other", otherID
	case 1:
		req.Project, req.ProjectID = "", ""
	}
	return req, question{UserID: userID, Project: req.Project, ProjectID: req.ProjectID, Now: atNow}
}

// TestCaveatsAgainstPyPI: 20,000 generated caveats.
func TestCaveatsAgainstPyPI(t *testing.T) {
	realtest.Need(t, realtest.Python, realtest.Pymacaroons)
	r := rand.New(rand.NewPCG(1, 2))
	var questions []question
	var ours [][]caveats.Failure
	for range 20000 {
		raw := generateCaveat(r)
		req, q := requestOf(r)
		q.Op, q.Raw = "caveat", raw
		questions = append(questions, q)
		ours = append(ours, caveats.Check([][]byte{raw}, req))
	}
	c := tally{liberties: map[string]int{}}
	for i, theirs := range ask(t, questions) {
		c.compare(t, string(questions[i].Raw), ours[i], theirs)
	}
	c.report(t, "tag that is no integer literal", "extra element", "legacy map", "time beyond int64", "minus zero", "lone surrogate", "element of no form", "beyond the limits")
}

// TestTokensAgainstPyPI: 20,000 generated tokens.
func TestTokensAgainstPyPI(t *testing.T) {
	realtest.Need(t, realtest.Python, realtest.Pymacaroons)
	r := rand.New(rand.NewPCG(3, 4))
	var questions []question
	var ours [][]caveats.Failure
	for range 20000 {
		text, rec := generateToken(t, r)
		req, q := requestOf(r)
		q.Op, q.Token, q.Key, q.Identifier, q.Location, q.Issued = "token", text, rec.key, rec.id, rec.location, bytesToStrings(rec.issued)
		questions = append(questions, q)
		if tok, err := token.Parse(text); err != nil {
			ours = append(ours, formFailure(t, err))
		} else {
			ours = append(ours, verdict(t, tok, rec, req))
		}
	}
	c := tally{liberties: map[string]int{}}
	for i, theirs := range ask(t, questions) {
		c.compare(t, questions[i].Token, ours[i], theirs)
	}
	var all []string
	for name := range liberties {
		all = append(all, name)
	}
	slices.Sort(all)
	c.report(t, all...)
}

// TestVersionsAgainstPackaging: PyPI's own library of versions, on 5,000 pairs.
func TestVersionsAgainstPackaging(t *testing.T) {
	realtest.Need(t, realtest.Python, realtest.Pymacaroons, realtest.Packaging)
	r := rand.New(rand.NewPCG(5, 6))
	pieces := []string{"", "", "", ".0", ".1", ".01", "a", "alpha1", "-b.2", "rc1", "c01", "pre", "_preview_1", ".post1", "-1", "-rev2", "r", ".dev", "dev3", "-dev.03", "+local", "+1", "+01", "+A-1", "+a_01", "x", ".", "-"}
	draw := func() string {
		s := []string{"1", "1.0", "v1", "01.0", "1!1", "0!1", "2"}[r.IntN(7)]
		for range r.IntN(4) {
			s += pieces[r.IntN(len(pieces))]
		}
		return s
	}
	questions := make([]question, 5000)
	for i := range questions {
		questions[i] = question{Op: "version", A: draw(), B: draw()}
	}
	equal, valid := 0, 0
	for i, a := range ask(t, questions) {
		q := questions[i]
		if got := caveats.EqualVersions(q.A, q.B); got != a.Allow {
			t.Errorf("%q and %q are equal: %v, packaging says %v", q.A, q.B, got, a.Allow)
		}
		if a.Allow {
			equal++
		}
		v, err := caveats.ParseVersion(q.A)
		if (err == nil) != (a.Text != "") || err == nil && v.String() != a.Text {
			t.Errorf("%q is %v, %v, packaging says %q", q.A, v, err, a.Text)
		}
		if err == nil {
			valid++
		}
	}
	if equal < 50 || valid < 500 {
		t.Errorf("only %d pairs were equal and %d versions valid", equal, valid)
	}
}

// respell changes the text of a token in ways that a kind decoder undoes.
func respell(r *rand.Rand, text string) string {
	body := strings.TrimPrefix(text, token.Prefix)
	at := r.IntN(len(body))
	switch r.IntN(5) {
	case 0:
		return token.Prefix + body[:at] + []string{"!", "\n", " ", "é"}[r.IntN(3)] + body[at:]
	case 1:
		return text + strings.Repeat("=", (4-len(body)%4)%4)
	case 2:
		return token.Prefix + strings.NewReplacer("-", "+", "_", "/").Replace(body)
	case 3: // another value of the unused bits
		if n := len(body) % 4; n != 0 {
			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := strings.IndexByte(alphabet, body[len(body)-1])
			return text[:len(text)-1] + string(alphabet[last|1])
		}
	}
	return text + "\n"
}
