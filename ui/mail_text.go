package ui

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// letter is the content of a mail, without its signature.
type letter struct {
	subject    string
	paragraphs []string
	links      []string // that stand alone in a paragraph
}

// Mail returns the subject and the plain text of a mail, in lines of at most 72 characters unless a
// word is longer. Control characters in arguments become spaces, so no argument can add a line. An
// unknown kind is an error.
func (r *Renderer) Mail(lang, kind string, args Args) (subject, text string, err error) {
	c := r.language(lang).catalogue
	l, err := c.mail(kind, args)
	if err != nil {
		return "", "", err
	}
	return l.subject, c.plain(l), nil
}

// plain is the text of a mail.
func (c *catalogue) plain(l letter) string {
	var out []string
	for _, p := range l.paragraphs {
		out = append(out, fold(p))
	}
	return strings.Join(append(out, c.must("mail.signature", nil)), "\n\n") + "\n"
}

// mail builds the content of a mail.
func (c *catalogue) mail(kind string, args Args) (letter, error) {
	keys, ok := mailTexts[kind]
	if !ok {
		return letter{}, fmt.Errorf("ui: there is no mail %q", kind)
	}
	clean := c.clean(args)
	subject, err := c.text(keys[0], clean)
	if err != nil {
		return letter{}, err
	}
	text, err := c.text(keys[1], clean)
	if err != nil {
		return letter{}, err
	}
	l := letter{subject: subject, paragraphs: []string{text}}
	if details := c.details(args, clean); details != "" {
		l.paragraphs = append(l.paragraphs, details)
	}
	return l, c.end(&l, keys[2], clean)
}

// end adds the end of a mail: what to do, and where to switch such mails off.
func (c *catalogue) end(l *letter, notMe string, clean Args) error {
	for _, key := range []string{notMe, "mail.settings"} {
		if key == "mail.settings" && clean["settings"] == nil {
			continue
		}
		s, err := c.text(key, clean)
		if err != nil {
			return err
		}
		l.paragraphs = append(l.paragraphs, s)
	}
	for _, name := range []string{"link", "settings"} {
		if s, ok := clean[name].(string); ok && s != "" {
			l.links = append(l.links, s)
		}
	}
	return nil
}

// unsaid has the words for unknown values, by argument.
var unsaid = map[string]string{
	"project": "mail.unknown", "network": "mail.unknown", "verifier": "mail.here", "used": "mail.never",
	"by": "mail.operator", "inviter": "mail.operator",
}

// clean returns the arguments in the form that sentences need: texts on one line, and times in words.
func (c *catalogue) clean(args Args) Args {
	clean := make(Args, len(args)+1)
	for k, v := range args {
		switch v := v.(type) {
		case string:
			clean[k] = oneLine(v)
		case time.Time:
			clean[k] = c.exact(v)
		default:
			clean[k] = v
		}
	}
	for name, key := range unsaid {
		if clean[name] == nil || clean[name] == "" {
			clean[name] = c.must(key, nil)
		}
	}
	return clean
}

// details lists the known details of an event, one per line.
func (c *catalogue) details(args, clean Args) string {
	var lines []string
	for _, d := range [][2]string{
		{"time", "mail.when"}, {"by", "mail.by"}, {"ip", "mail.from"}, {"browser", "mail.with"}, {"reason", "mail.reason"},
	} {
		if v := args[d[0]]; v != nil && v != "" {
			lines = append(lines, c.must(d[1], clean))
		}
	}
	return strings.Join(lines, "\n")
}

// oneLine does the same as text.OneLine in internal/text. This package can't import that, because it
// uses only the standard library.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, s)
}

// fold breaks the lines of a text at spaces before the 73rd character. Indented lines stay as
// they are. The second and later lines of a list item are indented.
func fold(s string) string {
	const width = 72
	var out []string
	for _, line := range strings.Split(s, "\n") {
		if strings.HasPrefix(line, " ") {
			out = append(out, line)
			continue
		}
		current, indent := "", ""
		if strings.HasPrefix(line, "- ") {
			indent = "  "
		}
		for _, word := range strings.Fields(line) {
			if current != "" && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
				out = append(out, current)
				current = indent + word
				continue
			}
			if current != "" {
				current += " "
			}
			current += word
		}
		out = append(out, current)
	}
	return strings.Join(out, "\n")
}
