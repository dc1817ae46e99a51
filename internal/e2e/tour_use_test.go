package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"mime/multipart"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
)

// ownProjects registers projects and shares them.
func (tr *tour) ownProjects(ada, bob *guest) {
	tr.t.Helper()
	for _, name := range []string{"demo", "demo-plugins", "shared"} {
		ada.fill("/new-project", "/new-project", "name", name).is(303, "/projects/"+name)
	}
	for _, name := range []string{"demo", "shared"} {
		ada.shares(name, bob)
	}
	for _, f := range forms(ada.get("/projects/demo").is(200, "").body) {
		if strings.HasSuffix(f.action, "/role") && f.fields.Get("role") == "maintainer" { // bob's
			ada.post(f.action, "role", "owner").is(303, "/projects/demo")
			ada.post(f.action, "role", "maintainer").is(303, "/projects/demo")
			remove := strings.TrimSuffix(f.action, "/role") + "/remove"
			ada.fill(remove, remove).is(303, "/projects/demo")
		}
	}
	ada.shares("demo", bob)
	bob.fill("/projects/shared/leave", "/projects/shared/leave").is(303, "/projects")
	tr.changeProjects(ada, bob)
}

// shares asks somebody into a project, who accepts.
func (g *guest) shares(project string, who *guest) {
	g.t.Helper()
	members := "/projects/" + project + "/members"
	g.fill(members, members, "user", who.name, "role", "maintainer").is(303, "/projects/"+project)
	who.mailed(who.address(), "/project-invitation") // the page has it, too
	at := who.offered()
	who.fill(at, at).is(303, "/projects/"+project)
}

// mint makes a token and returns its text and its id.
func (g *guest) mint(label string, fields ...string) (text, id string) {
	g.t.Helper()
	if !slices.Contains(fields, "life") {
		fields = append(fields, "life", "30")
	}
	got := g.fill("/tokens/new", "/tokens/new", append([]string{"label", label}, fields...)...).is(200, "")
	return g.readToken(label, got)
}

// readToken reads a token from the page that shows it once.
func (g *guest) readToken(label string, got answer) (text, id string) {
	g.t.Helper()
	text = element(got.body, "token")
	parsed, err := token.Parse(text)
	if err != nil {
		g.t.Fatalf("no token is shown: %v\n%s", err, got.body)
	}
	g.tour.vault.add("token “"+label+"”", text)
	g.tour.vault.addBytes("signature of the token “"+label+"”", parsed.Signature[:], "/feed/v1/snapshot") // verifiers need them
	return text, parsed.ID
}

// useTokens makes tokens of each kind, uploads with them, and ends them in each way.
func (tr *tour) useTokens(ada, bob *guest) {
	tr.t.Helper()
	ci, id := ada.mint("ci of demo", "scope", "chosen", "projects", "demo", "projects", "demo-plugins")
	ada.fill("/tokens/new", "/tokens/new", "label", "only asked", "scope", "all", "life", "7", "draft", "yes").is(200, "")
	ada.fill("/tokens/new", "/tokens/new", "label", "").is(422, "")
	narrow, narrowID := ada.mint("narrow", "scope", "chosen", "projects", "demo", "versions", "1.0, 2.0", "networks", "203.0.113.0/24", "actions", "upload")
	whole, _ := ada.mint("for all", "scope", "all", "life", "never")
	laptop, _ := bob.mint("laptop", "scope", "all")
	held, err := token.Restrict(ci, caveats.ProjectNames{"demo"})
	if err != nil {
		tr.t.Fatal(err)
	}
	parsed, err := token.Parse(held)
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.vault.add("token that its holder narrowed", held)
	tr.vault.addBytes("signature of the token that its holder narrowed", parsed.Signature[:])
	for i, c := range []struct {
		text, project string
		status        int
	}{
		{ci, "demo", 200}, {held, "demo", 200}, {held, "demo-plugins", 403}, {narrow, "demo", 403}, {whole, "shared", 200}, {laptop, "demo", 200},
		{laptop, "shared", 403}, {password, "demo", 403}, {"pypi-x", "demo", 403}, {whole[:len(whole)-6] + "AAAAAA", "demo", 403},
	} {
		ada.upload(c.text, c.project, "1."+string(rune('0'+i))).is(c.status, "")
	}
	tr.yankReleases(ada)
	tr.trustPublishers(ada)
	tr.knowSystems(ada)
	tr.askAsAJob(tr.guest("a job", "203.0.113.97"))
	ada.get("/simple/").is(200, "")
	ada.send("OPTIONS", "/simple/", "", "").is(204, "")
	ada.get("/legacy/+simple/demo/").is(200, "")
	ada.get("/legacy/demo/1.0/").is(303, "/projects/demo")
	ada.get("/project/demo/").is(303, "/projects/demo")
	files := ada.get("/simple/demo/").is(200, "").body
	for _, e := range tags(files) {
		if h := e.attrs["href"]; strings.HasPrefix(h, "../../packages/") {
			path, _, _ := strings.Cut(strings.TrimPrefix(h, "../.."), "#")
			ada.get(path).is(200, "")
			ada.send("OPTIONS", path, "", "").is(204, "")
			break
		}
	}
	at := "/tokens/" + id
	ada.fill(at, at, "label", "ci of demo, renamed").is(303, at)
	ada.fill(at+"/restrict", at+"/restrict", "projects", "demo").is(303, at)
	ada.fill(at+"/regenerate", at+"/regenerate", "life", "7").is(422, "")
	ada.readToken("the new ci of demo", ada.fill(at+"/regenerate", at+"/regenerate", "life", "7", "overlap", "1").is(200, ""))
	at = "/tokens/" + narrowID
	ada.fill(at+"/revoke", at+"/revoke").is(303, "/tokens")
	tr.excludeTokens(ada, "demo")
	tr.endTokens(ada)
}

// endTokens ends tokens by themselves, by a report, and together.
func (tr *tour) endTokens(ada *guest) {
	tr.t.Helper()
	burned, _ := ada.mint("burned", "scope", "all")
	leaked, _ := ada.mint("leaked", "scope", "all")
	ada.fill("/admin/tokens", "/admin/tokens", "q", leaked, "in", "label").is(422, "") // pasted by mistake
	finder := tr.guest("a finder", "192.0.2.50")
	finder.send("DELETE", "/api/token", "", "", "Authorization", "Bearer "+burned).is(204, "")
	finder.send("DELETE", "/api/token", "", "", "Authorization", "Bearer "+burned[:80]).is(403, "")
	finder.send("GET", "/tokens", "", "", "Authorization", basic("__token__", leaked)).is(303, "/login")
	report, err := json.Marshal([]map[string]string{{"token": leaked, "type": "rind_api_token", "url": "https://git.example.org/a/b/.env", "source": "content"}})
	if err != nil {
		tr.t.Fatal(err)
	}
	sum := sha256.Sum256(report)
	signature, err := ecdsa.SignASN1(rand.Reader, tr.scanner, sum[:])
	if err != nil {
		tr.t.Fatal(err)
	}
	finder.send("POST", "/_/secrets/disclose-token", "application/json", string(report),
		"GITHUB-PUBLIC-KEY-IDENTIFIER", "1", "GITHUB-PUBLIC-KEY-SIGNATURE", base64.StdEncoding.EncodeToString(signature)).is(204, "")
	ada.get("/tokens").is(200, "").says("leaked")
	ada.fill("/tokens/revoke", "/tokens/revoke", "project", "demo-plugins").is(200, "")
	ada.post("/tokens/revoke", "project", "demo-plugins", "unused", "", "sure", "yes").is(303, "/tokens")
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// upload sends a small source distribution with a token.
func (g *guest) upload(text, project, version string) answer {
	g.t.Helper()
	var body bytes.Buffer
	content := disttest.SDist(project, version, "")
	sum := sha256.Sum256(content)
	w := multipart.NewWriter(&body)
	for _, f := range [][2]string{
		{":action", "file_upload"}, {"protocol_version", "1"}, {"name", project}, {"version", version}, {"filetype", "sdist"},
		{"metadata_version", "2.1"}, {"sha256_digest", hex.EncodeToString(sum[:])},
	} {
		_ = w.WriteField(f[0], f[1])
	}
	part, err := w.CreateFormFile("content", strings.ReplaceAll(project, "-", "_")+"-"+version+".tar.gz")
	if err != nil {
		g.t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = w.Close()
	return g.send("POST", "/legacy/", w.FormDataContentType(), body.String(), "Authorization", basic("__token__", text))
}

// administer does what administrators do.
func (tr *tour) administer(ada *guest) {
	tr.t.Helper()
	late := tr.guest("late", "203.0.113.40")
	late.signUp(ada.invites(late.address()))
	owned := tr.owns(late)
	for _, e := range tags(ada.get("/admin/people").is(200, "").body) {
		if h := e.attrs["href"]; strings.HasSuffix(h, "/freeze") && strings.Contains(ada.get(h).body, "late") {
			ada.fill(h, h).is(303, "/admin/people")
			late.get("/tokens").is(303, "/login")
			ada.get("/admin/people").is(200, "")
			tr.oversee(ada, owned)
			thaw := strings.TrimSuffix(h, "/freeze") + "/thaw"
			ada.fill(thaw, thaw).is(303, "/admin/people")
			tr.overseePerson(ada, strings.TrimSuffix(h, "/freeze"))
			break
		}
	}
	late.fill("/login", "/login", "login", "late", "password", password).is(303, "/login/totp")
	late.fill("/login/totp", "/login/totp", "code", late.code()).is(303, "/login/device") // to freeze them ended what was known
	late.follow(late.mailed(late.address(), "/confirm-device")).is(200, "")
	late.fill("/confirm-device", "/confirm-device").is(303, "/tokens")
	tr.set(ada)
	tr.recover(ada, late)
	late.moves()
	ada.invites("never@example.org")
	for _, f := range forms(ada.get("/admin/people").body) {
		if strings.HasPrefix(f.action, "/admin/invitations/") {
			ada.post(f.action).is(303, "/admin/people")
			break
		}
	}
	got := ada.fill("/admin/verifiers", "/admin/verifiers", "name", "mirror").is(200, "")
	secret := element(got.body, "secret")
	tr.vault.add("secret of a verifier", secret)
	mirror := tr.guest("the verifier", "192.0.2.60")
	mirror.send("GET", "/feed/v1/snapshot", "", "", "Authorization", "Bearer "+secret).is(200, "")
	mirror.send("GET", "/feed/v1/snapshot", "", "", "Authorization", "Bearer "+secret[:len(secret)-4]+"AAAA").is(401, "")
	for _, e := range tags(ada.get("/admin/verifiers").body) {
		if h := e.attrs["href"]; strings.HasPrefix(h, "/admin/verifiers/") && strings.HasSuffix(h, "/revoke") {
			ada.fill(h, h).is(303, "/admin/verifiers")
		}
	}
}

// makeScanner makes what reports leaks, and the list of its key.
func (tr *tour) makeScanner() (list string) {
	tr.t.Helper()
	var err error
	tr.scanner, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tr.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&tr.scanner.PublicKey)
	if err != nil {
		tr.t.Fatal(err)
	}
	b, err := json.Marshal(map[string]any{"public_keys": []map[string]any{{
		"key_identifier": "1", "key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "is_current": true,
	}}})
	list = filepath.Join(tr.t.TempDir(), "scanner.json")
	if err != nil || os.WriteFile(list, b, 0o600) != nil {
		tr.t.Fatal("the list of keys was not written")
	}
	return list
}

// auditTrail is every row of the trail, of a server that has stopped.
func (tr *tour) auditTrail() []byte {
	tr.t.Helper()
	store, err := boltkv.Open(filepath.Join(tr.server.data, "rind.db"), boltkv.Options{Timeout: time.Second})
	if err != nil {
		tr.t.Fatal(err)
	}
	defer store.Close()
	var out []byte
	if err := store.View(context.Background(), func(r kv.Reader) error {
		rows, err := audit.All(r, 0, 0)
		if err != nil || len(rows) < 60 {
			tr.t.Errorf("%d rows: %v", len(rows), err)
		}
		out, err = json.Marshal(rows)
		return err
	}); err != nil {
		tr.t.Fatal(err)
	}
	return out
}
