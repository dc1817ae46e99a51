package e2e

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// instances is how many addresses of one route are visited by each: a page is the
// same for each token, but for its state.
const instances = 6

// crawl visits every page as everybody: the routes themselves, and what pages link to.
func (tr *tour) crawl(house *household) {
	tr.t.Helper()
	pages := map[string]bool{} // addresses that any of them found
	everybody := house.everybody(tr)
	for _, g := range everybody {
		for path := range tr.wander(g, tr.plain()) {
			pages[path] = true
		}
	}
	known := tr.guesses(pages)
	for _, g := range everybody { // and now where others have been
		tr.wander(g, known)
	}
}

// plain are the pages without parameters.
func (tr *tour) plain() (out []string) {
	for _, pattern := range tr.routes.gets() {
		if !strings.ContainsAny(pattern, ":*") {
			out = append(out, pattern)
		}
	}
	return out
}

// wander opens pages and follows all links, and returns where it has been or was
// pointed to.
func (tr *tour) wander(g *guest, todo []string) map[string]bool {
	tr.t.Helper()
	been, often := map[string]bool{}, map[string]int{}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		kind := tr.kindOf(path)
		if been[path] || often[kind] >= instances {
			continue
		}
		often[kind]++
		been[path] = true
		got := g.get(path)
		if to := got.header.Get("Location"); local(to) {
			todo = append(todo, to)
		}
		if !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, link := range linksOf(got.body) {
			if local(link) && !been[link] {
				todo = append(todo, link)
			}
		}
		for _, f := range forms(got.body) {
			if f.method == "get" {
				todo = append(todo, f.action+"?"+f.fields.Encode())
			} else {
				tr.forms[f.action] = true
				been[f.action] = true
			}
		}
	}
	return been
}

// kindOf is what pages have in common that differ by parameters only.
func (tr *tour) kindOf(address string) string {
	path, query, _ := strings.Cut(address, "?")
	kind := address
	if r := tr.routes.of("GET", path); r != nil {
		kind = r.pattern
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return kind
	}
	return kind + " " + strings.Join(slices.Sorted(maps.Keys(values)), " ")
}

// linksOf are the addresses that a page links to, without what follows a #.
func linksOf(page string) (out []string) {
	for _, e := range tags(page) {
		if e.name == "a" || e.name == "link" || e.name == "script" {
			for _, at := range []string{e.attrs["href"], e.attrs["src"]} {
				at, _, _ = strings.Cut(at, "#")
				if at != "" {
					out = append(out, at)
				}
			}
		}
	}
	return out
}

// guesses fills parameters in with what stands in their place in other addresses: who
// knows /tokens/1/revoke tries /tokens/1/restrict.
func (tr *tour) guesses(pages map[string]bool) (out []string) {
	values := map[string][]string{} // by the pattern up to the parameter
	for _, address := range slices.Sorted(maps.Keys(pages)) {
		path, _, _ := strings.Cut(address, "?")
		for _, method := range []string{"GET", "POST"} {
			r := tr.routes.of(method, path)
			if r == nil {
				continue
			}
			have := strings.Split(path, "/")
			for i, part := range strings.Split(r.pattern, "/") {
				before := strings.Join(strings.Split(r.pattern, "/")[:i], "/")
				if strings.HasPrefix(part, ":") && !slices.Contains(values[before], have[i]) {
					values[before] = append(values[before], have[i])
				}
			}
		}
	}
	for _, pattern := range tr.routes.gets() {
		todo := []string{""}
		before := ""
		for _, part := range strings.Split(pattern, "/")[1:] {
			var next []string
			for _, path := range todo {
				if !strings.HasPrefix(part, ":") {
					next = append(next, path+"/"+part)
				}
				for _, v := range values[before][:min(len(values[before]), instances)] {
					if strings.HasPrefix(part, ":") {
						next = append(next, path+"/"+v)
					}
				}
			}
			todo, before = next, before+"/"+part
		}
		if strings.Contains(pattern, ":") {
			out = append(out, todo...)
		}
	}
	return out
}

// pokeForms sends every form as it stands, and as nothing: what comes back is looked
// at like any other page.
func (tr *tour) pokeForms(house *household) {
	tr.t.Helper()
	for _, g := range []*guest{house.bob, house.ada} {
		often := map[string]int{}
		for _, action := range slices.Sorted(maps.Keys(tr.forms)) {
			r := tr.routes.of("POST", action)
			if r == nil {
				tr.wrong("a form is sent to %s, where nothing takes it", action)
				continue
			}
			often[r.pattern]++
			if often[r.pattern] > 2 || action == "/logout" {
				continue
			}
			g.post(action)
		}
	}
}
