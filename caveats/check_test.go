package caveats

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	userA    = "00000000-0000-4000-8000-0000000000aa"
	projectB = "00000000-0000-4000-8000-0000000000bb"
	projectC = "00000000-0000-4000-8000-0000000000bc"
	now      = 1800000000
)

var digestA = strings.Repeat("a", 64)

func fullRequest() Request {
	return Request{
		Action: ActionUpload, Project: "demo", ProjectID: projectB, UserID: userA, Version: "1.0",
		Filename: "demo-1.0.tar.gz", SHA256: digestA, ClientIP: netip.MustParseAddr("203.0.113.9"), Now: time.Unix(now, 0),
	}
}

// with is the full request with one change.
func with(change func(*Request)) Request {
	r := fullRequest()
	change(&r)
	return r
}

func project(name string) Request { return with(func(r *Request) { r.Project = name }) }
func version(v string) Request    { return with(func(r *Request) { r.Version = v }) }
func client(ip string) Request {
	return with(func(r *Request) { r.ClientIP = netip.MustParseAddr(ip) })
}

// at is the full request a moment before the end of a second.
func at(seconds int64) Request {
	return with(func(r *Request) { r.Now = time.Unix(seconds, 999999999) })
}

var full = fullRequest()

var checkCases = []struct {
	caveat Caveat
	req    Request
	want   Reason // "" where it holds
}{
	{Life{now + 1, now}, full, ""},
	{Life{now + 1, now + 1}, full, NotYetValid},
	{Life{now, now - 60}, full, Expired},
	{Life{now + 10, now}, at(now + 9), ""},
	{Life{now + 10, now}, at(now + 10), Expired},
	{Life{now + 10, now}, at(now - 1), NotYetValid},
	{Life{now - 1, now + 1}, full, Expired}, // never valid
	{Life{1 << 62, -1 << 62}, with(func(r *Request) { r.Now = time.Time{} }), Expired},

	{ProjectNames{"other", "demo"}, full, ""},
	{ProjectNames{"a-b"}, project("A__b"), ""},
	{ProjectNames{"Demo"}, full, WrongProject},
	{ProjectNames{"Demo"}, project("Demo"), WrongProject}, // the caveat is not normalized
	{ProjectNames{"demo"}, project("other"), WrongProject},
	{ProjectNames{"demo"}, project(""), WrongProject},
	{ProjectNames{""}, project(""), MalformedCaveat},
	{ProjectNames{"demo", "de mo"}, full, MalformedCaveat},
	{ProjectNames{"demo", "Demo"}, full, ""}, // a name that is not normalized takes nothing from the others
	{ProjectNames{}, full, WrongProject},
	{ProjectNames{"demo"}, project("demo\n"), WrongProject},
	{ProjectNames{"demo"}, project(" demo"), WrongProject},
	{ProjectNames{"k"}, project("\u212a"), WrongProject}, // the Kelvin sign folds to k

	{ProjectIDs{projectC, projectB}, full, ""},
	{ProjectIDs{projectC}, full, WrongProject},
	{ProjectIDs{}, full, WrongProject},
	{ProjectIDs{projectB}, with(func(r *Request) { r.ProjectID = "" }), WrongProject},
	{ProjectIDs{""}, with(func(r *Request) { r.ProjectID = "" }), MalformedCaveat},
	{ProjectIDs{projectB, ""}, full, MalformedCaveat},
	{ProjectIDs{"demo"}, full, MalformedCaveat},
	{ProjectIDs{strings.ToUpper(projectB)}, full, MalformedCaveat},
	{ProjectIDs{strings.ToUpper(projectB)}, with(func(r *Request) { r.ProjectID = strings.ToUpper(projectB) }), MalformedCaveat},
	{ProjectIDs{"{" + projectB + "}"}, full, MalformedCaveat},
	{ProjectIDs{strings.ReplaceAll(projectB, "-", "")}, full, MalformedCaveat},

	{User(userA), full, ""},
	{User(projectB), full, WrongUser},
	{User(userA), with(func(r *Request) { r.UserID = "" }), WrongUser},
	{User(""), with(func(r *Request) { r.UserID = "" }), MalformedCaveat},
	{User(strings.ToUpper(userA)), full, MalformedCaveat},
	{User("ada"), with(func(r *Request) { r.UserID = "ada" }), MalformedCaveat},

	{Versions{"2.0", "1.0"}, full, ""},
	{Versions{"v1"}, full, ""},
	{Versions{"1.0.0"}, full, ""},
	{Versions{"1.0"}, version("1.0+local"), WrongVersion},
	{Versions{"1.0+local"}, full, WrongVersion},
	{Versions{"1.0"}, version(""), WrongVersion},
	{Versions{"1.0"}, version("one"), WrongVersion},
	{Versions{""}, version(""), MalformedCaveat},
	{Versions{"one"}, version("one"), MalformedCaveat},
	{Versions{"1.0", "1.*"}, full, MalformedCaveat},
	{Versions{"1.0", "2.0 3.0"}, full, MalformedCaveat},
	{Versions{}, full, WrongVersion},

	{FileNames{"x", "demo-1.0.tar.gz"}, full, ""},
	{FileNames{"Demo-1.0.tar.gz"}, full, WrongFile},
	{FileNames{"x"}, with(func(r *Request) { r.Filename = "" }), WrongFile},
	{FileNames{""}, with(func(r *Request) { r.Filename = "" }), MalformedCaveat},
	{FileNames{"demo-1.0.tar.gz", ""}, full, MalformedCaveat},
	{FileNames{"dist/x"}, with(func(r *Request) { r.Filename = "dist/x" }), MalformedCaveat},
	{FileNames{"demo-1.0.tar.gz", "."}, full, MalformedCaveat},
	{FileNames{"demo-1.0.tar.gz", ".."}, full, MalformedCaveat},
	{FileNames{"x\x00"}, with(func(r *Request) { r.Filename = "x\x00" }), MalformedCaveat},

	{Digests{digestA}, full, ""},
	{Digests{digestA}, with(func(r *Request) { r.SHA256 = strings.ToUpper(digestA) }), WrongDigest},
	{Digests{digestA}, with(func(r *Request) { r.SHA256 = "" }), WrongDigest},
	{Digests{strings.ToUpper(digestA)}, full, MalformedCaveat},
	{Digests{strings.ToUpper(digestA)}, with(func(r *Request) { r.SHA256 = strings.ToUpper(digestA) }), MalformedCaveat},
	{Digests{""}, with(func(r *Request) { r.SHA256 = "" }), MalformedCaveat},
	{Digests{digestA, digestA[1:]}, full, MalformedCaveat},
	{Digests{digestA, "sha256:" + digestA}, full, MalformedCaveat},
	{Digests{digestA, digestA[:63] + "g"}, full, MalformedCaveat},
	{Digests{strings.Repeat("b", 64)}, full, WrongDigest},

	{Networks{"203.0.113.0/24"}, full, ""},
	{Networks{"203.0.113.9/32"}, full, ""},
	{Networks{"203.0.113.0/24"}, client("::ffff:203.0.113.9"), ""},
	{Networks{"198.51.100.0/24", "203.0.113.0/29"}, full, WrongNetwork},
	{Networks{"203.0.113.9/24"}, full, MalformedCaveat}, // host bits: no prefix
	{Networks{"203.0.113.0/24", "203.0.113.9/24"}, full, MalformedCaveat},
	{Networks{"203.0.113.9"}, full, MalformedCaveat},
	{Networks{"203.0.113.0/33"}, full, MalformedCaveat},
	{Networks{"203.0.113.0/024"}, full, MalformedCaveat},
	{Networks{"203.0.113.0/255.255.255.0"}, full, MalformedCaveat},
	{Networks{""}, full, MalformedCaveat},
	{Networks{"::ffff:203.0.113.0/120"}, full, MalformedCaveat}, // clients are unmapped first
	{Networks{"::ffff:203.0.113.0/120"}, client("::ffff:203.0.113.9"), MalformedCaveat},
	{Networks{"::ffff:0:0/96"}, full, MalformedCaveat},
	{Networks{"::/95"}, client("::1"), ""},
	{Networks{"0.0.0.0/0"}, client("2001:db8::1"), WrongNetwork},
	{Networks{"::/0"}, full, WrongNetwork},
	{Networks{"2001:db8::/32"}, client("2001:db8::1"), ""},
	{Networks{"fe80::/10"}, client("fe80::1"), ""},
	{Networks{"fe80::/10"}, client("fe80::1%eth0"), WrongNetwork},
	{Networks{"fe80::%eth0/10"}, client("fe80::1%eth0"), MalformedCaveat},
	{Networks{"0.0.0.0/0", "::/0"}, with(func(r *Request) { r.ClientIP = netip.Addr{} }), WrongNetwork},

	{Actions{"upload"}, full, ""},
	{Actions{"create"}, full, WrongAction},
	{Actions{"upload"}, with(func(r *Request) { r.Action = ActionStage }), ""}, // who may publish may ask
	{Actions{"stage"}, with(func(r *Request) { r.Action = ActionStage }), ""},
	{Actions{"create"}, with(func(r *Request) { r.Action = ActionStage }), WrongAction},
	{Actions{"stage"}, full, WrongAction},
	{Actions{"upload"}, with(func(r *Request) { r.Action = "" }), WrongAction},
	{Actions{"upload"}, with(func(r *Request) { r.Action = "delete" }), WrongAction},
	{Actions{"Upload"}, full, MalformedCaveat},
	{Actions{"upload", "delete"}, full, MalformedCaveat},
	{Actions{"delete"}, with(func(r *Request) { r.Action = "delete" }), MalformedCaveat},
	{Actions{""}, with(func(r *Request) { r.Action = "" }), MalformedCaveat},

	{Unknown{TagNumber: "9999", Raw: "[9999]"}, full, UnknownCaveat},
}

func TestCheckOfEachCaveat(t *testing.T) {
	for _, c := range checkCases {
		failures := Check([][]byte{c.caveat.Append(nil)}, c.req)
		switch {
		case c.want == "" && failures != nil:
			t.Errorf("%v: %v", c.caveat, failures)
		case c.want != "" && (len(failures) != 1 || failures[0].Reason != c.want):
			t.Errorf("%v: %v, want %s", c.caveat, failures, c.want)
		}
	}
}

// TestWhatIsOfNoFormSaysWhy: the sentence names the element, and what it has to be.
func TestWhatIsOfNoFormSaysWhy(t *testing.T) {
	const malformed = "token has a caveat that is malformed: "
	for want, c := range map[string]Caveat{
		malformed + "'de mo' is no project name: letters, digits, '.', '-' and '_', with a letter or digit at both ends": ProjectNames{"demo", "de mo"},
		malformed + "'X' is no UUID in lower-case hex digits and dashes":                                                 ProjectIDs{"X"},
		malformed + "'ada' is no UUID in lower-case hex digits and dashes":                                               User("ada"),
		malformed + "'1.*' is no version of PEP 440":                                                                     Versions{"1.0", "1.*"},
		malformed + "'a/b' is no name of a file, without a folder":                                                       FileNames{"a/b"},
		malformed + "'AB' is no SHA-256 digest: 64 lower-case hex digits":                                                Digests{"AB"},
		malformed + "'192.0.2.1' is no network: a CIDR prefix without host bits, like 203.0.113.0/24":                    Networks{"192.0.2.1"},
		malformed + "'de\\nlete' is no action: upload, stage or create":                                                  Actions{"de\nlete"},
	} {
		got := Check([][]byte{c.Append(nil)}, fullRequest())
		if len(got) != 1 || got[0] != (Failure{MalformedCaveat, want}) {
			t.Errorf("%v: %v, want %s", c, got, want)
		}
	}
}

// TestWhatIsNotKnownSatisfiesNothing: the empty request fails every caveat.
func TestWhatIsNotKnownSatisfiesNothing(t *testing.T) {
	for _, s := range samples {
		if s.caveat.Check(Request{}) == nil {
			t.Errorf("%v holds for a request that knows nothing", s.caveat)
		}
	}
}

func TestCheckCollectsEveryFailureOnce(t *testing.T) {
	raw := func(list ...string) (out [][]byte) {
		for _, s := range list {
			out = append(out, []byte(s))
		}
		return out
	}
	if got := Check(nil, Request{}); got != nil {
		t.Errorf("no caveats: %v", got)
	}
	if got := Check(raw(`[1,["demo"]]`, `[0,1800000001,0]`), with(func(r *Request) { r.Project = "Demo" })); got != nil {
		t.Errorf("all hold: %v", got)
	}
	got := Check(raw(
		`[2,["`+projectC+`"]]`, `[1,["other"]]`, `[0,1800000000,0]`, `[0,1700000000,0]`, `[100,["2.0"]]`, `[100,["3.0"]]`,
		`x`, `y`, `[9999]`, `[104,["upload"]]`), fullRequest())
	want := []Failure{
		{WrongProject, "token is valid for project 'other', not for 'demo'"},
		{Expired, "token is expired"},
		{WrongVersion, "token is valid for version '2.0', not for '1.0'"},
		{WrongVersion, "token is valid for version '3.0', not for '1.0'"},
		{MalformedCaveat, "token has a caveat that is malformed"},
		{UnknownCaveat, "token has a caveat that this index does not know (tag 9999)"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	got = Check(raw(`[2,["`+projectC+`"]]`, `[1,["demo"]]`), fullRequest())
	if want := []Failure{{WrongProject, "token was made for another project than the one that is now named 'demo'"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("a name that is registered again: %q", got)
	}
}

func TestWords(t *testing.T) {
	long := make(ProjectNames, 9)
	for i := range long {
		long[i] = string(rune('a' + i))
	}
	for want, f := range map[string]*Failure{
		"token is valid for projects 'demo' and 'x', not for 'other'":                                                                                                     ProjectNames{"demo", "x"}.Check(Request{Project: "other"}),
		"token is valid for projects 'a', 'b', 'c', 'd' and 5 more, not for 'other'":                                                                                      long.Check(Request{Project: "other"}),
		"token is valid for project 'demo', not for 'de-mo'":                                                                                                              ProjectNames{"demo"}.Check(Request{Project: "De_mo"}),
		"token is valid for project 'Demo', not for 'demo'; the name 'Demo' in the caveat is not in normal form and matches no project, write 'demo'":                     ProjectNames{"Demo"}.Check(Request{Project: "demo"}),
		"token is valid for projects 'A.b', 'x' and 'De_mo', not for 'de-mo'; the name 'De_mo' in the caveat is not in normal form and matches no project, write 'de-mo'": ProjectNames{"A.b", "x", "De_mo"}.Check(Request{Project: "de.mo"}),
		"token is valid for projects 'x' and 'A.b', not for 'demo'; the name 'A.b' in the caveat is not in normal form and matches no project, write 'a-b'":               ProjectNames{"x", "A.b"}.Check(Request{Project: "demo"}),
		"token is valid for project 'demo' only, and the request does not tell its project":                                                                               ProjectNames{"demo"}.Check(Request{}),
		"token is valid for no project, not for 'other'":                                                                                                                  ProjectNames{}.Check(Request{Project: "other"}),
		"token is valid for no project": ProjectNames{}.Check(Request{}),
		"token is valid for certain projects only, and the request does not tell its project":          ProjectIDs{projectB}.Check(Request{}),
		"token is valid from network '203.0.113.0/24', not from '192.0.2.1'":                           Networks{"203.0.113.0/24"}.Check(Request{ClientIP: netip.MustParseAddr("::ffff:192.0.2.1")}),
		"token is valid for action 'upload', not for 'create'":                                         Actions{"upload"}.Check(Request{Action: ActionCreate}),
		"token is not valid before 2027-01-15 08:00:01 UTC":                                            Life{now + 9, now + 1}.Check(Request{Now: time.Unix(now, 0)}),
		`token is valid for file 'a\nb\u202e\'\\ä', not for 'x'`:                                       FileNames{"a\nb\u202e'\\ä"}.Check(Request{Filename: "x"}),
		`token is valid for file 'x', not for 'a\xff'`:                                                 FileNames{"x"}.Check(Request{Filename: "a\xff"}),
		"token is valid for file '" + strings.Repeat("y", 160) + "…', not for 'x'":                     FileNames{strings.Repeat("y", 500)}.Check(Request{Filename: "x"}),
		"token has a caveat that this index does not know (tag " + strings.Repeat("9", 20) + "…)":      Unknown{TagNumber: strings.Repeat("9", 500)}.Check(Request{}),
		"token is restricted to another user than the one it belongs to":                               User("x").Check(Request{UserID: userA}),
		"token is valid for SHA-256 digest 'x' only, and the request does not tell its SHA-256 digest": Digests{"x"}.Check(Request{}),
	} {
		if f == nil || f.Text != want {
			t.Errorf("got %v, want %s", f, want)
		}
	}
	for want, c := range map[string]Caveat{
		"only from 2027-01-15 07:59:00 UTC until before 2027-01-15 09:00:00 UTC":                    Life{now + 3600, now - 60},
		"only before 2027-01-15 09:00:00 UTC":                                                       Life{now + 3600, 0},
		"only from 2027-01-15 08:00:00 UTC on":                                                      Life{1<<63 - 1, now},
		"only from 2027-01-15 08:00:00 UTC until before Unix time 9999999999999":                    Life{9999999999999, now},
		"never valid: it would expire at Unix time -5, before it begins at 1970-01-01 00:00:00 UTC": Life{-5, 0},
		"only for project 'demo'":                                                                   ProjectNames{"demo"},
		"only for projects 'a', 'b' and 'c'":                                                        ProjectNames{"a", "b", "c"},
		"only for no project":                                                                       ProjectNames{},
		"only for the project with the id 'x'":                                                      ProjectIDs{"x"},
		"only for the projects with the ids 'x' and 'y'":                                            ProjectIDs{"x", "y"},
		"only for the user with the id 'x'":                                                         User("x"),
		"only for version '1.0'":                                                                    Versions{"1.0"},
		"only for file 'f'":                                                                         FileNames{"f"},
		"only for SHA-256 digests 'a' and 'b'":                                                      Digests{"a", "b"},
		"only from network '0.0.0.0/0'":                                                             Networks{"0.0.0.0/0"},
		"only for action 'upload'":                                                                  Actions{"upload"},
		"a caveat that this version does not know (tag 7)":                                          Unknown{TagNumber: "7"},
	} {
		if got := c.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestSentencesAreOneLineOfPrintableText: they go into an HTTP status line.
func TestSentencesAreOneLineOfPrintableText(t *testing.T) {
	evil := "a\r\nSet-Cookie: x\x00\x1b[31m\u2028\u202e\xff"
	r := Request{Action: evil + "x", Project: "other", Version: evil, Filename: evil + "x", SHA256: evil, ClientIP: netip.MustParseAddr("fe80::1%" + "e\r\n"), Now: time.Unix(now, 0)}
	list := []string{evil, evil}
	for _, c := range []Caveat{ProjectNames(list), ProjectIDs(list), User(evil), Versions(list), FileNames(list), Digests(list), Networks(list), Actions(list), Unknown{TagNumber: "1"}} {
		f := c.Check(r)
		if f == nil {
			t.Fatalf("%v holds", c)
		}
		for _, s := range []string{f.Text, c.String()} {
			if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x2028 || r == 0x202e || r == 0xfffd }) {
				t.Errorf("%q", s)
			}
		}
	}
}

func TestLifeUntil(t *testing.T) {
	l := LifeUntil(time.Unix(now, 900000000), 15*time.Minute)
	if want := (Life{now + 900, now}); l != want {
		t.Errorf("%v, want %v", l, want)
	}
}

func BenchmarkCheck(b *testing.B) {
	raw := [][]byte{
		[]byte(`[3,"` + userA + `"]`), []byte(`[1,["demo"]]`), []byte(`[2,["` + projectB + `"]]`), []byte(`[0,1800003600,1799999940]`),
		[]byte(`[100,["1.0.0"]]`), []byte(`[102,["` + digestA + `"]]`), []byte(`[103,["203.0.113.0/24"]]`),
	}
	r := fullRequest()
	for name, n := range map[string]int{"as issued": 4, "narrowed": len(raw)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if f := Check(raw[:n], r); f != nil {
					b.Fatal(f)
				}
			}
		})
	}
}
