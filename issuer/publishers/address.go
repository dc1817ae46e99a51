package publishers

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// maxAddress is how long the address of a repository may be, in bytes.
const maxAddress = 1000

// scpAddress is an address as git clone takes it: git@github.com:octo/demo.git.
var scpAddress = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+):([A-Za-z0-9_.~-].*)$`)

// FromAddress returns rules for the repository that an address leads to, as people paste it: that of a page in a browser, or of git clone. If
// it leads to the file of a workflow, the rules name that workflow. Its problem has the field "from".
func (s *Service) FromAddress(ctx context.Context, address string) (Rules, error) {
	host, path, ok := splitAddress(address)
	if !ok {
		return Rules{}, problem.New("from", "publisher_address_invalid")
	}
	known := false
	all, err := s.Issuers(ctx)
	if err != nil {
		return Rules{}, err
	}
	for _, i := range all {
		rest, here := below(host+"/"+path, pagesOf(i))
		if !here {
			continue
		}
		known = true
		rules := Rules{Issuer: i.URL, Kind: i.Kind}
		switch i.Kind {
		case idtoken.KindGitHub:
			rules.ofGitHub(rest)
		case idtoken.KindGitLab:
			rules.ofGitLab(rest)
		}
		if rules.Repository != "" {
			return rules, nil
		}
	}
	if known {
		return Rules{}, problem.New("from", "publisher_address_invalid")
	}
	return Rules{}, problem.New("from", "publisher_address_unknown", "host", ledger.Excerpt(host))
}

// splitAddress returns the host of an address, in lower case, and the path behind it.
func splitAddress(address string) (host, path string, ok bool) {
	address = strings.TrimSpace(address)
	if len(address) > maxAddress || address == "" {
		return "", "", false
	}
	if !strings.Contains(address, "://") {
		if m := scpAddress.FindStringSubmatch(address); m != nil {
			return lower(m[1]), strings.Trim(m[2], "/"), true
		}
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return "", "", false
	}
	host = u.Host
	if u.Scheme != "https" { // the port of ssh says nothing about that of the pages
		host = u.Hostname()
	}
	return lower(strings.TrimPrefix(host, "www.")), strings.Trim(u.Path, "/"), true
}

// below returns what follows the address of a CI system's pages. Where these have a port, the address may leave it out.
func below(address, pages string) (rest string, ok bool) {
	u, err := url.Parse(pages)
	if err != nil || u.Host == "" {
		return "", false
	}
	for _, host := range []string{u.Host, u.Hostname()} {
		rest, ok = strings.CutPrefix(address, host+strings.TrimSuffix(u.Path, "/")+"/")
		if ok {
			return rest, true
		}
	}
	return "", false
}

// ofGitHub fills in the repository, and the workflow that the rest of an address leads to.
func (in *Rules) ofGitHub(path string) {
	parts := strings.Split(path, "/")
	if len(parts) < 2 {
		return
	}
	repository := parts[0] + "/" + strings.TrimSuffix(parts[1], ".git")
	if !twoNames.MatchString(repository) || dotted(repository) {
		return
	}
	in.Repository = repository
	if n := len(parts); n > 3 && parts[n-2] == "workflows" && fileName.MatchString(parts[n-1]) {
		in.Workflow = parts[n-1]
	}
}

// ofGitLab fills in the project, and the file that the rest of an address leads to.
func (in *Rules) ofGitLab(path string) {
	project, rest, _ := strings.Cut(path, "/-/")
	project = strings.TrimSuffix(strings.TrimSuffix(project, "/-"), ".git")
	if !manyNames.MatchString(project) || dotted(project) {
		return
	}
	in.Repository = project
	if parts := strings.SplitN(rest, "/", 3); len(parts) == 3 && parts[0] == "blob" && filePath.MatchString(parts[2]) && !dotted(parts[2]) {
		in.Workflow = parts[2]
	}
}

// pagesOf returns the address of the pages that belong to an issuer, without a slash at its end.
func pagesOf(i idtoken.Issuer) string {
	if i.URL == "https://token.actions.githubusercontent.com" {
		return "https://github.com"
	}
	if i.Kind == idtoken.KindGitHub {
		for _, end := range []string{"/_services/token", "/api/actions"} { // GitHub Enterprise Server, Forgejo
			if host, ok := strings.CutSuffix(i.URL, end); ok {
				return host
			}
		}
	}
	return strings.TrimSuffix(i.URL, "/")
}

// Page returns the address of the page of the repository that rules are about, or "" if they name none.
func (in Rules) Page() string {
	if in.Kind != idtoken.KindGitHub && in.Kind != idtoken.KindGitLab || !manyNames.MatchString(in.Repository) {
		return ""
	}
	return pagesOf(idtoken.Issuer{URL: in.Issuer, Kind: in.Kind}) + "/" + in.Repository
}
