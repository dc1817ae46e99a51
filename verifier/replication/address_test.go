package replication_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/rind-dev/rind/verifier/replication"
)

// TestRefusedAddresses shows to whom a verifier does not send its secret.
func TestRefusedAddresses(t *testing.T) {
	file := t.TempDir() + "/secret"
	if err := os.WriteFile(file, []byte("rindv_x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, ok := range map[string]bool{
		"https://packages.example.org":      true,
		"https://packages.example.org/rind": true,
		"http://127.0.0.1:8080":             true,
		"http://127.8.7.6":                  true,
		"http://[::1]:8080":                 true,
		"http://localhost:8080":             true,
		"http://packages.example.org":       false,
		"http://127.0.0.1.example.org":      false,
		"http://localhost.example.org":      false,
		"http://10.0.0.1":                   false,
		"ftp://127.0.0.1":                   false,
		"packages.example.org":              false,
		"https://":                          false,
		"https://me:secret@example.org":     false,
		"https://example.org/?a=b":          false,
		"":                                  false,
	} {
		_, err := replication.NewRemote(replication.RemoteConfig{URL: url, SecretFile: file})
		if (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "me:secret") {
			t.Errorf("the error holds a password: %v", err)
		}
	}
}

// TestSecretFiles shows which files are no secret of a verifier.
func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		mode    os.FileMode
		says    string
	}{
		"good":   {"rindv_abc\n", 0o600, ""},
		"open":   {"rindv_abc\n", 0o644, "chmod 600"},
		"group":  {"rindv_abc\n", 0o640, "chmod 600"},
		"empty":  {" \n", 0o600, "does not contain a verifier's secret"},
		"lines":  {"rindv_abc\nmore\n", 0o600, "does not contain a verifier's secret"},
		"binary": {"\x00\x01", 0o600, "does not contain a verifier's secret"},
	} {
		path := dir + "/" + name
		if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := replication.NewRemote(replication.RemoteConfig{URL: "https://example.org", SecretFile: path})
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "rindv_abc")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := replication.NewRemote(replication.RemoteConfig{URL: "https://example.org", SecretFile: dir + "/none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if _, err := replication.NewRemote(replication.RemoteConfig{URL: "https://example.org", SecretFile: dir + "/group"}); err != nil {
		t.Errorf("a credential of systemd: %v", err)
	}
}

// TestForeignCertificate shows that a server whose certificate nobody vouches for is
// told nothing.
func TestForeignCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("it was asked")
	}))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	server.StartTLS()
	t.Cleanup(server.Close)
	file := t.TempDir() + "/secret"
	if err := os.WriteFile(file, []byte("rindv_x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, server.URL, file)
	r.eventually("it is refused", func() bool { return r.Err() != nil })
	if err := r.Err(); !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}
