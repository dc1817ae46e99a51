package totp

import (
	"fmt"
	"image/color"
	"net/url"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// URL returns the address that an authenticator reads from the QR code
// (Key URI Format of Google Authenticator). Spaces are %20, because some
// authenticators show a '+' as it is.
func URL(issuer, account, secret string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	return "otpauth://totp/" + escape(issuer) + ":" + escape(account) + "?secret=" + secret +
		"&issuer=" + escape(issuer) + "&algorithm=SHA1&digits=6&period=30"
}

// QRCode returns the QR code of a text, with error correction level M, as rows of modules;
// true is dark.
func QRCode(text string) ([][]bool, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("totp: QR code: %w", err)
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

// Groups splits a secret into groups of four characters, for typing it in.
func Groups(secret string) (groups []string) {
	for secret != "" {
		n := min(4, len(secret))
		groups = append(groups, secret[:n])
		secret = secret[n:]
	}
	return groups
}
