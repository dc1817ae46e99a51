package password

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // the lists are of SHA-1 hashes
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// BreachRange asks a server for stolen passwords, with the protocol of Pwned
// Passwords: it sends the first five hex digits of a password's SHA-1, gets all
// hashes that begin with them, and compares the rest itself, so the server learns only one of some
// million prefixes, not the password. A BreachRange is safe for concurrent use.
type BreachRange struct {
	base   *url.URL
	client *http.Client
}

const (
	rangeTime   = 2 * time.Second // for a whole answer
	rangeAnswer = 1 << 20         // bytes of an answer that are read
	rangePrefix = 5               // hex digits that are sent
)

// NewBreachRange makes a BreachRange that asks the server at base, such as
// "https://api.pwnedpasswords.com"; it appends "/range/…". It does not follow redirects.
func NewBreachRange(base string) (*BreachRange, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("password: %q is no address of a server that knows stolen passwords", base)
	}
	return &BreachRange{base: u, client: &http.Client{
		Timeout:       rangeTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Count returns how often a password was seen, 0 if it was not. No error contains the
// password, or any part of its hash.
func (b *BreachRange) Count(ctx context.Context, password string) (int, error) {
	sum := sha1.Sum([]byte(norm.NFC.String(password))) //nolint:gosec // as above
	hash := strings.ToUpper(hex.EncodeToString(sum[:]))
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base.JoinPath("range", hash[:rangePrefix]).String(), nil)
	if err != nil {
		return 0, errors.New("password: breach range: the address can't be asked")
	}
	r.Header.Set("Add-Padding", "true") // so that the length of the answer says nothing either
	r.Header.Set("User-Agent", "rind")
	resp, err := b.client.Do(r)
	if err != nil {
		var u *url.Error // it contains the address, and so the digits
		if errors.As(err, &u) {
			err = u.Err
		}
		return 0, fmt.Errorf("password: breach range: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("password: breach range: the answer is %d", resp.StatusCode)
	}
	return findSuffix(io.LimitReader(resp.Body, rangeAnswer), hash[rangePrefix:])
}

// findSuffix reads lines "SUFFIX:count". A count of 0 is padding.
func findSuffix(r io.Reader, suffix string) (count int, err error) {
	lines := bufio.NewScanner(r)
	any := false
	for lines.Scan() {
		got, text, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		n, err := strconv.Atoi(text)
		if !ok || err != nil || n < 0 || len(got) != len(suffix) {
			return 0, errors.New("password: breach range: the answer is no list of hashes")
		}
		any = true
		if strings.EqualFold(got, suffix) {
			count = n
		}
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("password: breach range: %w", err)
	}
	if !any {
		return 0, errors.New("password: breach range: the answer is empty")
	}
	return count, nil
}
