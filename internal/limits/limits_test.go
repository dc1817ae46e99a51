package limits

import (
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/tokens"
)

// noon is when the tokens of these tests are restricted.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestExpiresIsReadInEveryForm(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "90s": 90 * time.Second, "15m": 15 * time.Minute, "1h30m": 90 * time.Minute,
		"7d": 7 * 24 * time.Hour, "36500d": 36500 * 24 * time.Hour,
		"2026-11-22T12:00:05Z": 5 * time.Second, "2026-11-22T14:00:00+01:00": time.Hour, "2026-11-22T12:00:05.9Z": 5 * time.Second,
	} {
		got, err := Flags{Expires: text}.life(noon)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if want := (caveats.Life{ExpiresAt: noon.Add(want).Unix(), NotBefore: noon.Add(-tokens.Skew).Unix()}); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{
		"soon", "15", "-15m", "0s", "0.5s", "7D", "1.5d", "0d", "-1d", "36501d", "999999999999999999999d", "9999999h",
		"2027-03-03", "2027-02-30T00:00:00Z", "2999-01-01T00:00:00", "2026-11-22 13:00:00Z", " 15m", "15m ", "NaN",
	} {
		if got, err := (Flags{Expires: text}).life(noon); err == nil || !strings.Contains(err.Error(), "is neither a time from now") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"2026-11-22T12:00:00Z", "2026-11-22T12:00:00.9Z", "1970-01-01T00:00:00Z"} {
		if got, err := (Flags{Expires: text}).life(noon); err == nil || !strings.HasSuffix(err.Error(), "has already passed") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestNetworksAreWrittenAsVerifiersCompareThem(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "192.0.2.0/24": "192.0.2.0/24", "0.0.0.0/0": "0.0.0.0/0", "2001:DB8::1": "2001:db8::1/128",
		"2001:db8::/32": "2001:db8::/32", "::ffff:192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.0/120": "192.0.2.0/24", "::/0": "::/0",
	} {
		got, err := networks([]string{text})
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: %v, %v; want %s", text, got, err, want)
			continue
		}
		if err := caveats.Validate(got); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/024", "192.0.2", "fe80::1%eth0", "fe80::%eth0/64", "::ffff:192.0.2.1/120", "::ffff:0.0.0.0/95", "example.org"} {
		if got, err := networks([]string{text}); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}
