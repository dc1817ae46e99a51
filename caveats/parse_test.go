package caveats

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Caveat
	}{
		{`[0,1800003600,1799999940]`, Life{ExpiresAt: 1800003600, NotBefore: 1799999940}},
		{`[0,9223372036854775807,-9223372036854775808]`, Life{math.MaxInt64, math.MinInt64}},
		{`[0,0,-1]`, Life{0, -1}},
		{`[1,["demo"]]`, ProjectNames{"demo"}},
		{`[1,[]]`, ProjectNames{}},
		{`[1,["a","b","a","A_b"]]`, ProjectNames{"a", "b", "a", "A_b"}},
		{`[2,["00000000-0000-4000-8000-0000000000bb"]]`, ProjectIDs{"00000000-0000-4000-8000-0000000000bb"}},
		{`[3,"00000000-0000-4000-8000-0000000000aa"]`, User("00000000-0000-4000-8000-0000000000aa")},
		{`[100,["1.0"]]`, Versions{"1.0"}},
		{`[101,["demo-1.0.tar.gz"]]`, FileNames{"demo-1.0.tar.gz"}},
		{`[102,["` + digestA + `"]]`, Digests{digestA}},
		{`[103,["0.0.0.0/0","::/0"]]`, Networks{"0.0.0.0/0", "::/0"}},
		{`[104,["upload","create","stage"]]`, Actions{"upload", "create", "stage"}},
		// White space where JSON allows it.
		{" [ 1 , [ \"demo\" ,\t\"x\" ] ] \r\n", ProjectNames{"demo", "x"}},
		{"[0,\n1,\n0]", Life{1, 0}},
		{`[1,[ ]]`, ProjectNames{}},
		// Escapes are resolved before anything is compared.
		{`[1,["d\u0065mo"]]`, ProjectNames{"demo"}},
		{`[101,["\"\\\b\f\n\r\t\u0001"]]`, FileNames{"\"\\\b\f\n\r\t\x01"}},
		{`[103,["203.0.113.0\/24"]]`, Networks{"203.0.113.0/24"}},
		{`[101,["\ud83e\uddc0\uD83E\uDDC0"]]`, FileNames{"🧀🧀"}},
		{`[101,["\ufffd` + "\ufffd" + `"]]`, FileNames{"\ufffd\ufffd"}},
		{`[101,["käse-🧀"]]`, FileNames{"käse-🧀"}},
		{`[101,["` + "\x7f" + `"]]`, FileNames{"\x7f"}},
	} {
		got, err := Parse([]byte(c.in))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%s) = %#v, %v, want %#v", c.in, got, err, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "[", "]", "[]", "[ ]", "null", "true", "1", `"x"`, "{}", "[,]",
		"project = demo",
		// The tag.
		`[true,["demo"]]`, `[1.0,["demo"]]`, `[1e0,["demo"]]`, `[1E0,["demo"]]`, `["1",["demo"]]`, `[null]`,
		`[[1],["demo"]]`, `[{}]`, `[01,["demo"]]`, `[+1,["demo"]]`, `[-0,1,0]`, `[-,1]`, `[- 1,1]`, `[0x1,["demo"]]`,
		`[1 2,["demo"]]`, `[00]`,
		// Elements missing, extra, of another type.
		`[0]`, `[0,1]`, `[0,1,0,0]`, `[0,1,0,"x"]`, `[0,1,0,]`, `[0,,1,0]`, `[0 1 0]`,
		`[0,"1",0]`, `[0,1.0,0]`, `[0,1e3,0]`, `[0,1,-0]`, `[0,1,00]`, `[0,1,true]`, `[0,1,null]`, `[0,[1],0]`,
		`[0,9223372036854775808,0]`, `[0,1,-9223372036854775809]`, `[0,99999999999999999999,0]`,
		`[1]`, `[1,"demo"]`, `[1,null]`, `[1,{}]`, `[1,["demo"],1]`, `[1,["demo"],]`, `[1,["demo",]]`, `[1,[,"demo"]]`,
		`[1,[1]]`, `[1,[null]]`, `[1,[["demo"]]]`, `[1,["demo"]`, `[1,["demo"`, `[1,["demo" "x"]]`,
		`[3]`, `[3,1]`, `[3,null]`, `[3,["x"]]`, `[3,"x","y"]`,
		`[104,"upload"]`, `[104]`,
		// Something before or after.
		`[1,["demo"]]x`, `[1,["demo"]][1,["demo"]]`, `x[1,["demo"]]`, `[1,["demo"]],`, "\ufeff" + `[1,["demo"]]`,
		"\x00[1,[]]", "[1,[]]\x00", "\v[1,[]]", "\u00a0[1,[]]", "[1,[]]//", "/**/[1,[]]",
		// Legacy maps.
		`{"version":1,"permissions":"user"}`, `{"version":1,"permissions":{"projects":["demo"]}}`, `{"nbf":0,"exp":1}`,
		// Strings.
		`[3,"`, `[3,"x`, `[3,'x']`, "[3,\"\n\"]", "[3,\"\x1f\"]", `[3,"\x41"]`, `[3,"\u12"]`, `[3,"\u12g4"]`, `[3,"\`, `[3,"\"]`, `[3,"\U0041"]`, `[3,"\u"]`,
		"[3,\"\xff\"]", "[3,\"\xc0\x80\"]", "[3,\"\xed\xa0\x80\"]", "[3,\"\xf5\x80\x80\x80\"]", "[3,\"\xc3\"]",
		`[3,"\ud800"]`, `[3,"\udc00"]`, `[3,"\ud800x"]`, `[3,"\ud800\u0041"]`, `[3,"\ud800\ud800"]`, `[3,"\udc00\ud800"]`, `[3,"\ud800\`, `[3,"\ud83e\n"]`,
		// Elements that could match no request.
		`[3,""]`, `[3,"x"]`, `[3,"00000000-0000-4000-8000-0000000000AA"]`, `[2,[""]]`, `[1,[""]]`, `[1,["demo","a b"]]`, `[100,["x"]]`, `[101,[""]]`, `[101,["a\/b"]]`,
		`[101,["a\u0000"]]`, `[102,["aa"]]`, `[103,["192.0.2.1"]]`, `[103,["192.0.2.1/24"]]`, `[104,["Upload"]]`, `[104,["upload","x"]]`,
		// A tag that is not known, but no well-formed JSON behind it.
		`[9999,]`, `[9999,x]`, `[9999,"x]`, `[9999,01]`, `[9999,1.]`, `[9999,.5]`, `[9999,1e]`, `[9999,1e+]`, `[9999,-]`, `[9999,+1]`, `[9999,tru]`, `[9999,nul`,
		`[9999,[}]`, `[9999,{]]`, `[9999,{"a"}]`, `[9999,{"a":}]`, `[9999,{"a":1,}]`, `[9999,{1:1}]`, `[9999,{,}]`, `[9999,[1,]]`, `[9999,[1 2]]`, `[9999,"\ud800"]`,
		"[9999,\"\xff\"]", `[9999,NaN]`, `[9999,Infinity]`, `[9999 9]`, `[9999,1][`, `[9999,{"a" 1}]`, `[9999,{"a":1 "b":2}]`, `[9999`, `[9999,`, `[9999,{`, `[9999,{"a":`,
	} {
		if got, err := Parse([]byte(in)); got != nil || !errors.Is(err, ErrMalformed) || errors.Is(err, ErrUnknown) {
			t.Errorf("Parse(%q) = %#v, %v, want ErrMalformed", in, got, err)
		}
	}
}

func TestParseUnknown(t *testing.T) {
	for in, tag := range map[string]string{
		`[9999,"x"]`:                  "9999",
		` [ 4 , "x" , null ] `:        "4",
		`[5]`:                         "5",
		`[-1]`:                        "-1",
		`[105,["x"]]`:                 "105",
		`[10,["x"]]`:                  "10",
		`[99999999999999999999999,0]`: "99999999999999999999999",
		`[7,{"a":[1,-0.5e+3,true,false,null,{}],"b":{"c":[]},"":"\ud83e\uddc0"},[[],[[]]]]`: "7",
	} {
		got, err := Parse([]byte(in))
		if want := (Unknown{TagNumber: tag, Raw: in}); got != want || !errors.Is(err, ErrUnknown) || errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%s) = %#v, %v", in, got, err)
		}
		if !bytes.Equal(got.Append(nil), []byte(in)) {
			t.Errorf("Append of %s: %s", in, got.Append(nil))
		}
	}
}

func TestParseBoundsDepth(t *testing.T) {
	nest := func(n int, open, closing string) []byte {
		return []byte("[9999," + strings.Repeat(open, n) + "1" + strings.Repeat(closing, n) + "]")
	}
	for _, brackets := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		if _, err := Parse(nest(maxDepth, brackets[0], brackets[1])); !errors.Is(err, ErrUnknown) {
			t.Errorf("depth %d of %s: %v", maxDepth, brackets[0], err)
		}
		if _, err := Parse(nest(maxDepth+1, brackets[0], brackets[1])); !errors.Is(err, ErrMalformed) {
			t.Errorf("depth %d of %s: %v", maxDepth+1, brackets[0], err)
		}
	}
}

func TestParseBoundsSize(t *testing.T) {
	fill := func(n int) []byte {
		return []byte(`[101,["` + strings.Repeat("x", n-len(`[101,[""]]`)) + `"]]`)
	}
	if _, err := Parse(fill(MaxCaveat)); err != nil {
		t.Errorf("%d bytes: %v", MaxCaveat, err)
	}
	if _, err := Parse(fill(MaxCaveat + 1)); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d bytes: %v", MaxCaveat+1, err)
	}
}

// TestHostileCaveatsAllocateNothing: what is refused for its size or its depth is
// refused before anything is kept of it; what allocates then is the error.
func TestHostileCaveatsAllocateNothing(t *testing.T) {
	for name, raw := range hostileCaveats() {
		if n := testing.AllocsPerRun(100, func() { Parse(raw) }); n > 8 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func hostileCaveats() map[string][]byte {
	return map[string][]byte{
		"nest of 60,000":            []byte(strings.Repeat("[", 60000)),
		"nest of 60,000, closed":    []byte("[9999," + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + "]"),
		"nest of 4,000":             []byte("[9999," + strings.Repeat("[", 4000)),
		"nest of objects":           []byte("[9999," + strings.Repeat(`{"":`, 1000)),
		"1 MB":                      []byte("[1,[" + strings.Repeat(`"",`, 350000) + `""]]`),
		"unknown, list of 1,300":    []byte("[9999,[" + strings.Repeat(`"",`, 1300) + `""]`),
		"time of 4,000 digits":      []byte("[0," + strings.Repeat("9", 4000) + ",0]"),
		"list of 1,300, open":       []byte("[1,[" + strings.Repeat(`"x",`, 1000)),
		"tag of 4,000 digits, open": []byte("[" + strings.Repeat("9", 4000)),
	}
}

func BenchmarkParseHostile(b *testing.B) {
	for name, raw := range hostileCaveats() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(raw); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// BenchmarkParseLinear shows time in proportion to size: the worst lists and
// strings of a quarter, a half and the whole of what a caveat may have.
func BenchmarkParseLinear(b *testing.B) {
	for _, size := range []string{"1024", "2048", "4096"} {
		n := map[string]int{"1024": 1024, "2048": 2048, "4096": 4096}[size]
		for name, raw := range map[string][]byte{
			"list/" + size:    []byte("[1,[" + strings.Repeat(`"a",`, (n-9)/4) + `"a"]]`),
			"escapes/" + size: []byte(`[101,["` + strings.Repeat(`\u0041`, (n-10)/6) + `"]]`),
			"nest/" + size:    []byte("[9999" + strings.Repeat(`,[[[[]]]]`, (n-6)/9) + "]"),
		} {
			b.Run(name, func(b *testing.B) {
				b.SetBytes(int64(len(raw)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Parse(raw); err != nil && !errors.Is(err, ErrUnknown) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
