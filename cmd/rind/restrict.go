package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/inspect"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/issuer/tokens"
)

type restrictCmd struct {
	tokenInput
	Project []string `help:"Only this project; repeat for several." placeholder:"NAME" sep:"none"`
	Version []string `help:"Only this version (PEP 440); repeat for several." placeholder:"VERSION" sep:"none"`
	File    []string `help:"Only this file, by its name and its SHA-256; repeat for several." placeholder:"PATH" sep:"none"`
	Digest  []string `help:"Only a file with this SHA-256 (64 hex digits); repeat for several." placeholder:"SHA256" sep:"none"`
	Expires string   `help:"Only for this long from now: 90s, 15m, 12h, 7d; or until a moment: 2027-03-03T12:00:00Z." placeholder:"TIME"`
	Network []string `help:"Only from this address or network (CIDR); repeat for several." placeholder:"CIDR" sep:"none"`
	Action  []string `help:"Only this action: upload, stage or create; repeat for several." placeholder:"ACTION" sep:"none"`
	JSON    bool     `name:"json" help:"Print one JSON object with the new token and its details."`
}

// clockSkew is how far behind a verifier's clock may be for a life that begins
// now, as issuers allow for it.
const clockSkew = tokens.Skew

// Help documents what the flags come to together, and the JSON object.
func (restrictCmd) Help() string {
	return `Several values of one flag allow each of them; different flags must all hold. --file and --digest together allow the digests of all of them. ` +
		`The JSON object has token, and the fields of 'rind token inspect --json' about it.`
}

// Run prints the narrower token.
func (c restrictCmd) Run(s streams) error {
	now := time.Now()
	added, flagErr := c.caveats(now)
	tokenText, err := c.read(s)
	if err == nil {
		if _, err = token.Parse(tokenText); err != nil {
			err = explain(err)
		}
	}
	if err := errors.Join(flagErr, err); err != nil {
		return err
	}
	if len(added) == 0 {
		return errors.New("nothing to restrict the token to: give at least one of --project, --version, --file, --digest, --expires, --network, --action")
	}
	narrower, err := token.Restrict(tokenText, added...)
	if err != nil {
		return notNarrowed(err)
	}
	t, err := token.Parse(narrower)
	if err != nil {
		return err
	}
	in := inspect.Inspect(t, now)
	for _, p := range in.Problems {
		fmt.Fprintln(s.err, "rind: warning: no verifier accepts the restricted token:", p)
	}
	if c.JSON {
		return text.JSON(s.out, struct {
			Token string `json:"token"`
			inspect.Inspection
		}{narrower, in})
	}
	_, err = fmt.Fprintln(s.out, narrower)
	return err
}

// notNarrowed says why there is no narrower token, and what to do.
func notNarrowed(err error) error {
	switch {
	case errors.Is(err, caveats.ErrMalformed), errors.Is(err, caveats.ErrUnknown):
		return fmt.Errorf("the token was not restricted: it has a caveat that verifiers of this version refuse, so they would refuse a restricted one too; 'rind token inspect' shows it (%w)", err)
	case errors.Is(err, token.ErrTooLarge), errors.Is(err, caveats.ErrUseless):
		return fmt.Errorf("the token was not restricted: the new one would be too large. Give fewer values: a token can have at most %d characters, %d caveats and %d bytes per caveat (%w)",
			token.MaxText, token.MaxCaveats, token.MaxCaveat, err)
	}
	return fmt.Errorf("the token was not restricted: %w", err)
}

// caveats makes a caveat of each kind of flag that is set. All that is wrong
// with the flags comes back at once.
func (c restrictCmd) caveats(now time.Time) ([]caveats.Caveat, error) {
	var out []caveats.Caveat
	var errs []error
	add := func(set bool, cv caveats.Caveat, err error) {
		if set {
			out, errs = append(out, cv), append(errs, err)
		}
	}
	names, err := projectNames(c.Project)
	add(len(c.Project) > 0, once(names), err)
	add(len(c.Version) > 0, once(caveats.Versions(c.Version)), versions(c.Version))
	files, digests, err := c.files()
	errs = append(errs, err)
	add(len(files) > 0, once(files), nil)
	add(len(digests) > 0, once(digests), nil)
	life, err := c.life(now)
	add(c.Expires != "", life, err)
	nets, err := networks(c.Network)
	add(len(c.Network) > 0, once(nets), err)
	add(len(c.Action) > 0, once(caveats.Actions(c.Action)), actions(c.Action))
	return out, errors.Join(errs...)
}

// once drops what stands in a list before.
func once[L ~[]string](list L) L {
	var out L
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func projectNames(names []string) (out caveats.ProjectNames, err error) {
	for _, n := range names {
		if !caveats.ValidProjectName(n) {
			err = errors.Join(err, notAProject(n))
		}
		out = append(out, caveats.NormalizeProject(n))
	}
	return out, err
}

func notAProject(name string) error {
	return fmt.Errorf("--project %q is not a project name: use letters, digits, '.', '-' and '_', with a letter or digit at both ends", name)
}

func versions(vs []string) (err error) {
	for _, v := range vs {
		if !caveats.ValidVersion(v) {
			err = errors.Join(err, fmt.Errorf("--version %q is not a PEP 440 version, like 1.2 or 2.0rc1", v))
		}
	}
	return err
}

func actions(as []string) (err error) {
	for _, a := range as {
		if caveats.Validate(caveats.Actions{a}) != nil {
			err = errors.Join(err, fmt.Errorf("--action %q is neither %s nor %s nor %s", a, caveats.ActionUpload, caveats.ActionStage, caveats.ActionCreate))
		}
	}
	return err
}

// files are the names of --file, and the digests of those and of --digest.
func (c restrictCmd) files() (names caveats.FileNames, digests caveats.Digests, err error) {
	for _, path := range c.File {
		sum, ferr := digestOf(path)
		err = errors.Join(err, ferr)
		names, digests = append(names, filepath.Base(path)), append(digests, sum)
	}
	for _, d := range c.Digest {
		lower := strings.ToLower(d)
		if b, derr := hex.DecodeString(lower); derr != nil || len(b) != sha256.Size {
			err = errors.Join(err, fmt.Errorf("--digest %q is not a SHA-256: give 64 hex digits, as sha256sum prints them", d))
		}
		digests = append(digests, lower)
	}
	return names, digests, err
}

func digestOf(path string) (string, error) {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("--file: %w", err)
	case !fi.Mode().IsRegular():
		return "", fmt.Errorf("--file %q is not a regular file", path)
	case !utf8.ValidString(filepath.Base(path)):
		return "", fmt.Errorf("--file %q: its name is not UTF-8", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("--file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("--file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// networks reads addresses and networks. IPv4 inside of IPv6 is made IPv4, as a
// verifier does with a client's address.
func networks(list []string) (out caveats.Networks, err error) {
	for _, n := range list {
		p, perr := netip.ParsePrefix(n)
		if a, aerr := netip.ParseAddr(n); aerr == nil && a.Zone() == "" {
			p, perr = a.Prefix(a.BitLen())
		}
		if perr == nil && p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		switch {
		case perr != nil:
			err = errors.Join(err, fmt.Errorf("--network %q is neither an address, like 192.0.2.1, nor a network, like 192.0.2.0/24", n))
		case p != p.Masked():
			err = errors.Join(err, fmt.Errorf("--network %q has bits after its prefix: write %s for the network or %s for the address", n, p.Masked(), p.Addr()))
		}
		out = append(out, p.String())
	}
	return out, err
}

// life reads --expires. Like an issued life it begins a little in the past: the
// verifier's clock may be behind this one.
func (c restrictCmd) life(now time.Time) (caveats.Life, error) {
	if c.Expires == "" {
		return caveats.Life{}, nil
	}
	end, err := time.Parse(time.RFC3339, c.Expires)
	if err != nil {
		d, derr := duration(c.Expires)
		if derr != nil {
			return caveats.Life{}, derr
		}
		end = now.Add(d)
	}
	if end.Unix() <= now.Unix() {
		return caveats.Life{}, fmt.Errorf("--expires %s has already passed", c.Expires)
	}
	return caveats.Life{ExpiresAt: end.Unix(), NotBefore: now.Add(-clockSkew).Unix()}, nil
}

// duration reads what time.ParseDuration reads, and whole days.
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("--expires %q is neither a time from now, like 15m or 7d, nor a moment, like 2027-03-03T12:00:00Z", s)
	}
	return d, nil
}
