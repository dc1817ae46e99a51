package ui

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kinds of mail and the arguments that each mentions. Mails about an event of
// the account also take time (time.Time), ip and browser (what Browser says).
const (
	MailVerifyEmail         = "verify_email"               // username, link, hours (int)
	MailInvitation          = "invitation"                 // inviter, link, hours (int)
	MailFactorAdded         = "factor_added"               // username
	MailFactorReplaced      = "factor_replaced"            // username
	MailFactorRemoved       = "factor_removed"             // username
	MailRecoveryCodeUsed    = "recovery_code_used"         // username, n (int): codes left
	MailRecoveryRegenerated = "recovery_codes_regenerated" // username
	MailPasswordChanged     = "password_changed"           // username
	MailEmailChanged        = "email_changed"              // username, email: the new address
	MailTokenMinted         = "token_minted"               // username, label, scope (what Scope says)
	MailTokenRevoked        = "token_revoked"              // username, label
)

// mailTexts are the keys of the subject, of the body, and of what to do if it
// was not the reader.
var mailTexts = map[string][3]string{
	MailVerifyEmail:         {"mail.verify_email.subject", "mail.verify_email.text", "mail.verify_email.not_me"},
	MailInvitation:          {"mail.invitation.subject", "mail.invitation.text", "mail.invitation.not_me"},
	MailFactorAdded:         {"mail.factor_added.subject", "mail.factor_added.text", "mail.account.not_me"},
	MailFactorReplaced:      {"mail.factor_replaced.subject", "mail.factor_replaced.text", "mail.account.not_me"},
	MailFactorRemoved:       {"mail.factor_removed.subject", "mail.factor_removed.text", "mail.account.not_me"},
	MailRecoveryCodeUsed:    {"mail.recovery_code_used.subject", "mail.recovery_code_used.text", "mail.account.not_me"},
	MailRecoveryRegenerated: {"mail.recovery_codes_regenerated.subject", "mail.recovery_codes_regenerated.text", "mail.account.not_me"},
	MailPasswordChanged:     {"mail.password_changed.subject", "mail.password_changed.text", "mail.password_changed.not_me"},
	MailEmailChanged:        {"mail.email_changed.subject", "mail.email_changed.text", "mail.account.not_me"},
	MailTokenMinted:         {"mail.token_minted.subject", "mail.token_minted.text", "mail.token.not_me"},
	MailTokenRevoked:        {"mail.token_revoked.subject", "mail.token_revoked.text", "mail.token_revoked.not_me"},
}

// Mail is the subject and the plain text of a mail, in lines of at most 72
// characters except where a word is longer. Control characters in arguments
// become spaces, so no argument can add a line. An unknown kind is an error.
func (r *Renderer) Mail(lang, kind string, args Args) (subject, text string, err error) {
	keys, ok := mailTexts[kind]
	if !ok {
		return "", "", fmt.Errorf("ui: there is no mail %q", kind)
	}
	c := r.language(lang).catalogue
	clean := make(Args, len(args))
	for k, v := range args {
		if s, ok := v.(string); ok {
			v = oneLine(s)
		}
		clean[k] = v
	}
	if subject, err = c.text(keys[0], clean); err != nil {
		return "", "", err
	}
	var paragraphs []string
	for _, key := range append([]string{keys[1]}, detailKeys(c, clean, keys[2])...) {
		s, err := c.text(key, clean)
		if err != nil {
			return "", "", err
		}
		paragraphs = append(paragraphs, fold(s))
	}
	paragraphs = append(paragraphs, c.must("mail.signature", nil))
	return subject, strings.Join(paragraphs, "\n\n") + "\n", nil
}

// detailKeys are the keys of the paragraphs that follow the first one. Where
// the moment is known, its words are put into the arguments.
func detailKeys(c *catalogue, args Args, notMe string) []string {
	t, ok := asTime(args["time"])
	if !ok {
		return []string{notMe}
	}
	args["when"] = c.exact(t)
	return []string{"mail.details", notMe}
}

// oneLine turns control characters into spaces.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// fold breaks the lines of a text at spaces before the 73rd character. Lines
// that are indented stay as they are.
func fold(s string) string {
	const width = 72
	var out []string
	for _, line := range strings.Split(s, "\n") {
		if strings.HasPrefix(line, " ") {
			out = append(out, line)
			continue
		}
		current := ""
		for _, word := range strings.Fields(line) {
			if current != "" && utf8.RuneCountInString(current)+1+utf8.RuneCountInString(word) > width {
				out = append(out, current)
				current = ""
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
