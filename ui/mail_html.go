package ui

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// mailParagraph is a paragraph of a mail: lines, list items and the lines after them, or only
// the link.
type mailParagraph struct {
	Items []string
	Lines []string
	Link  string
}

// paragraph makes a paragraph of a text that is not a link.
func paragraph(text string) (p mailParagraph) {
	for _, line := range strings.Split(text, "\n") {
		if item, ok := strings.CutPrefix(line, "- "); ok && len(p.Lines) == 0 {
			p.Items = append(p.Items, item)
			continue
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}

// mailPage is a mail for readers of HTML.
type mailPage struct {
	Lang, Direction string
	Subject, Brand  string
	Paragraphs      []mailParagraph
}

// mailTemplate renders the HTML of a mail. Mail programs load no style sheets, so each element has
// its style inline. The mail loads nothing from anywhere.
var mailTemplate = template.Must(template.ParseFS(templateFiles, "templates/mail/mail.html"))

// MailHTML renders the mail that Mail writes as HTML: the same words, with clickable links, and
// nothing that is loaded from elsewhere. Arguments are always text, even if they look like markup.
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
			page.Paragraphs = append(page.Paragraphs, paragraph(part))
		}
	}
	var b strings.Builder
	err := mailTemplate.Execute(&b, page)
	if err != nil {
		return "", fmt.Errorf("ui: the mail %q: %w", l.subject, err)
	}
	return b.String(), nil
}
