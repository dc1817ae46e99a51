package ui

import (
	"fmt"
	"html"
	"strings"
)

// node is a piece of markup: text, or a tag with its attributes.
type node struct {
	tag   string // "" for text; "/p" for an end tag
	text  string
	attrs map[string]string
}

// raw elements hold no markup.
var rawElements = map[string]bool{"script": true, "style": true, "textarea": true, "title": true}

// scan reads markup strictly: attributes are quoted or bare words, a "<" that
// begins no tag is an error.
func scan(s string) ([]node, error) {
	var out []node
	for s != "" {
		if s[0] != '<' {
			end := strings.IndexByte(s, '<')
			if end < 0 {
				end = len(s)
			}
			out = append(out, node{text: html.UnescapeString(s[:end])})
			s = s[end:]
			continue
		}
		if strings.HasPrefix(s, "<!doctype html>") {
			s = s[len("<!doctype html>"):]
			continue
		}
		n, rest, err := scanTag(s[1:])
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		s = rest
		if rawElements[n.tag] {
			end := strings.Index(s, "</"+n.tag+">")
			if end < 0 {
				return nil, fmt.Errorf("<%s> is not closed", n.tag)
			}
			out = append(out, node{text: html.UnescapeString(s[:end])})
			s = s[end:]
		}
	}
	return out, nil
}

// scanTag reads what follows a "<".
func scanTag(s string) (node, string, error) {
	n := node{attrs: make(map[string]string)}
	end := strings.IndexAny(s, " \n\t>/")
	if strings.HasPrefix(s, "/") {
		end = 1 + strings.IndexAny(s[1:], " \n\t>")
	}
	if end <= 0 {
		return n, "", fmt.Errorf("a %q that begins no tag", "<"+s[:min(len(s), 20)])
	}
	n.tag, s = s[:end], s[end:]
	for {
		s = strings.TrimLeft(s, " \n\t")
		switch {
		case strings.HasPrefix(s, ">"):
			return n, s[1:], nil
		case strings.HasPrefix(s, "/>"):
			n.attrs["/"] = ""
			return n, s[2:], nil
		case s == "":
			return n, "", fmt.Errorf("<%s is not closed", n.tag)
		}
		end := strings.IndexAny(s, "= \n\t>/")
		if end <= 0 {
			return n, "", fmt.Errorf("<%s: attribute at %q", n.tag, s[:min(len(s), 20)])
		}
		name := s[:end]
		s = s[end:]
		if _, twice := n.attrs[name]; twice {
			return n, "", fmt.Errorf("<%s has %s twice", n.tag, name)
		}
		if !strings.HasPrefix(s, "=") {
			n.attrs[name] = ""
			continue
		}
		if !strings.HasPrefix(s, `="`) {
			return n, "", fmt.Errorf("<%s %s is not quoted", n.tag, name)
		}
		value, rest, ok := strings.Cut(s[2:], `"`)
		if !ok {
			return n, "", fmt.Errorf("<%s %s is not closed", n.tag, name)
		}
		n.attrs[name] = html.UnescapeString(value)
		s = rest
	}
}

var voidElements = map[string]bool{"meta": true, "link": true, "input": true, "br": true}

// check finds what is wrong with a page: elements that are not closed, ids that
// are there twice or point nowhere, fields without a label, and everything that
// the policy forbids.
func check(page string) []string {
	nodes, err := scan(page)
	if err != nil {
		return []string{err.Error()}
	}
	c := checker{ids: make(map[string]bool), labelled: make(map[string]bool)}
	for _, n := range nodes {
		if n.tag == "" {
			if strings.ContainsAny(n.text, "{}") && !c.inside("code") {
				c.add("a placeholder is left in %q", strings.TrimSpace(n.text))
			}
			continue
		}
		c.element(n)
	}
	if len(c.open) > 0 {
		c.add("not closed: %v", c.open)
	}
	return append(c.found, c.references()...)
}

type checker struct {
	open     []string
	ids      map[string]bool
	labelled map[string]bool // ids that a label names
	pointers []string        // ids that something points to
	fields   []node
	found    []string
}

func (c *checker) add(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

func (c *checker) inside(tag string) bool {
	for _, t := range c.open {
		if t == tag {
			return true
		}
	}
	return false
}

func (c *checker) element(n node) {
	if end, ok := strings.CutPrefix(n.tag, "/"); ok {
		if len(c.open) == 0 || c.open[len(c.open)-1] != end {
			c.add("</%s> closes %v", end, c.open)
			return
		}
		c.open = c.open[:len(c.open)-1]
		return
	}
	if _, closed := n.attrs["/"]; !closed && !voidElements[n.tag] {
		c.open = append(c.open, n.tag)
	}
	if id, ok := n.attrs["id"]; ok {
		if c.ids[id] || id == "" {
			c.add("the id %q is there twice or empty", id)
		}
		c.ids[id] = true
	}
	c.attributes(n)
	switch n.tag {
	case "script":
		if n.attrs["src"] == "" {
			c.add("a script stands in the page")
		}
	case "style", "iframe", "object", "base":
		c.add("<%s> stands in the page", n.tag)
	case "label":
		c.labelled[n.attrs["for"]] = true
		c.pointers = append(c.pointers, n.attrs["for"])
	case "input", "select", "textarea":
		c.fields = append(c.fields, n)
	case "form":
		if search := n.attrs["method"] == "get" && n.attrs["role"] == "search"; n.attrs["method"] != "post" && !search || !strings.HasPrefix(n.attrs["action"], "/") {
			c.add("a form is sent by %q to %q", n.attrs["method"], n.attrs["action"])
		}
	case "button":
		if n.attrs["type"] == "" {
			c.add("a button without a type")
		}
	}
}

// outward reports whether a link is one that a person gave, which leads to a page of
// another server and tells that one nothing.
func outward(n node) bool {
	return n.tag == "a" && n.attrs["rel"] == "nofollow noopener noreferrer" &&
		(strings.HasPrefix(n.attrs["href"], "https://") || strings.HasPrefix(n.attrs["href"], "http://"))
}

func (c *checker) attributes(n node) {
	for name, value := range n.attrs {
		switch {
		case name == "style", strings.HasPrefix(name, "on"):
			c.add("<%s %s=…> is against the policy", n.tag, name)
		case name == "aria-describedby", name == "aria-labelledby":
			c.pointers = append(c.pointers, strings.Fields(value)...)
		case name == "href" && strings.HasPrefix(value, "#"), name == "data-copy", name == "data-download", name == "data-reveal":
			c.pointers = append(c.pointers, strings.TrimPrefix(value, "#"))
		case (name == "href" || name == "src") && !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "otpauth://totp/") && !outward(n):
			c.add("<%s %s=%q> leads elsewhere", n.tag, name, value)
		}
	}
}

func (c *checker) references() []string {
	before := len(c.found)
	for _, id := range c.pointers {
		if !c.ids[id] {
			c.add("nothing has the id %q", id)
		}
	}
	for _, f := range c.fields {
		if f.attrs["type"] != "hidden" && !c.labelled[f.attrs["id"]] && f.attrs["aria-label"] == "" {
			c.add("the field %q has no label", f.attrs["name"])
		}
	}
	return c.found[before:]
}
