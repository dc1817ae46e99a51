package ui_test

import (
	"bytes"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/ui/internal/samples"
)

func renderer(t testing.TB) *ui.Renderer {
	t.Helper()
	r, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func render(t testing.TB, r *ui.Renderer, v ui.View) string {
	t.Helper()
	var b bytes.Buffer
	err := r.Render(&b, v)
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Every page in every state is well formed, keeps to the policy, and ties labels
// and problems to its fields.
func TestPagesAreWellFormed(t *testing.T) {
	r := renderer(t)
	for _, page := range samples.All() {
		t.Run(page.Name, func(t *testing.T) {
			for _, wrong := range ui.Check(render(t, r, page.View)) {
				t.Error(wrong)
			}
		})
	}
}

// The check itself finds what it is for.
func TestCheckFindsMistakes(t *testing.T) {
	for _, bad := range []string{
		`<p>`, `<p></div>`, `<p id="a"></p><p id="a"></p>`, `<p style="color:red"></p>`, `<p onclick="x()"></p>`,
		`<script>x()</script>`, `<input name="a">`, `<label for="b"></label>`, `<a href="#c"></a>`, `<a href="https://example.org/"></a>`,
		`<form action="/a"></form>`, `<button></button>`, `<p>Hello {name}</p>`, `<p class=a></p>`, `<p>a < b</p>`, `<style></style>`,
	} {
		if len(ui.Check(bad)) == 0 {
			t.Errorf("nothing was found in %s", bad)
		}
	}
	if found := ui.Check(`<label for="a">A</label><input id="a" name="a"><br><svg><path d="M0"/></svg>`); len(found) > 0 {
		t.Errorf("found %v where nothing is wrong", found)
	}
}

// Every page of the package has a sample.
func TestEveryPageHasASample(t *testing.T) {
	seen := make(map[string]bool)
	for _, page := range samples.All() {
		seen[ui.PageOf(page.View)] = true
	}
	for _, name := range ui.PageNames(t) {
		if !seen[name] {
			t.Errorf("the page %s has no sample", name)
		}
	}
}

// Whatever a person types stays text, in every field of every page.
func TestHostileText(t *testing.T) {
	const hostile = `"'><script>alert(1)</script><b x='`
	r := renderer(t)
	for _, page := range samples.All() {
		t.Run(page.Name, func(t *testing.T) {
			v := reflect.New(reflect.TypeOf(page.View)).Elem()
			v.Set(reflect.ValueOf(page.View))
			poison(v, hostile)
			out := render(t, r, v.Interface().(ui.View))
			if strings.Contains(out, "<script>") || strings.Contains(out, "<b x") {
				t.Error("text became markup")
			}
			for _, wrong := range ui.Check(out) {
				t.Error(wrong)
			}
		})
	}
}

// kept are fields that choose what is shown, name a sentence, or come from the
// program alone.
var kept = map[string]bool{"Lang": true, "Code": true, "Kind": true, "Field": true, "Role": true, "Whose": true, "SecurityKeyURL": true}

// poison appends the text to every string that can be reached.
func poison(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + text)
	case reflect.Struct:
		if v.Type() == reflect.TypeOf(time.Time{}) {
			return
		}
		for i := range v.NumField() {
			if !kept[v.Type().Field(i).Name] {
				poison(v.Field(i), text)
			}
		}
	case reflect.Slice:
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		for i := range fresh.Len() {
			poison(fresh.Index(i), text)
		}
		v.Set(fresh)
	}
}

// The text of a new token is in one place of one page, and nowhere near an
// address.
func TestTokenIsShownOnce(t *testing.T) {
	const text = "pypi-AgEUcGFja2FnZXM"
	out := render(t, renderer(t), ui.TokenCreatedPage{Layout: ui.Layout{Now: samples.Now}, Token: text, Label: "a", AllProjects: true})
	if n := strings.Count(out, text); n != 1 {
		t.Errorf("the token is in the page %d times", n)
	}
	if !strings.Contains(out, ">"+text+"</textarea>") {
		t.Error("the token is not the text of its box")
	}
}

// A page that fails writes nothing.
func TestFailedPageWritesNothing(t *testing.T) {
	r := renderer(t)
	broken := errors.New("broken")
	if err := r.Render(failing{broken}, samples.All()[0].View); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Problems are said at the top with a link, and beside the field.
func TestProblemsAreSaidTwice(t *testing.T) {
	out := render(t, renderer(t), ui.LoginTOTPPage{Layout: ui.Layout{
		Now: samples.Now, Problems: []ui.Problem{{Field: "code", Code: "totp_wrong"}},
	}})
	sentence := renderer(t).Problem("en", ui.Problem{Code: "totp_wrong"})
	if n := strings.Count(out, sentence); n != 2 {
		t.Errorf("the sentence is said %d times", n)
	}
	for _, want := range []string{`<a href="#code">`, `aria-invalid="true"`, `aria-describedby="code-help code-problem"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

// The page of an error has no form to mend: it says once what is wrong.
func TestErrorsAreSaidOnce(t *testing.T) {
	page := render(t, renderer(t), ui.ErrorPage{
		Layout: ui.Layout{Problems: []ui.Problem{{Code: "not_found"}}}, Status: 404,
	})
	if n := strings.Count(page, "The page doesn’t exist"); n != 1 || strings.Contains(page, "There is a problem") {
		t.Errorf("%d times in %s", n, page)
	}
}

func TestAssets(t *testing.T) {
	r := renderer(t)
	path := r.AssetPath("base.css")
	name, ok := strings.CutPrefix(path, string(ui.PathAssets))
	if !ok {
		t.Fatalf("the address is %q", path)
	}
	if b, err := fs.ReadFile(r.Assets(), name); err != nil || !bytes.Contains(b, []byte("--accent")) {
		t.Errorf("got %d bytes, %v", len(b), err)
	}
	for _, other := range []string{"base.css", "0000000000000000/base.css", strings.Replace(name, "base", "nothing", 1), "/", ".", "../ui.go", name + "/"} {
		if _, err := r.Assets().Open(other); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: got %v", other, err)
		}
	}
	if got := r.AssetPath("nothing.css"); got != "" {
		t.Errorf("a file that is not there has the address %q", got)
	}
}

func TestUnknownLanguageIsEnglish(t *testing.T) {
	r := renderer(t)
	for _, lang := range []string{"", "en", "EN", "en-GB", "xx", "xx-YY"} {
		if got := r.Text(lang, "layout.tokens", nil); got != "Tokens" {
			t.Errorf("%q: got %q", lang, got)
		}
	}
	if got := r.Text("en", "no.such.key", nil); got != "no.such.key" {
		t.Errorf("an unknown key is %q", got)
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ui.PathProject.With("de/mo x"), "/projects/de%2Fmo%20x"},
		{ui.PathMemberRole.With("demo", "u1"), "/projects/demo/members/u1/role"},
		{ui.PathMemberRole.Colon(), "/projects/:name/members/:id/role"},
		{ui.PathSetup.WithLink("a+b/c=&"), "/setup?link=a%2Bb%2Fc%3D%26"},
		{ui.PathLogin.WithNext(""), "/login"},
		{ui.PathLogin.WithNext("/tokens/new?project=a&b"), "/login?next=%2Ftokens%2Fnew%3Fproject%3Da%26b"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a missing value did not panic")
		}
	}()
	_ = ui.PathMemberRole.With("demo")
}

func TestTokenNewPageOffersWhatIsAllowed(t *testing.T) {
	r := renderer(t)
	page := ui.TokenNewPage{Layout: ui.Layout{Now: samples.Now}, MaxDays: 30}
	out := render(t, r, page)
	for want, there := range map[string]bool{
		`value="7"`: true, `value="30"`: true, `value="90"`: false, `value="never"`: false,
		`min="2026-11-22"`: true, `max="2026-12-21"`: true, ` checked`: false,
	} {
		if strings.Contains(out, want) != there {
			t.Errorf("%s: want it there: %t", want, there)
		}
	}
	page.MaxDays = 0
	if out := render(t, r, page); !strings.Contains(out, `value="never"`) || strings.Contains(out, `max="2`) {
		t.Error("without a limit, a token without an end is not offered or dates are limited")
	}
}
