package publishers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Limits of the issuers that administrators add.
const (
	MaxIssuers   = 50
	maxIssuerPEM = 32 << 10 // bytes of the keys, and of the certificates
)

// AddedIssuer is an issuer that an administrator added.
type AddedIssuer struct {
	idtoken.Issuer
	Keys idtoken.State
	Use  IssuerUse
}

// IssuerUse says what names an issuer.
type IssuerUse struct {
	Publishers int      // of projects; together with Pending at most 10,000
	Pending    int      // pending publishers
	Projects   []string // names of the projects, sorted; filled in by AddedIssuer
}

// maxNamed bounds the publishers of an issuer that are counted: see IssuerUse.
const maxNamed = 10_000

// issuerRecord is an issuer in the store.
type issuerRecord struct {
	Name    string       `json:"name"`
	URL     string       `json:"url"`
	Kind    idtoken.Kind `json:"kind"`
	KeysURL string       `json:"keys_url,omitempty"`
	Keys    string       `json:"keys,omitempty"` // JWKS
	CA      string       `json:"ca,omitempty"`   // PEM
	Private bool         `json:"private,omitempty"`
}

func recordOf(i idtoken.Issuer) issuerRecord {
	return issuerRecord{Name: i.Name, URL: i.URL, Kind: i.Kind, KeysURL: i.JWKSURL, Keys: i.JWKS, CA: i.CA, Private: i.PrivateAddresses}
}

func (rec issuerRecord) issuer() idtoken.Issuer {
	return idtoken.Issuer{Name: rec.Name, URL: rec.URL, Kind: rec.Kind, JWKSURL: rec.KeysURL, JWKS: rec.Keys, CA: rec.CA, PrivateAddresses: rec.Private}
}

// loadIssuers makes the issuers that administrators added known to the Set: another process may have added one.
func (s *Service) loadIssuers(ctx context.Context) error {
	var all []idtoken.Issuer
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		all, err = readIssuers(r)
		return err
	})
	if err == nil {
		s.idtokens.SetMore(all)
	}
	return err
}

func readIssuers(r kv.Reader) (all []idtoken.Issuer, err error) {
	pairs, err := r.Scan([]byte(keyAdded), nil, MaxIssuers, false)
	for _, p := range pairs {
		var rec issuerRecord
		bad := json.Unmarshal(p.Value, &rec)
		if bad != nil {
			return nil, fmt.Errorf("publishers: the record %q is damaged: %w", p.Key, bad)
		}
		all = append(all, rec.issuer())
	}
	return all, err
}

// AddIssuer adds an issuer of ID tokens, for administrators: the publishers of all projects can name it. JWKSFile and
// CAFile are ignored. Problems have the fields name, url, kind, keys_url, keys and ca, or none if there are MaxIssuers already.
func (s *Service) AddIssuer(ctx context.Context, p ledger.Principal, i idtoken.Issuer) error {
	for _, f := range []*string{&i.Name, &i.URL, &i.JWKSURL, &i.JWKS, &i.CA} {
		*f = strings.TrimSpace(*f)
	}
	i.JWKSFile, i.CAFile = "", ""
	if err := s.checkIssuer(i); err != nil {
		return err
	}
	_, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		have, err := readIssuers(c)
		if err != nil {
			return err
		}
		if len(have) >= MaxIssuers {
			return problem.New("", "too_many_issuers", "max", MaxIssuers)
		}
		if slices.ContainsFunc(have, func(h idtoken.Issuer) bool { return h.Name == i.Name || h.URL == i.URL }) {
			return problem.New("name", "issuer_taken")
		}
		if err := kv.PutJSON(c, addedKey(i.Name), recordOf(i)); err != nil {
			return err
		}
		return auditIssuer(c, p, "added", i)
	})
	if err == nil {
		err = s.loadIssuers(ctx)
	}
	return err
}

// checkIssuer turns what Check says into problems beside their fields.
func (s *Service) checkIssuer(i idtoken.Issuer) error {
	var ps problem.Problems
	if len(i.JWKS) > maxIssuerPEM || len(i.CA) > maxIssuerPEM {
		return problem.New("keys", "issuer_too_long", "max", maxIssuerPEM)
	}
	fields := map[string]string{"url": "url", "kind": "kind", "jwks-url": "keys_url", "keys": "keys", "ca": "ca"}
	if err := i.Check(); err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			setting, why, found := strings.Cut(line, ": ")
			field := fields[setting]
			if !found || field == "" {
				field, why = "name", line
			}
			ps.Add(field, "issuer_invalid", "why", ledger.Excerpt(why))
		}
		return ps.Err()
	}
	for _, has := range s.idtokens.Configured() {
		if has.Name == i.Name || has.Signs(i.URL) {
			return problem.New("name", "issuer_taken")
		}
	}
	return nil
}

// RemoveIssuer removes an issuer that was added, for administrators. Its publishers stay, but their jobs get no tokens; the tokens that jobs
// have end within tokens.RunLife. The error is ledger.ErrNotFound if no administrator added an issuer with this name.
func (s *Service) RemoveIssuer(ctx context.Context, p ledger.Principal, name string) error {
	_, err := s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		have, err := readIssuers(c)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(have, func(h idtoken.Issuer) bool { return h.Name == name })
		if n < 0 {
			return ledger.ErrNotFound
		}
		if err := c.Delete([]byte(addedKey(name))); err != nil {
			return err
		}
		return auditIssuer(c, p, "removed", have[n])
	})
	if err == nil {
		err = s.loadIssuers(ctx)
	}
	return err
}

// AddedIssuer returns an issuer that an administrator added, with all that names it, for administrators. The error is ledger.ErrNotFound if
// there is none with this name, or p is no administrator.
func (s *Service) AddedIssuer(ctx context.Context, p ledger.Principal, name string) (out AddedIssuer, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		if !p.Admin {
			return ledger.ErrNotFound
		}
		all, err := readIssuers(r)
		if err != nil {
			return err
		}
		n := slices.IndexFunc(all, func(i idtoken.Issuer) bool { return i.Name == name })
		if n < 0 {
			return ledger.ErrNotFound
		}
		out = AddedIssuer{Issuer: all[n], Keys: s.idtokens.State(all[n].URL)}
		out.Use, err = useOf(r, all[n].URL)
		return err
	})
	return out, err
}

// useOf reads what names an issuer.
func useOf(r kv.Reader, url string) (out IssuerUse, err error) {
	named, err := r.Scan(issuerPrefix(url), nil, maxNamed, false)
	if err != nil {
		return out, err
	}
	seen := map[string]bool{}
	for _, pair := range named {
		rec, err := read(r, string(pair.Key[len(issuerPrefix(url)):]))
		switch {
		case err != nil:
			return out, err
		case rec.Project == "":
			out.Pending++
			continue
		}
		out.Publishers++
		seen[rec.Project] = true
	}
	for id := range seen {
		proj, err := projects.Read(r, id)
		if err != nil {
			return out, err
		}
		out.Projects = append(out.Projects, proj.Name)
	}
	slices.Sort(out.Projects)
	return out, nil
}

// AddedIssuers lists the issuers that administrators added, for administrators; for others the error is ledger.ErrNotFound. It does not
// count what names them: Use.Publishers is 1 if any publisher does, pending ones among them, else 0.
func (s *Service) AddedIssuers(ctx context.Context, p ledger.Principal) (out []AddedIssuer, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		out = nil
		if !p.Admin {
			return ledger.ErrNotFound
		}
		all, err := readIssuers(r)
		if err != nil {
			return err
		}
		for _, i := range all {
			named, err := r.Scan(issuerPrefix(i.URL), nil, 1, false)
			if err != nil {
				return err
			}
			out = append(out, AddedIssuer{Issuer: i, Keys: s.idtokens.State(i.URL), Use: IssuerUse{Publishers: len(named)}})
		}
		return nil
	})
	return out, err
}

func auditIssuer(c *ledger.Change, p ledger.Principal, what string, i idtoken.Issuer) error {
	detail := map[string]string{"name": i.Name, "issuer": i.URL, "kind": string(i.Kind)}
	if i.PrivateAddresses {
		detail["private_addresses"] = "yes"
	}
	return c.Audit(p, audit.Event{Kind: "ci_system." + what, Detail: detail})
}
