package caveats

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// samples are caveats with their canonical wire form.
var samples = []struct {
	caveat Caveat
	wire   string
}{
	{Life{ExpiresAt: 1800003600, NotBefore: -5}, `[0,1800003600,-5]`},
	{ProjectNames{"demo", "other"}, `[1,["demo","other"]]`},
	{ProjectNames{}, `[1,[]]`},
	{ProjectIDs{"00000000-0000-4000-8000-0000000000bb"}, `[2,["00000000-0000-4000-8000-0000000000bb"]]`},
	{User("00000000-0000-4000-8000-0000000000aa"), `[3,"00000000-0000-4000-8000-0000000000aa"]`},
	{Versions{"1.0", "2.0+local"}, `[100,["1.0","2.0+local"]]`},
	{FileNames{"a\"b\\c\b\f\n\r\t\x01\x7f~ ", "käse", "🧀"},
		`[101,["a\"b\\c\b\f\n\r\t\u0001\u007f~ ","k\u00e4se","\ud83e\uddc0"]]`},
	{Digests{strings.Repeat("0a", 32)}, `[102,["` + strings.Repeat("0a", 32) + `"]]`},
	{Networks{"203.0.113.0/24", "2001:db8::/32"}, `[103,["203.0.113.0/24","2001:db8::/32"]]`},
	{Actions{"upload"}, `[104,["upload"]]`},
}

func TestAppendIsCanonicalAndParsesBack(t *testing.T) {
	for _, s := range samples {
		got := s.caveat.Append([]byte("before"))
		if string(got) != "before"+s.wire {
			t.Errorf("Append(%#v) = %s, want %s", s.caveat, got, s.wire)
		}
		back, err := Parse([]byte(s.wire))
		if err != nil || !bytes.Equal(back.Append(nil), []byte(s.wire)) {
			t.Errorf("Parse(%s) = %#v, %v", s.wire, back, err)
		}
		if s.wire[1] != byte('0'+back.Tag()%10) && back.Tag() < 100 || back.Tag() != s.caveat.Tag() {
			t.Errorf("%s has tag %d", s.wire, back.Tag())
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []Caveat{
		Life{2, 1},
		ProjectNames{"demo", "a", "0-9"},
		ProjectIDs{"00000000-0000-4000-8000-0000000000bb"},
		User("00000000-0000-4000-8000-0000000000aa"),
		Versions{"1.0", " v1.0-ALPHA "},
		FileNames{"demo-1.0.tar.gz", "käse.whl"},
		Digests{strings.Repeat("0a", 32)},
		Networks{"203.0.113.0/24", "0.0.0.0/0", "2001:db8::/32", "192.0.2.1/32"},
		Actions{ActionUpload, ActionStage, ActionCreate},
	} {
		if err := Validate(c); err != nil {
			t.Errorf("%#v: %v", c, err)
		}
	}
	for _, c := range []Caveat{
		nil, Unknown{TagNumber: "9", Raw: "[9]"},
		Life{1, 1}, Life{1, 2},
		ProjectNames{}, ProjectNames(nil), ProjectNames{"Demo"}, ProjectNames{"a_b"}, ProjectNames{"a--b"}, ProjectNames{""}, ProjectNames{"-a"}, ProjectNames{"demo", "x y"}, ProjectNames{"demo", "Demo"},
		ProjectIDs{"x"}, ProjectIDs{"00000000-0000-4000-8000-0000000000BB"}, ProjectIDs{},
		User(""), User("aa"),
		Versions{"one"}, Versions{""}, Versions{},
		FileNames{""}, FileNames{"\xff"}, FileNames{}, FileNames{"a/b"}, FileNames{".."}, FileNames{"a\x00"},
		Digests{strings.Repeat("0A", 32)}, Digests{"00"}, Digests{},
		Networks{"203.0.113.9/24"}, Networks{"203.0.113.9"}, Networks{"fe80::1%eth0/64"}, Networks{"010.0.0.0/8"}, Networks{"x"}, Networks{}, Networks{"::ffff:192.0.2.0/120"},
		Actions{"delete"}, Actions{"Upload"}, Actions{},
		FileNames{strings.Repeat("x", MaxCaveat)},
		FileNames{strings.Repeat("ä", MaxCaveat/6)}, // six bytes each on the wire
	} {
		if err := Validate(c); !errors.Is(err, ErrUseless) {
			t.Errorf("%#v: %v, want ErrUseless", c, err)
		} else if len(err.Error()) > 400 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
	err := Validate(ProjectNames{"De_mo"})
	if want := "caveats: caveat that no request can satisfy: the project name 'De_mo' is not in normal form, write 'de-mo'"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestWhatIsNoTextDoesNotChangeItsMeaning: a string that is not UTF-8 has no wire
// form; what Append writes instead does not match it.
func TestWhatIsNoTextDoesNotChangeItsMeaning(t *testing.T) {
	c, err := Parse(FileNames{"a\xff"}.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Check(Request{Filename: "a\xff"}) == nil || c.Check(Request{Filename: "a"}) == nil {
		t.Error("a name that is not UTF-8 came to match")
	}
}
