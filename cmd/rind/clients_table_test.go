package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
)

// uploader is a client in the table: how it is called, and what of an answer it shows.
type uploader struct {
	name   string
	client realtest.Client
	// call is the command line and the environment that upload what is in the folder to
	// an address, with a CA's file where that is not "".
	call func(dir, address, token, ca string) (args, env []string)
	// settings take the place of those in pyproject.toml, NAME being the project's name.
	settings string
	// denied is what a person reads of a denial, where it is not the sentence.
	denied string
	// dropped is what a person reads of a denial whose reason phrase a proxy dropped,
	// where it is not the sentence, which is in the body too.
	dropped string
	// existing is what a person reads, beside the exit code 0, where the index has a file
	// of that name, whatever is in it: the client looks before it uploads.
	existing string
}

// folder is one with a project that this client uploads.
func (u uploader) folder(t *testing.T, name, more string) string {
	t.Helper()
	dir := pyproject(t, name, more)
	if u.settings != "" {
		writeFile(t, filepath.Join(dir, "pyproject.toml"), 0o644, []byte(strings.ReplaceAll(u.settings, "NAME", name)))
	}
	return dir
}

func dist(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "dist", "*.whl"))
	return strings.Join(files, " ") // there is one
}

// digest is the SHA-256 digest of a file, in hexadecimal digits.
func digest(file string) string {
	text, _ := os.ReadFile(file) // a missing one is refused
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// given are names and values of environment variables; those with an empty value are
// left out.
func given(pairs ...string) (env []string) {
	for _, p := range pairs {
		if _, value, _ := strings.Cut(p, "="); value != "" {
			env = append(env, p)
		}
	}
	return env
}

var uploaders = []uploader{
	{name: "twine", client: realtest.CurrentTwine, dropped: "403 Forbidden", call: callTwine},
	{name: "oldtwine", client: realtest.DebianTwine, dropped: "403 Forbidden", call: callTwine},
	{name: "uv", client: realtest.UV, call: func(dir, address, token, ca string) ([]string, []string) {
		return []string{"publish", "--no-config", "--publish-url", address, dist(dir)}, given("UV_PUBLISH_TOKEN="+token, "SSL_CERT_FILE="+ca)
	}},
	{name: "poetry", client: realtest.CurrentPoetry, call: callPoetry},
	{name: "oldpoetry", client: realtest.DebianPoetry, call: callPoetry,
		settings: "[tool.poetry]\nname = \"NAME\"\nversion = \"1.0\"\ndescription = \"A demonstration\"\nauthors = [\"Ada <ada@example.org>\"]\n"},
	{name: "hatch", client: realtest.Hatch, dropped: "403 Forbidden", existing: "already exists", call: func(dir, address, token, ca string) ([]string, []string) {
		return []string{"--no-interactive", "publish", "-n", "-r", address, dist(dir)},
			given("HATCH_INDEX_USER=__token__", "HATCH_INDEX_AUTH="+token, "HATCH_INDEX_CA_CERT="+ca)
	}},
	{name: "pdm", client: realtest.PDM, dropped: "403 Forbidden", call: func(_, address, token, ca string) ([]string, []string) {
		return []string{"publish", "--no-build", "-r", address},
			given("PDM_PUBLISH_USERNAME=__token__", "PDM_PUBLISH_PASSWORD="+token, "PDM_PUBLISH_CA_CERTS="+ca, "SSL_CERT_FILE="+ca, "PDM_CHECK_UPDATE=false", "PDM_USE_VENV=false")
	}},
	{name: "flit", client: realtest.CurrentFlit, dropped: "403 Client Error: Forbidden", call: callFlit},
	{name: "oldflit", client: realtest.DebianFlit, dropped: "403 Client Error: Forbidden", call: callFlit},
	{name: "curl", client: realtest.Curl, call: func(dir, address, token, ca string) ([]string, []string) {
		file := dist(dir)
		name, _, _ := strings.Cut(filepath.Base(file), "-")
		return []string{"--silent", "--show-error", "--fail-with-body", "--user", "__token__:" + token, "--form", ":action=file_upload", "--form", "protocol_version=1",
			"--form", "metadata_version=2.1", "--form", "name=" + name, "--form", "version=1.0", "--form", "filetype=bdist_wheel", "--form", "pyversion=py3",
			"--form", "sha256_digest=" + digest(file), "--form", "content=@" + file, address}, given("CURL_CA_BUNDLE=" + ca)
	}},
	{name: "maturin", client: realtest.Maturin, denied: "Username and/or password are possibly wrong", call: func(dir, address, token, ca string) ([]string, []string) {
		return []string{"upload", "--non-interactive", "--repository-url", address, dist(dir)},
			given("MATURIN_USERNAME=__token__", "MATURIN_PASSWORD="+token, "REQUESTS_CA_BUNDLE="+ca)
	}},
}

func callTwine(dir, address, token, ca string) (args, env []string) {
	return []string{"upload", "--non-interactive", "--disable-progress-bar", "--repository-url", address, dist(dir)},
		given("TWINE_USERNAME=__token__", "TWINE_PASSWORD="+token, "TWINE_CERT="+ca)
}

func callPoetry(_, address, token, ca string) (args, env []string) {
	return []string{"publish", "-n", "-r", "local"},
		given("POETRY_REPOSITORIES_LOCAL_URL="+address, "POETRY_PYPI_TOKEN_LOCAL="+token, "REQUESTS_CA_BUNDLE="+ca)
}

func callFlit(_, address, token, ca string) (args, env []string) {
	return []string{"publish", "--format", "wheel"},
		given("FLIT_INDEX_URL="+address, "FLIT_USERNAME=__token__", "FLIT_PASSWORD="+token, "REQUESTS_CA_BUNDLE="+ca, "SOURCE_DATE_EPOCH=1700000000")
}

// project is the client's own, for the files that are kept.
func (u uploader) project(scheme string) string { return u.name + scheme }

// misdirected are the addresses that people give to a client instead of the right one.
var misdirected = []string{"/", "/simple/", "/pypi/", "/upload/", "/legacy//"}

// denials are what a person reads for each reason that a token can be refused for.
var denials = map[string]string{
	"malformed_token":  "token is malformed: it is not whole, or there is something around it",
	"too_large":        "token is too large",
	"unknown_token":    "token is not known here: another index issued it, or it was deleted",
	"wrong_location":   "token was issued for another package index than it says",
	"bad_signature":    "token has a wrong signature: it was changed after it was issued",
	"revoked":          "token was revoked",
	"malformed_caveat": "token has a caveat that is malformed",
	"unknown_caveat":   "token has a caveat that this index does not know (tag 99)",
	"expired":          "token is expired",
	"not_yet_valid":    "token is not valid before ",
	"wrong_project":    "token is valid for project 'plugins', not for 'demo'",
	"wrong_user":       "token is restricted to another user than the one it belongs to",
	"wrong_version":    "token is valid for version '2.0', not for '1.0'",
	"wrong_file":       "token is valid for file 'demo-2.0-py3-none-any.whl', not for 'demo-1.0-py3-none-any.whl'",
	"wrong_digest":     "token is valid for SHA-256 digest '0000",
	"wrong_network":    "token is valid from network '192.0.2.0/24', not from '127.0.0.1'",
	"wrong_action":     "token is valid for action 'create', not for 'upload'",
	"user_frozen":      "user 'bob' is frozen",
}

// cell is one upload, and what a person reads after it.
type cell struct {
	name, dir, address, token string
	want                      string // "" for a success
}

// TestClients is the table of clients and answers, over http and TLS with a private CA,
// and behind Caddy, which drops reason phrases, with what a person reads.
func TestClients(t *testing.T) {
	realtest.Need(t, realtest.Caddy)
	for _, u := range uploaders {
		realtest.NeedClients(t, u.client)
	}
	s := newUploadServer(t)
	tokens := uploadTokens(t, s.h)
	behind := startCaddy(s).url + "/legacy/"
	for _, u := range uploaders {
		t.Run(u.name, func(t *testing.T) {
			t.Parallel()
			d, home, demo := u.client.Drive(t), t.TempDir(), u.folder(t, "demo", "")
			for _, scheme := range []string{"http", "https"} {
				address, stale, ca := s.plain, s.stale, ""
				if scheme == "https" {
					address, stale, ca = s.secure, s.staleSecure, s.ca
				}
				all := cells(t, u, scheme, demo, address, tokens, stale)
				if scheme == "https" {
					all = append(all, cell{"behind a proxy", demo, behind, tokens["expired"], cmp.Or(u.dropped, u.denied, denials["expired"])})
				}
				for _, c := range all {
					args, env := u.call(c.dir, c.address, c.token, ca)
					out, code := d.Run(t, c.dir, home, env, args...)
					u.judge(t, scheme, c, out, code)
				}
			}
		})
	}
	t.Run("twine behind a proxy", func(t *testing.T) { // prints the body when it is asked to
		t.Parallel()
		dir := pyproject(t, "demo", "")
		args, env := callTwine(dir, behind, tokens["expired"], s.ca)
		out, code := realtest.CurrentTwine.Drive(t).Run(t, dir, t.TempDir(), env, append(args, "--verbose")...)
		if code == 0 || !strings.Contains(words(out), denials["expired"]) || strings.Contains(out, tokens["expired"]) {
			t.Errorf("twine upload --verbose: %d\n%s", code, out)
		}
	})
}

// judge compares what a person reads of an upload, and its exit code, with the table.
func (u uploader) judge(t *testing.T, scheme string, c cell, out string, code int) {
	t.Helper()
	want, fails := c.want, c.want != ""
	if u.existing != "" && c.name == "different content" { // it looks into the index first, and sends nothing
		want, fails = u.existing, false
	}
	if (code != 0) != fails || !strings.Contains(words(out), want) {
		t.Errorf("%s, %s: exit code %d, and a person reads\n%s\nnot %q", scheme, c.name, code, out, want)
	}
	// flit's way of saying something is a traceback.
	if strings.Contains(out, c.token) || strings.Contains(out, "Traceback") && u.client.Entry != realtest.CurrentFlit.Entry {
		t.Errorf("%s, %s: a person reads\n%s", scheme, c.name, out)
	}
}

// cells are the uploads of one client by one scheme, in their order.
func cells(t *testing.T, u uploader, scheme, demo, address string, tokens map[string]string, stale string) (all []cell) {
	t.Helper()
	legacy := address + "/legacy/"
	for _, reason := range slices.Sorted(maps.Keys(denials)) {
		want := denials[reason]
		if u.denied != "" {
			want = u.denied
		}
		all = append(all, cell{reason, demo, legacy, tokens[reason], want})
	}
	for _, path := range misdirected {
		all = append(all, cell{"wrong address " + path, demo, address + path, tokens["allowed"], "Upload packages to http://localhost:8080/legacy/, not to this address."})
	}
	name := u.project(scheme)
	own, other, big := u.folder(t, name, ""), u.folder(t, name, "more = 1\n"), u.folder(t, name, noise(maxWheel))
	return append(all,
		cell{"too large", big, legacy, tokens["all"], "The file is larger than 65536 bytes, the limit of this index."},
		cell{"allowed", own, legacy, tokens["all"], ""},
		cell{"same file", own, legacy, tokens["all"], ""},
		cell{"different content", other, legacy, tokens["all"], "File already exists ('" + name + "-1.0-py3-none-any.whl', with different content). Files are never replaced: upload a new version."},
		cell{"unavailable", own, stale + "/legacy/", tokens["all"], "API tokens can't be checked right now. Try again later."},
	)
}

// words is a text without the line ends and the space that a client put into it.
func words(out string) string { return strings.Join(strings.Fields(out), " ") }
