package authn

import (
	"context"
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
	"golang.org/x/text/unicode/norm"

	"github.com/rind-dev/rind/internal/problem"
)

// Limits of passwords.
const (
	MinPassword = 12   // characters (code points, after normalization)
	MaxPassword = 4096 // bytes
	minScore    = 3    // of zxcvbn's 0 to 4: "safely unguessable", 10^8 guesses and more
	minDistinct = 5    // different characters; zxcvbn finds repetition in ASCII only

	// scoredPrefix is how much of a password zxcvbn looks at. Its time grows
	// with the cube of the length: 72 characters took up to 35 ms, 400 took
	// 1.4 s. A password whose first 72 characters are weak is refused,
	// however it goes on.
	scoredPrefix = 72

	// respelledPrefix is how much of it zxcvbn reads as words in which symbols stand for
	// letters ("p4$$w0rd"), where there are more than maxSymbols of them. It looks
	// up every combination: with all twenty symbols in 72 characters that took 730 ms.
	respelledPrefix = 16
	maxSymbols      = 7
	symbols         = "4@8({[<369!1|705$+%2"
)

// DefaultPasswordParams is the cost of a password hash: argon2id with 64 MiB,
// two passes and one lane, above OWASP's least (46 MiB and one pass, or 19 MiB
// and two). BenchmarkHash compares. In 50 rounds of all of them, side by side on two
// busy cores of an EPYC, its median was 115 ms (69 ms on idle ones), OWASP's two
// took 39 and 30 ms, RFC 9106's second choice (64 MiB, three passes, four lanes)
// 170 ms. One lane keeps a sign-in on one core, so that several take turns fairly;
// memory is bounded by Config.MaxHashing.
var DefaultPasswordParams = argon2id.Params{
	Memory: 64 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32,
}

// hasher makes and checks password hashes. Tests count its calls.
type hasher interface {
	Hash(password string) (string, error)

	// Check tells whether password belongs to hash, and whether hash was made with
	// other parameters than Hash uses now.
	Check(password, hash string) (ok, outdated bool, err error)
}

// argon2 is the hasher.
type argon2 struct{ params argon2id.Params }

func (a argon2) Hash(password string) (string, error) {
	return argon2id.CreateHash(password, &a.params)
}

func (a argon2) Check(password, hash string) (ok, outdated bool, err error) {
	ok, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, err
	}
	return ok, *params != a.params, nil
}

// passwords hashes passwords, a bounded number at the same time.
type passwords struct {
	hasher hasher
	dummy  string // hash of nothing that anybody knows, of the same cost
	places *places
}

func newPasswords(params *argon2id.Params, parallel int) (*passwords, error) {
	if params == nil {
		params = &DefaultPasswordParams
	}
	if params.Memory == 0 || params.Iterations == 0 || params.Parallelism == 0 || params.SaltLength < 8 || params.KeyLength < 16 {
		return nil, fmt.Errorf("authn: password parameters %+v: each is at least 1, the salt 8 bytes, the key 16", *params)
	}
	if parallel <= 0 {
		parallel = max(2, runtime.GOMAXPROCS(0))
	}
	p := &passwords{
		hasher: argon2{*params},
		places: newPlaces(parallel),
	}
	var err error
	p.dummy, err = p.hasher.Hash(rand.Text())
	return p, err
}

// hash makes the hash of a password that was checked before.
func (p *passwords) hash(ctx context.Context, who claimant, password string) (string, error) {
	leave, err := p.places.enter(ctx, who)
	if err != nil {
		return "", err
	}
	defer leave()
	return p.hasher.Hash(norm.NFC.String(password))
}

// check compares a password with a hash, or with the dummy where hash is "":
// the same work, and never true. A hash that is right and outdated comes back
// made anew.
func (p *passwords) check(ctx context.Context, who claimant, password, hash string) (ok bool, renewed string, err error) {
	leave, err := p.places.enter(ctx, who)
	if err != nil {
		return false, "", err
	}
	defer leave()
	known := hash != ""
	if !known {
		hash = p.dummy
	}
	password = norm.NFC.String(password)
	ok, outdated, err := p.hasher.Check(password, hash)
	if err != nil {
		return false, "", fmt.Errorf("authn: a password hash: %w", err)
	}
	if ok = ok && known; ok && outdated {
		renewed, err = p.hasher.Hash(password)
	}
	return ok, renewed, err
}

// checkNewPassword adds what is wrong with a password that somebody wants to have.
//
// A password is UTF-8 text without control characters, brought into normal form C
// (RFC 8265 §4.2 does the same), so that it does not matter how a keyboard
// composes an é. Nothing else is changed: no trimming, no folding, no cutting.
func checkNewPassword(password, username, email string, ps *problem.Problems) {
	password, ok := cleanNewPassword(password, ps)
	switch {
	case !ok:
	case utf8.RuneCountInString(password) < MinPassword:
		ps.Add("password", CodePasswordTooShort, "min", MinPassword)
	case passwordScore(password, username, email) < minScore:
		ps.Add("password", CodePasswordWeak)
	}
}

// cleanNewPassword is the form in which a new password is looked at; ok is false where it has none,
// and what is wrong is added.
func cleanNewPassword(password string, ps *problem.Problems) (clean string, ok bool) {
	switch {
	case len(password) > MaxPassword:
		ps.Add("password", CodePasswordTooLong, "max", MaxPassword)
		return "", false
	case !utf8.ValidString(password) || strings.IndexFunc(password, unicode.IsControl) >= 0:
		ps.Add("password", CodePasswordInvalid)
		return "", false
	}
	return norm.NFC.String(password), true
}

// passwordScore is zxcvbn's, 0 to 4, where the name and the parts of the address
// count as words that everybody knows.
func passwordScore(password, username, email string) int {
	runes := []rune(password)
	runes = runes[:min(len(runes), scoredPrefix)]
	distinct := make(map[rune]bool)
	for _, r := range runes {
		distinct[r] = true
	}
	if len(distinct) < minDistinct {
		return 0
	}
	email = fold(email)
	known := []string{"rind", fold(username), email}
	known = append(known, strings.FieldsFunc(email, func(r rune) bool { return strings.ContainsRune("@.+-_", r) })...)
	known = append(known, strings.FieldsFunc(fold(username), func(r rune) bool { return strings.ContainsRune(".-_", r) })...)
	inputs := known[:0]
	for _, w := range known {
		if w != "" && len(w) <= scoredPrefix {
			inputs = append(inputs, w)
		}
	}
	score := maxScore
	for _, part := range scoredParts(runes) {
		score = min(score, zxcvbn.PasswordStrength(part.text, inputs, part.without...).Score)
	}
	return score
}

const maxScore = 4 // of zxcvbn

// scoredPart is a part of a password, and what zxcvbn does not look for in it.
type scoredPart struct {
	text    string
	without []func(match.Matcher) bool
}

// scoredParts are the parts by which a password is scored; the weakest counts.
func scoredParts(password []rune) []scoredPart {
	text := string(password)
	n := 0
	for _, c := range symbols {
		if strings.ContainsRune(text, c) {
			n++
		}
	}
	if n <= maxSymbols || len(password) <= respelledPrefix {
		return []scoredPart{{text: text}}
	}
	return []scoredPart{
		{text: text, without: []func(match.Matcher) bool{matching.FilterL33tMatcher}},
		{text: string(password[:respelledPrefix])},
	}
}
