package token

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzBase64 holds the decoder against the strict one of the standard library.
func FuzzBase64(f *testing.F) {
	for _, s := range []string{"", "A", "AA", "AB", "AAA", "AAB", "AAAA", "_-8", "AA=", "A\nAA", "AAA\r\n", "+/AA", "AAAAA", "\xff\xff\xff\xff", strings.Repeat("Zm9v", 50)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := base64.RawURLEncoding.Strict().DecodeString(s)
		good := err == nil && !strings.ContainsAny(s, "\r\n")
		got, ok := appendDecoded([]byte("before"), s)
		if ok != good || good && string(got) != "before"+string(want) {
			t.Errorf("%q: %x, %v; want %x, %v", s, got, ok, want, err)
		}
		if text := base64.RawURLEncoding.EncodeToString([]byte(s)); true {
			if got, ok := appendDecoded(nil, text); !ok || !bytes.Equal(got, []byte(s)) {
				t.Errorf("%q does not read as it was written", text)
			}
		}
	})
}
