package authn

import (
	"fmt"
	"image/color"
	"net/url"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// provisioning makes what a page shows of a pending authenticator.
func (s *Authenticators) provisioning(u userRecord, p pendingTOTP) (Provisioning, error) {
	out := Provisioning{URL: otpauthURL(s.issuer, u.Username, p.Secret), Secret: p.Secret, Expires: p.Expires}
	for rest := p.Secret; rest != ""; {
		n := min(4, len(rest))
		out.Groups = append(out.Groups, rest[:n])
		rest = rest[n:]
	}
	var err error
	out.Modules, err = qrModules(out.URL)
	return out, err
}

// otpauthURL is the address that an authenticator reads out of the QR code
// (Key URI Format of Google Authenticator). Spaces are %20, because some
// authenticators show a '+' as it is.
func otpauthURL(issuer, username, secret string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return "otpauth://totp/" + escape(issuer) + ":" + escape(username) + "?secret=" + secret +
		"&issuer=" + escape(issuer) + "&algorithm=SHA1&digits=6&period=30"
}

// qrModules is the QR code of a text, error correction level M: rows of modules,
// true is dark.
func qrModules(text string) ([][]bool, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("authn: QR code: %w", err)
	}
	b := code.Bounds()
	rows := make([][]bool, b.Dy())
	for y := range rows {
		rows[y] = make([]bool, b.Dx())
		for x := range rows[y] {
			rows[y][x] = color.GrayModel.Convert(code.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y < 128
		}
	}
	return rows, nil
}
