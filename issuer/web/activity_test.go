package web

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

// said are the sentences of the rows of a page, in order.
func (a page) said() (out []string) {
	for _, m := range regexp.MustCompile(`(?s)<th role="rowheader" scope="row">(.*?)(?:<details>|</th>)`).FindAllStringSubmatch(a.body, -1) {
		out = append(out, strings.TrimSpace(html.UnescapeString(m[1])))
	}
	return out
}

// numbers are the numbers of the rows of a page.
func (a page) numbers() (out []string) {
	for _, m := range regexp.MustCompile(`<dt>Number</dt><dd>(\d+)</dd>`).FindAllStringSubmatch(a.body, -1) {
		out = append(out, m[1])
	}
	return out
}

// link is where the link with the words leads, "" where there is none.
func (a page) link(words string) string {
	m := regexp.MustCompile(`<a[^>]* href="([^"]*)"[^>]*>` + regexp.QuoteMeta(words) + `</a>`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func wantSaid(t *testing.T, got page, want ...string) {
	t.Helper()
	if !slices.Equal(got.said(), want) {
		t.Errorf("%s says\n%s, want\n%s", got.what, strings.Join(got.said(), "\n"), strings.Join(want, "\n"))
	}
}

// busy is a house in which something happened: ada and bob own demo, bob had a token,
// and eve has nothing to do with it.
func busy(t *testing.T) (h *house, ada, bob, eve *person, token string) {
	h = newHouse(t)
	ada = h.founder("ada")
	bob, eve = ada.guest("bob").enrol(), ada.guest("eve").enrol()
	ada.project("demo")
	h.join(ledger.Principal{UserID: ada.id, Username: "ada", Actor: audit.Actor{IP: "127.0.0.1", UserAgent: "Mozilla"}}, "demo", bob, projects.RoleMaintainer)
	ada.post("/projects/demo/members/"+bob.id+"/role", "role", "owner").is(303, "/projects/demo")
	_, token = bob.mint("CI of demo", "scope", "chosen", "projects", "demo")
	bob.post("/tokens/"+token+"/revoke").is(303, "/tokens")
	return h, ada, bob, eve, token
}

func TestActivitySaysWhatHappened(t *testing.T) {
	h, ada, bob, eve, token := busy(t)
	wantSaid(t, bob.get("/account/activity?group=token").is(200, ""),
		"You revoked the token “CI of demo”", "You created the token “CI of demo” for demo")
	wantSaid(t, bob.get("/account/activity?group=project"), "ada made you an owner of demo (previously a maintainer)", "You became a maintainer of demo")
	wantSaid(t, bob.get("/account/activity?who=ada"), "ada made you an owner of demo (previously a maintainer)")
	wantSaid(t, ada.get("/account/activity?group=project"),
		"You made bob an owner of demo (previously a maintainer)", "You invited bob to demo as a maintainer", "You registered the project demo")
	for _, p := range []*person{bob, ada} {
		who := map[string]string{"bob": "You", "ada": "bob"}[p.name]
		wantSaid(t, p.get("/projects/demo/activity?group=token"),
			who+" revoked the token “CI of demo”, which uploaded to demo", who+" created the token “CI of demo”, which uploads to demo")
	}
	wantSaid(t, ada.get("/admin/audit?group=token&project=demo"),
		"bob revoked the token “CI of demo”, which uploaded to demo", "bob created the token “CI of demo”, which uploads to demo")
	wantSaid(t, ada.get("/admin/audit?group=token&about=bob"), "bob revoked the token “CI of demo”", "bob created the token “CI of demo” for demo")
	wantSaid(t, ada.get("/admin/audit?token="+strings.ToUpper(token)+"&about="+bob.id), "bob revoked the token “CI of demo”", "bob created the token “CI of demo” for demo")
	wantSaid(t, eve.get("/account/activity?group=token"))
	eve.get("/account/activity?group=token").says("Nothing matches this filter.")
	eve.visitor("").post("/login", "login", "eve", "password", "wrong").is(422, "")
	eve.visitor("").post("/login", "login", "nobody at all", "password", "wrong").is(422, "")
	wantSaid(t, ada.get("/admin/audit?from="+h.clock.Now().Format(time.DateOnly)+"&group=sign_in"),
		"Somebody failed to sign in to an account that does not exist", "Somebody failed to sign in to the account of eve")
	wantSaid(t, eve.get("/account/activity?group=sign_in"), "Somebody failed to sign in to your account")
}

// Where another person did it, the account's trail does not say from where.
func TestActivityKeepsTheOriginOfOthers(t *testing.T) {
	_, ada, bob, _, _ := busy(t)
	got := bob.get("/account/activity?who=ada")
	got.says("Not shown")
	if strings.Contains(got.body, "127.0.0.1") || strings.Contains(got.body, "Mozilla") {
		t.Error("the page says from where ada did it")
	}
	wantSaid(t, bob.get("/account/activity?who=ada&address=127.0.0.1"))
	for _, format := range []string{"csv", "jsonl"} {
		if got := bob.get("/account/activity/export?who=ada&format=" + format); strings.Contains(got.body, "127.0.0.1") || !strings.Contains(got.body, "project.role_changed") {
			t.Errorf("%s: %s", format, got.body)
		}
	}
	ada.get("/admin/audit?who=ada&group=project").says("127.0.0.1")
}

// A maintainer's page and files of a project tell neither whom its owners invited nor from
// where others did what.
func TestProjectActivityKeepsWhatIsTheOwners(t *testing.T) {
	h, ada, _, eve, _ := busy(t)
	h.join(ledger.Principal{UserID: ada.id, Username: "ada", Actor: audit.Actor{IP: "127.0.0.1", UserAgent: "Mozilla"}}, "demo", eve, projects.RoleMaintainer)
	ada.post("/projects/demo/members", "user", "zoe@example.org", "role", "maintainer").is(303, "/projects/demo")
	ada.get("/projects/demo/activity").says("You invited zoe@example.org to demo as a maintainer")
	eve.get("/projects/demo/activity").says("ada invited somebody to demo as a maintainer")
	for _, path := range []string{"/projects/demo", "/projects/demo/activity?who=ada", "/projects/demo/activity/export?format=csv&who=ada", "/projects/demo/activity/export?format=jsonl&who=ada"} {
		if got := eve.get(path).is(200, ""); strings.Contains(got.body, "zoe@") || strings.Contains(got.body, "127.0.0.1") || strings.Contains(got.body, "Mozilla") {
			t.Errorf("%s tells more than is a maintainer's to know:\n%s", path, got.text())
		}
	}
}

// A row says the same after its people and projects have gone.
func TestRowsKeepNames(t *testing.T) {
	h, ada, _, _, token := busy(t)
	h.must(h.store.Update(context.Background(), func(tx kv.Tx) error {
		for _, prefix := range []string{"issuer/user/", "issuer/project/", "issuer/name/", "issuer/token/"} {
			pairs, err := tx.Scan([]byte(prefix), nil, 0, false)
			if err != nil {
				return err
			}
			for _, p := range pairs {
				if err := tx.Delete(p.Key); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	wantSaid(t, ada.get("/admin/audit?who=bob&token="+token).is(200, ""),
		"bob revoked the token “CI of demo”", "bob revoked the token “CI of demo”, which uploaded to demo",
		"bob created the token “CI of demo” for demo", "bob created the token “CI of demo”, which uploads to demo")
}

func TestActivityPagesAndTheirLinks(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	fill := func(n int) {
		h.must(h.store.Update(context.Background(), func(tx kv.Tx) error {
			for range n {
				if err := audit.Append(tx, audit.Event{Kind: "token.minted", Time: h.clock.Now(), Account: ada.id, AccountName: "ada",
					Actor: audit.Actor{UserID: ada.id, Username: "ada", IP: "192.0.2.1"}}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	fill(2*activityPageSize + 7)
	for _, path := range []string{"/account/activity?group=token&address=192.0.2.1", "/admin/audit?about=ada&group=token"} {
		first := ada.get(path).is(200, "")
		if first.link("Back to newest") != "" || len(first.numbers()) != activityPageSize {
			t.Errorf("%s: the first page has %d rows", path, len(first.numbers()))
		}
		fill(3) // while somebody reads
		second := ada.get(first.link("Older")).is(200, "")
		if q := queryOf(second.link("Back to newest")); q.Get("group") != "token" || q.Has("before") {
			t.Errorf("the way back: %v", q)
		}
		third := ada.get(second.link("Older")).is(200, "")
		if third.link("Older") != "" {
			t.Error("there is a page behind the last")
		}
		got := append(append(first.numbers(), second.numbers()...), third.numbers()...)
		for i := 1; i < len(got); i++ {
			if a, b := number(t, got[i-1]), number(t, got[i]); a != b+1 {
				t.Fatalf("%s: row %d, then row %d", path, a, b)
			}
		}
		if q := queryOf(first.link("Export as CSV")); q.Get("group") != "token" || q.Get("format") != "csv" {
			t.Errorf("the export has %v", q)
		}
		for _, name := range []string{"group", "address", "about"} {
			if want := queryOf(path).Get(name); want != "" && !strings.Contains(first.body, want) {
				t.Errorf("the form lost %s", name)
			}
		}
	}
	for _, odd := range []string{"x", "-1", "1e9", "18446744073709551616", ""} {
		if got := ada.get("/account/activity?before="+odd).is(200, ""); len(got.numbers()) != activityPageSize {
			t.Errorf("before %q: %d rows", odd, len(got.numbers()))
		}
	}
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func queryOf(address string) url.Values {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	return u.Query()
}

// TestFilteringByAddressTellsNothing: over a trail of many pages a filter by an address gives the same whether
// others were there or not, the link to the next page and the files included: a maintainer's of the trail of the project,
// and anybody's of their own trail.
func TestFilteringByAddressTellsNothing(t *testing.T) {
	const there, nowhere = "192.0.2.1", "192.0.2.9"
	h, ada, _, eve, _ := busy(t)
	h.join(ledger.Principal{UserID: ada.id, Username: "ada"}, "demo", eve, projects.RoleMaintainer)
	project, err := h.issuer.Projects.Get(t.Context(), ledger.Principal{UserID: ada.id, Username: "ada"}, "demo")
	h.must(err)
	h.must(h.store.Update(t.Context(), func(tx kv.Tx) error {
		for range 10*activityPageSize + 7 { // more than is looked at for one page
			if err := audit.Append(tx, audit.Event{Kind: "token.minted", Time: h.clock.Now(), Account: ada.id, AccountName: "ada", Project: project.ID,
				Actor: audit.Actor{UserID: ada.id, Username: "ada", IP: there}}); err != nil {
				return err
			}
			if err := audit.Append(tx, audit.Event{Kind: "account.sessions_ended", Time: h.clock.Now(), Account: eve.id, AccountName: "eve",
				Actor: audit.Actor{UserID: ada.id, Username: "ada", IP: there}}); err != nil {
				return err
			}
		}
		return nil
	}))
	eve.get("/projects").is(200, "") // what is said once at the first visit is said
	for _, path := range []string{"/projects/demo/activity?", "/projects/demo/activity?group=token&", "/projects/demo/activity/export?format=csv&", "/projects/demo/activity/export?format=jsonl&",
		"/account/activity?", "/account/activity/export?format=csv&"} {
		of := func(who *person, address string) string {
			return strings.ReplaceAll(who.get(path+"address="+address).is(200, "").body, address, "ADDRESS")
		}
		if of(eve, there) != of(eve, nowhere) {
			t.Errorf("%s tells eve whether an address occurs", path)
		}
		if of(ada, there) == of(ada, nowhere) {
			t.Errorf("%s: who did it does not see it either: the trail shows nothing", path)
		}
	}
}

// A filter that is none says so beside its field and keeps what was typed.
func TestFiltersThatAreNone(t *testing.T) {
	_, ada, bob, _, _ := busy(t)
	for _, c := range []struct{ query, field, code string }{
		{"address=the+office", "address", "address_invalid"},
		{"address=1.2.3.4.5", "address", "address_invalid"},
		{"from=yesterday", "from", "day_invalid"},
		{"to=2026-02-30", "to", "day_invalid"},
		{"from=0001-01-01", "from", "day_invalid"},
		{"from=2026-11-22&to=2026-11-21", "to", "days_reversed"},
		{"group=everything", "group", "group_unknown"},
		{"project=no-such", "project", "trail_project_unknown"},
		{"about=nobody", "about", "trail_account_unknown"},
	} {
		for _, path := range []string{"/admin/audit?", "/admin/audit/export?format=csv&"} {
			got := ada.get(path + c.query)
			want := ada.pages.Problem("en", ui.Problem{Code: c.code})
			if got.status != 422 || !strings.Contains(got.text(), want) || len(got.said()) != 0 || strings.Contains(got.text(), "Nothing matches") {
				t.Errorf("%s%s: %d\n%s", path, c.query, got.status, got.text())
			}
			if typed := queryOf("?" + c.query).Get(c.field); c.field != "group" && got.value(c.field) != typed {
				t.Errorf("%s: %q is kept of %q", c.query, got.value(c.field), typed)
			}
		}
	}
	for _, odd := range []string{"who=%ff%00", "token=%F0%9F", "who=" + strings.Repeat("a", 5000), "group=token&group=x", "project=" + strings.Repeat("z", 3000)} {
		if got := bob.get("/account/activity?" + odd); got.status != 200 {
			t.Errorf("%.40s: %d", odd, got.status)
		}
	}
	wantSaid(t, bob.get("/account/activity?group=project&project=other&about=ada"), "ada made you an owner of demo (previously a maintainer)", "You became a maintainer of demo") // only administrators have those
	ada.get("/account/activity/export?format=xml").is(404, "")
	ada.get("/account/activity/export").is(404, "")
}

func TestExportIsWhatTheFilterSelects(t *testing.T) {
	_, ada, bob, _, _ := busy(t)
	for _, c := range []struct {
		of    *person
		path  string
		query string
	}{
		{bob, "/account/activity", "group=token"}, {bob, "/account/activity", ""}, {bob, "/projects/demo/activity", "who=ada"},
		{ada, "/admin/audit", ""}, {ada, "/admin/audit", "about=bob&group=factor"},
	} {
		want := c.of.get(c.path + "?" + c.query).numbers()
		for format, kind := range map[string]string{"csv": "text/csv; charset=utf-8; header=present", "jsonl": "application/x-ndjson"} {
			got := c.of.get(c.path+"/export?format="+format+"&"+c.query).is(200, "")
			if got.header.Get("Content-Type") != kind || got.header.Get("Cache-Control") != "no-store" ||
				!regexp.MustCompile(`^attachment; filename=rind-(account|project|all)-\d{4}-\d\d-\d\d\.`+format+`$`).MatchString(got.header.Get("Content-Disposition")) {
				t.Errorf("%s: %v", c.path, got.header)
			}
			if rows := exported(t, format, got.body); !slices.Equal(rows, want) || len(want) == 0 {
				t.Errorf("%s?%s as %s: %v, want %v", c.path, c.query, format, rows, want)
			}
			head := c.of.send(c.of.request("HEAD", c.path+"/export?format="+format, "", ""))
			if head.status != 200 || head.body != "" || head.header.Get("Content-Type") != kind {
				t.Errorf("HEAD: %d %q", head.status, head.body)
			}
		}
	}
}

// exported are the numbers of the rows of a file.
func exported(t *testing.T, format, body string) (out []string) {
	t.Helper()
	if format == "csv" {
		rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil || len(rows) == 0 || rows[0][0] != "seq" {
			t.Fatalf("%v: %s", err, body)
		}
		for _, r := range rows[1:] {
			out = append(out, r[0])
		}
		return out
	}
	for line := range strings.Lines(body) {
		var e audit.Event
		err := json.Unmarshal([]byte(line), &e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(e.Seq))
	}
	return out
}

// A file that breaks off does not look whole: the connection is cut.
func TestAnExportThatBreaksOff(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for range 3 {
		h.must(h.store.Update(context.Background(), func(tx kv.Tx) error {
			for range audit.MaxLimit {
				e := audit.Event{Kind: "token.minted", Time: h.clock.Now(), Account: ada.id, Detail: map[string]string{"label": strings.Repeat("x", 200)}}
				if err := audit.Append(tx, e); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	got := ada.get("/account/activity/export?format=jsonl").is(200, "")
	whole := exported(t, "jsonl", got.body)
	if len(whole) < 3*audit.MaxLimit || number(t, whole[0])-number(t, whole[len(whole)-1]) < 3*audit.MaxLimit {
		t.Fatalf("%d rows of many pages", len(whole))
	}
	h.must(h.store.Update(context.Background(), func(tx kv.Tx) error { // a row of the third page is damaged
		n, err := strconv.ParseUint(whole[len(whole)-100], 10, 64)
		if err != nil {
			return err
		}
		return tx.Put(binary.BigEndian.AppendUint64([]byte("audit/row/"), n), []byte("{"))
	}))
	resp, err := ada.client.Do(ada.request("GET", "/account/activity/export?format=jsonl", "", ""))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("a file that broke off looks whole")
	}
	if !strings.Contains(h.log.String(), "an export of the audit trail broke off") {
		t.Error("the log does not say so")
	}
	ada.get("/account/activity").is(200, "")
}
