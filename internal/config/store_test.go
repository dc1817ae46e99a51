package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/private"
)

func TestSettingsOfTheStore(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := "postgres://rind@db.example.org/rind?sslmode=verify-full"
	secret := write("secret", "hunter2\n", 0o600)
	withPassword := write("url", "postgres://rind:hun%40ter2@db.example.org/rind?sslmode=verify-full\n", 0o600)
	without := write("plain", plain+"\n", 0o600)
	open := write("open", plain+"\n", 0o644)
	broken := write("broken", "postgres://rind:hunt%er2@db.example.org/rind", 0o600)
	for _, c := range []struct {
		store             Store
		address, password string
		want              string // words of the error
	}{
		{Store{Kind: "bolt"}, "", "", ""},
		{Store{Kind: "bolt", URL: plain}, "", "", `are for store.kind = "postgres"`},
		{Store{Kind: "postgres"}, "", "", "store.url is missing"},
		{Store{Kind: "postgres", URL: plain, URLFile: without}, "", "", "set one of them"},
		{Store{Kind: "postgres", URL: plain}, plain, "", ""},
		{Store{Kind: "postgres", URL: plain, PasswordFile: secret}, plain, "hunter2", ""},
		{Store{Kind: "postgres", URLFile: withPassword}, plain, "hun@ter2", ""},
		{Store{Kind: "postgres", URLFile: without, PasswordFile: secret}, plain, "hunter2", ""},
		{Store{Kind: "postgres", URLFile: withPassword, PasswordFile: secret}, "", "", "contains a password already"},
		{Store{Kind: "postgres", URLFile: open}, "", "", "chmod"},
		{Store{Kind: "postgres", URLFile: broken}, "", "", "does not contain an address"},
		{Store{Kind: "postgres", URLFile: filepath.Join(dir, "none")}, "", "", "store.url-file: open"},
		{Store{Kind: "postgres", URL: plain, PasswordFile: filepath.Join(dir, "none")}, "", "", "store.password-file: open"},
	} {
		err := c.store.check().err()
		var address, password string
		if err == nil {
			address, password, err = c.store.Address(private.Owner)
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) || address != c.address || password != c.password {
			t.Errorf("%+v: %q, %q, %v; want %q, %q, %q", c.store, address, password, err, c.address, c.password, c.want)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2")) {
			t.Errorf("a password is in the error: %v", err)
		}
	}
	for _, bad := range []string{"", "postgres://rind:hunter2@db.example.org/rind", "host=db user=rind password=hunter2", "postgres://rind:hunt%er2@db/rind"} {
		cfg := Default()
		if err := cfg.Set("store.url", bad); err == nil || strings.Contains(err.Error(), "hunt") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
