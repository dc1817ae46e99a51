package ui

import (
	"fmt"
	"html/template"
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
// one link as a link, and nothing that is loaded from elsewhere. What arguments hold
// is text in it, whatever it looks like.
func (r *Renderer) MailHTML(lang, kind string, args Args) (string, error) {
	l := r.language(lang)
	subject, paragraphs, clean, err := l.catalogue.mail(kind, args)
	if err != nil {
		return "", err
	}
	page := mailPage{
		Lang: l.catalogue.tag, Direction: l.catalogue.direction(),
		Subject: subject, Brand: l.catalogue.must("layout.brand", nil),
	}
	link, _ := clean["link"].(string)
	for _, text := range paragraphs {
		for _, part := range strings.Split(text, "\n\n") {
			if link != "" && strings.TrimSpace(part) == link {
				page.Paragraphs = append(page.Paragraphs, mailParagraph{Link: link})
				continue
			}
			page.Paragraphs = append(page.Paragraphs, mailParagraph{Lines: strings.Split(part, "\n")})
		}
	}
	var b strings.Builder
	if err := mailTemplate.Execute(&b, page); err != nil {
		return "", fmt.Errorf("ui: mail %s: %w", kind, err)
	}
	return b.String(), nil
}
