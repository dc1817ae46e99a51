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
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

type restrictCmd struct {
	tokenInput
	Project []string `help:"Only this project; repeat for several." placeholder:"NAME" sep:"none"`
	Version []string `help:"Only this version (PEP 440); repeat for several." placeholder:"VERSION" sep:"none"`
	File    []string `help:"Only this file, by its name and its SHA-256; repeat for several." placeholder:"PATH" sep:"none"`
	Digest  []string `help:"Only a file with this SHA-256 (64 hex digits); repeat for several." placeholder:"SHA256" sep:"none"`
	Expires string   `help:"Only for this long from now: 90s, 15m, 12h, 7d; or until a moment: 2027-03-03T12:00:00Z." placeholder:"TIME"`
	Network []string `help:"Only from this address or network (CIDR); repeat for several." placeholder:"CIDR" sep:"none"`
	Action  []string `help:"Only this action: upload or create; repeat for both." placeholder:"ACTION" sep:"none"`
	JSON    bool     `name:"json" help:"Print one JSON object, with the token and what it says."`
}

// clockSkew is how far behind a verifier's clock may be for a life that begins
// now, as issuers allow for it.
const clockSkew = time.Minute

// Run prints the narrower token.
func (c restrictCmd) Run(s streams) error {
	text, err := c.read(s.in)
	if err != nil {
		return err
	}
	if _, err := token.Parse(text); err != nil {
		return explain(err)
	}
	now := time.Now()
	added, err := c.caveats(now)
	if err != nil {
		return err
	}
	if len(added) == 0 {
		return errors.New("nothing to narrow the token to: give at least one of --project, --version, --file, --digest, --expires, --network, --action")
	}
	narrower, err := token.Restrict(text, added...)
	if err != nil {
		return fmt.Errorf("the token was not narrowed: %w", explain(err))
	}
	if !c.JSON {
		_, err = fmt.Fprintln(s.out, narrower)
		return err
	}
	t, err := token.Parse(narrower)
	if err != nil {
		return err
	}
	return printJSON(s.out, struct {
		Token string `json:"token"`
		inspection
	}{narrower, inspect(t, now)})
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
	add(len(c.Project) > 0, names, err)
	add(len(c.Version) > 0, caveats.Versions(c.Version), versions(c.Version))
	files, digests, err := c.files()
	add(len(files) > 0, files, err)
	add(len(digests) > 0, digests, nil)
	errs = append(errs, err)
	life, err := c.life(now)
	add(c.Expires != "", life, err)
	nets, err := networks(c.Network)
	add(len(c.Network) > 0, nets, err)
	add(len(c.Action) > 0, caveats.Actions(c.Action), actions(c.Action))
	return out, errors.Join(errs...)
}

func projectNames(names []string) (out caveats.ProjectNames, err error) {
	for _, n := range names {
		if !caveats.ValidProjectName(n) {
			err = errors.Join(err, fmt.Errorf("--project %q is no project name: letters, digits, '.', '-' and '_', with a letter or digit at both ends", n))
		}
		out = append(out, caveats.NormalizeProject(n))
	}
	return out, err
}

func versions(vs []string) (err error) {
	for _, v := range vs {
		if !caveats.ValidVersion(v) {
			err = errors.Join(err, fmt.Errorf("--version %q is no version by PEP 440, like 1.2 or 2.0rc1", v))
		}
	}
	return err
}

func actions(as []string) (err error) {
	for _, a := range as {
		if a != caveats.ActionUpload && a != caveats.ActionCreate {
			err = errors.Join(err, fmt.Errorf("--action %q is neither %s nor %s", a, caveats.ActionUpload, caveats.ActionCreate))
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
			err = errors.Join(err, fmt.Errorf("--digest %q is no SHA-256: 64 hex digits, as sha256sum prints them", d))
		}
		digests = append(digests, lower)
	}
	return names, digests, err
}

func digestOf(path string) (string, error) {
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

func networks(list []string) (out caveats.Networks, err error) {
	for _, n := range list {
		p, perr := netip.ParsePrefix(n)
		if a, aerr := netip.ParseAddr(n); aerr == nil && a.Zone() == "" {
			p, perr = a.Unmap().Prefix(a.Unmap().BitLen())
		}
		if perr != nil || p != p.Masked() {
			err = errors.Join(err, fmt.Errorf("--network %q is neither an address nor a network like 192.0.2.0/24, without bits behind its prefix", n))
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
		return caveats.Life{}, fmt.Errorf("--expires %s is over already", c.Expires)
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
