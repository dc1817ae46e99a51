package ui

import "strings"

// Marks in a User-Agent header, in the order in which they are tried: several browsers also send
// the marks of browsers further down the list.
var (
	programs = []struct{ mark, name string }{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
		{"twine/", "twine"}, {"uv/", "uv"}, {"poetry/", "poetry"}, {"flit/", "flit"}, {"curl/", "curl"},
		{"python-requests/", "Python requests"},
	}
	systems = []struct{ mark, name string }{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Darwin", "macOS"}, {"Linux", "Linux"},
	}
)

// browser describes a User-Agent header in a few words: "Firefox on Linux". It helps people to
// recognise their own device. It proves nothing, because clients can send any header they like.
func (c *catalogue) browser(header string) string {
	find := func(in []struct{ mark, name string }) string {
		for _, m := range in {
			if strings.Contains(header, m.mark) {
				return m.name
			}
		}
		return ""
	}
	program, system := find(programs), find(systems)
	switch {
	case program == "":
		return c.must("browser.unknown", nil)
	case system == "":
		return program
	}
	return c.must("browser.on", Args{"program": program, "system": system})
}

// Browser describes a User-Agent header in a few words, for mails.
func (r *Renderer) Browser(lang, header string) string {
	return r.language(lang).catalogue.browser(header)
}
