package tokens

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// MaxLimits is the greatest number of versions, and of networks, that a token can name.
const MaxLimits = 20

// Limits narrows what a token can do, in addition to its projects and its life. An empty
// list limits nothing.
type Limits struct {
	Versions []string `json:"versions,omitempty"` // PEP 440: the releases that it can upload; 1.0 is the same as 1.0.0
	Networks []string `json:"networks,omitempty"` // CIDR prefixes of clients, or single addresses
	Actions  []string `json:"actions,omitempty"`  // caveats.ActionUpload, caveats.ActionCreate
}

// caveats returns the limits as caveats, which verifiers check.
func (l Limits) caveats() (out [][]byte) {
	if len(l.Versions) > 0 {
		out = append(out, caveats.Versions(l.Versions).Append(nil))
	}
	if len(l.Networks) > 0 {
		out = append(out, caveats.Networks(l.Networks).Append(nil))
	}
	if len(l.Actions) > 0 {
		out = append(out, caveats.Actions(l.Actions).Append(nil))
	}
	return out
}

// describe adds the limits to the details of an audit row.
func (l Limits) describe(detail map[string]string) {
	for name, list := range map[string][]string{"versions": l.Versions, "networks": l.Networks, "actions": l.Actions} {
		if len(list) > 0 {
			detail[name] = strings.Join(list, ", ")
		}
	}
}

// checkLimits checks limits, and returns them in their canonical form.
func checkLimits(ps *problem.Problems, in Limits) (out Limits) {
	out.Versions = checkList(ps, "versions", "version_invalid", in.Versions, func(s string) (string, bool) {
		return s, caveats.ValidVersion(s)
	}, caveats.EqualVersions)
	out.Networks = checkList(ps, "networks", "network_invalid", in.Networks, readNetwork, same)
	out.Actions = checkList(ps, "actions", "action_unknown", in.Actions, func(s string) (string, bool) {
		return s, s == caveats.ActionUpload || s == caveats.ActionCreate
	}, same)
	return out
}

func same(a, b string) bool { return a == b }

// allowsCreate reports whether the limits allow creating projects.
func (l Limits) allowsCreate() bool {
	return len(l.Actions) == 0 || slices.Contains(l.Actions, caveats.ActionCreate)
}

// checkRegisters checks the choice that a token may register projects.
func checkRegisters(ps *problem.Problems, req MintRequest, limits Limits) bool {
	switch {
	case !req.Registers:
		return false
	case req.Scope != ScopeAll:
		ps.Add("registers", "registers_needs_all")
	case !limits.allowsCreate():
		ps.Add("registers", "registers_contradicts")
	}
	return true
}

// checkList reads the entries of a list. It drops white space around them, duplicates and
// empty entries.
func checkList(ps *problem.Problems, field, code string, in []string, read func(string) (string, bool), equal func(a, b string) bool) (out []string) {
	for _, s := range in {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		canonical, ok := read(s)
		if !ok || len(s) > projects.MaxProjectName {
			ps.Add(field, code, "value", ledger.Excerpt(s))
			return nil
		}
		if !slices.ContainsFunc(out, func(o string) bool { return equal(o, canonical) }) {
			out = append(out, canonical)
		}
	}
	if len(out) > MaxLimits {
		ps.Add(field, "too_many_limits", "max", MaxLimits, "count", len(out))
		return nil
	}
	return out
}

// readNetwork reads a CIDR prefix without bits beyond its length, or an address. It
// refuses IPv4 in IPv6, since no client has such an address.
func readNetwork(s string) (string, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return "", false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	return p.String(), p == p.Masked() && !p.Addr().Is4In6()
}
