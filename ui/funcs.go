package ui

import (
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// funcs returns the functions that templates call. They produce words in the language of the
// catalogue. An unknown key is an error, which the tests find.
func funcs(c *catalogue, assets *assetFiles) template.FuncMap {
	return template.FuncMap{
		"lang": func() string { return c.tag },
		"dir":  c.direction,
		"t": func(key string, pairs ...any) (string, error) {
			args, err := named(pairs)
			if err != nil {
				return "", err
			}
			return c.text(key, args)
		},
		"th":       c.markup,
		"title":    c.title,
		"place":    func(v View) string { return v.about().place },
		"notice":   c.notice,
		"alarming": func(n Notice) bool { return alarming[n.Code] || n.Propagation != nil && n.Propagation.Missing() },
		"problem":  c.problem,
		"on":       on,
		"input":    newInput,
		"group":    newGroup,
		"steps":    func() []string { return enrolment },
		"path": func(name string, values ...string) (string, error) {
			p, ok := paths[name]
			if !ok {
				return "", fmt.Errorf("ui: there is no path %q", name)
			}
			return p.fill(values)
		},
		"asset": assets.path,
		"when": func(v View, t time.Time) template.HTML {
			return c.element(t, c.relative(v.layout().Now, t))
		},
		"date":       func(t time.Time) template.HTML { return c.element(t, c.date(t)) },
		"indays":     func(v View, n int) time.Time { return v.layout().Now.AddDate(0, 0, n) },
		"pair":       func(a, b any) []any { return []any{a, b} },
		"length":     c.length,
		"code":       func(s string) template.HTML { return wrap("code", s) },
		"strong":     func(s string) template.HTML { return wrap("strong", s) },
		"names":      c.names,
		"scope":      c.scope,
		"event":      c.event,
		"moment":     func(t time.Time) template.HTML { return c.element(t, c.exact(t)) },
		"trailgroup": func(g string) string { return c.must("trail.group."+g, nil) },
		"factorname": func(f string) string {
			if key := "events.factor." + f; f != "" && c.has(key) {
				return c.must(key, nil)
			}
			return f
		},
		"browser": c.browser,
		"groups":  groups,
		"qr":      qr,
		"add":     func(a, b int) int { return a + b },
		"soon": func(v View, t time.Time) bool {
			return !t.IsZero() && t.Sub(v.layout().Now) < 7*day
		},
	}
}

// named makes Args from alternating names and values.
func named(pairs []any) (Args, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("ui: a name without a value")
	}
	args := make(Args, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("ui: the name of an argument is %T", pairs[i])
		}
		args[name] = pairs[i+1]
	}
	return args, nil
}

// markup returns a sentence whose arguments may contain markup. Everything else is escaped.
func (c *catalogue) markup(key string, pairs ...any) (template.HTML, error) {
	args, err := named(pairs)
	if err != nil {
		return "", err
	}
	s, err := c.template(key, args)
	if err != nil {
		return "", err
	}
	return template.HTML(fill(template.HTMLEscapeString(s), func(name string) string {
		if h, ok := args[name].(template.HTML); ok {
			return string(h)
		}
		return template.HTMLEscapeString(c.value(args[name]))
	})), nil
}

func wrap(element, s string) template.HTML {
	return template.HTML("<" + element + ">" + template.HTMLEscapeString(s) + "</" + element + ">")
}

// title is the heading of a page.
func (c *catalogue) title(v View) (string, error) {
	a := v.about()
	return c.text(a.title, a.args)
}

// names returns a list of names, each emphasised.
func (c *catalogue) names(items []string) template.HTML {
	marked := make([]string, len(items))
	for i, s := range items {
		marked[i] = string(wrap("strong", s))
	}
	return template.HTML(c.list(marked))
}

// scope describes in one sentence what a token can do: "Uploads to demo and
// demo-plugins until 3 March 2027."
func (c *catalogue) scope(all bool, projects []string, expires time.Time) (template.HTML, error) {
	what := c.names(projects)
	if all {
		what = template.HTML(template.HTMLEscapeString(c.must("scope.all", nil)))
	}
	if expires.IsZero() {
		return c.markup("scope.forever", "what", what)
	}
	return c.markup("scope.until", "what", what, "date", c.element(expires, c.lastDay(expires)))
}

// alarming lists the notices that the reader should look into.
var alarming = map[string]bool{"recovery_code_used": true, "session_ended": true, "token_again": true, "token_revoked_soon": true}

// notice returns the sentence of a notice, or a general one if the code is unknown.
func (c *catalogue) notice(n Notice) string {
	s, err := c.text("notice."+n.Code, n.Args)
	if err != nil {
		s = c.must("notice.unknown", nil)
	}
	if n.Propagation != nil {
		s += " " + c.propagation(*n.Propagation)
	}
	return strings.TrimSpace(s)
}

// on returns the problems of a field.
func on(v View, field string) []Problem {
	var out []Problem
	for _, p := range v.layout().Problems {
		if p.Field == field {
			out = append(out, p)
		}
	}
	return out
}

// input is a text field of a form, with its label above it, and below it the help text and then the
// problems with the field.
type input struct {
	Name     string // of the field, and its id
	Value    string
	Problems []Problem
	options  map[string]string
}

// newInput describes a field by alternating names and values: label and help are keys of the
// catalogue; type, autocomplete, inputmode, maxlength, min, max and class are attributes; autofocus
// requests the focus unless the page shows a problem.
func newInput(v View, name, value string, options ...string) (input, error) {
	in := input{Name: name, Value: value, Problems: on(v, name), options: make(map[string]string)}
	if len(options)%2 != 0 {
		return in, fmt.Errorf("ui: field %s: an option without a value", name)
	}
	for i := 0; i < len(options); i += 2 {
		in.options[options[i]] = options[i+1]
	}
	if len(v.layout().Problems) > 0 {
		delete(in.options, "autofocus")
	}
	if in.options["label"] == "" {
		return in, fmt.Errorf("ui: field %s has no label", name)
	}
	return in, nil
}

// newGroup describes a field that is a group of choices. helped says whether it has a help text.
func newGroup(v View, name string, helped bool) input {
	in := input{Name: name, Problems: on(v, name), options: make(map[string]string)}
	if helped {
		in.options["help"] = name
	}
	return in
}

// enrolment has the keys of the steps that lead to a complete account.
var enrolment = []string{"steps.account", "steps.email", "steps.factor", "steps.codes"}

// Get returns an option, "" if it was not given.
func (in input) Get(option string) string { return in.options[option] }

// Described lists the ids of the texts about the field.
func (in input) Described() string {
	s := ""
	if in.Get("help") != "" {
		s = in.Name + "-help"
	}
	if len(in.Problems) > 0 {
		if s != "" {
			s += " "
		}
		s += in.Name + "-problem"
	}
	return s
}
