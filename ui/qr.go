package ui

import (
	"fmt"
	"html/template"
	"strings"
)

// quiet is the width of the empty border around a QR code, in modules (ISO/IEC 18004 requires four).
const quiet = 4

// qr draws a QR code as SVG: dark on white in every colour scheme, with its quiet zone, one
// unit per module. Screen readers skip the drawing; the secret is next to it as text.
func qr(modules [][]bool) template.HTML {
	size := len(modules) + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="qr" viewBox="0 0 %d %d" shape-rendering="crispEdges" aria-hidden="true" focusable="false">`, size, size)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="`, size, size)
	for y, row := range modules {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			run := 1
			for x+run < len(row) && row[x+run] {
				run++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
			x += run
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String())
}

// otpauth marks the addresses of authenticator apps as safe, which html/template does not do. Any
// other address is dropped.
func otpauth(uri string) template.URL {
	if !strings.HasPrefix(uri, "otpauth://totp/") {
		return ""
	}
	return template.URL(uri)
}

// groups splits s into parts of n characters.
func groups(n int, s string) []string {
	var out []string
	for len(s) > n {
		out = append(out, s[:n])
		s = s[n:]
	}
	if s != "" {
		out = append(out, s)
	}
	return out
}
