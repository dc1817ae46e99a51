package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// verifierCmd is a verifier on another machine than the issuer's.
type verifierCmd struct {
	Follow followCmd         `cmd:"" help:"Follow an issuer and keep a root-key store up to date, until stopped."`
	Status verifierStatusCmd `cmd:"" help:"Show how up to date a root-key store is."`
	Copy   verifierCopyCmd   `cmd:"" help:"Write a clean copy of a root-key store."`
	Reset  verifierResetCmd  `cmd:"" help:"Empty a root-key store, so that it is filled again."`
}

// groupAccess is what commands that open private files have in common.
type groupAccess struct {
	GroupAccess bool `help:"Also accept files that a group of this process can read and write, as on a cluster's volume (modes 0660, 0440)."`
}

// loadKey reads the key of a root-key store.
func (g groupAccess) loadKey(path string) ([]byte, error) {
	if g.GroupAccess {
		return rootkeys.LoadGroupKey(path)
	}
	return rootkeys.LoadKey(path)
}

// openKeysFile opens a root-key store. A new one gets a key, where its key file is missing
// too; the default key file is rind.key beside the store.
// One that is sealed with the key in oldKeyFile, if that is named, is sealed anew.
func (g groupAccess) openKeysFile(path, keyFile, oldKeyFile string, readOnly bool) (*rootkeys.Store, error) {
	_, err := os.Stat(path)
	key, err := seal.LoadKeyFor(private.Of(g.GroupAccess), keyFileOf(path, keyFile), errors.Is(err, fs.ErrNotExist) && !readOnly)
	if err != nil {
		return nil, fmt.Errorf("%w; --key-file names the key of this store", err)
	}
	old, err := g.oldKey(oldKeyFile)
	if err != nil {
		return nil, err
	}
	return rootkeys.Open(path, rootkeys.Options{Key: key, OldKey: old, ReadOnly: readOnly, GroupAccess: g.GroupAccess})
}

// keyFileOf is the file of a store's key, by default rind.key beside it.
func keyFileOf(path, keyFile string) string {
	if keyFile == "" {
		return filepath.Join(filepath.Dir(path), "rind.key")
	}
	return keyFile
}

// verifierStatus is what a verifier says about itself, as JSON. All fields are always there.
type verifierStatus struct {
	Usable       bool     `json:"usable"`
	Parted       bool     `json:"other_history"`
	Issuer       string   `json:"issuer"`    // address; "" where nobody follows
	IssuerID     string   `json:"issuer_id"` // "" where the store is new
	Epoch        uint64   `json:"epoch"`
	Revision     uint64   `json:"revision"`
	Head         uint64   `json:"issuer_revision"` // as far as is known
	Lag          uint64   `json:"lag"`
	HeardAt      string   `json:"heard_from_issuer_at"` // RFC 3339; "": never
	Age          *float64 `json:"age_seconds"`          // null where it can't be told
	MaxStaleness float64  `json:"max_staleness_seconds"`
	Connected    string   `json:"connected_since"`            // RFC 3339; "": it is not
	Ahead        float64  `json:"issuer_clock_ahead_seconds"` // of the verifier's
	Uses         int      `json:"uses_waiting"`
	Dropped      uint64   `json:"uses_dropped"`
	Error        string   `json:"last_error"`
}

// otherHistory is what is said of a store that decides nothing since it heard of another
// history.
const otherHistory = "the issuer has a different history than this store, so one of the two was restored from a backup: run 'rind restored' on the issuer, or 'rind verifier reset' here"

// print writes the status for people.
func (v verifierStatus) print(w io.Writer) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name+":", text.Line(fmt.Sprintf(format, args...)))
	}
	line("usable", "%s", map[bool]string{true: "yes", false: "no"}[v.Usable])
	if v.Issuer != "" {
		line("issuer", "%s", v.Issuer)
	}
	line("revision", "%d of %d, %d behind", v.Revision, v.Head, v.Lag)
	line("history", "epoch %d of %s", v.Epoch, either(v.IssuerID, "no issuer yet"))
	age := "age unknown"
	if v.Age != nil {
		age = (time.Duration(*v.Age * float64(time.Second))).Round(time.Second).String() + " ago"
	}
	line("heard", "%s, %s; %s is allowed", either(v.HeardAt, "never"), age, time.Duration(v.MaxStaleness*float64(time.Second)))
	if v.Issuer != "" {
		line("connected", "%s", either(v.Connected, "no"))
	}
	if ahead := time.Duration(v.Ahead * float64(time.Second)); ahead.Abs() > 5*time.Second {
		line("clocks", "the issuer's clock is ahead by %s", ahead.Round(time.Second))
	}
	if v.Uses > 0 || v.Dropped > 0 {
		line("uses", "%d wait for a report, %d were dropped", v.Uses, v.Dropped)
	}
	if v.Error != "" {
		line("error", "%s", v.Error)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func either(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// stamp is a time as RFC 3339, "" where it is zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

type verifierStatusCmd struct {
	groupAccess
	From    string `help:"Address where 'rind verifier follow --status' answers." placeholder:"HOST:PORT" xor:"from" required:""`
	Keys    string `help:"Root-key store that no other process is using." placeholder:"FILE" xor:"from" required:""`
	KeyFile string `help:"Key the store is sealed with (default: rind.key beside the store)." placeholder:"FILE"`
	staleness
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help documents the exit code and the JSON object.
func (verifierStatusCmd) Help() string {
	return `The exit code is 0 if the store can decide, 1 if it is too old, not filled yet or has a different history than the issuer, 2 if that can't be determined. ` +
		`The JSON object has usable, other_history, issuer, issuer_id, epoch, revision, issuer_revision, lag, heard_from_issuer_at, age_seconds (null if unknown), ` +
		`max_staleness_seconds, connected_since, issuer_clock_ahead_seconds, uses_waiting, uses_dropped and last_error. Times are RFC 3339 in UTC.`
}

// Run prints the status, and exits as Help says.
func (c verifierStatusCmd) Run(ctx context.Context, s streams) error {
	var v verifierStatus
	var err error
	if c.From != "" {
		v, err = askStatus(ctx, c.From)
	} else {
		v, err = c.read()
	}
	if err == nil && c.JSON {
		err = text.JSON(s.out, v)
	} else if err == nil {
		err = v.print(s.out)
	}
	switch {
	case err != nil:
		complain(s.err, err)
		return exitCode(exitUnchecked)
	case !v.Usable:
		return exitCode(exitFailed)
	}
	return nil
}

// read is the status of a store that nobody follows.
func (c verifierStatusCmd) read() (verifierStatus, error) {
	store, err := c.openKeysFile(c.Keys, c.KeyFile, "", true)
	switch {
	case errors.Is(err, rootkeys.ErrDamaged), errors.Is(err, rootkeys.ErrWrongKey), errors.Is(err, fs.ErrNotExist):
		return verifierStatus{}, err
	case err != nil:
		return verifierStatus{}, fmt.Errorf("%w; use --from to ask the process that follows it, if that was started with --status", err)
	}
	defer store.Close()
	at := store.Position()
	age, why := c.usable(store, time.Now())
	v := verifierStatus{
		Usable: why == nil, Parted: store.Diverged(), IssuerID: at.Issuer, Epoch: at.Epoch, Revision: at.Revision, Head: at.Revision,
		HeardAt: stamp(store.LastHeard()), MaxStaleness: c.MaxStaleness.Seconds(),
	}
	if age >= 0 {
		seconds := age.Seconds()
		v.Age = &seconds
	}
	if why != nil {
		v.Error = why.Error()
	}
	return v, nil
}

// askStatus asks the process that follows.
func askStatus(ctx context.Context, address string) (v verifierStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+statusPath, nil)
	if err != nil {
		return v, fmt.Errorf("--from: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return v, fmt.Errorf("nobody answers at %s: is 'rind verifier follow --status %s' running? %w", address, address, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return v, fmt.Errorf("%s is not a 'rind verifier follow': it answers %s", address, res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&v); err != nil {
		return v, fmt.Errorf("%s is not a 'rind verifier follow': %w", address, err)
	}
	return v, nil
}
