// Package limits turns the limits that a person sets for a token on the command line into caveats. Its errors name the flags.
package limits

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
	"github.com/rind-dev/rind/issuer/tokens"
)

// Flags are the flags of 'rind token restrict' that limit a token. Several values of one flag allow each of them;
// different flags must all hold.
type Flags struct {
	Project []string `help:"Only this project; repeat for several." placeholder:"NAME" sep:"none"`
	Version []string `help:"Only this version (PEP 440); repeat for several." placeholder:"VERSION" sep:"none"`
	File    []string `help:"Only this file, by its name and its SHA-256; repeat for several." placeholder:"PATH" sep:"none"`
	Digest  []string `help:"Only a file with this SHA-256 (64 hex digits); repeat for several." placeholder:"SHA256" sep:"none"`
	Expires string   `help:"Only for this long from now: 90s, 15m, 12h, 7d; or until a moment: 2027-03-03T12:00:00Z." placeholder:"TIME"`
	Network []string `help:"Only from this address or network (CIDR); repeat for several." placeholder:"CIDR" sep:"none"`
	Action  []string `help:"Only this action: upload, stage or create; repeat for several." placeholder:"ACTION" sep:"none"`
}

// Caveats makes a caveat from each kind of flag that is set. It reports everything
// that is wrong with the flags at once.
func (c Flags) Caveats(now time.Time) ([]caveats.Caveat, error) {
	var out []caveats.Caveat
	var errs []error
	add := func(set bool, cv caveats.Caveat, err error) {
		if set {
			out, errs = append(out, cv), append(errs, err)
		}
	}
	var names caveats.ProjectNames
	for _, n := range c.Project {
		names = append(names, caveats.NormalizeProject(n))
	}
	add(len(c.Project) > 0, withoutRepeats(names), each(c.Project, Project))
	add(len(c.Version) > 0, withoutRepeats(caveats.Versions(c.Version)), each(c.Version, Version))
	files, digests, err := c.files()
	errs = append(errs, err)
	add(len(files) > 0, withoutRepeats(files), nil)
	add(len(digests) > 0, withoutRepeats(digests), nil)
	life, err := c.life(now)
	add(c.Expires != "", life, err)
	nets, err := networks(c.Network)
	add(len(c.Network) > 0, withoutRepeats(nets), err)
	add(len(c.Action) > 0, withoutRepeats(caveats.Actions(c.Action)), each(c.Action, Action))
	return out, errors.Join(errs...)
}

// withoutRepeats drops elements that came earlier in the list.
func withoutRepeats[L ~[]string](list L) L {
	var out L
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// Project says what is wrong with the value of --project.
func Project(name string) error {
	if !caveats.ValidProjectName(name) {
		return fmt.Errorf("--project %q is not a project name: use letters, digits, '.', '-' and '_', with a letter or digit at both ends", name)
	}
	return nil
}

// Version says what is wrong with the value of --version.
func Version(v string) error {
	if !caveats.ValidVersion(v) {
		return fmt.Errorf("--version %q is not a PEP 440 version, like 1.2 or 2.0rc1", v)
	}
	return nil
}

// Action says what is wrong with the value of --action.
func Action(a string) error {
	if caveats.Validate(caveats.Actions{a}) != nil {
		return fmt.Errorf("--action %q is neither %s nor %s nor %s", a, caveats.ActionUpload, caveats.ActionStage, caveats.ActionCreate)
	}
	return nil
}

// File returns the name and the SHA-256, in hex, of the file that --file names.
func File(path string) (name, digest string, err error) {
	digest, err = Digest("--file", path)
	return filepath.Base(path), digest, err
}

// each is all that check says of the values.
func each(values []string, check func(string) error) (err error) {
	for _, v := range values {
		err = errors.Join(err, check(v))
	}
	return err
}

// files are the names of --file, and the digests of those and of --digest.
func (c Flags) files() (names caveats.FileNames, digests caveats.Digests, err error) {
	for _, path := range c.File {
		sum, ferr := Digest("--file", path)
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

// Digest returns the SHA-256 of a file, in hex. Errors name the flag that the file is a value of.
func Digest(flag, path string) (string, error) {
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", flag, err)
	case !fi.Mode().IsRegular():
		return "", fmt.Errorf("%s %q is not a regular file", flag, path)
	case !utf8.ValidString(filepath.Base(path)):
		return "", fmt.Errorf("%s %q: its name is not UTF-8", flag, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// networks reads addresses and networks. It turns IPv4 inside IPv6 into IPv4, as a
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
func (c Flags) life(now time.Time) (caveats.Life, error) {
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
	return caveats.Life{ExpiresAt: end.Unix(), NotBefore: now.Add(-tokens.Skew).Unix()}, nil
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
