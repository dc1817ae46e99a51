package ui

import "fmt"

// MailDigest renders one mail about several events of the same kind. items holds the arguments of the
// mail that each event would have had on its own; more counts further events that items leaves out.
// args has the arguments of the digest itself: username and settings. The rules of Mail and MailHTML
// apply.
func (r *Renderer) MailDigest(lang, kind string, items []Args, more int, args Args) (subject, text, html string, err error) {
	c := r.language(lang).catalogue
	l, err := c.digest(kind, items, more, args)
	if err != nil {
		return "", "", "", err
	}
	html, err = c.html(l)
	return l.subject, c.plain(l), html, err
}

func (c *catalogue) digest(kind string, items []Args, more int, args Args) (letter, error) {
	keys, ok := mailTexts[kind]
	if !ok {
		return letter{}, fmt.Errorf("ui: there is no mail %q", kind)
	}
	clean := c.clean(args)
	clean["n"] = len(items) + more
	what, err := c.text("mails."+kind, nil)
	if err != nil {
		return letter{}, err
	}
	clean["what"] = what
	l := letter{subject: c.must("mail.digest.subject", clean)}
	list := c.must("mail.digest.text", clean) + "\n"
	for _, item := range items {
		line, err := c.digestLine(keys[0], item)
		if err != nil {
			return letter{}, err
		}
		list += "\n" + line
	}
	if more > 0 {
		list += "\n" + c.must("mail.digest.more", Args{"n": more})
	}
	l.paragraphs = []string{list}
	delete(clean, "link")
	return l, c.end(&l, keys[2], clean)
}

// digestLine describes one of several events: the subject of its mail, the time, and the address that
// it came from.
func (c *catalogue) digestLine(subject string, item Args) (string, error) {
	clean := c.clean(item)
	what, err := c.text(subject, clean)
	if err != nil {
		return "", err
	}
	clean["what"] = what
	switch {
	case clean["time"] == nil:
		return c.must("mail.digest.line", clean), nil
	case clean["ip"] == nil || clean["ip"] == "":
		return c.must("mail.digest.line.when", clean), nil
	}
	return c.must("mail.digest.line.from", clean), nil
}
