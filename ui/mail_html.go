package ui

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// mailParagraph is a paragraph of a mail: lines, or the link alone.
type mailParagraph struct {
	Lines []string
	Link  string
}

// mailPage is a mail for readers of HTML.
type mailPage struct {
	Lang, Direction string
	Subject, Brand  string
	Paragraphs      []mailParagraph
}

// mailTemplate draws the HTML of a mail. Mail programs load no style sheet, so the
// little style that there is stands at the elements. Nothing is loaded from anywhere.
var mailTemplate = template.Must(template.ParseFS(templateFiles, "templates/mail/mail.html"))

// MailHTML is the same mail as Mail writes, for readers of HTML: the same words, the
// links as links, and nothing that is loaded from elsewhere. What arguments hold
// is text in it, whatever it looks like.
func (r *Renderer) MailHTML(lang, kind string, args Args) (string, error) {
	c := r.language(lang).catalogue
	l, err := c.mail(kind, args)
	if err != nil {
		return "", err
	}
	return c.html(l)
}

// html is a mail for readers of HTML.
func (c *catalogue) html(l letter) (string, error) {
	page := mailPage{
		Lang: c.tag, Direction: c.direction(),
		Subject: l.subject, Brand: c.must("layout.brand", nil),
	}
	for _, text := range l.paragraphs {
		for _, part := range strings.Split(text, "\n\n") {
			if link := strings.TrimSpace(part); slices.Contains(l.links, link) {
				page.Paragraphs = append(page.Paragraphs, mailParagraph{Link: link})
				continue
			}
			page.Paragraphs = append(page.Paragraphs, mailParagraph{Lines: strings.Split(part, "\n")})
		}
	}
	var b strings.Builder
	if err := mailTemplate.Execute(&b, page); err != nil {
		return "", fmt.Errorf("ui: the mail %q: %w", l.subject, err)
	}
	return b.String(), nil
}
