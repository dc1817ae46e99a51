package ui

import (
	"html/template"
	"net/url"
)

// TokenFilter holds what was typed and chosen to filter and sort tokens: GET PathTokens with q,
// project, state, expiring, unused and sort, each "" if not set.
type TokenFilter struct {
	Text     string // part of the label
	Project  string
	State    string // TokenActive, TokenExpired or TokenRevoked
	Expiring string // days
	Unused   string // days
	Sort     string // one of the values of TokensPage.Sorts
}

// Used reports whether the list is filtered or sorted.
func (f TokenFilter) Used() bool { return f != TokenFilter{} }

// Picks reports whether the filter excludes tokens.
func (f TokenFilter) Picks() bool {
	f.Sort = ""
	return f.Used()
}

func (f TokenFilter) values() url.Values {
	out := make(url.Values)
	for name, v := range map[string]string{
		"q": f.Text, "project": f.Project, "state": f.State, "expiring": f.Expiring, "unused": f.Unused, "sort": f.Sort,
	} {
		if v != "" {
			out.Set(name, v)
		}
	}
	return out
}

// TokensPage lists the tokens of the signed-in user.
type TokensPage struct {
	Layout
	Tokens      []TokenRow // in display order, working tokens first
	HasProjects bool       // the user is a member of a project; decides what an empty list explains
	Projects    []string   // project names that the list can be filtered by
	Filter      TokenFilter
	First       int    // position of the first of Tokens among Matched, from 1
	Matched     int    // tokens that match the filter, on all pages
	Total       int    // all tokens of the user
	Next        string // query parameter "after" of the next page; "" on the last page
}

func (TokensPage) about() about {
	return about{page: "tokens", title: "tokens.title", place: placeTokens}
}

// Working returns the tokens on the page that work.
func (v TokensPage) Working() []TokenRow { return v.pick(true) }

// Ended returns the tokens on the page that have expired or were revoked.
func (v TokensPage) Ended() []TokenRow { return v.pick(false) }

func (v TokensPage) pick(active bool) []TokenRow {
	var out []TokenRow
	for _, t := range v.Tokens {
		if (t.State == TokenActive) == active {
			out = append(out, t)
		}
	}
	return out
}

// Last returns the position of the last of Tokens among Matched.
func (v TokensPage) Last() int { return v.First + len(v.Tokens) - 1 }

// Paged reports whether the list has other pages.
func (v TokensPage) Paged() bool { return v.First > 1 || v.Next != "" }

// Open reports whether the form of the filter is shown expanded.
func (v TokensPage) Open() bool { return v.Filter.Used() || len(v.Problems) > 0 }

// NextPage returns the address of the next page.
func (v TokensPage) NextPage() template.URL { return v.page(v.Next) }

// FirstPage returns the address of the first page.
func (v TokensPage) FirstPage() template.URL { return v.page("") }

func (v TokensPage) page(after string) template.URL {
	q := v.Filter.values()
	if after != "" {
		q.Set("after", after)
	}
	if len(q) == 0 {
		return template.URL(PathTokens)
	}
	return template.URL(string(PathTokens) + "?" + q.Encode())
}

// choice is an option of a field: its value, and the key of its text.
type choice struct{ Value, Words string }

// Sorts returns the options of the field sort. "" is the first.
func (TokensPage) Sorts() []choice {
	return []choice{
		{"", "tokens.sort.newest"}, {"oldest", "tokens.sort.oldest"}, {"label", "tokens.sort.label"},
		{"used", "tokens.sort.used"}, {"unused", "tokens.sort.unused"}, {"expires", "tokens.sort.expires"},
	}
}

// States returns the options of the field state.
func (TokensPage) States() []choice {
	return []choice{
		{"", "tokens.filter.any"}, {TokenActive, "token.active"}, {TokenExpired, "token.expired"}, {TokenRevoked, "token.revoked"},
	}
}

// Quick returns links for common filters.
func (v TokensPage) Quick() []quickFilter {
	var out []quickFilter
	for _, f := range []quickFilter{
		{Words: "tokens.quick.expiring", Days: 7, filter: TokenFilter{Expiring: "7", Sort: "expires"}},
		{Words: "tokens.quick.unused", Days: 90, filter: TokenFilter{Unused: "90", Sort: "unused"}},
	} {
		f.On = v.Filter == f.filter
		out = append(out, f)
	}
	return out
}

// quickFilter is a filter as a link.
type quickFilter struct {
	Words  string // key in the catalogue; takes n
	Days   int
	On     bool
	filter TokenFilter
}

// Link returns the address of the list with the filter.
func (f quickFilter) Link() template.URL {
	return template.URL(string(PathTokens) + "?" + f.filter.values().Encode())
}
