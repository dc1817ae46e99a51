package ui

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Kinds of mail and the arguments that each mentions. All take username. Mails
// about an event also take time (time.Time), ip and browser (what Browser
// says).
const (
	MailVerifyEmail          = "verify_email" // link, expires (time.Time)
	MailInvitation           = "invitation"   // inviter, link, expires (time.Time)
	MailTOTPAdded            = "totp_added"
	MailTOTPReplaced         = "totp_replaced"
	MailTOTPRemoved          = "totp_removed"
	MailKeyAdded             = "key_added"   // key: its name
	MailKeyRemoved           = "key_removed" // key
	MailKeyCloned            = "key_cloned"  // key
	MailKeysOnly             = "keys_only"
	MailKeysOnlyOff          = "keys_only_off"
	MailRecoveryCodesCreated = "recovery_codes_created"
	MailRecoveryCodeUsed     = "recovery_code_used" // left: codes that still work
	MailPasswordChanged      = "password_changed"
	MailPasswordReset        = "password_reset"
	MailResetLink            = "reset_link" // link, expires (time.Time)
	MailNewDevice            = "new_device"
	MailConfirmDevice        = "confirm_device"     // link, expires (time.Time)
	MailRecoveryStarted      = "recovery_started"   // until (time.Time), link: to sign in
	MailRecoveryReminder     = "recovery_reminder"  // until, link
	MailRecoveryCancelled    = "recovery_cancelled" // link
	MailRecoveryByOther      = "recovery_by_other"  // user, by
	MailRecovery             = "recovery"           // link, expires (time.Time)
	MailFrozen               = "frozen"
	MailUnfrozen             = "unfrozen"
	MailAddressInUse         = "address_in_use"
	MailTokenMinted          = "token_minted"      // label, scope (what Scope says)
	MailTokenRevoked         = "token_revoked"     // label
	MailTokenRegenerated     = "token_regenerated" // label, scope
	MailTokenBurned          = "token_burned"      // label
	MailTokenLeaked          = "token_leaked"      // label, url
	MailTokensShutOut        = "tokens_shut_out"   // project
	MailTokensLetIn          = "tokens_let_in"     // project
)

// mailTexts are the keys of the subject, of the body, and of what to do if it
// was not the reader.
var mailTexts = map[string][3]string{
	MailVerifyEmail:          {"mail.verify_email.subject", "mail.verify_email.text", "mail.verify_email.not_me"},
	MailInvitation:           {"mail.invitation.subject", "mail.invitation.text", "mail.invitation.not_me"},
	MailTOTPAdded:            {"mail.totp_added.subject", "mail.totp_added.text", "mail.not_me"},
	MailTOTPReplaced:         {"mail.totp_replaced.subject", "mail.totp_replaced.text", "mail.not_me"},
	MailTOTPRemoved:          {"mail.totp_removed.subject", "mail.totp_removed.text", "mail.not_me"},
	MailKeyAdded:             {"mail.key_added.subject", "mail.key_added.text", "mail.not_me"},
	MailKeyRemoved:           {"mail.key_removed.subject", "mail.key_removed.text", "mail.not_me"},
	MailKeyCloned:            {"mail.key_cloned.subject", "mail.key_cloned.text", "mail.key_cloned.not_me"},
	MailKeysOnly:             {"mail.keys_only.subject", "mail.keys_only.text", "mail.not_me"},
	MailKeysOnlyOff:          {"mail.keys_only_off.subject", "mail.keys_only_off.text", "mail.not_me"},
	MailRecoveryCodesCreated: {"mail.recovery_codes_created.subject", "mail.recovery_codes_created.text", "mail.not_me"},
	MailRecoveryCodeUsed:     {"mail.recovery_code_used.subject", "mail.recovery_code_used.text", "mail.not_me"},
	MailPasswordChanged:      {"mail.password_changed.subject", "mail.password_changed.text", "mail.password_changed.not_me"},
	MailPasswordReset:        {"mail.password_reset.subject", "mail.password_reset.text", "mail.password_reset.not_me"},
	MailResetLink:            {"mail.reset_link.subject", "mail.reset_link.text", "mail.reset_link.not_me"},
	MailConfirmDevice:        {"mail.confirm_device.subject", "mail.confirm_device.text", "mail.confirm_device.not_me"},
	MailNewDevice:            {"mail.new_device.subject", "mail.new_device.text", "mail.not_me"},
	MailRecoveryStarted:      {"mail.recovery_started.subject", "mail.recovery_started.text", "mail.recovery_started.not_me"},
	MailRecoveryReminder:     {"mail.recovery_reminder.subject", "mail.recovery_reminder.text", "mail.recovery_started.not_me"},
	MailRecoveryCancelled:    {"mail.recovery_cancelled.subject", "mail.recovery_cancelled.text", "mail.recovery_cancelled.not_me"},
	MailRecoveryByOther:      {"mail.recovery_by_other.subject", "mail.recovery_by_other.text", "mail.recovery_by_other.not_me"},
	MailRecovery:             {"mail.recovery.subject", "mail.recovery.text", "mail.recovery.not_me"},
	MailFrozen:               {"mail.frozen.subject", "mail.frozen.text", "mail.frozen.not_me"},
	MailUnfrozen:             {"mail.unfrozen.subject", "mail.unfrozen.text", "mail.frozen.not_me"},
	MailAddressInUse:         {"mail.address_in_use.subject", "mail.address_in_use.text", "mail.address_in_use.not_me"},
	MailTokenMinted:          {"mail.token_minted.subject", "mail.token_minted.text", "mail.token_minted.not_me"},
	MailTokenRevoked:         {"mail.token_revoked.subject", "mail.token_revoked.text", "mail.token_revoked.not_me"},
	MailTokenRegenerated:     {"mail.token_regenerated.subject", "mail.token_regenerated.text", "mail.token_minted.not_me"},
	MailTokenBurned:          {"mail.token_burned.subject", "mail.token_burned.text", "mail.token_burned.not_me"},
	MailTokensShutOut:        {"mail.tokens_shut_out.subject", "mail.tokens_shut_out.text", "mail.tokens_shut_out.not_me"},
	MailTokensLetIn:          {"mail.tokens_let_in.subject", "mail.tokens_let_in.text", "mail.tokens_shut_out.not_me"},
	MailTokenLeaked:          {"mail.token_leaked.subject", "mail.token_leaked.text", "mail.token_leaked.not_me"},
}

// Mail is the subject and the plain text of a mail, in lines of at most 72
// characters except where a word is longer. Control characters in arguments
// become spaces, so no argument can add a line. An unknown kind is an error.
func (r *Renderer) Mail(lang, kind string, args Args) (subject, text string, err error) {
	c := r.language(lang).catalogue
	subject, paragraphs, _, err := c.mail(kind, args)
	if err != nil {
		return "", "", err
	}
	for i, p := range paragraphs {
		paragraphs[i] = fold(p)
	}
	paragraphs = append(paragraphs, c.must("mail.signature", nil))
	return subject, strings.Join(paragraphs, "\n\n") + "\n", nil
}

// mail is what a mail says, without its signature, and its arguments with no
// control characters in them.
func (c *catalogue) mail(kind string, args Args) (subject string, paragraphs []string, clean Args, err error) {
	keys, ok := mailTexts[kind]
	if !ok {
		return "", nil, nil, fmt.Errorf("ui: there is no mail %q", kind)
	}
	clean = make(Args, len(args))
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
	if subject, err = c.text(keys[0], clean); err != nil {
		return "", nil, nil, err
	}
	for _, key := range append([]string{keys[1]}, detailKeys(clean, keys[2])...) {
		s, err := c.text(key, clean)
		if err != nil {
			return "", nil, nil, err
		}
		paragraphs = append(paragraphs, s)
	}
	return subject, paragraphs, clean, nil
}

// detailKeys are the keys of the paragraphs that follow the first one.
func detailKeys(args Args, notMe string) []string {
	if args["time"] == nil {
		return []string{notMe}
	}
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
