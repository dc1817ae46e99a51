package ui

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

var property = regexp.MustCompile(`--([a-z-]+):\s*#([0-9a-f]{6});`)

// palettes are the colours of base.css, light and dark.
func palettes(t *testing.T) map[string]map[string]float64 {
	t.Helper()
	b, err := embedded.ReadFile("assets/base.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(b), "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("there is no dark palette")
	}
	out := make(map[string]map[string]float64)
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		out[scheme] = make(map[string]float64)
		for _, m := range property.FindAllStringSubmatch(css, -1) {
			out[scheme][m[1]] = luminance(m[2])
		}
	}
	return out
}

// luminance is that of WCAG 2.2.
func luminance(hex string) float64 {
	var c [3]int
	_, err := fmt.Sscanf(hex, "%02x%02x%02x", &c[0], &c[1], &c[2])
	if err != nil {
		return math.NaN()
	}
	part := func(n int) float64 {
		v := float64(n) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*part(c[0]) + 0.7152*part(c[1]) + 0.0722*part(c[2])
}

// Text stands out from what is behind it by 4.5 : 1, the edges of fields by
// 3 : 1 (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	pairs := []struct {
		front  string
		behind []string
		least  float64
	}{
		{"ink", []string{"paper", "sheet", "code", "accent-wash", "done-wash"}, 7},
		{"soft", []string{"paper", "sheet"}, 4.5},
		{"accent", []string{"paper", "sheet", "accent-wash", "code"}, 4.5},
		{"accent-deep", []string{"paper", "sheet"}, 4.5},
		{"danger", []string{"paper", "sheet"}, 4.5},
		{"danger-deep", []string{"paper", "sheet"}, 4.5},
		{"done", []string{"paper", "sheet", "done-wash"}, 4.5},
		{"on-accent", []string{"accent", "accent-deep"}, 4.5},
		{"on-danger", []string{"danger", "danger-deep"}, 4.5},
		{"edge", []string{"paper", "sheet"}, 3},
		{"series-a", []string{"paper"}, 3},
		{"series-b", []string{"paper"}, 3},
		{"series-c", []string{"paper"}, 3},
		{"series-d", []string{"paper"}, 3},
		{"series-e", []string{"paper"}, 3},
		{"series-rest", []string{"paper"}, 3},
	}
	for scheme, colours := range palettes(t) {
		for _, p := range pairs {
			for _, behind := range p.behind {
				a, okA := colours[p.front]
				b, okB := colours[behind]
				if !okA || !okB {
					t.Fatalf("%s: there is no %s or no %s", scheme, p.front, behind)
				}
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); !(ratio >= p.least) {
					t.Errorf("%s: %s on %s is %.2f : 1", scheme, p.front, behind, ratio)
				}
			}
		}
	}
}
