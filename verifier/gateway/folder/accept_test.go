package folder

import (
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]string{
		"": typeLegacy, "*/*": typeLegacy, "text/html": typeLegacy, "TEXT/HTML": typeLegacy, "text/*": typeLegacy,
		"application/vnd.pypi.simple.v1+json":     typeJSON,
		"application/vnd.pypi.simple.latest+json": typeJSON,
		"application/vnd.pypi.simple.v1+html":     typeHTML,
		"application/vnd.pypi.simple.latest+html": typeHTML,
		"application/*": typeJSON,
		// pip, uv, a browser
		"application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01": typeJSON,
		"application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01":   typeJSON,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8":                                    typeLegacy,
		"text/html;q=0.1, application/vnd.pypi.simple.v1+json;q=0.2":                                         typeJSON,
		"text/html;q=0, */*;q=0.1":                            typeJSON,
		"text/html;q=0":                                       "",
		"application/json":                                    "",
		"text/html;q=2":                                       "",
		"text/html;q=NaN":                                     "",
		"text/html;level=1;q=0.5":                             typeLegacy,
		"application/vnd.pypi.simple.v2+json":                 "",
		strings.Repeat("a/b,", 100) + "text/html":             "",
		"application/vnd.pypi.simple.v1+json;q=0.001,*/*;q=0": typeJSON,
	} {
		if got := negotiate([]string{accept}); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	if got := negotiate([]string{"text/html;q=0.1", typeJSON}); got != typeJSON {
		t.Errorf("two header fields: %q", got)
	}
}
