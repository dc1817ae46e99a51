package tokens

import (
	"encoding/base64"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/ledger"
)

// farthest is how far ahead a chosen date may be if the policy sets no maximum.
// Somebody who wants a later date means "never".
const farthest = 100 * 366 * ledger.Day

// Life is a choice of how long a token lives.
type Life string

// The lives that can be chosen; there is no default.
const (
	Life7     Life = "7" // days
	Life30    Life = "30"
	Life90    Life = "90"
	Life365   Life = "365"
	LifeUntil Life = "date"  // until MintRequest.Expires
	LifeNever Life = "never" // the token does not expire
)

// days returns the length of a preset, and 0 for other values.
func (l Life) days() int {
	switch l {
	case Life7:
		return 7
	case Life30:
		return 30
	case Life90:
		return 90
	case Life365:
		return 365
	}
	return 0
}

// Policy says what lives of tokens the configuration allows.
type Policy struct {
	MaxLife time.Duration // 0: no maximum
	Lives   []Life        // the allowed choices, shortest first
	Latest  time.Time     // latest end that may be chosen, at the time of the call
}

// Policy returns the lives that a token may have if it is minted now.
func (s *Service) Policy() Policy {
	now := s.clock()
	p := Policy{MaxLife: s.maxLife, Latest: s.latestEnd(now)}
	for _, l := range []Life{Life7, Life30, Life90, Life365} {
		if !now.Add(time.Duration(l.days()) * ledger.Day).After(p.Latest) {
			p.Lives = append(p.Lives, l)
		}
	}
	p.Lives = append(p.Lives, LifeUntil)
	if s.maxLife == 0 {
		p.Lives = append(p.Lives, LifeNever)
	}
	return p
}

func (s *Service) latestEnd(now time.Time) time.Time {
	if s.maxLife == 0 {
		return now.Add(farthest)
	}
	return now.Add(s.maxLife)
}

// checkLife returns the second at which the token expires, or zero for never.
func (s *Service) checkLife(ps *problem.Problems, req MintRequest, now time.Time) time.Time {
	maxDays := int(s.latestEnd(now).Sub(now) / ledger.Day)
	switch {
	case req.Life == "":
		ps.Add("life", "life_required")
	case req.Life == LifeNever:
		if s.maxLife != 0 {
			ps.Add("life", "life_unlimited", "max_days", maxDays)
		}
	case req.Life == LifeUntil:
		return s.checkExpires(ps, req.Expires, now)
	case req.Life.days() == 0:
		ps.Add("life", "life_unknown")
	default:
		end := now.Add(time.Duration(req.Life.days()) * ledger.Day)
		if end.After(s.latestEnd(now)) {
			ps.Add("life", "life_too_long", "max_days", maxDays)
		}
		return end.Truncate(time.Second)
	}
	return time.Time{}
}

func (s *Service) checkExpires(ps *problem.Problems, end, now time.Time) time.Time {
	switch {
	case end.IsZero():
		ps.Add("expires", "expires_required")
	case end.Unix() <= now.Unix():
		ps.Add("expires", "expires_past")
	case end.After(s.latestEnd(now)):
		ps.Add("expires", "expires_too_late", "latest", s.latestEnd(now).UTC(), "max_days", int(s.latestEnd(now).Sub(now)/ledger.Day))
	}
	return end.UTC().Truncate(time.Second)
}

// checkLabel checks a label, and returns it without the white space around it.
func checkLabel(ps *problem.Problems, label string) string {
	if !utf8.ValidString(label) {
		ps.Add("label", "label_invalid")
		return ""
	}
	label = strings.TrimSpace(label)
	switch {
	case !strings.ContainsFunc(label, ledger.Visible):
		ps.Add("label", "label_required")
	case utf8.RuneCountInString(label) > MaxLabel:
		ps.Add("label", "label_too_long", "max", MaxLabel)
	case strings.ContainsFunc(label, text.Disruptive):
		ps.Add("label", "label_invalid")
	}
	return label
}

// textSize returns the length of a token's text: the prefix, and the base64 of a version
// byte, the location, a UUID, the caveats and the signature. Each field has its type and
// length before it, and each section has a byte after it.
func textSize(location string, cs [][]byte) int {
	field := func(n int) int {
		size := 1 + 1 + n
		for ; n > math.MaxInt8; n >>= 7 {
			size++
		}
		return size
	}
	n := 1 + field(len(location)) + field(36) + 1
	for _, c := range cs {
		n += field(len(c)) + 1
	}
	n += 1 + field(32)
	return len(token.Prefix) + base64.RawURLEncoding.EncodedLen(n)
}
