package ui

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed messages/*.json
var messageFiles embed.FS

// fallback is the language used if the requested one has no catalogue.
const fallback = "en"

// message is a sentence, or its plural forms.
type message struct {
	text  string            // "" if forms is set
	by    string            // the argument whose value, an integer, chooses the form
	forms map[string]string // by CLDR category: "one", "other"; nil if text is set
}

// UnmarshalJSON reads a string, or an object of plural forms. The argument "n"
// chooses the form unless the object names another as "by".
func (m *message) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &m.text)
	}
	err := json.Unmarshal(b, &m.forms)
	if err != nil {
		return err
	}
	if m.forms["other"] == "" {
		return fmt.Errorf("plural without the form %q", "other")
	}
	m.by = cmp.Or(m.forms["by"], "n")
	delete(m.forms, "by")
	return nil
}

// catalogue holds the sentences of one language.
type catalogue struct {
	tag      string
	messages map[string]message
}

func readCatalogues() (map[string]*catalogue, error) {
	files, err := fs.Glob(messageFiles, "messages/*.json")
	if err != nil {
		return nil, fmt.Errorf("ui: catalogue: %w", err)
	}
	out := make(map[string]*catalogue, len(files))
	for _, file := range files {
		b, err := messageFiles.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("ui: catalogue: %w", err)
		}
		c := &catalogue{tag: strings.TrimSuffix(path.Base(file), ".json")}
		d := json.NewDecoder(bytes.NewReader(b))
		err = d.Decode(&c.messages)
		if err != nil {
			return nil, fmt.Errorf("ui: catalogue %s: %w", file, err)
		}
		out[strings.ToLower(c.tag)] = c
	}
	if out[fallback] == nil {
		return nil, fmt.Errorf("ui: there is no catalogue %q", fallback)
	}
	return out, nil
}

// direction is the writing direction of the language: "ltr" or "rtl".
func (c *catalogue) direction() string {
	base, _, _ := strings.Cut(c.tag, "-")
	switch base {
	case "ar", "fa", "he", "ur", "yi":
		return "rtl"
	}
	return "ltr"
}

// plural returns the CLDR category of a count. It follows the rule of English and of the other
// languages that have a singular for 1 only.
func (c *catalogue) plural(n int) string {
	if n == 1 {
		return "one"
	}
	return "other"
}

// has reports whether the catalogue has a sentence with the key.
func (c *catalogue) has(key string) bool {
	_, ok := c.messages[key]
	return ok
}

// text returns a sentence with its arguments filled in. An unknown key is an error.
func (c *catalogue) text(key string, args Args) (string, error) {
	s, err := c.template(key, args)
	if err != nil {
		return "", err
	}
	return fill(s, func(name string) string { return c.value(args[name]) }), nil
}

// template returns a sentence with its placeholders, in the plural form that its argument calls for.
func (c *catalogue) template(key string, args Args) (string, error) {
	m, ok := c.messages[key]
	if !ok {
		return "", fmt.Errorf("ui: the catalogue %q has no %q", c.tag, key)
	}
	if m.forms == nil {
		return m.text, nil
	}
	n, ok := args[m.by].(int)
	if !ok {
		return "", fmt.Errorf("ui: %q is a plural and needs the integer %q", key, m.by)
	}
	if s, ok := m.forms[c.plural(n)]; ok {
		return s, nil
	}
	return m.forms["other"], nil
}

// problem returns the sentence of a problem, or a general one if the code is unknown.
func (c *catalogue) problem(p Problem) string {
	if s, err := c.text("problem."+p.Code, p.Args); err == nil {
		return s
	}
	s, err := c.text("problem.unknown", Args{"code": p.Code})
	if err != nil {
		return p.Code
	}
	return s
}

// value formats an argument.
func (c *catalogue) value(v any) string {
	switch v := v.(type) {
	case nil:
		return "…"
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case time.Time:
		return c.date(v)
	case []string:
		return c.list(v)
	}
	return fmt.Sprint(v)
}

// list formats several values: "a, b and c".
func (c *catalogue) list(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	out := items[0]
	for _, s := range items[1 : len(items)-1] {
		out = c.must("list.comma", Args{"a": out, "b": s})
	}
	return c.must("list.and", Args{"a": out, "b": items[len(items)-1]})
}

// must is text for keys whose presence the tests check.
func (c *catalogue) must(key string, args Args) string {
	s, err := c.text(key, args)
	if err != nil {
		return key
	}
	return s
}

// fill replaces each {name} with its formatted value.
func fill(s string, value func(name string) string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, rest, ok := strings.Cut(after, "}")
		if !ok {
			b.WriteString("{" + after)
			return b.String()
		}
		b.WriteString(value(name))
		s = rest
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
